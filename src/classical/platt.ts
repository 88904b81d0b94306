/** A sigmoid over decision values: `1 / (1 + exp(slope * value + offset))`. */
export interface Sigmoid {
  /** Factor on the decision value; negative where higher values mean yes. */
  slope: number;
  /** Added to it. */
  offset: number;
}

const MAX_ITERATIONS = 100;
const SMALLEST_STEP = 1e-10;

/**
 * Probabilities for the decision values of held-out rows (Platt 1999, by the Newton method of Lin, Lin and Weng 2007).
 * Targets are drawn in by the counts of either side, so that separable values do not give a step.
 */
export function fitSigmoid(values: ArrayLike<number>, positive: ArrayLike<number>): Sigmoid {
  let positives = 0;
  for (let i = 0; i < positive.length; i++) positives += positive[i];
  const negatives = positive.length - positives;
  const [high, low] = [(positives + 1) / (positives + 2), 1 / (negatives + 2)];
  const targets = Float64Array.from({ length: positive.length }, (_, i) => (positive[i] ? high : low));
  let sigmoid: Sigmoid = { slope: 0, offset: Math.log((negatives + 1) / (positives + 1)) };
  let loss = lossOf(values, targets, sigmoid);
  for (let i = 0; i < MAX_ITERATIONS; i++) {
    const step = newtonStep(values, targets, sigmoid);
    if (step.gradient < 1e-5) break;
    let size = 1;
    let next = moved(sigmoid, step, size);
    let found = lossOf(values, targets, next);
    while (found > loss + 1e-4 * size * step.decrease && size > SMALLEST_STEP) {
      size /= 2;
      next = moved(sigmoid, step, size);
      found = lossOf(values, targets, next);
    }
    if (size <= SMALLEST_STEP) break;
    [sigmoid, loss] = [next, found];
  }
  return sigmoid;
}

/** Probability of a decision value. */
export function sigmoidProbability(value: number, { slope, offset }: Sigmoid): number {
  return 1 / (1 + Math.exp(slope * value + offset));
}

const moved = ({ slope, offset }: Sigmoid, step: { slope: number; offset: number }, size: number): Sigmoid => ({
  slope: slope + size * step.slope,
  offset: offset + size * step.offset,
});

function lossOf(values: ArrayLike<number>, targets: Float64Array, { slope, offset }: Sigmoid): number {
  return targets.reduce((sum, target, i) => {
    const score = slope * values[i] + offset;
    return sum + target * score + Math.max(-score, 0) + Math.log1p(Math.exp(-Math.abs(score)));
  }, 0);
}

function newtonStep(
  values: ArrayLike<number>,
  targets: Float64Array,
  sigmoid: Sigmoid,
): { slope: number; offset: number; gradient: number; decrease: number } {
  let [h11, h22, h21, g1, g2] = [1e-12, 1e-12, 0, 0, 0];
  targets.forEach((target, i) => {
    const p = sigmoidProbability(values[i], sigmoid);
    const weight = p * (1 - p);
    h11 += values[i] * values[i] * weight;
    h22 += weight;
    h21 += values[i] * weight;
    g1 += values[i] * (target - p);
    g2 += target - p;
  });
  const determinant = h11 * h22 - h21 * h21;
  const slope = -(h22 * g1 - h21 * g2) / determinant;
  const offset = -(-h21 * g1 + h11 * g2) / determinant;
  return {
    slope,
    offset,
    gradient: Math.max(Math.abs(g1), Math.abs(g2)),
    decrease: g1 * slope + g2 * offset,
  };
}
