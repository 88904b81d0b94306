import { normalised, type FeatureMatrix } from './features.ts';
import type { LinearModel, Targets } from './linear.ts';

/**
 * The mean direction of each output's rows (Rocchio 1971): decision values of {@link normalised} rows are cosines. With
 * one output it is the difference of the two directions.
 */
export async function trainCentroids(features: FeatureMatrix, { values, outputs }: Targets): Promise<LinearModel> {
  const rows = normalised(features);
  const direction = async (members: Float64Array): Promise<Float64Array> => {
    const sum = await rows.multiplyTransposed(members, outputs); // [columns, outputs]
    const squares = new Float64Array(outputs);
    sum.forEach((value, i) => (squares[i % outputs] += value * value));
    return sum.map((value, i) => (squares[i % outputs] > 0 ? value / Math.sqrt(squares[i % outputs]) : 0));
  };
  const weights = await direction(values);
  if (outputs > 1) return { weights, bias: new Float64Array(outputs) };
  const others = await direction(values.map((value) => 1 - value));
  return { weights: weights.map((value, i) => value - others[i]), bias: new Float64Array(1) };
}
