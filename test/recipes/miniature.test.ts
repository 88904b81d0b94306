/**
 * The recipe of the built-in model in miniature: the same stages, from text to released folders, on generated stories.
 * What must come out is stated here and in recipes/README.md.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildRecipe, type BuildOptions } from '../../recipes/build-recipe.ts';
import { writeMiniatureCorpus } from '../../recipes/miniature-corpus.ts';
import { checkRecipe, readRecipe, type Recipe } from '../../recipes/recipe.ts';
import type { Figures } from '../../recipes/release-stage.ts';
import { Albert, openFolder, pretrain } from '../../src/index.ts';
import { loadTokenizer } from '../../src/tokenizer/index.ts';
import { readTexts } from '../../src/data/index.ts';
import { readRun } from '../../src/training/index.ts';

/** Nats by which held-out masked-token loss must fall below that of the untrained network. */
const LEAST_REDUCTION = 2.5;
/**
 * Nats by which it must lie below what the best guess without context has: the frequencies of the pieces in the
 * training text.
 */
const LEAST_BELOW_UNIGRAM = 1;
const LEAST_ORDER_ACCURACY = 0.8;
/** Share of the distance (1 - cosine) to the teacher's vectors by which held-out sentences must come nearer. */
const LEAST_NEARER = 1 / 3;
const LEAST_COSINE = 0.55;

const RECIPES = join(import.meta.dirname, '../../recipes');

let folder: string;
let corpus: string;
let recipe: Recipe;

type Outcomes = Record<string, string>;

function build(changed: Recipe, output: string, more: Partial<BuildOptions> = {}): Promise<Outcomes> {
  // One thread gives the same result on every machine with the same instructions, and leaves the other processors
  // alone.
  return buildRecipe({ recipe: changed, corpus, data: corpus, output: join(folder, output), threads: 1, ...more });
}

async function resultOf(output: string, stage: string): Promise<Record<string, unknown>> {
  const state = JSON.parse(await readFile(join(folder, output, 'stages.json'), 'utf8')) as {
    stages: Record<string, { result: Record<string, unknown> }>;
  };
  return state.stages[stage].result;
}

const STAGES = [
  'vocabulary',
  'shards',
  'pretrain',
  'sentences',
  'distill/sentences',
  'contrastive/neighbours',
  'contrastive/scored',
  'release',
];
const all = (outcome: string): Outcomes => Object.fromEntries(STAGES.map((name) => [name, outcome]));

let first: Outcomes;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'miniature-'));
  corpus = join(folder, 'corpus');
  recipe = await readRecipe(join(RECIPES, 'miniature.json'));
  await writeMiniatureCorpus(corpus);
  first = await build(recipe, 'built');
}, 900_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Held-out figures of the untrained network: one step at a rate that changes nothing. */
async function untrainedLoss(): Promise<number> {
  const { evaluation } = await pretrain({
    ...recipe.pretrain,
    steps: 1,
    learningRate: 1e-12,
    tokenizer: join(folder, 'built/vocabulary'),
    shards: [join(folder, 'built/shards/train')],
    heldOut: [join(folder, 'built/shards/heldout')],
    output: join(folder, 'untrained'),
    threads: 1,
    tensorboard: false,
  });
  return evaluation!['mlmLoss'];
}

/** Cross-entropy of the held-out pieces under the frequencies in the training text, in nats a piece. */
async function unigramLoss(): Promise<number> {
  const tokenizer = await loadTokenizer(await openFolder(join(folder, 'built/vocabulary')));
  const count = async (...files: string[]): Promise<Float64Array> => {
    const counts = new Float64Array(tokenizer.vocabSize);
    for (const file of files)
      for await (const { text } of readTexts(join(corpus, file)))
        for (const id of tokenizer.encodeIds(text)) counts[id]++;
    return counts;
  };
  const [train, heldOut] = [await count('en.txt', 'zh.txt'), await count('heldout-en.txt', 'heldout-zh.txt')];
  const sum = (counts: Float64Array): number => counts.reduce((total, value) => total + value, 0);
  const trained = sum(train);
  return (
    heldOut.reduce((loss, value, id) => loss - value * Math.log((train[id] + 1) / (trained + tokenizer.vocabSize)), 0) /
    sum(heldOut)
  );
}

