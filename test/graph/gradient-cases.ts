import type { Shape } from '../../src/graph/dims.ts';
import type { Tensor } from '../../src/graph/graph.ts';
import { geluTanh, silu } from '../../src/graph/operators/activation.ts';
import { attention } from '../../src/graph/operators/attention.ts';
import { chainScores, crfNegativeLogLikelihood, type CrfTensors } from '../../src/graph/operators/crf.ts';
import {
  add,
  applyMask,
  divide,
  exp,
  log,
  multiply,
  negate,
  relu,
  scale,
  sigmoid,
  softplus,
  sqrt,
  subtract,
  tanh,
} from '../../src/graph/operators/elementwise.ts';
import {
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  weightedCrossEntropy,
} from '../../src/graph/operators/loss.ts';
import { linear, matmul } from '../../src/graph/operators/matmul.ts';
import { layerNorm, softmax } from '../../src/graph/operators/normalization.ts';
import { logSumExp, mean, sum } from '../../src/graph/operators/reduce.ts';
import { concat, gather, reshape, slice, sumAll, transpose } from '../../src/graph/operators/shape.ts';
import type { GradientCase, InputSpec, Values } from './check-gradient.ts';

/** Every differentiable operator in its forms, by name. `gelu_erf` is apart: it has no float64 kernel. */
export const GRADIENT_CASES: Record<string, GradientCase> = {};

const one = (
  shape: Shape,
  build: (x: Tensor, dim: (dim: number | string) => number | string) => Tensor,
  values: Values = 'normal',
): GradientCase => ({ inputs: { x: { shape, values } }, build: ({ x }, dim) => build(x, dim) });
const integers = (shape: Shape, values: readonly number[]): InputSpec => ({ shape, values, integer: true });

// Element-wise, with every kind of broadcasting: none, size-1 axes, missing axes, both sides, scalars.
const SHAPES: Record<string, [Shape, Shape]> = {
  'equal shapes': [
    ['batch', 'sequence', 4],
    ['batch', 'sequence', 4],
  ],
  'a vector': [['batch', 'sequence', 4], [4]],
  'a size-1 axis': [
    ['batch', 'sequence', 4],
    ['batch', 1, 4],
  ],
  'a leading axis and a size-1 axis': [
    ['batch', 'sequence', 4],
    ['sequence', 1],
  ],
  'both sides': [
    ['batch', 1, 4],
    ['sequence', 1],
  ],
  'a scalar': [[], ['batch', 4]],
  'a vector of one': [['rows', 4], [1]],
  'a matrix in front': [
    [7, 4],
    ['batch', 'sequence', 7, 4],
  ],
};
for (const [operator, apply] of Object.entries({ add, subtract, multiply, divide })) {
  for (const [kind, [a, b]] of Object.entries(SHAPES)) {
    GRADIENT_CASES[`${operator}, ${kind}`] = {
      inputs: { a: { shape: a }, b: { shape: b, values: 'awayFromZero' } },
      build: (x) => apply(x['a'], x['b']),
    };
  }
}
for (const [operator, [apply, values]] of Object.entries({
  negate: [negate, 'normal'],
  exp: [exp, 'normal'],
  log: [log, 'positive'],
  sqrt: [sqrt, 'positive'],
  tanh: [tanh, 'normal'],
  sigmoid: [sigmoid, 'normal'],
  relu: [relu, 'awayFromZero'],
  softplus: [softplus, 'awayFromZero'],
  geluTanh: [geluTanh, 'normal'],
  silu: [silu, 'normal'],
} satisfies Record<string, [(x: Tensor) => Tensor, Values]>)) {
  GRADIENT_CASES[operator] = one(['batch', 'sequence', 4], apply, values);
}
Object.assign(GRADIENT_CASES, {
  'multiply by itself': one(['rows', 4], (x) => multiply(x, x)),
  scale: one(['rows', 4], (x) => scale(x, -1.5)),
  'scale by one': one(['rows', 4], (x) => scale(scale(x, 1), 2)),
  applyMask: {
    inputs: { x: { shape: ['rows', 4] }, mask: { shape: ['rows', 4], values: 'mask', constant: true } },
    build: ({ x, mask }) => applyMask(x, mask),
  },
  'applyMask, mask of more axes': {
    inputs: { x: { shape: ['rows', 1] }, mask: { shape: ['rows', 4], values: 'mask', constant: true } },
    build: ({ x, mask }) => applyMask(x, mask),
  },
  'shared subexpression': one(['rows', 4], (x) => {
    const y = tanh(x);
    return add(multiply(y, y), multiply(x, y));
  }),
} satisfies Record<string, GradientCase>);

