import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createArena, type Arena } from '../../src/training/arena.ts';
import { createAdamW } from '../../src/training/optimizers/adamw.ts';
import { createKernels, plainKernels } from '../../src/training/optimizers/kernels.ts';
import { simdKernels } from '../../src/training/optimizers/kernels-simd.ts';
import { createLamb } from '../../src/training/optimizers/lamb.ts';
import { clipScale, globalNorm, type Optimizer } from '../../src/training/optimizers/optimizer.ts';
import { createSgd } from '../../src/training/optimizers/sgd.ts';
import { createRandom } from '../../src/core/random.ts';

type Values = Record<string, number[]>;
interface Golden {
  shapes: Record<string, number[]>;
  rates: number[];
  initial: Values;
  gradients: Values[];
  norms: number[];
  traces: Record<string, Values[]>;
}
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'goldens/optimizers.json'), 'utf8')) as Golden;
const specs = Object.entries(golden.shapes).map(([name, shape]) => ({ name, shape }));

function goldenArena(buffers = 4): Arena {
  const arena = createArena(specs, buffers);
  for (const { name } of specs) arena.view(name, 'values').set(golden.initial[name]);
  return arena;
}

function setGradients(arena: Arena, step: number): void {
  for (const { name } of specs) arena.view(name, 'gradients').set(golden.gradients[step][name]);
}

/** Largest difference to PyTorch over all steps, relative to the parameter's largest value. */
function largestDifference(arena: Arena, optimizer: Optimizer, trace: Values[], maxNorm = 0): number {
  let worst = 0;
  trace.forEach((expected, step) => {
    setGradients(arena, step);
    const norm = globalNorm(arena);
    expect(norm).toBeCloseTo(golden.norms[step], 5);
    optimizer.step(step + 1, golden.rates[step], clipScale(norm, maxNorm));
    for (const { name } of specs) {
      const scale = Math.max(...expected[name].map(Math.abs));
      arena.view(name, 'values').forEach((value, i) => {
        worst = Math.max(worst, Math.abs(value - expected[name][i]) / scale);
      });
    }
  });
  return worst;
}

const cases: [name: string, buffers: number, make: (arena: Arena) => Optimizer, maxNorm?: number][] = [
  ['adamw', 4, (arena) => createAdamW(arena)],
  [
    'adamw clipped',
    4,
    (arena) => createAdamW(arena, { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 }),
    0.5,
  ],
  ['adamw without bias correction', 4, (arena) => createAdamW(arena, { biasCorrection: false, epsilon: 1e-6 })],
  ['lamb', 4, (arena) => createLamb(arena)],
  ['lamb with bias correction', 4, (arena) => createLamb(arena, { biasCorrection: true, weightDecay: 0.1 })],
  ['sgd', 2, (arena) => createSgd(arena, { momentum: 0 })],
  ['sgd with momentum', 3, (arena) => createSgd(arena, { momentum: 0.9, weightDecay: 0.05 })],
  ['sgd with nesterov', 3, (arena) => createSgd(arena, { momentum: 0.9, nesterov: true, weightDecay: 0.05 })],
];

describe('optimisers against PyTorch in float64', () => {
  it.each(cases)('%s', (name, buffers, make, maxNorm) => {
    const arena = goldenArena(buffers);
    // torch divides by norm + 1e-6 when it clips, hence the wider bound there.
    expect(largestDifference(arena, make(arena), golden.traces[name], maxNorm)).toBeLessThan(maxNorm ? 2e-6 : 1e-6);
  });

  it.each(cases.slice(0, 5))('%s with the plain kernels', (name, _buffers, _make, maxNorm) => {
    const arena = goldenArena();
    const kernels = plainKernels(arena);
    const given = {
      'adamw clipped': { beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 },
      'adamw without bias correction': { biasCorrection: false, epsilon: 1e-6 },
      'lamb with bias correction': { biasCorrection: true, weightDecay: 0.1 },
    }[name];
    const optimizer = name.startsWith('lamb')
      ? createLamb(arena, { ...given, kernels })
      : createAdamW(arena, { ...given, kernels });
    expect(largestDifference(arena, optimizer, golden.traces[name], maxNorm)).toBeLessThan(maxNorm ? 2e-6 : 1e-6);
  });
});

const manySpecs = [
  { name: 'a.weight', shape: [37, 61] },
  { name: 'a.bias', shape: [61] },
  { name: 'b.weight', shape: [3001] },
  { name: 'b.LayerNorm.weight', shape: [5] },
  { name: 'c.weight', shape: [1] },
  { name: 'empty.weight', shape: [0, 4] },
];

function filled(seed: number): Arena {
  const arena = createArena(manySpecs, 4);
  const random = createRandom(seed);
  for (const { name } of manySpecs) {
    for (const kind of arena.kinds) {
      const view = arena.view(name, kind);
      for (let i = 0; i < view.length; i++) view[i] = random.normal() * 10 ** (random.integer(12) - 9);
      if (kind === 'secondMoment') for (let i = 0; i < view.length; i++) view[i] = Math.abs(view[i]);
    }
  }
  return arena;
}

