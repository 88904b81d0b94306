import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { zeros, float32, type RunTensor } from '../../src/runtime/tensor.ts';
import { createArena, type Arena } from '../../src/training/arena.ts';
import { createAdamW } from '../../src/training/optimizers/adamw.ts';
import { createLamb } from '../../src/training/optimizers/lamb.ts';
import type { Optimizer } from '../../src/training/optimizers/optimizer.ts';
import { createSgd } from '../../src/training/optimizers/sgd.ts';
import { UpdateGraphs, updateRule, type ParameterState } from '../../src/training/optimizers/update-graph.ts';

const SPECS = [
  { name: 'first.weight', shape: [48, 65] },
  { name: 'first.bias', shape: [65] },
  { name: 'zero.weight', shape: [7, 3] },
  { name: 'LayerNorm.weight', shape: [65] },
  { name: 'head.weight', shape: [3, 40] },
];

const CASES: [name: string, buffers: number, make: (arena: Arena) => Optimizer][] = [
  ['adamw', 4, (arena) => createAdamW(arena)],
  [
    'adamw without bias correction',
    4,
    (arena) => createAdamW(arena, { biasCorrection: false, epsilon: 1e-6, weightDecay: 0.1, beta1: 0.8 }),
  ],
  ['lamb', 4, (arena) => createLamb(arena)],
  ['lamb with bias correction', 4, (arena) => createLamb(arena, { biasCorrection: true, weightDecay: 0.1 })],
  ['sgd', 2, (arena) => createSgd(arena, { momentum: 0, weightDecay: 0.05 })],
  ['sgd with momentum', 3, (arena) => createSgd(arena, { momentum: 0.9, weightDecay: 0.05 })],
  ['sgd with nesterov', 3, (arena) => createSgd(arena, { momentum: 0.9, nesterov: true })],
];

/** `zero.weight` starts at zero, where LAMB's ratio is 1, and its first gradient is zero too. */
function filledArena(buffers: number): Arena {
  const arena = createArena(SPECS, buffers, { learningRateScales: [['head', 0.5]] });
  const random = createRandom(5);
  for (const { name } of SPECS)
    if (!name.startsWith('zero'))
      arena.view(name, 'values').forEach((_, i, values) => {
        values[i] = 0.3 * random.normal();
      });
  return arena;
}

function fillGradients(arena: Arena, step: number): void {
  const random = createRandom(100 + step);
  for (const { name } of SPECS) {
    const scale = name.startsWith('zero') && step === 1 ? 0 : 10 ** (random.integer(5) - 4);
    arena.view(name, 'gradients').forEach((_, i, gradients) => {
      gradients[i] = scale * random.normal();
    });
  }
}

/** Largest difference of two arrays, relative to the largest value. */
function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  let [worst, largest] = [0, 1e-30];
  expected.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(actual[i] - value));
    largest = Math.max(largest, Math.abs(value));
  });
  return worst / largest;
}

describe('update graphs on the CPU', () => {
  it.each(CASES)('%s equals the optimiser on the host over six steps, to 1e-6', async (_name, buffers, make) => {
    const onHost = filledArena(buffers);
    const inGraph = filledArena(buffers);
    const optimizer = make(onHost);
    using graphs = new UpdateGraphs(updateRule(make(inGraph)), 'cpu', { threads: 1 });
    for (let step = 1; step <= 6; step++) {
      for (const arena of [onHost, inGraph]) fillGradients(arena, step);
      const at = { stepNumber: step, learningRate: 0.01 / step, gradientScale: 0.37 };
      optimizer.step(at.stepNumber, at.learningRate, at.gradientScale);
      for (const slot of inGraph.slots) {
        const state: Record<string, RunTensor> = {};
        for (const kind of inGraph.kinds) state[kind] = float32(slot.shape, inGraph.view(slot.name, kind));
        await graphs.apply(slot, state as ParameterState, at);
      }
      for (const { name } of SPECS) {
        for (const kind of onHost.kinds.filter((candidate) => candidate !== 'gradients')) {
          expect(
            relativeDifference(inGraph.view(name, kind), onHost.view(name, kind)),
            `${kind} of ${name} at step ${step}`,
          ).toBeLessThan(1e-6);
        }
      }
    }
    expect(onHost.view('zero.weight', 'values').some((value) => value !== 0)).toBe(true);
  });

  it('refuses an optimiser that has no graph', () => {
    const optimizer = { ...createAdamW(filledArena(4)), name: 'adagrad' };
    expect(() => updateRule(optimizer)).toThrow(/no update graph for adagrad/);
  });

  it('names the moment that a state lacks', async () => {
    using graphs = new UpdateGraphs(updateRule(createAdamW(filledArena(4))), 'cpu', { threads: 1 });
    const state = {
      values: zeros('float32', [2]),
      gradients: zeros('float32', [2]),
      secondMoment: zeros('float32', [2]),
    };
    await expect(
      graphs.apply({ shape: [2], decay: true, learningRateScale: 1 }, state, {
        stepNumber: 1,
        learningRate: 1,
        gradientScale: 1,
      }),
    ).rejects.toThrow(/input old\(firstMoment\) is missing/);
  });
});
