/** A setting of a run, as trackers can store it. */
export type HyperParameter = string | number | boolean;

/** How a run ended. */
export type RunOutcome = 'finished' | 'failed' | 'interrupted';

/**
 * Receives what a training run reports. Names without a slash belong to the training steps (`loss`, `learningRate`); a
 * name `group/name` belongs to another group (`evaluation/accuracy`). Steps count optimiser updates. Only {@link close}
 * may reject; the other methods return at once and a tracker over the network buffers what it cannot send yet.
 */
export interface Tracker {
  /** Numbers of one step. Not-a-number and infinities are kept as far as the format allows. */
  scalars(step: number, values: Readonly<Record<string, number>>): void;
  /** A note or an event; `tag` says of what kind. */
  text(tag: string, step: number, text: string): void;
  /** The distribution of many numbers, such as all gradients of a parameter. */
  histogram(tag: string, step: number, values: ArrayLike<number>): void;
  /** Settings of the run; `metrics` names the scalars by which runs should be compared. */
  hyperParameters(values: Readonly<Record<string, HyperParameter>>, metrics?: readonly string[]): void;
  /** Writes out everything and releases files and connections. Default outcome: finished. */
  close(outcome?: RunOutcome): Promise<void>;
}

/** Splits `evaluation/accuracy` into its group and name; the group of a plain name is undefined. */
export function splitName(name: string): { group: string | undefined; rest: string } {
  const slash = name.indexOf('/');
  return slash > 0 ? { group: name.slice(0, slash), rest: name.slice(slash + 1) } : { group: undefined, rest: name };
}

/** Sends everything to several trackers. `close` closes all of them before it rejects with the first failure. */
export function combineTrackers(trackers: readonly Tracker[]): Tracker {
  return {
    scalars: (step, values) => trackers.forEach((tracker) => tracker.scalars(step, values)),
    text: (tag, step, text) => trackers.forEach((tracker) => tracker.text(tag, step, text)),
    histogram: (tag, step, values) => trackers.forEach((tracker) => tracker.histogram(tag, step, values)),
    hyperParameters: (values, metrics) => trackers.forEach((tracker) => tracker.hyperParameters(values, metrics)),
    async close(outcome) {
      const results = await Promise.allSettled(trackers.map((tracker) => tracker.close(outcome)));
      const failure = results.find((result) => result.status === 'rejected');
      if (failure) throw failure.reason;
    },
  };
}
