import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import {
  histogramEvent,
  hyperParametersEvent,
  scalarsEvent,
  sessionEndEvent,
  sessionStartEvent,
  textEvent,
  tfRecord,
  versionEvent,
} from './event-file.ts';
import { summarizeHistogram } from './histogram.ts';
import { splitName, type Tracker } from './tracker.ts';

/** Options of {@link createTensorBoardTracker}. */
export interface TensorBoardOptions {
  /** Group for names without one. Default `train`, so that `loss` is shown as `train/loss`. */
  group?: string;
  /** The last step of the run that is continued: TensorBoard then drops what earlier files hold for later steps. */
  resumeStep?: number;
  /** Wall clock in milliseconds. Default `Date.now`. */
  now?: () => number;
}

let filesOpened = 0;

/**
 * Writes a TensorBoard event file into `folder` (`tensorboard --logdir folder`): scalars, texts, histograms,
 * hyper-parameters. Every record is written at once and carries checksums, so the file of a killed run is readable.
 * Scalars are float32 there.
 */
export function createTensorBoardTracker(folder: string, options: TensorBoardOptions = {}): Tracker {
  const { group = 'train', now = Date.now } = options;
  const seconds = () => now() / 1000;
  const tagOf = (name: string): string => (splitName(name).group === undefined ? `${group}/${name}` : name);
  mkdirSync(folder, { recursive: true });
  const started = String(Math.floor(seconds())).padStart(10, '0');
  const path = join(folder, `events.out.tfevents.${started}.${hostname()}.${process.pid}.${filesOpened++}`);
  const file = openSync(path, 'a');
  let open = true;
  let hasHyperParameters = false;
  const write = (event: Uint8Array): void => {
    if (!open) throw new AlbertineError('disposed', `tracker of ${path} is closed`, { value: path });
    const record = tfRecord(event);
    for (let written = 0; written < record.length;) written += writeSync(file, record, written);
  };
  write(versionEvent(seconds()));
  if (options.resumeStep !== undefined) write(sessionStartEvent(seconds(), options.resumeStep + 1));
  return {
    scalars: (step, values) =>
      write(
        scalarsEvent(
          seconds(),
          step,
          Object.entries(values).map(([name, value]) => [tagOf(name), value] as const),
        ),
      ),
    text: (tag, step, text) => write(textEvent(seconds(), step, [tagOf(tag), text])),
    histogram: (tag, step, values) => write(histogramEvent(seconds(), step, [tagOf(tag), summarizeHistogram(values)])),
    hyperParameters: (values, metrics = []) => {
      hasHyperParameters = true;
      write(hyperParametersEvent(seconds(), values, metrics.map(tagOf)));
    },
    close: async (outcome = 'finished') => {
      if (!open) return;
      if (hasHyperParameters) write(sessionEndEvent(seconds(), outcome));
      closeSync(file);
      open = false;
    },
  };
}
