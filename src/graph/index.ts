/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Graphs of symbolic tensors: build with operators, differentiate, write as ONNX; `compile` runs them. Knows no model.
 *
 * @packageDocumentation
 */
export { backward, grad, type Seed } from './autodiff.ts';
export { evaluateDim, formatShape, multiplyDims, type Dim, type Shape } from './dims.ts';
export {
  Graph,
  type Attribute,
  type Constant,
  type DataType,
  type FileRange,
  type GradientRule,
  type GradientSink,
  type GraphNode,
  type NodeOptions,
  type ShapeInput,
  type SubGraph,
  type Target,
  type Tensor,
  type TypedArray,
} from './graph.ts';
export { writeOnnx, type OnnxModel, type OnnxOptions, type OnnxSource } from './onnx/model.ts';
export { geluErf, geluTanh, silu } from './operators/activation.ts';
export { attention, type AttentionOptions } from './operators/attention.ts';
export { chainScores, crfNegativeLogLikelihood, type Chains, type CrfTensors } from './operators/crf.ts';
export {
  add,
  applyMask,
  compare,
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
  toReal,
  where,
} from './operators/elementwise.ts';
export {
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  weightedCrossEntropy,
  type CrossEntropyOptions,
} from './operators/loss.ts';
export { linear, matmul, type MatMulOptions } from './operators/matmul.ts';
export { layerNorm, softmax } from './operators/normalization.ts';
export {
  quantizedLinear,
  quantizeDynamic,
  quantizeStatic,
  type QuantizedTensor,
  type QuantizedWeight,
} from './operators/quantized.ts';
export { logSumExp, mean, sum } from './operators/reduce.ts';
export { concat, gather, reshape, scatterAdd, slice, sumAll, transpose } from './operators/shape.ts';
