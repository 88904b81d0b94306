import { formatShape, multiplyDims } from '../dims.ts';
import { lastDim, type Tensor } from '../graph.ts';
import { rawReshape } from './reduce.ts';
import { AlbertineError } from '../../core/errors.ts';

/** An activation quantised to unsigned bytes: `x ≈ (values - zeroPoint) * scale`. */
export interface QuantizedTensor {
  /** `uint8`, shaped like the source. */
  values: Tensor;
  scale: Tensor;
  zeroPoint: Tensor;
}

/** An int8 weight in `[inputs, outputs]` layout with one scale per output: `weight ≈ values * scales`. */
export interface QuantizedWeight {
  values: Tensor;
  scales: Tensor;
  zeroPoints: Tensor;
}

/** Quantises with the tensor's own minimum and maximum: exact range, but the result depends on every row of the batch. */
export function quantizeDynamic(x: Tensor): QuantizedTensor {
  const [values, scale, zeroPoint] = x.graph.node('DynamicQuantizeLinear', [x], [{ shape: x.shape, dtype: 'uint8' }, { shape: [] }, { shape: [], dtype: 'uint8' }]);
  return { values, scale, zeroPoint };
}

/** Quantises with a given scale and zero point (calibrated): no pass for the range, and independent of batch mates. */
export function quantizeStatic(x: Tensor, scale: Tensor, zeroPoint: Tensor): QuantizedTensor {
  return { values: x.graph.apply('QuantizeLinear', [x, scale, zeroPoint], x.shape, { dtype: 'uint8' }), scale, zeroPoint };
}

/** `x · weight + bias` with 8-bit operands and 32-bit accumulation; inference only. `x: [..., inputs]` -> `[..., outputs]`. */
export function quantizedLinear(x: QuantizedTensor, weight: QuantizedWeight, bias?: Tensor): Tensor {
  const { values } = x;
  const [inputs, outputs] = weight.values.shape;
  if (lastDim(values) !== inputs) throw new AlbertineError('shape_mismatch', `quantizedLinear: x ${formatShape(values.shape)} does not fit weight ${formatShape(weight.values.shape)}`, { value: values.shape });
  const matrix = rawReshape(values, [multiplyDims(values.shape.slice(0, -1)), inputs]);
  const operands = [matrix, weight.values, x.scale, weight.scales, x.zeroPoint, weight.zeroPoints, bias];
  const product = values.graph.apply('MatMulIntegerToFloat', operands, [matrix.shape[0], outputs], { domain: 'com.microsoft' });
  return rawReshape(product, [...values.shape.slice(0, -1), outputs]);
}
