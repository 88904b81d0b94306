import type { Weights } from '../../src/model/parameters.ts';
import type { TrainingDevice } from '../../src/runtime/devices.ts';
import { LayerwiseNetwork } from '../../src/training/layerwise.ts';
import { clipScale } from '../../src/training/optimizers/optimizer.ts';
import { loadTrainingCase, maxAbsDifference } from '../oracle/goldens.ts';
import { curveSetup } from './curve-setup.ts';
import { goldenBatch } from './golden-batches.ts';

/**
 * Run as a process of its own by webgpu.test.ts. Trains the first steps of one of PyTorch's curves (see curves.test.ts)
 * on the device and on the CPU, and prints as JSON the largest relative differences of losses and norms to PyTorch's on
 * the device, and the largest difference of a weight after the last step between the two.
 */

interface Trained {
  loss: number;
  norm: number;
  weights: Weights;
}

async function train(name: string, steps: number, device: TrainingDevice): Promise<Trained> {
  const golden = loadTrainingCase(name);
  const { batches, curve } = golden;
  const { config, head, arena, optimizer } = curveSetup(golden);
  using network = new LayerwiseNetwork(config, arena, head, { threads: 1, device });
  await network.device.upload();
  const worst = { loss: 0, norm: 0 };
  for (const [step, batch] of batches.slice(0, steps).entries()) {
    await network.device.zeroGradients();
    const results = await network.accumulate(goldenBatch(batch), { step, microBatch: 0 });
    const norm = await network.device.gradientNorm();
    worst.loss = Math.max(worst.loss, relative((results['loss'].data as Float32Array)[0], curve.losses[step]));
    worst.norm = Math.max(worst.norm, relative(norm, curve.gradNorms[step]));
    await network.device.update(optimizer, {
      stepNumber: step + 1,
      learningRate: curve.learningRates[step],
      gradientScale: clipScale(norm, curve.maxGradNorm),
    });
  }
  await network.device.download('values');
  return { ...worst, weights: arena.weights() };
}

const relative = (actual: number, expected: number): number => Math.abs(actual - expected) / expected;

const [name, steps] = process.argv.slice(2);
const onDevice = await train(name, Number(steps), 'webgpu');
const onCpu = await train(name, Number(steps), 'cpu');
const weights = Math.max(
  ...[...onDevice.weights].map(([parameter, { data }]) => maxAbsDifference(data, onCpu.weights.get(parameter)!.data)),
);
process.stdout.write(JSON.stringify({ loss: onDevice.loss, norm: onDevice.norm, weights }));