// Products: every transpose, factor and batch broadcasting.
for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    for (const alpha of [1, 0.37]) {
      const a: Shape = transposeA ? ['batch', 4, 'rows'] : ['batch', 'rows', 4];
      const b: Shape = transposeB ? ['batch', 7, 4] : ['batch', 4, 7];
      GRADIENT_CASES[`matmul${transposeA ? ' a^T' : ''}${transposeB ? ' b^T' : ''}, alpha ${alpha}`] = {
        inputs: { a: { shape: a }, b: { shape: b } },
        build: (x) => matmul(x['a'], x['b'], { transposeA, transposeB, alpha }),
      };
    }
  }
}
const product = (a: Shape, b: Shape, options = {}): GradientCase => ({
  inputs: { a: { shape: a }, b: { shape: b } },
  build: (x) => matmul(x['a'], x['b'], options),
});
const dense = (x: Shape, bias: boolean): GradientCase => ({
  inputs: { x: { shape: x }, weight: { shape: [7, 4] }, ...(bias && { bias: { shape: [7] } }) },
  build: (t) => linear(t['x'], t['weight'], t['bias']),
});
Object.assign(GRADIENT_CASES, {
  'matmul of matrices': product(['rows', 4], [4, 7]),
  'matmul, b broadcast over batches': product(['batch', 'sequence', 'rows', 4], [4, 7]),
  'matmul, a broadcast over batches': product(['rows', 4], ['batch', 7, 4], { transposeB: true, alpha: 2 }),
  'matmul, both broadcast': product(['batch', 1, 'rows', 4], ['sequence', 4, 7]),
  'matmul, symbolic inner dimension': product(['batch', 4, 'rows'], ['batch', 'rows', 7]),
  'linear, 2-D': dense(['rows', 4], true),
  'linear, 2-D without bias': dense(['rows', 4], false),
  'linear, 3-D': dense(['batch', 'sequence', 4], true),
  'linear, 3-D without bias': dense(['batch', 'sequence', 4], false),
  'linear, one weight for two inputs': {
    inputs: {
      x: { shape: ['rows', 4] },
      z: { shape: ['batch', 'sequence', 4] },
      weight: { shape: [4, 4] },
      bias: { shape: [4] },
    },
    build: ({ x, z, weight, bias }) =>
      concat([sum(linear(linear(x, weight, bias), weight), [0]), sum(linear(z, weight, bias), [0, 1])], 0),
  },
  'linear on an input with other uses': {
    inputs: { x: { shape: ['rows', 4] }, weight: { shape: [4, 4] } },
    build: ({ x, weight }) => add(tanh(x), add(linear(x, weight), linear(x, weight))),
  },
} satisfies Record<string, GradientCase>);
// Shapes.
Object.assign(GRADIENT_CASES, {
  'reshape, merging axes': one(['batch', 'sequence', 4], (x, dim) => reshape(x, [dim('batch*sequence'), 4])),
  'reshape, splitting axes': {
    // The other input tells the onnx target, which reads sizes from its inputs, what batch and sequence are.
    inputs: { x: { shape: ['batch*sequence', 8] }, other: { shape: ['batch', 'sequence', 1, 1] } },
    build: ({ x, other }, dim) => multiply(reshape(x, [dim('batch'), dim('sequence'), 2, 4]), other),
  },
  transpose: one(['batch', 'sequence', 4, 7], (x) => transpose(x, [2, 0, 3, 1])),
  'slice in the middle': one(['rows', 7], (x) => slice(x, 1, { start: 2, end: 5 })),
  'slice of the first axis': one([7, 'rows'], (x) => slice(x, 0, { start: 0, end: 1 })),
  concat: {
    inputs: { a: { shape: ['rows', 2] }, b: { shape: ['rows', 4] } },
    build: ({ a, b }) => concat([a, b, a], 1),
  },
  'gather, repeated ids': {
    inputs: { table: { shape: [7, 4] }, ids: integers(['batch', 'sequence'], [3, 0, 3, 6, 3, 0]) },
    build: ({ table, ids }) => gather(table, ids),
  },
  'gather, used twice': {
    inputs: { table: { shape: [7, 4] }, ids: integers(['count'], [1, 1, 2, 6, 1, 2]) },
    build: ({ table, ids }) => add(gather(table, ids), gather(tanh(table), ids)),
  },
  'gather, one id': {
    inputs: { table: { shape: [7, 4] }, ids: integers([], [2]) },
    build: ({ table, ids }) => gather(table, ids),
  },
  'gatherRows of activations': {
    inputs: { x: { shape: ['rows', 4] }, ids: integers(['batch'], [4, 1]) },
    build: ({ x, ids }) => gather(tanh(x), ids),
  },
  'sum, last axis': one(['batch', 'sequence', 4], (x) => sum(x, [-1])),
  'sum, kept symbolic axes': one(['batch', 'sequence', 4], (x) => sum(x, [0, 1], { keepDims: true })),
  'sum, middle axis': one(['batch', 'sequence', 4], (x) => sum(x, [1])),
  'mean, last axis': one(['batch', 'sequence', 4], (x) => mean(x, [2])),
  'mean, symbolic axis': one(['batch', 'sequence', 4], (x) => mean(x, [-2])),
  'mean of all, kept': one(['batch', 'sequence', 4], (x) => mean(x, [0, 1, 2], { keepDims: true })),
  'logSumExp, last axis': one(['batch', 'sequence', 4], (x) => logSumExp(x, [-1])),
  'logSumExp, symbolic axis': one(['rows', 4], (x) => logSumExp(x, [0])),
  'logSumExp of all': one(['batch', 'sequence', 4], (x) => logSumExp(x, [0, 1, 2])),
  'logSumExp, kept axes, far from zero': one(['batch', 'sequence', 4], (x) =>
    logSumExp(scale(x, 300), [1, 2], { keepDims: true }),
  ),
  sumAll: one(['batch', 'sequence', 4], (x) => sumAll(x)),
  'sumAll of a scalar': one([], (x) => sumAll(exp(x))),
} satisfies Record<string, GradientCase>);

