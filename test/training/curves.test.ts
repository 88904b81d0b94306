import { describe, expect, it } from 'vitest';
import { LayerwiseNetwork } from '../../src/training/layerwise.ts';
import { clipScale, globalNorm } from '../../src/training/optimizers/optimizer.ts';
import { listTrainingCases, loadTrainingCase, maxAbsDifference } from '../oracle/goldens.ts';
import { curveSetup } from './curve-setup.ts';
import { goldenBatch } from './golden-batches.ts';

/**
 * The same batches in the same order from the same weights, against PyTorch in float64: losses within 1e-4 relative and
 * final weights within 1e-4, over 50 steps of AdamW and LAMB (30 of pretraining).
 */
describe('loss curves against PyTorch', () => {
  it.each(listTrainingCases())('%s', async (name) => {
    const golden = loadTrainingCase(name);
    const { batches, curve, final } = golden;
    const { config, head, arena, optimizer } = curveSetup(golden);
    using network = new LayerwiseNetwork(config, arena, head, { threads: 1 });
    for (const [step, batch] of batches.entries()) {
      arena.zeroGradients();
      const results = await network.accumulate(goldenBatch(batch), { step, microBatch: 0 });
      const loss = (results['loss'].data as Float32Array)[0];
      expect(Math.abs(loss - curve.losses[step]) / curve.losses[step], `loss of step ${step}`).toBeLessThan(1e-4);
      const norm = globalNorm(arena);
      expect(
        Math.abs(norm - curve.gradNorms[step]) / curve.gradNorms[step],
        `gradient norm of step ${step}`,
      ).toBeLessThan(1e-4);
      optimizer.step(step + 1, curve.learningRates[step], clipScale(norm, curve.maxGradNorm));
    }
    for (const [parameter, { data }] of arena.weights())
      expect(maxAbsDifference(data, final.get(parameter)!.data), parameter).toBeLessThan(1e-4);
  });
});
