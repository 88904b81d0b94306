/** Softmax of one row of logits, divided by a temperature (default 1). */
export function softmaxRow(logits: ArrayLike<number>, temperature = 1): Float32Array {
  let largest = -Infinity;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]);
  const out = Float32Array.from({ length: logits.length }, (_, i) => Math.exp((logits[i] - largest) / temperature));
  const total = out.reduce((a, b) => a + b, 0);
  return out.map((value) => value / total);
}
