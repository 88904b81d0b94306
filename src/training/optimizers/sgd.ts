import type { Arena } from '../arena.ts';
import { arenaState, requireInRange, restoreState, type Optimizer } from './optimizer.ts';

/** Options of {@link createSgd}. */
export interface SgdOptions {
  /** Default 0.9; 0 needs no moment buffer. */
  momentum?: number;
  /** Looks ahead along the momentum (Nesterov). Default false. */
  nesterov?: boolean;
  /** Added to the gradient as `weightDecay × p`, except for slots with `decay: false`. Default 0. */
  weightDecay?: number;
}

/**
 * Stochastic gradient descent with momentum as in `torch.optim.SGD` (dampening 0): `b = momentum b + g`,
 * `p -= learningRate × b`, or `× (g + momentum b)` with Nesterov. Needs an arena with 3 buffers, with 2 when momentum
 * is 0.
 */
export function createSgd(arena: Arena, options: SgdOptions = {}): Optimizer {
  const { momentum = 0.9, nesterov = false, weightDecay = 0 } = options;
  requireInRange('momentum', momentum, momentum >= 0 && momentum < 1, 'in [0, 1)');
  requireInRange('weightDecay', weightDecay, weightDecay >= 0 && Number.isFinite(weightDecay), '>= 0');
  requireInRange('nesterov', nesterov, !nesterov || momentum > 0, 'false when momentum is 0');
  const values = arena.buffer('values');
  const gradients = arena.buffer('gradients');
  // Without momentum the gradients stand in for the buffer: b = 0 × g + g.
  const velocity = momentum > 0 ? arena.buffer('firstMoment') : undefined;
  const state = () =>
    arenaState(arena, 'sgd', velocity ? ['firstMoment'] : [], { momentum, nesterov: Number(nesterov), weightDecay });
  return {
    name: 'sgd',
    step(_stepNumber, learningRate, gradientScale) {
      for (const { start, end, decay, learningRateScale } of arena.ranges) {
        const rate = learningRate * learningRateScale;
        const pull = decay ? weightDecay : 0;
        for (let i = start; i < end; i++) {
          const g = gradients[i] * gradientScale + values[i] * pull;
          let direction = g;
          if (velocity) {
            velocity[i] = velocity[i] * momentum + g;
            direction = nesterov ? g + velocity[i] * momentum : velocity[i];
          }
          values[i] -= rate * direction;
        }
      }
    },
    state,
    restore: (saved) => restoreState(state(), saved),
  };
}
