import type { Arena } from '../arena.ts';
import { createKernels, type OptimizerKernels, type SquaredNorms } from './kernels.ts';
import {
  arenaState,
  biasCorrections,
  resolveAdamOptions,
  restoreState,
  type AdamOptions,
  type Optimizer,
} from './optimizer.ts';

/**
 * Options of {@link createLamb}; `epsilon` defaults to 1e-6 and `biasCorrection` to false, as in ALBERT's released
 * code.
 */
export interface LambOptions extends AdamOptions {
  /** Inner loops. Default: the fastest available. */
  kernels?: OptimizerKernels;
}

/**
 * LAMB (You et al. 2020, "Large Batch Optimization for Deep Learning"), with which ALBERT was pretrained. The Adam
 * update of each parameter tensor, weight decay included, is rescaled by the trust ratio ‖p‖ / ‖update‖ (1 when either
 * is 0). As in `lamb_optimizer.py` of google-research/albert: no bias correction by default, no bounds on the ratio,
 * and slots without decay (bias, LayerNorm) are excluded from the rescaling too. The paper's algorithm corrects the
 * bias: `biasCorrection: true`. Needs an arena with 4 buffers.
 */
export function createLamb(arena: Arena, options: LambOptions = {}): Optimizer {
  const { kernels = createKernels(arena), ...given } = options;
  const constants = resolveAdamOptions(given, { epsilon: 1e-6, biasCorrection: false });
  const state = () =>
    arenaState(arena, 'lamb', ['firstMoment', 'secondMoment'], {
      ...constants,
      biasCorrection: Number(constants.biasCorrection),
    });
  return {
    name: 'lamb',
    step(stepNumber, learningRate, gradientScale) {
      const moment = { ...constants, ...biasCorrections(constants, stepNumber), gradientScale };
      for (const slot of arena.slots) {
        const span = { start: slot.offset, end: slot.paddedEnd };
        const norms = kernels.lambDirection(span, moment, slot.decay ? constants.weightDecay : 0);
        kernels.subtractScaled(span, learningRate * slot.learningRateScale * (slot.decay ? trustRatio(norms) : 1));
      }
    },
    state,
    restore: (saved) => restoreState(state(), saved),
  };
}

function trustRatio({ values, update }: SquaredNorms): number {
  return values > 0 && update > 0 ? Math.sqrt(values / update) : 1;
}