describe('WASM SIMD kernels', () => {
  it('are used where the engine has them', () => {
    expect(createKernels(filled(1)).name).toBe('simd');
  });

  it.each([
    ['adamw', createAdamW, {}],
    ['adamw without bias correction', createAdamW, { biasCorrection: false, weightDecay: 0 }],
    ['lamb', createLamb, {}],
    ['lamb with bias correction', createLamb, { biasCorrection: true }],
  ] as const)('%s equals the plain kernels bit for bit', (_name, create, options) => {
    const [fast, plain] = [filled(7), filled(7)];
    const optimizers = [
      create(fast, { ...options, kernels: simdKernels(fast)! }),
      create(plain, { ...options, kernels: plainKernels(plain) }),
    ];
    for (let step = 1; step <= 5; step++) {
      for (const arena of [fast, plain]) {
        const random = createRandom(step);
        const gradients = arena.buffer('gradients');
        for (const { offset, length } of arena.slots)
          for (let i = offset; i < offset + length; i++) gradients[i] = random.normal();
      }
      for (const optimizer of optimizers) optimizer.step(step, 1e-3, 0.37);
      for (const kind of ['values', 'gradients', 'firstMoment', 'secondMoment'] as const) {
        if (kind === 'gradients' && create === createAdamW) continue;
        expect(new Uint32Array(fast.buffer(kind).slice().buffer)).toEqual(
          new Uint32Array(plain.buffer(kind).slice().buffer),
        );
      }
    }
  });

  it('sum squares bit for bit and see every non-finite gradient', () => {
    const arena = filled(3);
    const span = { start: 0, end: arena.length };
    const [fast, plain] = [simdKernels(arena)!, plainKernels(arena)];
    expect(fast.sumOfSquares(span)).toBe(plain.sumOfSquares(span));
    expect(fast.sumOfSquares({ start: 0, end: 0 })).toBe(0);
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const index of [0, 1, 2, 3, arena.slots.at(-1)!.offset]) {
        const gradients = arena.buffer('gradients');
        const kept = gradients[index];
        gradients[index] = bad;
        expect(Number.isFinite(globalNorm(arena))).toBe(false);
        gradients[index] = kept;
      }
    }
    expect(Number.isFinite(globalNorm(arena))).toBe(true);
  });

  it('norm does not overflow where float32 would', () => {
    const arena = filled(3);
    arena.zeroGradients();
    arena.buffer('gradients').fill(3e30, 0, 4);
    expect(globalNorm(arena)).toBeCloseTo(6e30, -25);
  });
});

describe('optimiser behaviour', () => {
  it('a resumed run equals an uninterrupted one bit for bit', () => {
    const whole = goldenArena();
    const first = createAdamW(whole);
    const arena = goldenArena();
    const other = createAdamW(arena);
    const run = (target: Arena, optimizer: Optimizer, steps: number[]) => {
      for (const step of steps) {
        setGradients(target, step);
        optimizer.step(step + 1, golden.rates[step], 1);
      }
    };
    run(whole, first, [0, 1, 2, 3, 4, 5]);
    run(arena, other, [0, 1, 2]);
    const saved = other.state();
    const copy = { ...saved, arrays: new Map([...saved.arrays].map(([key, array]) => [key, array.slice()])) };
    const resumed = createArena(specs, 4);
    resumed.load(arena.weights());
    const continued = createAdamW(resumed);
    continued.restore(copy);
    run(resumed, continued, [3, 4, 5]);
    expect(resumed.weights()).toEqual(whole.weights());
  });

  it('refuses the state of another algorithm or layout', () => {
    const arena = goldenArena();
    const adamw = createAdamW(arena);
    expect(() => createLamb(arena).restore(adamw.state())).toThrow(/is lamb but the saved state is of adamw/);
    const state = adamw.state();
    state.arrays.delete('firstMoment/head.weight');
    expect(() => createAdamW(goldenArena()).restore(state)).toThrow(/firstMoment\/head.weight is missing/);
  });

  it('checks its options', () => {
    const arena = goldenArena();
    expect(() => createAdamW(arena, { beta1: 1 })).toThrow(/beta1 must be in \[0, 1\), got 1/);
    expect(() => createLamb(arena, { epsilon: 0 })).toThrow(/epsilon/);
    expect(() => createSgd(arena, { momentum: 0, nesterov: true })).toThrow(/nesterov/);
    expect(() => createAdamW(createArena(specs, 2)).step(1, 1e-3, 1)).toThrow(/no buffer for firstMoment/);
  });

  it('scales the learning rate per parameter', () => {
    const arena = createArena(specs, 2, {
      learningRateScales: [
        ['encoder', 0.5],
        ['head', 0],
      ],
    });
    for (const { name } of specs) arena.view(name, 'gradients').fill(1);
    createSgd(arena, { momentum: 0 }).step(1, 0.1, 1);
    expect(arena.view('encoder.weight', 'values')[0]).toBeCloseTo(-0.05);
    expect(arena.view('LayerNorm.weight', 'values')[0]).toBeCloseTo(-0.1);
    expect(arena.view('head.weight', 'values')[0]).toBe(0);
  });

  it('clips only norms above the limit', () => {
    expect(clipScale(2, 1)).toBe(0.5);
    expect(clipScale(0.5, 1)).toBe(1);
    expect(clipScale(100, 0)).toBe(1);
    expect(() => clipScale(1, -1)).toThrow(/maxNorm/);
  });
});