// Normalisation and attention.
const norm = (x: Shape): GradientCase => ({
  inputs: { x: { shape: x }, weight: { shape: [7] }, bias: { shape: [7] } },
  build: (t) => layerNorm(t['x'], t['weight'], t['bias'], 1e-3),
});
const HEADS: Shape = ['batch', 2, 'sequence', 4];
const attend = (extra: Record<string, InputSpec>): GradientCase => ({
  inputs: { query: { shape: HEADS }, key: { shape: HEADS }, value: { shape: HEADS }, ...extra },
  build: (t) =>
    attention(t['query'], t['key'], t['value'], {
      scale: 0.6,
      bias: t['bias'],
      relativeScores: t['relative'],
      dropoutMask: t['mask'],
    }).context,
});
const bias: InputSpec = { shape: ['batch', 1, 1, 'sequence'], values: [0, 0, -1e9, 0, 0, 0], constant: true };
const mask: InputSpec = { shape: ['batch', 2, 'sequence', 'sequence'], values: 'mask', constant: true };
Object.assign(GRADIENT_CASES, {
  'layerNorm, 2-D': norm(['rows', 7]),
  'layerNorm, 3-D': norm(['batch', 'sequence', 7]),
  softmax: one(['batch', 'sequence', 7], softmax),
  'softmax of a symbolic axis': one([4, 'rows'], softmax),
  attention: attend({}),
  'attention, bias': attend({ bias }),
  'attention, relative scores': attend({ relative: { shape: ['batch', 2, 'sequence', 'sequence'] } }),
  'attention, relative scores shared by batch and heads': attend({ relative: { shape: ['sequence', 'sequence'] } }),
  'attention, dropout': attend({ mask }),
  'attention, all': attend({ bias, mask, relative: { shape: [1, 2, 'sequence', 'sequence'] } }),
  'attention of other keys': {
    inputs: {
      query: { shape: ['batch', 2, 'rows', 4] },
      key: { shape: HEADS },
      value: { shape: ['batch', 2, 'sequence', 7] },
    },
    build: (t) => attention(t['query'], t['key'], t['value'], { scale: 1 }).context,
  },
  'self-attention of one tensor': one(HEADS, (x) => attention(x, x, x, { scale: 0.5 }).context),
} satisfies Record<string, GradientCase>);

