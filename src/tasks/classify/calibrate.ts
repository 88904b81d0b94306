import { countOf } from '../../core/count.ts';

const LOWEST = 0.05;
const HIGHEST = 20;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** In the logarithm of the temperature; the last interval of the search is a hundred times shorter. */
const AT_BOUND = 1e-6;

/** What {@link fitTemperature} found. */
export interface TemperatureFit {
  /** From 0.05 to 20. */
  temperature: number;
  /** Set where the best temperature lies at or beyond an end of that range, so that the rows do not determine it. */
  bound?: 'lowest' | 'highest';
  /** Rows it was fitted on, and those of them whose best label is the right one. */
  rows: number;
  right: number;
}

/**
 * Temperature that minimises the log loss of `softmax(logits / temperature)` (Guo et al. 2017, "On Calibration of
 * Modern Neural Networks"). `logits: [rows, width]`, `gold`: class per row. Between 0.05 and 20; the ranking of labels
 * does not change. Where all rows are labelled right, as few rows often are, the loss falls towards temperature 0: the
 * lowest one is returned and `bound` says so.
 */
export function fitTemperature(logits: Float32Array, gold: readonly number[], width: number): TemperatureFit {
  const rows = gold.map((label, row) => gapsOf(logits.subarray(row * width, (row + 1) * width), label));
  const loss = (temperature: number): number => rows.reduce((total, gaps) => total + logLossOf(gaps, temperature), 0);
  // The loss is convex in 1 / temperature, hence unimodal in its logarithm: golden-section search.
  let [low, high] = [Math.log(LOWEST), Math.log(HIGHEST)];
  for (let i = 0; i < 40; i++) {
    const left = high - GOLDEN * (high - low);
    const right = low + GOLDEN * (high - low);
    // Equal ones are where nothing is left to lose: further down it is the same.
    if (loss(Math.exp(left)) <= loss(Math.exp(right))) high = right;
    else low = left;
  }
  const counts = { rows: rows.length, right: rows.filter((gaps) => gaps.every((gap) => gap < 0)).length };
  if (low - Math.log(LOWEST) < AT_BOUND) return { temperature: LOWEST, bound: 'lowest', ...counts };
  if (Math.log(HIGHEST) - high < AT_BOUND) return { temperature: HIGHEST, bound: 'highest', ...counts };
  return { temperature: Math.exp((low + high) / 2), ...counts };
}

/** Tells of a temperature that its rows do not determine, and what to do; undefined where they do. */
export function describeBound({ temperature, bound, rows, right }: TemperatureFit): string | undefined {
  if (bound === undefined) return undefined;
  const found = `no temperature is stored: calibration ran to ${temperature}, the ${bound} that it tries, on ${countOf(rows, 'held-out row')}, ${right} of them labelled right`;
  return bound === 'lowest'
    ? `${found}; hold out more rows, so that there are mistakes among them to learn from`
    : `${found}; the labels are not learned yet, so train for longer or hold out more rows`;
}

/** How far the logits of the other classes lie above that of the right one. */
function gapsOf(logits: Float32Array, label: number): number[] {
  return Array.from(logits, (value) => value - logits[label]).filter((_, i) => i !== label);
}

/** `-log(softmax(logits / temperature)[label])` in a form that neither overflows nor rounds what is small to 0. */
function logLossOf(gaps: readonly number[], temperature: number): number {
  const largest = Math.max(0, ...gaps) / temperature;
  const others = gaps.reduce((sum, gap) => sum + Math.exp(gap / temperature - largest), 0);
  return largest === 0 ? Math.log1p(others) : largest + Math.log(Math.exp(-largest) + others);
}
