import { formatShape, multiplyDims } from '../dims.ts';
import { lastDim, type Tensor } from '../graph.ts';
import { rawAdd, rawMultiply, rawUnary } from './elementwise.ts';
import { rawReshape } from './reduce.ts';
import { AlbertineError } from '../../core/errors.ts';

/**
 * An activation quantised to unsigned bytes: `x ≈ (values - zeroPoint) * scale` (times its row's factor, if it has
 * them).
 */
export interface QuantizedTensor {
  /** `uint8`, shaped like the source. */
  values: Tensor;
  /** Scalar step between neighbouring values. */
  scale: Tensor;
  /** Scalar `uint8` that stands for 0. */
  zeroPoint: Tensor;
  /** One more factor per row, `[rows, 1]`, which {@link quantizedLinear} applies to the product. */
  rowScales?: Tensor;
}

/** An int8 weight in `[inputs, outputs]` layout with one scale per output: `weight ≈ values * scales`. */
export interface QuantizedWeight {
  /** `int8`, `[inputs, outputs]`. */
  values: Tensor;
  /** `[outputs]`. */
  scales: Tensor;
  /** `int8`, `[outputs]`; all 0. */
  zeroPoints: Tensor;
}

/**
 * Quantises with the tensor's own minimum and maximum: exact range, but the result depends on every row of the batch.
 */
export function quantizeDynamic(x: Tensor): QuantizedTensor {
  const [values, scale, zeroPoint] = x.graph.node(
    'DynamicQuantizeLinear',
    [x],
    [{ shape: x.shape, dtype: 'uint8' }, { shape: [] }, { shape: [], dtype: 'uint8' }],
  );
  return { values, scale, zeroPoint };
}

/** Quantises with a given scale and zero point (calibrated): no pass for the range, and independent of batch mates. */
export function quantizeStatic(x: Tensor, scale: Tensor, zeroPoint: Tensor): QuantizedTensor {
  return {
    values: x.graph.apply('QuantizeLinear', [x, scale, zeroPoint], x.shape, { dtype: 'uint8' }),
    scale,
    zeroPoint,
  };
}

/** Scale of a row of zeros: any positive number will do. */
const SMALLEST_SCALE = 1e-30;

/** What is known of the values of a row before they are seen. */
export interface RowRange {
  /** The byte that stands for 0: 128 for values of both signs, less where few of the bytes are needed below 0. */
  zeroPoint: number;
  /** No value is smaller. Needed for any other zero point than 128. */
  lowest?: number;
}

/**
 * Quantises each row of `x: [rows, width]` with the smallest scale that holds its own values (and `lowest`). Needs no
 * calibration, and a row's result depends on that row alone.
 */
export function quantizeRows(x: Tensor, { zeroPoint, lowest }: RowRange): QuantizedTensor {
  const { graph } = x;
  const [rows] = x.shape;
  const room = 255 - zeroPoint;
  // One-sided values fill the bytes below the zero point as far as their function goes, which is not looked for.
  const size = lowest === undefined ? rawUnary('Abs', x) : x;
  const largest = graph.apply('ReduceMax', [size, graph.integers([1])], [rows], { attributes: { keepdims: 0 } });
  const least = lowest === undefined || lowest === 0 ? SMALLEST_SCALE : -lowest / zeroPoint;
  const scales = graph.apply('Max', [rawMultiply(largest, graph.real(1 / room)), graph.real(least)], [rows]);
  const zero = graph.cached(`byte ${zeroPoint}`, () => graph.constant(Uint8Array.of(zeroPoint), []));
  const zeros = graph.cached(`byte ${zeroPoint} ${rows}`, () =>
    graph.apply('Expand', [zero, graph.runtimeShape([rows])], [rows], { dtype: 'uint8' }),
  );
  return {
    values: graph.apply('QuantizeLinear', [x, scales, zeros], x.shape, { dtype: 'uint8', attributes: { axis: 0 } }),
    scale: graph.real(1),
    zeroPoint: zero,
    rowScales: rawReshape(scales, [rows, 1]),
  };
}

/**
 * `x · weight + bias` with 8-bit operands and 32-bit accumulation; inference only. `x: [..., inputs]` ->
 * `[..., outputs]`.
 */
export function quantizedLinear(x: QuantizedTensor, weight: QuantizedWeight, bias?: Tensor): Tensor {
  const { values } = x;
  const [inputs, outputs] = weight.values.shape;
  if (lastDim(values) !== inputs)
    throw new AlbertineError(
      'shape_mismatch',
      `quantizedLinear: x ${formatShape(values.shape)} does not fit weight ${formatShape(weight.values.shape)}`,
      { value: values.shape },
    );
  const matrix = rawReshape(values, [multiplyDims(values.shape.slice(0, -1)), inputs]);
  const operands = [
    matrix,
    weight.values,
    x.scale,
    weight.scales,
    x.zeroPoint,
    weight.zeroPoints,
    x.rowScales ? undefined : bias,
  ];
  let product = values.graph.apply('MatMulIntegerToFloat', operands, [matrix.shape[0], outputs], {
    domain: 'com.microsoft',
  });
  if (x.rowScales) product = rawMultiply(product, x.rowScales);
  if (x.rowScales && bias) product = rawAdd(product, bias);
  return rawReshape(product, [...values.shape.slice(0, -1), outputs]);
}
