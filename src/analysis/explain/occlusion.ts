import type { ExplainedModel, ExplainedPiece } from './model.ts';
import { baselineId, type Baseline } from './integrated-gradients.ts';

/**
 * Occlusion (Zeiler & Fergus 2014): by how much an output falls when the tokens of a group are replaced by the
 * baseline's token, a group at a time. A group's fall is spread evenly over its tokens.
 */
export async function occlusion(
  model: ExplainedModel,
  piece: ExplainedPiece,
  {
    groups,
    output,
    baseline,
  }: { groups: readonly (readonly number[])[]; output: number; baseline: Exclude<Baseline, 'zero'> },
): Promise<Float64Array> {
  const values = new Float64Array(piece.ids.length);
  const replacement = baselineId(model, baseline);
  const [whole, ...rest] = await model.logits([piece, ...groups.map((group) => replaced(piece, group, replacement))]);
  groups.forEach((group, i) => {
    for (const token of group) values[token] = (whole[output] - rest[i][output]) / group.length;
  });
  return values;
}

/** A piece with some tokens replaced by another one. */
export function replaced(piece: ExplainedPiece, tokens: readonly number[], id: number): ExplainedPiece {
  const ids = piece.ids.slice();
  for (const token of tokens) ids[token] = id;
  return { ...piece, ids };
}
