import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { AlbertineError, describeValue } from '../../src/core/errors.ts';
import type { TaskName } from './tasks.ts';

/** Training set sizes. */
export const SIZES = ['100', '1000', 'all'] as const;
/** One of {@link SIZES}. */
export type Size = (typeof SIZES)[number];

/** What is compared. */
export const SYSTEMS = ['pretrained', 'untrained', 'bag-of-words'] as const;
/** One of {@link SYSTEMS}. */
export type SystemName = (typeof SYSTEMS)[number];

/** Everything that decides the result of a cell but the learning rate and the seed. */
export interface Setting {
  task: TaskName;
  size: Size;
  system: SystemName;
  /**
   * Fingerprint of the weights (`pretrained`) or of the network's shape and tokeniser (`untrained`); empty for
   * `bag-of-words`.
   */
  start: string;
  epochs: number;
  /** 0 for `bag-of-words`, whose batch is fixed. */
  batchSize: number;
  maxLength: number;
  /** Of the rows of each split; 0 for none. */
  limit: number;
}

/** One training run. */
export interface Cell extends Setting {
  /** 0 for `bag-of-words`, whose rate is fixed. */
  rate: number;
  seed: number;
}

/** A finished cell, as it is stored. */
export interface CellResult extends Cell {
  trainRows: number;
  dev: Record<string, number>;
  test: Record<string, number>;
  /** Test texts that were cut to the maximum length. */
  truncatedTexts: number;
  /** Optimiser steps of the weights that were kept, of all that were made; absent for `bag-of-words`. */
  bestStep?: number;
  steps?: number;
  finishedAt: string;
}

const SETTING_FIELDS = ['task', 'size', 'system', 'start', 'epochs', 'batchSize', 'maxLength', 'limit'] as const;

/** Equal for cells that differ in rate and seed only. */
export const settingKey = (setting: Setting): string => SETTING_FIELDS.map((field) => setting[field]).join(' ');

/** Equal for equal cells. */
export const cellKey = (cell: Cell): string => `${settingKey(cell)} ${cell.rate} ${cell.seed}`;

/** Finished cells, a JSON object a line, so that a bench that was stopped goes on where it was. */
export class CellStore {
  readonly path: string;
  private readonly results = new Map<string, CellResult>();

  /**
   * Reads the file if there is one. A last line without a line feed, left by an interrupted write, is removed; a line
   * that is no result throws `invalid_data`.
   */
  constructor(path: string) {
    this.path = path;
    if (!existsSync(path)) return;
    const lines = readFileSync(path, 'utf8').split('\n');
    const last = lines.pop()!;
    lines.forEach((line, index) => {
      const cell = parseCell(line);
      if (!cell)
        throw new AlbertineError('invalid_data', `line ${index + 1} of ${path} is no result: ${describeValue(line)}`, {
          value: line,
        });
      this.results.set(cellKey(cell), cell);
    });
    // Whole lines end in a line feed; what follows the last one would run into the next result.
    if (last !== '') writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  }

  get(cell: Cell): CellResult | undefined {
    return this.results.get(cellKey(cell));
  }

  /** Results of any rate and seed with this setting. */
  of(setting: Setting): CellResult[] {
    const key = settingKey(setting);
    return [...this.results.values()].filter((cell) => settingKey(cell) === key);
  }

  /** Keeps a result and appends it to the file. */
  add(result: CellResult): void {
    mkdirSync(dirname(this.path), { recursive: true });
    appendFileSync(this.path, `${JSON.stringify(result)}\n`);
    this.results.set(cellKey(result), result);
  }
}

function parseCell(line: string): CellResult | undefined {
  try {
    const cell = JSON.parse(line) as CellResult;
    return [...SETTING_FIELDS, 'rate', 'seed', 'dev', 'test'].every((field) => Object.hasOwn(cell, field))
      ? cell
      : undefined;
  } catch {
    return undefined;
  }
}

/** Mean and standard deviation (of a sample, divided by n - 1; NaN of one value). */
export interface Spread {
  mean: number;
  deviation: number;
}

/** Mean and sample standard deviation; NaN without values. */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    mean,
    deviation: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)),
  };
}

/** The seeds of one setting at one learning rate. */
export interface Summary extends Setting {
  rate: number;
  seeds: number[];
  /** Rates that were compared, `rate` among them. */
  rates: number[];
  dev: Record<string, Spread>;
  test: Record<string, Spread>;
}

/**
 * Results of one setting at the learning rate with the highest mean of `metrics[0]` on dev (the lowest of equal rates).
 * Only rates with as many seeds as the rate with most of them are compared. Undefined without results.
 */
export function summarise(results: readonly CellResult[], metrics: readonly string[]): Summary | undefined {
  const rates = [...new Set(results.map(({ rate }) => rate))].sort((a, b) => a - b);
  const byRate = rates.map((rate) => ({ rate, cells: results.filter((cell) => cell.rate === rate) }));
  const most = Math.max(0, ...byRate.map(({ cells }) => cells.length));
  const compared = byRate.filter(({ cells }) => cells.length === most);
  // A correlation is NaN where every prediction is the same; nothing is worse.
  const devMean = (cells: readonly CellResult[]): number =>
    spreadOf(cells.map(({ dev }) => dev[metrics[0]])).mean || -Infinity;
  let best = compared[0];
  for (const candidate of compared) if (devMean(candidate.cells) > devMean(best.cells)) best = candidate;
  if (!best) return undefined;
  const { rate, cells } = best;
  const spreads = (split: 'dev' | 'test'): Record<string, Spread> =>
    Object.fromEntries(metrics.map((metric) => [metric, spreadOf(cells.map((cell) => cell[split][metric]))]));
  const { task, size, system, start, epochs, batchSize, maxLength, limit } = cells[0];
  return {
    task,
    size,
    system,
    start,
    epochs,
    batchSize,
    maxLength,
    limit,
    rate,
    seeds: cells.map(({ seed }) => seed).sort((a, b) => a - b),
    rates: compared.map((candidate) => candidate.rate),
    dev: spreads('dev'),
    test: spreads('test'),
  };
}
