import type { Arena } from '../arena.ts';
import type { OptimizerOptions } from '../trainer-options.ts';
import { createAdamW } from './adamw.ts';
import { requireUsedByOptimizer } from './constants.ts';
import { createLamb } from './lamb.ts';
import type { Optimizer } from './optimizer.ts';
import { createSgd } from './sgd.ts';

/** The optimiser that options name, over an arena. Throws `invalid_argument` for constants that it does not have. */
export function createOptimizer(arena: Arena, options: OptimizerOptions): Optimizer {
  const { name = 'adamw', momentum, ...constants } = options;
  requireUsedByOptimizer(name, options);
  switch (name) {
    case 'adamw':
      return createAdamW(arena, constants);
    case 'lamb':
      return createLamb(arena, constants);
    case 'sgd':
      return createSgd(arena, {
        momentum: momentum ?? 0.9,
        ...(constants.weightDecay !== undefined && { weightDecay: constants.weightDecay }),
      });
  }
}
