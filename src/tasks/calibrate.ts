import { softmaxRow } from '../core/softmax.ts';

const LOWEST = 0.05;
const HIGHEST = 20;
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Temperature that minimises the log loss of `softmax(logits / temperature)` (Guo et al. 2017, "On Calibration of Modern
 * Neural Networks"). `logits: [rows, width]`, `gold`: class per row. Between 0.05 and 20; the ranking of labels does not change.
 */
export function fitTemperature(logits: Float32Array, gold: readonly number[], width: number): number {
  const loss = (temperature: number): number => gold.reduce((total, label, row) => {
    const probabilities = softmaxRow(logits.subarray(row * width, (row + 1) * width), temperature);
    return total - Math.log(Math.max(probabilities[label], 1e-12));
  }, 0);
  // The loss is convex in 1 / temperature, hence unimodal in its logarithm: golden-section search.
  let [low, high] = [Math.log(LOWEST), Math.log(HIGHEST)];
  for (let i = 0; i < 40; i++) {
    const left = high - GOLDEN * (high - low);
    const right = low + GOLDEN * (high - low);
    if (loss(Math.exp(left)) < loss(Math.exp(right))) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}
