import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { writeNpy } from '../../src/data/npy-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { FillMask } from '../../src/tasks/fill-mask/fill-mask.ts';
import { distill, type DistillOptions, type DistillResult } from '../../src/tasks/distill/distill-node.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { readRun } from '../../src/training/report/report-node.ts';
import { alignTokens, toUtf16Ranges } from '../../src/training/distill/alignment.ts';
import {
  LEARNS,
  sentences,
  temporaryFolder,
  TINY_CONFIG,
  VOCABULARY,
  writeRows,
  writeTinyModel,
} from '../training/small-run.ts';

const folder = temporaryFolder();
const WIDTH = 20;
const all = sentences(240, 1).map(({ text }) => text);
let student: string;
let texts: string;
let runs = 0;
const output = (): string => folder.path(`run ${runs++}`);
const weightsOf = (path: string): string => readFileSync(join(path, 'model.safetensors')).toString('base64');

/** A teacher whose tokens are halves of words, and whose state is a random vector of the word, with what all share. */
function stateOf(word: string): Float32Array {
  const random = createRandom([...word].reduce((sum, letter) => 31 * sum + letter.charCodeAt(0), 7));
  return Float32Array.from({ length: WIDTH }, () => 0.5 + random.normal());
}
function taught(text: string): { offsets: [number, number][]; states: Float32Array[] } {
  const offsets: [number, number][] = [[0, 0]];
  const states: Float32Array[] = [new Float32Array(WIDTH).fill(9)];
  for (const { 0: word, index } of text.matchAll(/[^ ]+/g)) {
    const middle = index + Math.ceil(word.length / 2);
    for (const [start, end] of [
      [index, middle],
      [middle, index + word.length],
    ] as [number, number][]) {
      if (start === end) continue;
      offsets.push([start, end]);
      states.push(stateOf(word));
    }
  }
  return { offsets, states };
}
async function writeTaught(
  name: string,
  of: readonly string[],
): Promise<{ input: string[]; teacherVectors: string[] }> {
  const rows = of.map((text) => ({ text, ...taught(text) }));
  const states = rows.flatMap((row) => row.states);
  const matrix = new Float32Array(states.length * WIDTH);
  states.forEach((state, i) => matrix.set(state, i * WIDTH));
  await writeNpy(folder.path(`${name}.npy`), matrix, WIDTH);
  const input = writeRows(
    folder.path(`${name}.jsonl`),
    rows.map(({ text, offsets }) => ({ text, offsets })),
  );
  return { input: [input], teacherVectors: [folder.path(`${name}.npy`)] };
}

beforeAll(async () => {
  student = await writeTinyModel(folder.path('student'));
  texts = folder.path('texts.txt');
  writeFileSync(texts, `${all.join('\n')}\n`);
});
afterAll(() => folder.remove());

describe('tokens of two tokenisations', () => {
  it('are matched where they overlap, as comparing all of them finds', () => {
    const random = createRandom(3);
    for (let round = 0; round < 300; round++) {
      const cut = (): [number, number][] => {
        const ranges: [number, number][] = [[-1, -1]];
        for (let at = random.integer(3); at < 30;) {
          const end = Math.min(30, at + 1 + random.integer(5));
          ranges.push([at, end]);
          // Bytes of one character have the same range.
          if (random.integer(6) === 0) ranges.push([at, end]);
          at = end + (random.integer(3) === 0 ? random.integer(4) : 0);
        }
        return [...ranges, [-1, -1]];
      };
      const [own, others] = [cut(), cut()];
      const aligned = alignTokens(own, others);
      own.forEach(([start, end], token) => {
        const overlapping = others.flatMap(([from, to], i) =>
          start >= 0 && from >= 0 && from < end && start < to ? [i] : [],
        );
        expect(aligned[2 * token + 1]).toBe(overlapping.length);
        if (overlapping.length > 0) expect(aligned[2 * token]).toBe(overlapping[0]);
      });
    }
  });

  it("are not matched with special tokens, which Python's tokenisers put at 0", () => {
    const aligned = alignTokens(
      [
        [-1, -1],
        [0, 3],
        [3, 7],
        [-1, -1],
      ],
      [
        [0, 0],
        [0, 7],
        [0, 0],
      ],
    );
    expect(Array.from(aligned)).toEqual([0, 0, 1, 1, 1, 1, 0, 0]);
  });

  it('are counted in code points by Python, and in UTF-16 units here', () => {
    expect(
      toUtf16Ranges('a😀b𠮷', [
        [0, 1],
        [1, 2],
        [2, 4],
        [-1, -1],
      ]),
    ).toEqual([
      [0, 1],
      [1, 3],
      [3, 6],
      [-1, -1],
    ]);
  });
});

