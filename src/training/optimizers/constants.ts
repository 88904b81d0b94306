import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { OptimizerOptions } from '../trainer-options.ts';

/** The constant given that the optimiser has no use for; undefined where all are used. */
export function unusedByOptimizer(
  name: NonNullable<OptimizerOptions['name']>,
  given: OptimizerOptions,
): 'beta1' | 'beta2' | 'epsilon' | 'momentum' | undefined {
  const others = name === 'sgd' ? (['beta1', 'beta2', 'epsilon'] as const) : (['momentum'] as const);
  return others.find((constant) => given[constant] !== undefined);
}

/** Throws `invalid_argument` for a constant that the optimiser has no use for: it would be ignored. */
export function requireUsedByOptimizer(name: NonNullable<OptimizerOptions['name']>, given: OptimizerOptions): void {
  const unused = unusedByOptimizer(name, given);
  if (unused)
    throw new AlbertineError('invalid_argument', prose`${option(unused)} is not for ${name}`, {
      value: given[unused],
      option: unused,
    });
}
