import type { ProgressEvent, ProgressListener } from '../../core/progress.ts';
import type { CliIo } from './io.ts';
import { displayWidth, fitWidth } from './text-width.ts';

/** Shows {@link ProgressEvent}s on standard error. */
export interface ProgressBar {
  update: ProgressListener;
  /** Prints a line without disturbing the bar. */
  note(text: string): void;
  /** Removes the bar. */
  finish(): void;
}

/** Milliseconds between redraws of a terminal's line, and between lines elsewhere (log files). */
const REDRAW_MS = 100;
const LINE_MS = 5000;

/**
 * On a terminal one line that is redrawn; elsewhere a line every five seconds; nothing with `quiet` (notes are still
 * printed).
 */
export function createProgressBar(io: CliIo, { quiet = false }: { quiet?: boolean } = {}): ProgressBar {
  const { stderr } = io;
  let last = stderr.isTTY ? -Infinity : performance.now();
  let drawn = false;
  const clear = (): void => {
    if (drawn) stderr.write('\r\x1b[K');
    drawn = false;
  };
  return {
    update: (event) => {
      const now = performance.now();
      if (quiet || now - last < (stderr.isTTY ? REDRAW_MS : LINE_MS)) return;
      last = now;
      const line = formatProgress(event);
      if (!stderr.isTTY) {
        stderr.write(`${line}\n`);
        return;
      }
      clear();
      stderr.write(displayWidth(line) < stderr.columns ? line : fitWidth(line, stderr.columns - 1).trimEnd());
      drawn = true;
    },
    note: (text) => {
      clear();
      stderr.write(`${text}\n`);
    },
    finish: clear,
  };
}

/** One line: stage, units done (of all), share, rate, time left. */
export function formatProgress({ stage, done, total, unit, rate, secondsLeft, extra }: ProgressEvent): string {
  const amount = (value: number): string =>
    unit === 'bytes' ? formatBytes(value) : Math.round(value).toLocaleString('en-US');
  const parts = [
    stage,
    total === undefined
      ? `${amount(done)}${unit === 'bytes' ? '' : ` ${unit}`}`
      : `${amount(done)} / ${amount(total)}${unit === 'bytes' ? '' : ` ${unit}`}`,
    ...(total !== undefined && total > 0 ? [`${Math.min(100, Math.floor((100 * done) / total))}%`] : []),
    ...(rate > 0 ? [`${unit === 'bytes' ? formatBytes(rate) : formatRate(rate)}/s`] : []),
    ...(secondsLeft !== undefined && secondsLeft > 0 ? [`${formatDuration(secondsLeft)} left`] : []),
    ...Object.entries(extra ?? {}).map(([name, value]) => `${name} ${value}`),
  ];
  return parts.join('  ');
}

/** "812", "8.12", "0.31": three digits are enough for a rate. */
export function formatRate(rate: number): string {
  return rate >= 100 ? Math.round(rate).toLocaleString('en-US') : rate.toPrecision(rate >= 10 ? 3 : 2);
}

/** "46 ms", "3.2 s", "4m 05s", "2h 11m". */
export function formatDuration(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** "812 B", "46.9 MB" (decimal units, as disks and downloads are sold). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`;
}
