import { join } from 'node:path';
import { createJsonlTracker } from './jsonl.ts';
import { createTensorBoardTracker } from './tensorboard.ts';
import { combineTrackers, splitName, type Tracker } from './tracker.ts';

/** Files of a run's folder that {@link createRunTracker} writes. */
export const METRICS_FILE = 'metrics.jsonl';
export const EVENTS_FILE = 'events.jsonl';
export const TENSORBOARD_FOLDER = 'tensorboard';

/** Options of {@link createRunTracker}. */
export interface RunTrackerOptions {
  /** Continues after this step: what the files hold for later steps is removed. Without it they are started anew. */
  resumeStep?: number;
  /** Also writes TensorBoard event files. Default true. */
  tensorboard?: boolean;
  /** Further trackers that get everything. */
  others?: readonly Tracker[];
}

/**
 * The trackers of a run's folder. `metrics.jsonl` has exactly one line a step; evaluations, skipped steps, warnings and
 * histograms are lines of `events.jsonl` (both as in {@link createJsonlTracker}); `tensorboard/` has everything.
 */
export function createRunTracker(folder: string, options: RunTrackerOptions = {}): Tracker {
  const resume = options.resumeStep === undefined ? {} : { resumeStep: options.resumeStep };
  const metrics = createJsonlTracker(join(folder, METRICS_FILE), resume);
  const events = createJsonlTracker(join(folder, EVENTS_FILE), resume);
  const files: Tracker = {
    ...events,
    scalars: (step, values) =>
      (Object.keys(values).some((name) => splitName(name).group === undefined) ? metrics : events).scalars(
        step,
        values,
      ),
    close: async (outcome) => {
      await metrics.close(outcome);
      await events.close(outcome);
    },
  };
  const tensorboard =
    (options.tensorboard ?? true) ? [createTensorBoardTracker(join(folder, TENSORBOARD_FOLDER), resume)] : [];
  return combineTrackers([files, ...tensorboard, ...(options.others ?? [])]);
}
