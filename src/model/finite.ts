import { countOf } from '../core/count.ts';
import { AlbertineError } from '../core/errors.ts';
import type { Weights } from './parameters.ts';

/** A tensor with values that are no numbers to compute with. */
export interface NonFiniteTensor {
  name: string;
  /** Values that are NaN. */
  nan: number;
  /** Values that are infinite. */
  infinite: number;
}

/** The tensors that hold NaN or infinity, in the order of the weights. Reads every value once. */
export function findNonFinite(weights: Weights): NonFiniteTensor[] {
  const found: NonFiniteTensor[] = [];
  for (const [name, { data }] of weights) {
    let [nan, infinite] = [0, 0];
    for (let i = 0; i < data.length; i++) {
      const value = data[i];
      // The difference is NaN for exactly those values.
      if (value - value === 0) continue;
      if (Number.isNaN(value)) nan++;
      else infinite++;
    }
    if (nan + infinite > 0) found.push({ name, nan, infinite });
  }
  return found;
}

/** Tensors that are listed by name; the others are counted. */
const LISTED = 5;

/** One line: `albert.pooler.bias holds 1 NaN`. */
export function describeNonFinite(tensors: readonly NonFiniteTensor[]): string {
  const lines = tensors
    .slice(0, LISTED)
    .map(
      ({ name, nan, infinite }) =>
        `${name} holds ${[...(nan > 0 ? [`${nan.toLocaleString('en-US')} NaN`] : []), ...(infinite > 0 ? [countOf(infinite, 'infinite number')] : [])].join(' and ')}`,
    );
  return [
    ...lines,
    ...(tensors.length > LISTED ? [`and ${countOf(tensors.length - LISTED, 'more tensor')}`] : []),
  ].join(', ');
}

/**
 * Throws `not_finite`, naming the tensors, when weights hold NaN or infinity: training from them or a copy of them is
 * of no use.
 */
export function requireFiniteWeights(weights: Weights, source: string): void {
  const tensors = findNonFinite(weights);
  if (tensors.length > 0) {
    throw new AlbertineError('not_finite', `${source}: ${describeNonFinite(tensors)}`, {
      value: tensors.map(({ name }) => name),
      hint: 'The training that wrote it diverged, or the file is damaged: take an earlier checkpoint or download it again',
    });
  }
}
