import { afterAll, describe, expect, it, vi } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { createRandom } from '../../src/core/random.ts';
import { headParameters } from '../../src/model/heads.ts';
import { poolerParameters, type Weights } from '../../src/model/parameters.ts';
import { initialValues } from '../../src/checkpoint/initialise.ts';
import { classificationTask, type EncodedExample } from '../../src/training/classification.ts';
import { availableMemory, projectPeak } from '../../src/training/estimate-node.ts';
import { LearningWatch, type WatchState } from '../../src/training/guards.ts';
import type { TrainingBatch } from '../../src/training/layerwise.ts';
import type { Tracker } from '../../src/training/trackers/tracker.ts';
import { Trainer, type TrainerOptions, type TrainingOutcome, type TrainingTask } from '../../src/training/trainer.ts';
import { bits, temporaryFolder, TINY_CONFIG } from './small-run.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
let runs = 0;

const LABELS = ['no', 'yes'];

/** Rows whose label is whether token 5 or 6 occurs. */
function examples(rows: number, seed: number): EncodedExample[] {
  const random = createRandom(seed);
  return Array.from({ length: rows }, () => {
    const target = random.integer(2);
    const ids = Int32Array.from({ length: 4 + random.integer(18) }, () => 7 + random.integer(15));
    ids[0] = 2;
    ids[1 + random.integer(ids.length - 1)] = 5 + target;
    return { ids, typeIds: new Int32Array(ids.length), target };
  });
}

function startWeights(): Weights {
  const weights: Weights = new Map(initialiseWeights(TINY_CONFIG, 3));
  for (const spec of [...poolerParameters(TINY_CONFIG), ...headParameters(TINY_CONFIG, 'sequenceClassification', 2)])
    weights.set(spec.name, { shape: spec.shape, data: initialValues(spec, 1, 0.1) });
  return weights;
}

function makeTask(more: Partial<Parameters<typeof classificationTask>[0]> = {}): TrainingTask {
  return classificationTask({
    config: TINY_CONFIG,
    problem: 'singleLabel',
    labels: LABELS,
    train: examples(48, 1),
    evaluation: examples(40, 2),
    batchSize: 8,
    seed: 5,
    ...more,
  });
}

const recorded: Record<string, number>[] = [];

/** A trainer whose steps are recorded in `log`. */
function makeTrainer(
  task: TrainingTask,
  more: Partial<TrainerOptions> & { log?: Record<string, number>[] } = {},
): Trainer {
  const { log = recorded, ...options } = more;
  const tracker: Tracker = {
    scalars: (step, values) => void log.push({ step, ...values }),
    text: () => undefined,
    histogram: () => undefined,
    hyperParameters: () => undefined,
    close: async () => undefined,
  };
  return new Trainer(TINY_CONFIG, startWeights(), task, {
    output: folder.path(`run ${runs++}`),
    threads: 1,
    seed: 9,
    tracker,
    checkpointEvery: 4,
    evaluateEvery: 6,
    schedule: { kind: 'linear', learningRate: 3e-3, totalSteps: 20, warmupRatio: 0.1 },
    best: { metric: 'accuracy', higherIsBetter: true },
    ...options,
  });
}

async function train(task: TrainingTask, more: Parameters<typeof makeTrainer>[1] = {}): Promise<TrainingOutcome> {
  using trainer = makeTrainer(task, more);
  return trainer.run();
}

/** What a step leaves besides its duration. */
const withoutTimes = (log: readonly Record<string, number>[]): Record<string, number>[] =>
  log.map((line) => ({ ...line, seconds: 0 }));

/** The task with the feeds of one step spoilt. */
function spoil(task: TrainingTask, wrong: (step: number) => boolean, factor: number): TrainingTask {
  return {
    ...task,
    async stepData(step) {
      const data = await task.stepData(step);
      if (!wrong(step)) return data;
      const microBatches = data.microBatches.map((batch): TrainingBatch => {
        const weights = batch.headFeeds['rowWeights'];
        (weights.data as Float32Array).forEach((value, i, all) => (all[i] = value * factor));
        return batch;
      });
      return { ...data, microBatches };
    },
  };
}

