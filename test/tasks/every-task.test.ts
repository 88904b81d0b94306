import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/loaded/load-node.ts';
import { taskNamed, taskOf, TASKS } from '../../src/tasks/registry.ts';
import type { TextCounts } from '../../src/tasks/task.ts';
import type { FinishedRun, GivenOptions } from '../../src/tasks/verbs.ts';
import { LEARNS, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { FIXTURES } from './fixtures.ts';

const folder = temporaryFolder();
let model: string;
beforeAll(async () => void (model = await writeTinyModel(folder.path('model'))));
afterAll(() => folder.remove());
const weightsOf = (output: string): string => readFileSync(join(output, 'model.safetensors')).toString('base64');

const SEEDS = [1, 2, 3];
const HELD_SEED = 4;
/**
 * By how much a figure has to be above the untrained start's: more than sixty held-out rows give by luck (two standard
 * errors of a share of a half are 0.13).
 */
const BETTER = 0.15;

it('every task of the registry is tried', () => {
  expect(TASKS.map(({ name }) => name).filter((name) => !Object.hasOwn(FIXTURES, name))).toEqual([]);
  expect(() => taskNamed('sing')).toThrow(/there is no task "sing". There are classify, embedding/);
});

describe.each(Object.entries(FIXTURES))(
  '%s',
  (name, { task: taskName = name, data, options = {}, reaches: [metric, value], chance, inputs }) => {
    const task = taskNamed(taskName);
    const output = folder.path(`${name} whole`);
    let held: string;
    let train: readonly string[]; // by seed
    const given = (path: string): string | string[] =>
      task.finetune.settings['train'].kind === 'files' ? [path] : path;
    const run = async (more: GivenOptions): Promise<FinishedRun> =>
      (await task.load()).fineTune({
        model,
        train: given(train[0]),
        evaluation: given(held),
        epochs: 8,
        ...LEARNS,
        ...options,
        ...more,
      } as never);
    const figureOf = async (path: string): Promise<number> => {
      using loaded = await loadModel(path, { threads: 1 });
      return (await (await task.load()).evaluate(loaded, held, {})).metrics[metric];
    };
    beforeAll(async () => {
      train = SEEDS.map((seed) => data(folder.path(`${name}-train-${seed}`), 160, seed));
      held = data(folder.path(`${name}-held`), 60, HELD_SEED);
      await run({ output, checkpointEvery: 7, seed: SEEDS[0] });
    }, 60_000);

    it.each(SEEDS)(
      'with seed %i it learns what chance and the untrained start do not know',
      async (seed) => {
        const own = { train: given(train[SEEDS.indexOf(seed)]), seed };
        const learned = seed === SEEDS[0] ? output : folder.path(`${name} seed ${seed}`);
        if (learned !== output) await run({ ...own, output: learned });
        // A step so small that no weight changes: the head is that with which training begins.
        const start = folder.path(`${name} start ${seed}`);
        await run({ ...own, output: start, maxSteps: 1, learningRate: 1e-20 });
        const [before, after] = [await figureOf(start), await figureOf(learned)];
        expect(value).toBeGreaterThanOrEqual(chance + (1 - chance) / 3);
        expect(after, `${metric}, chance ${chance}`).toBeGreaterThan(value);
        expect(after, `${metric}, the start ${before}`).toBeGreaterThan(before + BETTER);
      },
      60_000,
    );

    it('answers rows that it has not seen as well as was measured', async () => {
      using loaded = await loadModel(output, { threads: 1 });
      expect(taskOf(loaded).name).toBe(taskName);
      const info = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as {
        outcome: string;
        bestCheckpoint: { value: number };
      };
      const { metrics, count } = await (await task.load()).evaluate(loaded, held, {});
      expect(count).toBe(60);
      expect(info.outcome).toBe('finished');
      // A task may still improve on it with the held-out rows, as a threshold does.
      expect(metrics[metric]).toBeGreaterThan(info.bestCheckpoint.value - 1e-6);
    });

    it('goes on bit for bit after it was interrupted', async () => {
      const torn = folder.path(`${name} torn`);
      const stop = new AbortController();
      let steps = 0;
      const onProgress = (): void => {
        if (++steps === 23) stop.abort();
      };
      expect((await run({ output: torn, checkpointEvery: 7, signal: stop.signal, onProgress })).outcome).toBe(
        'interrupted',
      );
      expect((await run({ output: torn, checkpointEvery: 7, resume: true })).outcome).toBe('finished');
      expect(weightsOf(torn)).toBe(weightsOf(output));
    });

    it.runIf(inputs)('answers alike alone and among others, in input order, whatever the length', async () => {
      using loaded = await loadModel(output, { threads: 1 });
      const predictor = (await task.load()).predictor!(loaded);
      const ask = async (asked: readonly unknown[], more: GivenOptions = {}): Promise<TextCounts[]> => {
        const answers: TextCounts[] = [];
        for await (const answer of predictor.answers(
          (async function* () {
            yield* asked;
          })(),
          more,
        ))
          answers.push(answer);
        return answers;
      };
      const together = await ask(inputs!);
      expect(together).toHaveLength(inputs!.length);
      for (const [i, input] of inputs!.entries()) expect((await ask([input]))[0], `input ${i}`).toEqual(together[i]);
      expect(await ask([...inputs!].reverse(), { lookAhead: 2 })).toEqual([...together].reverse());
      expect(Math.max(...together.map(({ windows, truncatedTokens }) => windows + truncatedTokens))).toBeGreaterThan(1);
      for (const answer of together) {
        const cells = predictor.cells(answer, {});
        expect(Object.values(cells).every((cell) => cell === null || typeof cell !== 'object')).toBe(true);
        expect(JSON.parse(JSON.stringify(predictor.record(answer, {})))).toEqual(predictor.record(answer, {}));
      }
    });

    it('refuses options that there are none of, and a metric that it does not have', async () => {
      await expect(run({ output: folder.path(`${name} none`), nonsense: 1 })).rejects.toMatchObject({
        code: 'invalid_argument',
        value: 'nonsense',
      });
      await expect(run({ output: folder.path(`${name} none`), metric: 'beauty' })).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringMatching(/^metric must be one of (loss|spearman), /) as string,
      });
    });
  },
);
