import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TASKS, taskNamed } from '../../src/tasks/registry.ts';
import { parseSpace } from '../../src/study/space.ts';
import type { RunEvaluation, TrialEnd, TrialMessage, TrialRunner } from '../../src/tune/trial-job.ts';
import { runTrial } from '../../src/tune/trial-run-node.ts';
import { trialFigures } from '../../src/tune/trial-runner-node.ts';
import { tune } from '../../src/tune/tune-node.ts';
import { FIXTURES } from '../tasks/fixtures.ts';
import { LEARNS, temporaryFolder, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
let model: string;
beforeAll(async () => void (model = await writeTinyModel(folder.path('model'))));
afterAll(() => folder.remove());

/** Trials in this process: the same without the start of another. */
const hereRunner: TrialRunner = (job, listener) => {
  const controller = new AbortController();
  let last: TrialMessage | undefined;
  const tell = (message: TrialMessage): void => {
    last = message;
    if (message.kind === 'evaluated') trialFigures.report(job.options.output, listener);
  };
  const ended = runTrial(job, { tell, signal: controller.signal }).then((): TrialEnd => {
    if (last?.kind === 'ended' && last.outcome === 'finished')
      return trialFigures.finished(job.options.output, last.measured);
    return last?.kind === 'failed' ? { outcome: 'failed', ...last } : { outcome: 'stopped' };
  });
  return { stop: () => controller.abort(), ended };
};

describe.each(TASKS.map(({ name }) => name))('%s', (name) => {
  const { data, options = {}, reaches } = FIXTURES[name];
  it('can be tuned, by its own figures and by what is measured', { timeout: 60_000 }, async () => {
    const isList = taskNamed(name).finetune.settings['train'].kind === 'files';
    const paths = [data(folder.path(`${name}-train`), 60, 1), data(folder.path(`${name}-held`), 30, 4)];
    const [train, evaluation] = isList ? paths.map((path) => [path]) : paths;
    const seen: RunEvaluation[] = [];
    const fixed = Object.entries({ ...LEARNS, ...options }).filter(
      ([key]) => !['learningRate', 'epochs'].includes(key),
    );
    const run = {
      ...(Object.fromEntries(fixed) as Record<string, unknown>),
      model,
      train,
      evaluation,
      maxSteps: 4,
      evaluateEvery: 2,
      tensorboard: false,
    };
    const shared = { task: name, run, space: parseSpace({ 'learning-rate': 'log:1e-4:1e-2' }), trials: 2 };
    const usual = await tune({
      ...shared,
      output: folder.path(`${name}-usual`),
      runTrial: (job, listener) =>
        hereRunner(job, {
          ...listener,
          onEvaluations: (evaluations, total) => {
            seen.splice(0, Infinity, ...evaluations);
            listener.onEvaluations(evaluations, total);
          },
        }),
    });
    expect(usual.trials.map(({ state }) => state)).toEqual(['complete', 'complete']);
    expect(usual.objectives).toHaveLength(1);
    expect(usual.trials[1].evaluations.length).toBe(seen.filter(({ step }) => step > 0).length);
    expect(usual.trials[0].objectives![0]).toBe(usual.trials[0].metrics![usual.objectives![0].name]);
    const measured = await tune({
      ...shared,
      trials: 1,
      objectives: [reaches[0], 'parameters', 'latency', 'seconds'],
      output: folder.path(`${name}-measured`),
      runTrial: hereRunner,
    });
    expect(measured.trials[0].reason).toBeUndefined();
    const [, parameters, latency, seconds] = measured.trials[0].objectives!;
    expect(Number.isInteger(parameters)).toBe(true);
    expect(parameters).toBeGreaterThan(1000);
    expect(latency).toBeGreaterThan(0);
    expect(seconds).toBeGreaterThan(0);
  });
});
