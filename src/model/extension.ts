import type { Tensor } from '../graph/graph.ts';
import { groupOfDepth, type AlbertConfig } from './config.ts';
import { denseWith, type KeyValuePrefix, type LinearLayer, type ParameterLookup } from './network.ts';
import type { ParameterSpec } from './parameters.ts';

/**
 * Who has a weight of its own: every executed layer (`depth`), every set of layer weights (`group`; ALBERT usually has
 * one), or all layers together (`shared`).
 */
export type ExtensionScope = 'depth' | 'group' | 'shared';

/** A weight of an extension. */
export interface ExtensionParameter extends ParameterSpec {
  /** Default `depth`. */
  scope?: ExtensionScope;
}

/** What layers get besides ALBERT's own weights: low-rank updates, adapters, prefixes. */
export interface LayerExtension {
  /** Weights of one executed layer; no name may be one of the layer's own. */
  readonly parameters: readonly ExtensionParameter[];
  /**
   * The result of the dense layer `name` for `x`: `base` is what it is without the extension (the result where nothing
   * changes), `plain` computes that of another input.
   */
  dense?(
    x: Tensor,
    name: string,
    layer: { base: Tensor; plain: (x: Tensor) => Tensor; parameter: ParameterLookup },
  ): Tensor;
  /** The result of the LayerNorm `name`, where `base` is what it is without the extension. */
  norm?(base: Tensor, name: string, parameter: ParameterLookup): Tensor;
  /** Keys and values that every text has before its own. */
  readonly prefix?: { readonly length: number; build(parameter: ParameterLookup): KeyValuePrefix };
}

const PREFIX = 'extension.';

/** True for the name of an extension's weight. */
export const isExtensionName = (name: string): boolean => name.startsWith(PREFIX);

/** The full name of the weight that the `layer`-th executed layer, from 0, reads. */
export function extensionName(
  config: AlbertConfig,
  { name, scope = 'depth' }: ExtensionParameter,
  layer: number,
): string {
  const { innerGroupNum } = config;
  const group = groupOfDepth(config, Math.floor(layer / innerGroupNum)) * innerGroupNum + (layer % innerGroupNum);
  const owner = scope === 'depth' ? layer : scope === 'group' ? `group.${group}` : 'shared';
  return `${PREFIX}${owner}.${name}`;
}

/** The extension's weights of all executed layers, by their full names, each once. */
export function extensionParameters(config: AlbertConfig, { parameters }: LayerExtension): ParameterSpec[] {
  const executed = config.numHiddenLayers * config.innerGroupNum;
  const found = new Map<string, ParameterSpec>();
  for (let layer = 0; layer < executed; layer++)
    for (const parameter of parameters) {
      const name = extensionName(config, parameter, layer);
      found.set(name, { name, shape: parameter.shape });
    }
  return [...found.values()];
}

/** The parts of a layer that an extension changes; `plain` are the dense layers without it. */
export function extendLayer(
  extension: LayerExtension,
  parameter: ParameterLookup,
  plain: LinearLayer = denseWith(parameter),
): { dense?: LinearLayer; normed?: (x: Tensor, name: string) => Tensor; prefix?: KeyValuePrefix } {
  const { dense, norm, prefix } = extension;
  return {
    ...(dense && {
      dense: (x, name) => dense(x, name, { base: plain(x, name), plain: (other) => plain(other, name), parameter }),
    }),
    ...(norm && { normed: (x: Tensor, name: string) => norm(x, name, parameter) }),
    ...(prefix && { prefix: prefix.build(parameter) }),
  };
}
