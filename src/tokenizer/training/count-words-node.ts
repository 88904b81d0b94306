import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { AlbertineError } from '../../core/errors.ts';
import { createRandom } from '../../core/random.ts';
import { readLines, type ReadLinesOptions, type TextSource } from './text-lines-node.ts';

/** Options of {@link forEachSampledLine}. */
export interface SampleOptions extends Omit<ReadLinesOptions, 'onBytes'> {
  /** Lines to use, drawn uniformly without replacement; all when absent or larger than the text. */
  inputSentenceSize?: number;
  /** Default 1. */
  seed?: number;
  onProgress?: ProgressListener;
  signal?: AbortSignal;
}

/** How much text was seen and used. */
export interface SampleReport {
  /** Each file with its own counts. */
  sources: { path: string; weight: number; bytes: number; lines: number; usedLines: number; characters: number }[];
  /** Lines of all files. */
  lines: number;
  /** Lines that were drawn. */
  usedLines: number;
  /** UTF-16 units of the used lines, unweighted. */
  characters: number;
  /** Used lines in which invalid UTF-8 (or U+FFFD itself) was met. */
  damagedLines: number;
}

/**
 * Reads all sources and hands every chosen line to `visit`. With `inputSentenceSize` the files are read twice: once to
 * count the lines, once to choose exactly that many by sequential sampling (Knuth, TAOCP 2, algorithm 3.4.2 S). The
 * choice is as uniform as a reservoir's, depends on the seed alone and takes no memory.
 */
export async function forEachSampledLine(
  sources: readonly TextSource[],
  options: SampleOptions,
  visit: (line: string, weight: number) => void,
): Promise<SampleReport> {
  const { inputSentenceSize } = options;
  const available = inputSentenceSize === undefined ? undefined : await countLines(sources, options);
  const random = createRandom(options.seed ?? 1);
  let remaining = available ?? 0;
  let wanted = Math.min(inputSentenceSize ?? 0, remaining);
  const choose = () => available === undefined || random.uniform() * remaining-- < wanted;
  const report: SampleReport = { sources: [], lines: 0, usedLines: 0, characters: 0, damagedLines: 0 };
  const meter = meterOf('counting words', sources, options);
  for (const { path, weight, bytes } of sources) {
    const figures = { path, weight, bytes, lines: 0, usedLines: 0, characters: 0 };
    for await (const lines of readLines(path, {
      ...options,
      onBytes: (read) => meter.add(read, { lines: report.lines + figures.lines }),
    })) {
      requireNotAborted(options.signal);
      for (const line of lines) {
        figures.lines++;
        if (!choose()) continue;
        wanted--;
        figures.usedLines++;
        figures.characters += line.length;
        if (line.includes('\ufffd')) report.damagedLines++;
        visit(line, weight);
      }
    }
    report.sources.push(figures);
    report.lines += figures.lines;
    report.usedLines += figures.usedLines;
    report.characters += figures.characters;
  }
  meter.finish();
  return report;
}

async function countLines(sources: readonly TextSource[], options: SampleOptions): Promise<number> {
  const meter = meterOf('counting lines', sources, options);
  let count = 0;
  for (const { path } of sources) {
    for await (const lines of readLines(path, { ...options, onBytes: (read) => meter.add(read) })) {
      requireNotAborted(options.signal);
      count += lines.length;
    }
  }
  meter.finish();
  return count;
}

function meterOf(stage: string, sources: readonly TextSource[], options: SampleOptions): ProgressMeter {
  return new ProgressMeter(options.onProgress, {
    stage,
    unit: 'bytes',
    total: sources.reduce((sum, { bytes }) => sum + bytes, 0),
  });
}

function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AlbertineError('interrupted', 'vocabulary training was interrupted', {
      value: signal.reason,
      hint: 'The same call with resume goes on after the last finished stage',
    });
}
