/**
 * Attention rollout (Abnar & Zuidema 2020): how much of each token reaches the first one, when attention (the mean of
 * the heads, half of it, and the other half what passes by) is multiplied layer by layer. The shares add up to 1 and
 * say nothing of a class, nor whether a token speaks for or against.
 */
export function attentionRollout(attentions: readonly Float32Array[], tokens: number): Float64Array {
  // From the last layer down: one row vector, not a product of matrices.
  let row = new Float64Array(tokens);
  row[0] = 1;
  for (const layer of [...attentions].reverse()) {
    const heads = layer.length / tokens ** 2;
    const next = row.map((value) => 0.5 * value);
    for (let head = 0; head < heads; head++)
      for (let query = 0; query < tokens; query++) {
        const share = (0.5 * row[query]) / heads;
        const start = (head * tokens + query) * tokens;
        for (let key = 0; key < tokens; key++) next[key] += share * layer[start + key];
      }
    row = next;
  }
  return row;
}
