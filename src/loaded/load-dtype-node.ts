import { fitToProcessor } from './int8-processor.ts';
import { loadModel, type NodeAlbert, type NodeLoadOptions } from './load-node.ts';
import { quantizeModel } from './quantize-model.ts';

/** How a network can be asked to compute, whatever its folder holds. */
export const DTYPES = ['f32', 'int8'] as const;
/** One of {@link DTYPES}. */
export type Dtype = (typeof DTYPES)[number];

/**
 * Loads a model to compute in f32 or int8, whatever its folder holds: int8 weights are run as they were rounded, f32
 * weights are quantised (`mixed` activations, calibrated on sixty shipped sentences). Errors as of `loadModel`.
 */
export async function loadAs(folder: string, dtype: Dtype | undefined, options: NodeLoadOptions): Promise<NodeAlbert> {
  const model = await loadModel(folder, { ...options, ...(dtype === 'f32' && { dequantize: true }) });
  if (dtype !== 'int8' || model.loaded.int8) return model;
  try {
    const { int8, settings } = await quantizeModel(model);
    const fitted = await fitToProcessor(int8, settings.bits);
    return await loadModel(folder, { ...options, int8: fitted.int8 });
  } finally {
    model[Symbol.dispose]();
  }
}
