import type { TrialEnd, TrialJob, TrialRunner } from '../../src/tune/trial-job.ts';

/** Jobs that were run, in their order, and how many went on at once at most. */
export interface Ran {
  jobs: TrialJob[];
  most: number;
}

/** What a stub run does: the accuracy of each of its evaluations, how it ends, or an error. */
export interface StubRun {
  accuracies: number[];
  measured?: Record<string, number>;
  error?: { code?: string; message: string };
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => (milliseconds > 0 ? setTimeout(resolve, milliseconds) : setImmediate(resolve)));

/** A runner without training; a run has an evaluation every ten steps. */
export function stubRunner(
  of: (job: TrialJob) => StubRun,
  ran: Ran = { jobs: [], most: 0 },
  milliseconds = 0,
): TrialRunner {
  let going = 0;
  return (job, listener) => {
    ran.jobs.push(job);
    ran.most = Math.max(ran.most, ++going);
    let stopped = false;
    const { accuracies, measured = {}, error } = of(job);
    const ended = (async (): Promise<TrialEnd> => {
      listener.onEstimate({ residentBytes: 1e6, peakBytes: 2e6 });
      await pause(milliseconds);
      listener.onMetric('accuracy');
      const evaluations = accuracies.map((accuracy, i) => ({
        step: 10 * (i + 1),
        metrics: { accuracy, loss: 1 - accuracy },
      }));
      for (let i = 1; i <= evaluations.length && !stopped; i++) {
        listener.onEvaluations(evaluations.slice(0, i), 10 * accuracies.length);
        listener.onProgress(i / accuracies.length);
        await pause(milliseconds);
      }
      going--;
      if (error) return { outcome: 'failed', ...error };
      if (stopped) return { outcome: 'stopped' };
      const best = evaluations.reduce((a, b) => (b.metrics.accuracy > a.metrics.accuracy ? b : a), evaluations[0]);
      return { outcome: 'finished', metrics: best?.metrics ?? {}, measured };
    })();
    return { stop: () => void (stopped = true), ended };
  };
}

/** Accuracy of a rate: best at 1e-4. */
export function accuracyOf({ options }: TrialJob): number {
  const rate = Math.log10(options['learningRate'] as number);
  return Number((0.9 - (rate + 4) ** 2 / 10 + ((options['seed'] as number | undefined) ?? 1) / 1000).toFixed(6));
}

/** A run that comes closer to its accuracy with every evaluation. */
export const usual = (job: TrialJob): StubRun => ({
  accuracies: [0.5, 0.7, 1].map((share) => accuracyOf(job) * share),
});
