import type { Arena } from '../arena.ts';
import { createKernels, type OptimizerKernels } from './kernels.ts';
import {
  arenaState,
  biasCorrections,
  resolveAdamOptions,
  restoreState,
  type AdamOptions,
  type Optimizer,
} from './optimizer.ts';

/** Options of {@link createAdamW}; `epsilon` defaults to 1e-8 and `biasCorrection` to true, as in PyTorch. */
export interface AdamWOptions extends AdamOptions {
  /** Inner loops. Default: the fastest available. */
  kernels?: OptimizerKernels;
}

/**
 * AdamW (Loshchilov and Hutter 2019): Adam with weight decay applied to the parameters, not to the gradients. With the
 * defaults it is `torch.optim.AdamW` with bias and LayerNorm parameters in a group without decay. ALBERT's released
 * fine-tuning code is the same with `epsilon: 1e-6, biasCorrection: false`. Needs an arena with 4 buffers.
 */
export function createAdamW(arena: Arena, options: AdamWOptions = {}): Optimizer {
  const { kernels = createKernels(arena), ...given } = options;
  const constants = resolveAdamOptions(given, { epsilon: 1e-8, biasCorrection: true });
  const state = () =>
    arenaState(arena, 'adamw', ['firstMoment', 'secondMoment'], {
      ...constants,
      biasCorrection: Number(constants.biasCorrection),
    });
  return {
    name: 'adamw',
    step(stepNumber, learningRate, gradientScale) {
      const moment = { ...constants, ...biasCorrections(constants, stepNumber), gradientScale };
      for (const range of arena.ranges) {
        kernels.adamw(range, moment, {
          learningRate: learningRate * range.learningRateScale,
          weightDecay: range.decay ? constants.weightDecay : 0,
        });
      }
    },
    state,
    restore: (saved) => restoreState(state(), saved),
  };
}