describe('distillation of token states', () => {
  const run = (more: Partial<DistillOptions>): Promise<DistillResult> =>
    distill({ task: 'tokens', student, input: [texts], output: output(), ...LEARNS, ...more });

  it('brings the tokens of held-out texts nearer to those of a teacher with another vocabulary', async () => {
    const events: string[] = [];
    const result = await run({
      ...(await writeTaught('states', all)),
      epochs: 12,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(result).toMatchObject({ outcome: 'finished', task: 'tokens', trainRows: 216, evaluationRows: 24 });
    expect(result.end!['cosine']).toBeGreaterThan(result.start!['cosine'] + 0.3);
    expect(result.end!['cosine']).toBeGreaterThan(0.7);
    expect(events).toContainEqual(
      expect.stringMatching(/^data: states of 20 numbers, in the first of the student's 32$/),
    );
    expect(events).toContainEqual(expect.stringMatching(/^data: targets turned to where the student's vectors lie/));
    const { info } = await readRun(result.output);
    expect(info.config).toMatchObject({ objective: 'tokens', loss: 'cosine', teacherWidth: 20, metric: 'cosine' });
    using model = await loadModel(result.output, { threads: 1 });
    // Both halves of a word are nearest to each other; another word is further away.
    const [{ tokens }] = await model.embedTokens(['good film bad'], { normalize: true });
    expect(tokens.map(({ token }) => token)).toEqual(['[CLS]', 'good', 'film', 'bad', '[SEP]']);
  });

  it('takes numbers as they are, a linear layer, and small batches, which change nothing', async () => {
    const data = await writeTaught('some', all.slice(0, 80));
    const numbers = await run({ ...data, loss: 'mse', epochs: 6 });
    expect(numbers.end!['cosine']).toBeGreaterThan(numbers.start!['cosine'] + 0.2);
    const projected = await run({ ...data, projection: true, epochs: 6 });
    expect(projected.end!['cosine']).toBeGreaterThan(projected.start!['cosine'] + 0.3);
    expect(readFileSync(join(projected.output, 'distillation/projection.npy')).toString('latin1')).toContain(
      "'shape': (20, 32)",
    );
    const losses = async (microBatchTokens: number): Promise<number[]> => {
      const { output: path } = await run({ ...data, maxSteps: 3, microBatchTokens, dropout: 0 });
      return (await readRun(path)).steps.map(({ values }) => values['loss']);
    };
    const [whole, split] = [await losses(4096), await losses(64)];
    whole.forEach((loss, i) => expect(Math.abs(loss - split[i])).toBeLessThan(1e-5));
  });

  it('asks a model once, of any shape, and resumes bit for bit', async () => {
    const teacher = folder.path('wide');
    await saveCheckpoint(teacher, {
      config: { ...TINY_CONFIG, hiddenSize: 48, numAttentionHeads: 4, intermediateSize: 96 },
      weights: initialiseWeights({ ...TINY_CONFIG, hiddenSize: 48, numAttentionHeads: 4, intermediateSize: 96 }, 5),
      tokenizerFiles: { 'vocab.txt': `${VOCABULARY.join('\n')}\n` },
    });
    const events: string[] = [];
    const options = { teacher, maxSteps: 6, checkpointEvery: 2, teacherCache: folder.path('cache') } as const;
    const whole = await run({ ...options, onEvent: (_, message) => events.push(message) });
    expect(events).toContain("the teacher's states: of 240 texts computed, of 0 already there");
    const path = output();
    const controller = new AbortController();
    const stopped = await run({
      ...options,
      output: path,
      signal: controller.signal,
      onProgress: ({ done, unit }) => {
        if (unit === 'steps' && done === 3) controller.abort();
      },
    });
    expect(stopped).toMatchObject({ outcome: 'interrupted', steps: 3 });
    events.length = 0;
    await run({ ...options, output: path, resume: true, onEvent: (_, message) => events.push(message) });
    expect(events).toContain("the teacher's states: of 0 texts computed, of 240 already there");
    expect(weightsOf(path)).toBe(weightsOf(whole.output));
  });

  it('says what is wrong with rows, states and options', async () => {
    const { input, teacherVectors } = await writeTaught('right', all.slice(0, 40));
    const refused = (more: Partial<DistillOptions>): Promise<unknown> =>
      run({ input, teacherVectors, maxSteps: 1, ...more }).then(
        () => undefined,
        ({ message }: Error) => message,
      );
    const rows = (change: (row: { text: string; offsets: unknown }) => object): string[] => [
      writeRows(
        folder.path(`wrong ${runs++}.jsonl`),
        all.slice(0, 40).map((text) => change({ text, offsets: taught(text).offsets })),
      ),
    ];
    expect(await refused({ teacherVectors: undefined })).toMatch(/^token states come from teacher or teacherVectors/);
    expect(await refused({ pooling: 'mean' })).toMatch(/^pooling is for the task embedding, this one is tokens/);
    expect(await refused({ metric: 'spearman' })).toMatch(/^metric must be one of cosine, got/);
    expect(await refused({ input: rows(({ text }) => ({ text })) })).toMatch(/"offsets"/);
    expect(await refused({ input: rows(({ text }) => ({ text, offsets: [[0, 1], [2]] })) })).toMatch(
      /field "offsets" must list pairs of whole numbers, the smaller one first, and entry 2 is/,
    );
    expect(await refused({ input: rows(({ text }) => ({ text, offsets: [[0, 4000]] })) })).toMatch(
      /field "offsets" goes to 4000, and the text has \d+ characters/,
    );
    expect(
      await refused({ input: rows(({ text, offsets }) => ({ text, offsets: (offsets as []).slice(1) })) }),
    ).toMatch(/right\.npy: \d+ states for \d+ tokens of /);
  });
});

describe('distillation of masked words', () => {
  const run = (more: Partial<DistillOptions>): Promise<DistillResult> =>
    distill({
      task: 'masked',
      student,
      teacher: folder.path('guesser'),
      input: [texts],
      output: output(),
      ...LEARNS,
      ...more,
    });
  const saveGuesser = (path: string, seed: number, extra: readonly string[] = []): Promise<unknown> =>
    saveCheckpoint(path, {
      config: { ...TINY_CONFIG, vocabSize: VOCABULARY.length + extra.length },
      weights: initialiseWeights(
        { ...TINY_CONFIG, vocabSize: VOCABULARY.length + extra.length, initializerRange: 0.3 },
        seed,
        {
          heads: ['maskedLm'],
        },
      ),
      tokenizerFiles: { 'vocab.txt': `${[...VOCABULARY, ...extra].join('\n')}\n` },
    });
  beforeAll(() => saveGuesser(folder.path('guesser'), 11));

  it('brings the guesses of a student nearer to those of its teacher', async () => {
    const events: string[] = [];
    const result = await run({ epochs: 15, onEvent: (kind, message) => events.push(`${kind}: ${message}`) });
    expect(result).toMatchObject({
      task: 'masked',
      trainRows: 216,
      evaluationRows: 24,
      best: { metric: 'divergence' },
    });
    expect(result.end!['divergence']).toBeLessThan(0.5 * result.start!['divergence']);
    expect(result.end!['agreement']).toBeGreaterThan(result.start!['agreement'] + 0.2);
    expect(events).toContain('model: the head for masked words starts fresh');
    using guesser = await FillMask.load(result.output, { threads: 1 });
    expect((await guesser.fill(['good [MASK]']))[0].masks).toHaveLength(1);
    // It goes on from its own head.
    events.length = 0;
    const more = await run({
      student: result.output,
      maxSteps: 2,
      hardWeight: 0.5,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(events).toContain("model: the head for masked words is the student's own");
    expect(Math.abs(more.start!['divergence'] - result.end!['divergence'])).toBeLessThan(1e-5);
  });

  it('resumes bit for bit', async () => {
    const options = { maxSteps: 6, checkpointEvery: 2, hardWeight: 0.5 } as const;
    const whole = await run(options);
    const path = output();
    const controller = new AbortController();
    await run({
      ...options,
      output: path,
      signal: controller.signal,
      onProgress: ({ done, unit }) => {
        if (unit === 'steps' && done === 3) controller.abort();
      },
    });
    await run({ ...options, output: path, resume: true });
    expect(weightsOf(path)).toBe(weightsOf(whole.output));
  });

  it('refuses a teacher without guesses, or with other words', async () => {
    await saveGuesser(folder.path('other words'), 1, ['##new']);
    await expect(run({ teacher: folder.path('other words') })).rejects.toMatchObject({
      code: 'weights_mismatch',
      message: expect.stringMatching(/has another vocabulary than the teacher/) as string,
    });
    await expect(run({ teacher: student })).rejects.toMatchObject({
      code: 'weights_mismatch',
      message: expect.stringMatching(/has no head for masked words/) as string,
    });
    await expect(run({ teacher: undefined })).rejects.toMatchObject({
      message: expect.stringMatching(/masked words are guessed by a teacher/) as string,
    });
  });
});