/** Probability that the masked-LM head gives to a piece in place of `[MASK]`. */
async function fillMask(model: Albert, before: string, after: string, piece: string): Promise<number> {
  const { tokenizer, encoder, config } = model;
  const { cls, sep, mask } = tokenizer.special;
  const inputIds = [cls, ...tokenizer.encodeIds(before), mask!, ...tokenizer.encodeIds(after), sep];
  const { lastHiddenState } = await encoder.forward({ batchSize: 1, sequenceLength: inputIds.length, inputIds });
  const at = inputIds.indexOf(mask!) * config.hiddenSize;
  const logits = await encoder.logits('maskedLm', lastHiddenState.slice(at, at + config.hiddenSize));
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const total = logits.reduce((a, b) => a + Math.exp(b - largest), 0);
  const ids = tokenizer.encodeIds(piece);
  expect(ids.length).toBe(1);
  return Math.exp(logits[ids[0]] - largest) / total;
}

describe('the recipe in miniature', () => {
  it('runs every stage, and a second time none', async () => {
    expect(first).toEqual(all('ran'));
    const notes: string[] = [];
    expect(await build(recipe, 'built', { onNote: (note) => notes.push(note) })).toEqual(all('skipped'));
    expect(notes).toEqual(STAGES.map((name) => `${name}: finished before, skipped`));
  });

  it(`reduces held-out loss by ${LEAST_REDUCTION} nats, to ${LEAST_BELOW_UNIGRAM} below what piece frequencies give`, async () => {
    const { evaluation } = (await resultOf('built', 'pretrain')) as { evaluation: Record<string, number> };
    const untrained = await untrainedLoss();
    // Untrained, all pieces are nearly equally likely.
    expect(Math.abs(untrained - Math.log(400))).toBeLessThan(0.3);
    expect(evaluation['mlmLoss']).toBeLessThan(untrained - LEAST_REDUCTION);
    expect(evaluation['mlmLoss']).toBeLessThan((await unigramLoss()) - LEAST_BELOW_UNIGRAM);
    expect(evaluation['pairAccuracy']).toBeGreaterThan(LEAST_ORDER_ACCURACY);
  });

  it(`takes a third of the distance between held-out sentences and a teacher's vectors, to a cosine of ${LEAST_COSINE}`, async () => {
    const { evaluations } = await readRun(join(folder, 'built/distill/sentences'));
    const cosines = evaluations.map(({ metrics }) => metrics['cosine']);
    expect(evaluations[0].step).toBe(0);
    expect(1 - cosines.at(-1)!).toBeLessThan((1 - cosines[0]) * (1 - LEAST_NEARER));
    expect(cosines.at(-1)).toBeGreaterThan(LEAST_COSINE);
  });

  it('releases a pretrained model whose head knows what agrees', async () => {
    using model = await Albert.load(join(folder, 'built/release/miniature-pretrained'), { threads: 1 });
    expect(model.notes.filter((note) => note.includes('UNTRAINED'))).toEqual([]);
    expect([...model.loaded.heads].sort()).toEqual(['maskedLm', 'sentenceOrder']);
    expect(model.loaded.dtype).toBe('f16');
    const [right, wrong] = [
      await fillMask(
        model,
        'Early in the morning Anna is in the garden.',
        'looks at a rose and sees a black hedgehog.',
        'she',
      ),
      await fillMask(
        model,
        'Early in the morning Anna is in the garden.',
        'looks at a rose and sees a black hedgehog.',
        'the',
      ),
    ];
    expect(right).toBeGreaterThan(10 / model.config.vocabSize);
    expect(right).toBeGreaterThan(wrong);
  });

  it('releases a sentence-embedding model, measured as stored, with cards', async () => {
    const { models } = (await resultOf('built', 'release')) as unknown as Figures;
    expect(models.map(({ kind, folder: name }) => [kind, name])).toEqual([
      ['pretrained', 'miniature-pretrained'],
      ['embedding', 'miniature'],
    ]);
    const scores = models.map(({ results }) => Number(results['Scored pairs: Spearman of cosines (400 pairs)']));
    expect(scores[1]).toBeGreaterThan(Math.max(0.5, scores[0]));
    using model = await Albert.load(join(folder, 'built/release/miniature'), { threads: 1 });
    expect((await model.embed(['A text.', '一段文字。'])).rows).toBe(2);
    const card = await readFile(join(folder, 'built/release/miniature/README.md'), 'utf8');
    for (const part of [
      '# miniature\n',
      '## Training',
      '| Tokens seen |',
      '## Data',
      '| stories/zh | zh |',
      'recipes/miniature-corpus.ts',
      '| Before sentence training: sentence order, held out: accuracy |',
      '## What it is not for',
    ])
      expect(card).toContain(part);
    expect(card).not.toContain('random');
  });

  it('repeats only what a changed setting asks for', async () => {
    const card = structuredClone(recipe);
    card.card.title = 'another';
    expect(await build(card, 'built')).toEqual({ ...all('skipped'), release: 'ran' });
    const scored = structuredClone(card);
    scored.contrastive![1].maxSteps = 2;
    expect(await build(scored, 'built')).toEqual({ ...all('skipped'), 'contrastive/scored': 'ran', release: 'ran' });
    expect(existsSync(join(folder, 'built/previous/contrastive/scored/config.json'))).toBe(true);
  });

  it('goes on after an interruption with the same result', async () => {
    const short = structuredClone(recipe);
    Object.assign(short.pretrain, { steps: 12, checkpointEvery: 4, evaluateEvery: 12, heldOutExamples: 4 });
    const made = {
      use: { vocabulary: join(folder, 'built/vocabulary'), shards: join(folder, 'built/shards') },
      only: ['pretrain'],
    };
    await build(short, 'whole', made);
    const controller = new AbortController();
    const stop = build(short, 'parts', {
      ...made,
      signal: controller.signal,
      onProgress: ({ stage, done }) => {
        if (stage === 'training' && done >= 5) controller.abort();
      },
    });
    await expect(stop).rejects.toMatchObject({ code: 'interrupted', value: 'pretrain' });
    expect(await build(short, 'parts', { only: ['pretrain'] })).toMatchObject({
      vocabulary: 'skipped',
      pretrain: 'ran',
    });
    expect((await resultOf('parts', 'pretrain'))['fingerprint']).toBe(
      (await resultOf('whole', 'pretrain'))['fingerprint'],
    );
  }, 300_000);
});