describe('Trainer', () => {
  it('gives the same weights bit for bit for the same seed, and others for another', async () => {
    const [first, second, other] = [
      await train(makeTask()),
      await train(makeTask()),
      await train(makeTask(), { seed: 10 }),
    ];
    expect(bits(second.weights)).toEqual(bits(first.weights));
    expect(bits(other.weights)).not.toEqual(bits(first.weights));
  });

  it('continues an interrupted run bit for bit: weights, best weights, log and guards', async () => {
    const whole: Record<string, number>[] = [];
    const expected = await train(makeTask(), { log: whole });
    const output = folder.path('interrupted');
    const log: Record<string, number>[] = [];
    for (const stopAt of [1, 7, 13]) {
      const controller = new AbortController();
      using trainer = makeTrainer(makeTask(), {
        output,
        log,
        signal: controller.signal,
        onProgress: ({ done }) => {
          if (done === stopAt) controller.abort();
        },
      });
      await trainer.resume();
      expect(await trainer.run()).toMatchObject({ outcome: 'interrupted', steps: stopAt });
    }
    using trainer = makeTrainer(makeTask(), { output, log });
    expect(await trainer.resume()).toBe(13);
    const outcome = await trainer.run();
    expect(bits(outcome.weights)).toEqual(bits(expected.weights));
    expect(bits(trainer.arena.weights())).not.toEqual(bits(startWeights()));
    expect(outcome).toMatchObject({
      outcome: 'finished',
      steps: 20,
      best: expected.best,
      evaluation: expected.evaluation,
    });
    expect(withoutTimes(log)).toEqual(withoutTimes(whole));
  });

  it('returns at once when a finished run is resumed', async () => {
    const output = folder.path('finished');
    const first = await train(makeTask(), { output });
    const log: Record<string, number>[] = [];
    using trainer = makeTrainer(makeTask(), { output, log });
    expect(await trainer.resume()).toBe(20);
    const again = await trainer.run();
    expect(bits(again.weights)).toEqual(bits(first.weights));
    expect(again).toMatchObject({ outcome: 'finished', best: first.best, evaluation: first.evaluation });
    expect(log).toEqual([]);
  });

  it('splits a step into micro-batches with the same result up to rounding', async () => {
    const noDropout = { ...TINY_CONFIG, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, classifierDropoutProb: 0 };
    const gradients = async (microBatchTokens: number): Promise<Float32Array> => {
      const task = makeTask({ config: noDropout, microBatchTokens });
      using trainer = new Trainer(noDropout, startWeights(), task, {
        output: folder.path('unused'),
        threads: 1,
        schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 1 },
      });
      const { microBatches } = await task.stepData(0);
      for (const [microBatch, batch] of microBatches.entries())
        await trainer.network.accumulate(batch, { step: 0, microBatch });
      return trainer.arena.buffer('gradients').slice();
    };
    const [large, small] = [await gradients(4096), await gradients(24)];
    const scale = large.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    large.forEach((value, i) => {
      if (Math.abs(value - small[i]) > 1e-5 * scale) expect(small[i]).toBeCloseTo(value, 6);
    });
    expect(scale).toBeGreaterThan(0.01);
  });

  it('takes exactly batchSize rows a step, over the ends of epochs, and every row once an epoch', async () => {
    const rows = examples(10, 4).map((example, i) => ({
      ...example,
      ids: Int32Array.of(2, 7 + i),
      typeIds: new Int32Array(2),
    }));
    const task = makeTask({ train: rows, batchSize: 4, epochs: 2 });
    const steps = await Promise.all(
      [0, 1, 2, 3, 4].map(async (step) =>
        (await task.stepData(step)).microBatches.flatMap(({ inputIds }) =>
          Array.from(inputIds).filter((id) => id >= 7),
        ),
      ),
    );
    expect(steps.map((ids) => ids.length)).toEqual([4, 4, 4, 4, 4]);
    const sorted = (ids: number[]): number[] => [...ids].sort((a, b) => a - b);
    expect(
      sorted(
        steps
          .flat()
          .slice(0, 8)
          .concat(steps[2])
          .filter((id, i, all) => all.indexOf(id) === i),
      ),
    ).toHaveLength(10);
    expect(sorted(steps.flat())).toEqual(sorted([...rows, ...rows].map(({ ids }) => ids[1])));
    expect((await makeTask({ train: rows, batchSize: 4, epochs: 1 }).stepData(2)).tokens).toBe(4); // two rows of two tokens
  });

  it('leaves frozen parameters as they are and trains the others', async () => {
    const { weights } = await train(makeTask(), { parameters: { frozen: ['albert.embeddings', '*attention*'] } });
    const [before, after] = [bits(startWeights()), bits(weights)];
    for (const name of Object.keys(before)) {
      const frozen = name.startsWith('albert.embeddings') || name.includes('attention');
      expect(after[name] === before[name], name).toBe(frozen);
    }
  });

  it('stops early when patience is lost, also when resumed, and keeps the best weights', async () => {
    const output = folder.path('patience');
    const values = [0.5, 0.7, 0.6, 0.7, 0.9];
    let evaluations = 0;
    const task = { ...makeTask(), evaluate: async () => ({ accuracy: values[evaluations++] }) };
    const outcome = await train(task, { output, evaluateEvery: 2, patience: 2 });
    expect(outcome).toMatchObject({
      outcome: 'stoppedEarly',
      steps: 8,
      best: { step: 4, value: 0.7 },
      evaluation: { accuracy: 0.7 },
    });
    using trainer = makeTrainer(task, { output, evaluateEvery: 2, patience: 2 });
    await trainer.resume();
    const again = await trainer.run();
    expect([again.outcome, again.steps, evaluations]).toEqual(['stoppedEarly', 8, 4]);
    expect(bits(again.weights)).toEqual(bits(outcome.weights));
  });

  it('prefers the lower loss among evaluations with the same metric', async () => {
    const values = [
      [0.7, 0.6],
      [0.7, 0.5],
      [0.6, 0.1],
      [0.7, 0.55],
    ];
    const task = {
      ...makeTask(),
      evaluate: async () => {
        const [accuracy, loss] = values.shift()!;
        return { accuracy, loss };
      },
    };
    const outcome = await train(task, {
      evaluateEvery: 2,
      schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 8 },
    });
    expect(outcome.best).toMatchObject({ step: 4, value: 0.7, evaluation: { loss: 0.5 } });
  });

  it('asks the device for the values alone, and only when they are the best so far', async () => {
    const values = [0.5, 0.4, 0.6, 0.6];
    using trainer = makeTrainer(
      { ...makeTask(), evaluate: async () => ({ accuracy: values.shift()! }) },
      { evaluateEvery: 2, checkpointEvery: 8, schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 8 } },
    );
    const download = vi.spyOn(trainer.network.device, 'download');
    await trainer.run();
    // A checkpoint before the first step and after the last, and the best evaluations between them.
    expect(download.mock.calls).toEqual([[], ['values'], ['values'], []]);
  });

  it('never takes an undefined metric for the best, and says so', async () => {
    const values = [NaN, 0.4, NaN];
    const events: string[] = [];
    const task = { ...makeTask(), evaluate: async () => ({ accuracy: values.shift()! }) };
    const outcome = await train(task, {
      schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 18 },
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(outcome.best).toMatchObject({ step: 12, value: 0.4 });
    expect(events).toEqual([
      expect.stringMatching(/^warning: accuracy of the evaluation is NaN/),
      expect.stringMatching(/^warning/),
    ]);
    await expect(train(makeTask(), { best: { metric: 'acuracy', higherIsBetter: true } })).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringContaining('It has loss, accuracy') as string,
    });
  });
});

