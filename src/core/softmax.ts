/** Softmax of one row of logits, divided by a temperature (default 1). */
export function softmaxRow(logits: ArrayLike<number>, temperature = 1): Float32Array {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]);
  const out = Float32Array.from({ length: logits.length }, (_, i) => Math.exp((logits[i] - largest) / temperature));
  const total = out.reduce((a, b) => a + b, 0);
  return out.map((value) => value / total);
}

/** Softmax of a few logits, in double precision. */
export function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const parts = logits.map((logit) => Math.exp(logit - largest));
  const total = parts.reduce((sum, part) => sum + part, 0);
  return parts.map((part) => part / total);
}

/** Logarithms of the softmax of one row, of any length. */
export function logSoftmaxRow(row: Float32Array): Float32Array {
  let largest = -Infinity;
  for (const value of row) largest = Math.max(largest, value);
  let total = 0;
  for (const value of row) total += Math.exp(value - largest);
  const shift = Math.log(total) + largest;
  return row.map((value) => value - shift);
}
