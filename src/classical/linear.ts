import type { FeatureMatrix } from './features.ts';

/** A linear model: `X · weights + bias`. */
export interface LinearModel {
  /** `[columns, outputs]` */
  weights: Float64Array;
  /** One an output. */
  bias: Float64Array;
}

/** What rows are to be told apart by. */
export interface Targets {
  /**
   * `[rows, outputs]`: 1 where the output is right for the row. One output where there are two classes: 1 for the
   * second of them.
   */
  values: Float64Array;
  /** Numbers a row. */
  outputs: number;
}

/** Decision values `[rows, outputs]`. */
export async function decisionValues(features: FeatureMatrix, { weights, bias }: LinearModel): Promise<Float64Array> {
  const outputs = bias.length;
  const values = await features.multiply(weights, outputs);
  return values.map((value, i) => value + bias[i % outputs]);
}

/** Targets of rows with one class each: one output for two classes, else one a class. */
export function classTargets(classes: ArrayLike<number>, count: number): Targets {
  const outputs = count === 2 ? 1 : count;
  const values = new Float64Array(classes.length * outputs);
  for (let row = 0; row < classes.length; row++) {
    if (count === 2) values[row] = classes[row];
    else values[row * outputs + classes[row]] = 1;
  }
  return { values, outputs };
}

/** Class of each row of decision values `[rows, outputs]`: the largest, or of one output the sign. */
export function decidedClasses(values: Float64Array, outputs: number): number[] {
  return Array.from({ length: values.length / outputs }, (_, row) => {
    const own = values.subarray(row * outputs, (row + 1) * outputs);
    return outputs === 1 ? Number(own[0] > 0) : own.indexOf(Math.max(...own));
  });
}