describe('guards in a run', () => {
  it('skip steps with a loss that is not a number or a sudden spike, and count them', async () => {
    const log: Record<string, number>[] = [];
    const events: string[] = [];
    let task = spoil(makeTask(), (step) => step === 5, NaN);
    task = spoil(task, (step) => step === 27, 1e4);
    const outcome = await train(task, {
      log,
      schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 30 },
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(outcome).toMatchObject({ outcome: 'finished', steps: 30, skipped: 2, rollBacks: 0 });
    expect(events).toEqual([
      expect.stringMatching(/^skipped: step 6 was not applied: the loss is NaN/),
      expect.stringMatching(/^skipped: step 28 was not applied: the gradient norm .* times the average/),
    ]);
    expect(log.filter((line) => 'loss' in line)).toHaveLength(30);
    for (const { data } of outcome.weights.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  it('roll back to the checkpoint at half the rate, and give up in the end', async () => {
    const log: Record<string, number>[] = [];
    const events: string[] = [];
    const task = spoil(makeTask(), (step) => step >= 6 && step < 9, Infinity);
    const outcome = await train(task, {
      log,
      guard: { rollBackAfter: 3 },
      schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 12 },
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(outcome).toMatchObject({ steps: 12, skipped: 3, rollBacks: 1 });
    expect(events.at(-1)).toMatch(/^rolled back: weights of step 4 restored/);
    expect(
      log
        .filter((line) => 'loss' in line)
        .map(({ step, learningRate }) => [step, learningRate])
        .slice(8, 10),
    ).toEqual([
      [9, 1e-3],
      [10, 5e-4],
    ]);
    const hopeless = spoil(makeTask(), () => true, NaN);
    await expect(train(hopeless, { guard: { rollBackAfter: 1 } })).rejects.toMatchObject({
      code: 'training_diverged',
      message: expect.stringContaining('the loss is NaN') as string,
    });
  });
});

describe('weights that an update has spoilt', () => {
  const restored = (events: readonly string[]): number[] =>
    events.flatMap((event) => /^rolled back: weights of step (\d+)/.exec(event)?.[1] ?? []).map(Number);

  it('are left behind for an older checkpoint, also where they were saved', async () => {
    const events: string[] = [];
    using trainer = makeTrainer(makeTask(), {
      checkpointEvery: 2,
      evaluateEvery: 40,
      guard: { rollBackAfter: 2 },
      schedule: { kind: 'constant', learningRate: 1e-3, totalSteps: 40 },
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
      // Step 10 leaves something in the weights that no loss can be computed from, and a checkpoint follows at once.
      onProgress: ({ done }) => {
        if (done === 10 && restored(events).length === 0) trainer.arena.buffer('values').fill(NaN);
      },
    });
    const outcome = await trainer.run();
    expect(restored(events)).toEqual([10, 8]);
    expect(outcome).toMatchObject({ outcome: 'finished', steps: 40, skipped: 4, rollBacks: 2 });
    for (const { data } of outcome.weights.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  it('end the run with training_diverged instead of being saved as its result', async () => {
    const run = (totalSteps: number): Promise<TrainingOutcome> =>
      train(makeTask(), { evaluateEvery: 3, schedule: { kind: 'constant', learningRate: 1e30, totalSteps } });
    await expect(run(60)).rejects.toMatchObject({ code: 'training_diverged' });
    await expect(run(3)).rejects.toMatchObject({
      code: 'training_diverged',
      message: expect.stringContaining('step 3: the loss is NaN') as string,
    });
  });
});

describe('LearningWatch', () => {
  it('says once when nothing is learned, naming the knobs, also over an interruption', () => {
    const advice: (string | undefined)[] = [];
    let watch = new LearningWatch(130);
    for (let step = 0; step < 130; step++) {
      if (step === 60) watch = new LearningWatch(130, JSON.parse(JSON.stringify(watch.state)) as WatchState);
      advice.push(watch.add(step === 50 ? NaN : 0.7, 1e-9)?.toString());
    }
    expect(advice.filter((text) => text !== undefined)).toEqual([
      expect.stringMatching(
        /has not fallen in 100 steps \(0\.7000 at first, 0\.7000 now\).*learningRate \(now 1\.0e-9/,
      ),
    ]);
    expect(advice[100]).toBeDefined(); // One loss was not a number.
  });

  it('is silent when the loss falls', () => {
    const watch = new LearningWatch(100);
    for (let step = 0; step < 100; step++) expect(watch.add(0.7 - step * 0.001, 1e-3)).toBeUndefined();
  });

  it('does not take noise for a loss that stands still, and hears one that does through its noise', () => {
    // Falls by 5 %; single losses scatter by 20 %. Without the standard errors 13 of these 40 runs were called stuck.
    const told = (fall: number, scatter: number): number =>
      Array.from({ length: 40 }, (_, seed) => {
        const random = createRandom(seed + 1);
        const watch = new LearningWatch(120);
        return Array.from({ length: 120 }, (_unused, step) =>
          watch.add((1 - fall * Math.min(1, step / 60)) * (1 + scatter * (2 * random.uniform() - 1)), 1e-3),
        ).some((advice) => advice !== undefined);
      }).filter(Boolean).length;
    expect(told(0.05, 0.35)).toBe(0);
    expect(told(0, 0.02)).toBeGreaterThan(35);
  });
});

describe('estimates', () => {
  it('are told before the first step, and refuse what cannot fit', async () => {
    const order: string[] = [];
    const outcome = await train(makeTask(), {
      onEstimate: ({ steps, tokensPerSecond, totalSeconds }) => {
        if (steps === 20 && tokensPerSecond > 0 && totalSeconds > 0) order.push('estimate');
      },
      onProgress: () => order.push('step'),
    });
    expect(order).toEqual(['estimate', ...Array<string>(20).fill('step')]);
    expect(outcome.estimate!.peakBytes).toBeGreaterThan(1e6);
    await expect(
      train({ ...makeTask(), batchShapes: () => [{ batchSize: 1e9, sequenceLength: 32 }] }),
    ).rejects.toMatchObject({ code: 'out_of_memory', message: expect.stringContaining('microBatchTokens') as string });
  });

  it('scale what the probes took to the largest micro-batch, and add what is used later', () => {
    const measured = { before: 100, now: 160, probedBytes: 20, laterBytes: 7, evaluates: false };
    expect(projectPeak({ ...measured, largestBytes: 50 })).toBe(100 + 60 * 2.5 + 7);
    expect(projectPeak({ ...measured, largestBytes: 10 })).toBe(160 + 7);
    expect(projectPeak({ ...measured, now: 90, largestBytes: 50 })).toBe(100 + 7);
    expect(projectPeak({ ...measured, largestBytes: 10, evaluates: true })).toBe(170 + 7);
  });

  it("look at the container's limit as well as at the machine", () => {
    const files: Record<string, string> = {
      '/proc/meminfo': 'MemTotal: 9 kB\nMemAvailable:    4000 kB\n',
      '/sys/fs/cgroup/memory.max': '3000000\n',
      '/sys/fs/cgroup/memory.current': '1000000\n',
    };
    const read = (path: string): string => {
      if (!(path in files)) throw new Error(path);
      return files[path];
    };
    expect(availableMemory(read)).toBe(2_000_000);
    files['/sys/fs/cgroup/memory.max'] = 'max\n';
    expect(availableMemory(read)).toBe(4_096_000);
  });
});