describe('recipes', () => {
  it('of the built-in model and of the miniature are valid', async () => {
    const { sources, contrastive, card } = await readRecipe(join(RECIPES, 'albertine-nano-en-zh.json'));
    expect(sources.every(({ origin, licence, attribution }) => origin && licence && attribution)).toBe(true);
    expect(sources.filter(({ shareAlike }) => shareAlike).map(({ name }) => name)).toEqual([
      'en/wikipedia',
      'zh/lctt-opensource-com',
      'zh/oi-wiki',
      'zh/wikipedia',
    ]);
    expect(contrastive!.at(-1)!.objective).toBe('scored');
    expect(card.data![0].shareAlike).toBe(true);
  });

  it('with unknown or missing fields are refused', () => {
    const changed = (change: (copy: Recipe & Record<string, unknown>) => void): Recipe => {
      const copy = structuredClone(recipe) as Recipe & Record<string, unknown>;
      change(copy);
      return copy;
    };
    const cases: [(copy: Recipe & Record<string, unknown>) => void, RegExp][] = [
      [
        (copy) => {
          copy['vocabluary'] = {};
        },
        /the recipe has unknown fields: vocabluary/,
      ],
      [
        (copy) => {
          delete (copy as Partial<Recipe>).release;
        },
        /the recipe lacks release/,
      ],
      [
        (copy) => {
          Object.assign(copy.pretrain, { learningrate: 1 });
        },
        /pretrain has unknown fields: learningrate/,
      ],
      [
        (copy) => {
          Object.assign(copy.sources[1], { licens: '' });
        },
        /sources\[1\] has unknown fields: licens/,
      ],
      [
        (copy) => {
          Object.assign(copy.contrastive![0], { model: 'x' });
        },
        /contrastive\[0\] has unknown fields: model/,
      ],
      [
        (copy) => {
          copy.contrastive![0].train = ['pairs.jsonl'];
        },
        /contrastive\[0\] reads files named/,
      ],
      [
        (copy) => {
          copy.contrastive![1].name = 'neighbours';
        },
        /contrastive\[1\]\.name/,
      ],
    ];
    for (const [change, message] of cases) expect(() => checkRecipe(changed(change))).toThrow(message);
  });

  it('say which file of the corpus is absent', async () => {
    const copy = structuredClone(recipe);
    copy.sources[0].files = ['absent.txt'];
    await expect(build(copy, 'nothing')).rejects.toMatchObject({ code: 'file_not_found' });
  });
});
