import type { AlbertConfig } from '../../model/config.ts';
import type { Pooling } from '../../model/pooling.ts';

/**
 * Depths at which the package bert_score found the highest correlation with human scores (WMT16, to English) for
 * published checkpoints, by depth and width.
 */
const MEASURED: Readonly<Record<string, number>> = {
  '12x768': 9,
  '24x1024': 14,
  '24x2048': 5,
  '12x4096': 8,
};

/**
 * The depth whose states are compared unless told otherwise: as measured for ALBERT's sizes; the last one of a model that
 * was trained for vectors of sentences (best for the built-in model on mlqe-pe, both pairs of languages); else three
 * quarters.
 */
export function usualLayer({
  config: { numHiddenLayers, hiddenSize },
  pooling,
}: {
  config: AlbertConfig;
  pooling?: Pooling | undefined;
}): number {
  if (pooling !== undefined) return numHiddenLayers;
  return MEASURED[`${numHiddenLayers}x${hiddenSize}`] ?? Math.max(1, Math.round(0.75 * numHiddenLayers));
}
