import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint, type Checkpoint } from '../../src/checkpoint/folder.ts';
import { initialValues } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import type { LoadedWeights } from '../../src/checkpoint/weights.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { CRF } from '../../src/model/heads.ts';
import { EntityTagger } from '../../src/tasks/tag/tagger.ts';
import { fineTuneTagger, type FineTuneTagOptions } from '../../src/tasks/tag/tuning-node.ts';
import { run as command } from '../cli/support.ts';
import { temporaryFolder, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let tagger: string;
let train: string;
/** As `sortLabels` has them. */
const TAGS = ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER'];

interface Run {
  told: string[];
  heads: Record<string, string>;
  config: Record<string, unknown>;
}

/** A step that leaves every weight as it is. */
async function run(output: string, more: Partial<FineTuneTagOptions>): Promise<Run> {
  const told: string[] = [];
  await fineTuneTagger({
    train,
    evaluation: train,
    output,
    maxSteps: 1,
    learningRate: 1e-20,
    threads: 1,
    tensorboard: false,
    onEvent: (kind, message) => told.push(`${kind}: ${message}`),
    ...more,
  });
  const { config } = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as {
    config: { heads: Record<string, string> };
  };
  return { told, heads: config.heads, config };
}

const open = async (path: string): Promise<{ checkpoint: Checkpoint; loaded: LoadedWeights }> => {
  const checkpoint = await openCheckpoint(await openFolder(path));
  return { checkpoint, loaded: await checkpoint.load() };
};
const crfOf = ({ weights }: LoadedWeights): number[][] =>
  Object.values(CRF).map((name) => Array.from(weights.get(name)?.data ?? []));

/** The tagger with other transitions, its tags in the order of `tags`. */
async function rewritten(
  path: string,
  tags: readonly string[],
  score: (before: string, tag: string) => number,
): Promise<string> {
  const { checkpoint, loaded } = await open(tagger);
  const weights = new Map(loaded.weights);
  weights.set(CRF.transitions, {
    shape: [5, 5],
    data: Float32Array.from(tags.flatMap((before) => tags.map((tag) => score(before, tag)))),
  });
  for (const name of [CRF.start, CRF.end])
    weights.set(name, { shape: [5], data: Float32Array.from(tags, (tag) => score(name, tag)) });
  const tokenizerFiles = Object.fromEntries(
    checkpoint.tokenizerFiles.map((name) => [name, readFileSync(join(tagger, name))]),
  );
  await saveCheckpoint(path, {
    config: checkpoint.config,
    weights,
    heads: ['tokenClassification'],
    labels: [...tags],
    tokenizerFiles,
    extra: checkpoint.details.extra,
  });
  return path;
}

beforeAll(async () => {
  train = folder.path('train.conll');
  writeFileSync(
    train,
    'the O\ngood B-PER\ngood I-PER\nfilm O\n\nbad B-LOC\nstory O\nand O\ngreat B-PER\n\nold O\nbad B-LOC\nbad I-LOC\n',
  );
  tagger = folder.path('tagger');
  await run(tagger, { model: await writeTinyModel(folder.path('model')), crf: true });
}, 60_000);

describe('the weights of a CRF', () => {
  it('begin at zero, are saved beside the classifier, and are part of the head', async () => {
    const { loaded } = await open(tagger);
    expect(loaded).toMatchObject({ heads: ['tokenClassification'], unexpected: [] });
    expect(crfOf(loaded).map(({ length }) => length)).toEqual([25, 5, 5]);
    expect(Math.max(...crfOf(loaded).flat().map(Math.abs))).toBeLessThan(1e-15);
    expect(initialValues({ name: CRF.transitions, shape: [2, 2] }, 1, 0.02)).toEqual(new Float32Array(4));
    const { stdout } = await command(['info', tagger, '--json']);
    expect((JSON.parse(stdout) as { parameters: { heads: object } }).parameters.heads).toMatchObject({
      'tokenClassification.crf': 35,
    });
    expect(readFileSync(join(tagger, 'README.md'), 'utf8')).toContain('decodes with a CRF: `crf.transitions`');
    using model = await EntityTagger.load(tagger);
    expect(model.facts.crf?.transitions).toHaveLength(25);
    await expect(model.predict(['the good film'], { aggregation: 'simple' })).rejects.toThrow(
      /a CRF goes from word to word/,
    );
  });

  it('are all there or none, and fit the tags', async () => {
    const {
      checkpoint,
      loaded: { weights },
    } = await open(tagger);
    const some = new Map([...weights].filter(([name]) => name !== CRF.end));
    await expect(
      saveCheckpoint(folder.path('some'), { config: checkpoint.config, weights: some, heads: ['tokenClassification'] }),
    ).rejects.toThrow(/crf\.end_transitions should have shape \[5\] but is missing/);
    const other = new Map([...weights, [CRF.transitions, { shape: [4, 5], data: new Float32Array(20) }]] as const);
    await expect(
      saveCheckpoint(folder.path('other'), {
        config: checkpoint.config,
        weights: other,
        heads: ['tokenClassification'],
      }),
    ).rejects.toThrow(/crf\.transitions should have shape \[5, 5\]/);
  });

  it('decide what is found, and how sure that is', async () => {
    const text = 'the good good film';
    const found = async (path: string) => {
      using model = await EntityTagger.load(path);
      const [{ entities }] = await model.predict([text]);
      return entities.map(({ label, text: words, score }) => [label, words, Math.round(score * 1000) / 1000]);
    };
    expect(
      await found(
        await rewritten(folder.path('eager'), TAGS, (before, tag) =>
          (before === CRF.start && tag === 'B-PER') ||
          (before === 'B-PER' && tag === 'I-PER') ||
          (before === 'I-PER' && tag === 'I-PER')
            ? 60
            : 0,
        ),
      ),
    ).toEqual([['PER', text, 1]]);
    expect(await found(await rewritten(folder.path('shy'), TAGS, (_before, tag) => (tag === 'O' ? 60 : 0)))).toEqual(
      [],
    );
    // A text that was cut does not end where its tokens do.
    const ending = await rewritten(folder.path('ending'), TAGS, (before, tag) =>
      before === CRF.end && tag === 'B-LOC' ? 60 : before !== CRF.end && tag === 'O' ? 30 : 0,
    );
    expect(await found(ending)).toEqual([['LOC', 'film', 1]]);
    using model = await EntityTagger.load(ending);
    expect((await model.predict([text], { longText: 'truncate', maxLength: 4 }))[0]).toMatchObject({
      entities: [],
      truncatedTokens: 2,
    });
  });

  it('go where the checkpoint goes, and stay there when the network is exported', async () => {
    const source = await rewritten(folder.path('source'), TAGS, (before, tag) => before.length + tag.charCodeAt(0) / 8);
    const expected = crfOf((await open(source)).loaded);
    for (const [name, argv] of [
      ['half', ['--to', 'safetensors', '--dtype', 'f16']],
      ['int8', ['--to', 'int8']],
    ] as const) {
      const { code, stderr } = await command(['convert', source, ...argv, '--output', folder.path(name)]);
      expect(code, stderr).toBe(0);
      expect(crfOf((await open(folder.path(name))).loaded)).toEqual(expected);
    }
    const { stderr } = await command(['convert', source, '--to', 'onnx', '--output', folder.path('onnx')]);
    expect(stderr).toContain(
      'the file gives logits; the weights crf.*, with which albertine decodes them, stay in the checkpoint',
    );
    expect(stderr).toContain('tokenClassification, outputs logits');
  });
});

describe('a second stage', () => {
  it("keeps the CRF with the tagger, its tags put in the order of the data's", async () => {
    const score = (before: string, tag: string): number =>
      before.length + tag.charCodeAt(0) + 2 * tag.charCodeAt(2 % tag.length);
    const model = await rewritten(folder.path('reordered'), ['I-PER', 'O', 'B-LOC', 'B-PER', 'I-LOC'], score);
    const { told, heads, config } = await run(folder.path('second'), { model, crf: true });
    expect(heads).toMatchObject({ tokenClassification: 'kept', crf: 'kept' });
    expect(config).toMatchObject({ crf: true, crfRate: 100 });
    expect(told).toContain(
      `model: the tagger of ${model} is kept, for the same 5 labels, re-ordered by name; its crf is kept`,
    );
    const [transitions, start, end] = crfOf((await open(folder.path('second'))).loaded);
    expect(transitions).toEqual(TAGS.flatMap((before) => TAGS.map((tag) => score(before, tag))));
    expect([start, end]).toEqual([CRF.start, CRF.end].map((name) => TAGS.map((tag) => score(name, tag))));
  });

  it('leaves it out where it is not asked for, and says so; a tagger without one gets a fresh one', async () => {
    const without = await run(folder.path('without'), { model: tagger });
    expect(without.heads).toMatchObject({ tokenClassification: 'kept', crf: 'left out' });
    expect(without.told.join()).toContain('its crf is not asked for: not used and not saved');
    expect(crfOf((await open(folder.path('without'))).loaded)).toEqual([[], [], []]);
    const again = await run(folder.path('again'), { model: folder.path('without'), crf: true });
    expect(again.heads).toMatchObject({ tokenClassification: 'kept', crf: 'fresh' });
    expect(again.told.join()).toContain('its crf starts fresh');
    const sgd = await run(folder.path('sgd'), { model: tagger, crf: true, optimizer: { name: 'sgd' } });
    expect(sgd.config).toMatchObject({ optimizer: 'sgd', crfRate: 1 });
  });

  it('refuses what does not go with it', async () => {
    const output = folder.path('refused');
    await expect(run(output, { model: tagger, crf: true, labelAllTokens: true })).rejects.toThrow(
      /a CRF goes from word to word, and labelAllTokens/,
    );
    await expect(run(output, { model: tagger, crf: true, aggregation: 'simple' })).rejects.toThrow(
      /a CRF goes from word to word/,
    );
    await expect(run(output, { model: tagger, crfRate: 3 })).rejects.toThrow(
      /crfRate is for a CRF, and there is none, got 3/,
    );
    await expect(run(output, { model: tagger, crf: true, crfRate: 0 })).rejects.toThrow(
      /crfRate must be a number above 0, got 0/,
    );
  });
});
