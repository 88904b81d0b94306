import type { Tensor } from '../graph/graph.ts';
import type { AlbertConfig } from '../model/config.ts';
import { denseWith, type LinearLayer, type ParameterLookup } from '../model/network.ts';
import type { ParameterSpec } from '../model/parameters.ts';

/**
 * What every executed layer gets besides ALBERT's own weights: low-rank updates, adapters. Its weights are not shared
 * over the depth: each executed layer has its own, under {@link extensionPrefix}.
 */
export interface LayerExtension {
  /** Weights of one executed layer; no name may be one of the layer's own. */
  readonly parameters: readonly ParameterSpec[];
  /**
   * The result of the dense layer `name` for `x`, where `base` is what it is without the extension; `base` where
   * nothing changes.
   */
  dense(x: Tensor, name: string, layer: { base: Tensor; parameter: ParameterLookup }): Tensor;
}

/** Prefix, in the arena, of the extension's weights of the `layer`-th executed layer, from 0. */
export const extensionPrefix = (layer: number): string => `extension.${layer}.`;

/** The extension's weights of all executed layers, by their names in the arena. */
export function extensionParameters(
  { numHiddenLayers, innerGroupNum }: AlbertConfig,
  { parameters }: LayerExtension,
): ParameterSpec[] {
  return Array.from({ length: numHiddenLayers * innerGroupNum }, (_, layer) =>
    parameters.map(({ name, shape }) => ({ name: extensionPrefix(layer) + name, shape })),
  ).flat();
}

/** The dense layers of a layer with its extension. */
export function extendedDense({ dense }: LayerExtension, parameter: ParameterLookup): LinearLayer {
  const plain = denseWith(parameter);
  return (x, name) => dense(x, name, { base: plain(x, name), parameter });
}