// Losses.
const labels = integers(['rows'], [2, 0, -100, 1, 2]);
const validLabels = integers(['rows'], [2, 0, 1, 1, 2]);
const classWeights: InputSpec = { shape: [3], values: [0.2, 1.5, 0.7], constant: true };
const LOGITS: InputSpec = { shape: ['rows', 3] };
const positive: InputSpec = { shape: ['rows', 3], values: 'positive', constant: true };
Object.assign(GRADIENT_CASES, {
  crossEntropy: { inputs: { x: LOGITS, labels: validLabels }, build: (t) => crossEntropy(t['x'], t['labels']) },
  'crossEntropy, ignored row': { inputs: { x: LOGITS, labels }, build: (t) => crossEntropy(t['x'], t['labels']) },
  'crossEntropy, other ignore index': {
    inputs: { x: LOGITS, labels: validLabels },
    build: (t) => crossEntropy(t['x'], t['labels'], { ignoreIndex: 1 }),
  },
  'crossEntropy, smoothing': {
    inputs: { x: LOGITS, labels },
    build: (t) => crossEntropy(t['x'], t['labels'], { labelSmoothing: 0.1 }),
  },
  'crossEntropy, class weights': {
    inputs: { x: LOGITS, labels, w: classWeights },
    build: (t) => crossEntropy(t['x'], t['labels'], { classWeights: t['w'] }),
  },
  'crossEntropy, class weights and smoothing': {
    inputs: { x: LOGITS, labels, w: classWeights },
    build: (t) => crossEntropy(t['x'], t['labels'], { classWeights: t['w'], labelSmoothing: 0.2 }),
  },
  'crossEntropy, class weights and smoothing of other logits': {
    inputs: { x: LOGITS, z: LOGITS, labels, w: classWeights },
    build: (t) =>
      add(
        crossEntropy(t['x'], t['labels'], { classWeights: t['w'], labelSmoothing: 0.2 }),
        crossEntropy(t['z'], t['labels']),
      ),
  },
  weightedCrossEntropy: {
    inputs: { x: LOGITS, labels: validLabels, w: { shape: ['rows'], values: 'positive', constant: true } },
    build: (t) => weightedCrossEntropy(t['x'], t['labels'], t['w'], 0.1),
  },
  binaryCrossEntropy: {
    inputs: {
      x: { ...LOGITS, values: 'awayFromZero' },
      y: { ...LOGITS, values: [1, 0, 1, 0, 1, 0.3, 0, 0, 1, 1, 1, 0, 0.9, 0, 1], constant: true },
    },
    build: (t) => binaryCrossEntropy(t['x'], t['y']),
  },
  'binaryCrossEntropy, element weights': {
    inputs: { x: { ...LOGITS, values: 'awayFromZero' }, y: positive, w: positive },
    build: (t) => binaryCrossEntropy(t['x'], t['y'], t['w']),
  },
  meanSquaredError: { inputs: { x: LOGITS, y: LOGITS }, build: (t) => meanSquaredError(t['x'], t['y']) },
  'meanSquaredError, element weights': {
    inputs: { x: LOGITS, y: { ...LOGITS, constant: true }, w: positive },
    build: (t) => meanSquaredError(t['x'], t['y'], t['w']),
  },
} satisfies Record<string, GradientCase>);

// Chains of labels; the second is shorter than the first, and begins and ends in the middle of a longer one.
const CHAINS: Record<string, InputSpec> = {
  first: { shape: ['batch', 4] },
  following: { shape: ['sequence', 'batch', 4] },
  transitions: { shape: [4, 4] },
  present: { shape: ['sequence', 'batch', 1], values: [1, 1, 1, 0, 1, 0], constant: true },
};
const flag = (values: readonly number[]): InputSpec => ({ shape: ['batch', 1], values, constant: true });
Object.assign(GRADIENT_CASES, {
  chainScores: {
    inputs: CHAINS,
    build: ({ first, following, transitions, present }) => chainScores({ first, following, transitions, present }),
  },
  'crfNegativeLogLikelihood, far from zero': {
    inputs: {
      ...CHAINS,
      start: { shape: [4] },
      end: { shape: [4] },
      begins: flag([1, 0]),
      ends: flag([1, 0]),
      firstLabels: integers(['batch'], [3, 0]),
      labels: integers(['sequence', 'batch'], [1, 2, 1, 0, 0, 0]),
      labelsBefore: integers(['sequence', 'batch'], [3, 0, 1, 2, 1, 0]),
      lastLabels: integers(['batch'], [0, 2]),
    },
    build: (t) =>
      crfNegativeLogLikelihood({
        ...(t as unknown as CrfTensors),
        transitions: scale(t['transitions'], 5),
        following: scale(t['following'], 20),
      }),
  },
} satisfies Record<string, GradientCase>);
