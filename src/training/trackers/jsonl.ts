import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { summarizeHistogram } from './histogram.ts';
import { splitName, type Tracker } from './tracker.ts';

/** Options of {@link createJsonlTracker}. */
export interface JsonlTrackerOptions {
  /**
   * Continues an existing file after this step: lines of later steps, and a last line that was cut short, are removed.
   * Without it the file is started anew.
   */
  resumeStep?: number;
}

/**
 * Writes one JSON object a line to `path` (usually `metrics.jsonl`):
 * - scalars: `{"step":3,"loss":0.69,"learningRate":0.00002}`; a name `group/name` nests:
 *   `{"step":3,"evaluation":{"accuracy":0.9}}`
 * - text: `{"step":3,"event":"skipped","message":"..."}`
 * - histograms: `{"step":3,"histogram":{"tag":"...","count":...,"min":...,"max":...,"mean":...,"deviation":...}}`
 * - hyper-parameters: `{"hyperParameters":{...}}`
 *
 * NaN and infinities become null, which is what JSON has. Each line reaches the operating system before the call
 * returns, so a killed process loses none (a power failure may). Throws the file system's error, such as a full disk.
 */
export function createJsonlTracker(path: string, options: JsonlTrackerOptions = {}): Tracker {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, options.resumeStep === undefined ? 'w' : 'a+');
  if (options.resumeStep !== undefined) ftruncateSync(file, lengthUpTo(file, options.resumeStep));
  let open = true;
  const write = (line: object): void => {
    if (!open) throw new AlbertineError('disposed', `tracker of ${path} is closed`, { value: path });
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
  };
  return {
    scalars: (step, values) => write({ step, ...nest(values) }),
    text: (tag, step, text) => write({ step, event: tag, message: text }),
    histogram: (tag, step, values) => {
      const { count, nonFinite, min, max, sum, sumOfSquares } = summarizeHistogram(values);
      const mean = count > 0 ? sum / count : 0;
      const deviation = count > 0 ? Math.sqrt(Math.max(0, sumOfSquares / count - mean * mean)) : 0;
      write({ step, histogram: { tag, count, nonFinite, min, max, mean, deviation } });
    },
    hyperParameters: (values, metrics) => write({ hyperParameters: values, ...(metrics && { metrics }) }),
    close: async () => {
      if (open) closeSync(file);
      open = false;
    },
  };
}

function nest(values: Readonly<Record<string, number>>): Record<string, unknown> {
  const line: Record<string, number | Record<string, number>> = {};
  for (const [name, value] of Object.entries(values)) {
    const { group, rest } = splitName(name);
    if (group === undefined) line[name] = value;
    else line[group] = { ...(line[group] as Record<string, number> | undefined), [rest]: value };
  }
  return line;
}

const NEWLINE = 10;

/**
 * Bytes up to the end of the last complete line whose step is at most `step`. Everything behind it belongs to steps
 * that the resumed run will take again. (Not "up to the first later line": after a roll-back, earlier steps follow
 * later ones.)
 */
function lengthUpTo(file: number, step: number): number {
  let keep = 0;
  let position = 0;
  let pending: Buffer[] = [];
  const chunk = Buffer.alloc(1 << 16);
  for (;;) {
    const bytesRead = readSync(file, chunk, 0, chunk.length, position);
    if (bytesRead === 0) return keep;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1 && end < bytesRead; end = chunk.indexOf(NEWLINE, start)) {
      pending.push(chunk.subarray(start, end));
      if (belongs(Buffer.concat(pending).toString('utf8'), step)) keep = position + end + 1;
      pending = [];
      start = end + 1;
    }
    if (start < bytesRead) pending.push(Buffer.from(chunk.subarray(start, bytesRead)));
    position += bytesRead;
  }
}

/** Lines without a step (hyper-parameters) belong to the run as a whole; broken lines to nothing. */
function belongs(line: string, step: number): boolean {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null) return false;
    return !('step' in record) || typeof record.step !== 'number' || record.step <= step;
  } catch {
    return false;
  }
}
