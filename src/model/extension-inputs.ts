import type { Graph, Tensor } from '../graph/graph.ts';
import { float32, type HostTensor } from '../runtime/tensor.ts';
import type { AlbertConfig } from './config.ts';
import { extensionName, type ExtensionParameter, type LayerExtension } from './extension.ts';
import type { ParameterLookup } from './network.ts';
import type { Weights } from './parameters.ts';

/*
 * An extension's weights as inputs of compiled layers: one graph serves every adapter of its kind, whose weights are
 * small enough to be handed over with each run.
 */

/** An extension with its weights. */
export interface Extended {
  /** Where they enter a layer. */
  extension: LayerExtension;
  /** By their full names. */
  weights: Weights;
  /** The same for extensions that build the same graph. */
  key: string;
}

/** Where a layer stands: the i-th of a graph's layers, or in a loop over depths, whose round is a scalar. */
export interface ExtensionPlace {
  index: number;
  round?: Tensor;
}

const inputName = ({ name }: ExtensionParameter, index: number): string => `${index}.extension.${name}`;

/** Declares the weights of the layer at a place; others are found by `own`. */
export function extensionParameter(
  graph: Graph,
  { parameters }: LayerExtension,
  { own, index, round }: ExtensionPlace & { own: ParameterLookup },
): ParameterLookup {
  const specs = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const found = new Map<string, Tensor>();
  return (name) => {
    const spec = specs.get(name);
    if (!spec) return own(name);
    let tensor = found.get(name);
    if (!tensor) {
      const { shape, scope = 'depth' } = spec;
      tensor =
        round && scope === 'depth'
          ? graph.apply('Gather', [graph.input(inputName(spec, index), ['depths', ...shape]), round], shape)
          : graph.input(inputName(spec, index), shape);
      found.set(name, tensor);
    }
    return tensor;
  };
}

/** Feeds of the `index`-th of a graph's layers, which is the `layer`-th that is executed. */
export function extensionFeeds(
  config: AlbertConfig,
  { extension, weights }: Extended,
  { index, layer }: { index: number; layer: number },
): Record<string, HostTensor> {
  return Object.fromEntries(
    extension.parameters.map((parameter) => [
      inputName(parameter, index),
      float32(parameter.shape, weights.get(extensionName(config, parameter, layer))!.data),
    ]),
  );
}

/** Feeds of a loop over the depths after `from` up to `to`. */
export function repeatedExtensionFeeds(
  config: AlbertConfig,
  extended: Extended,
  { from, to }: { from: number; to: number },
): Record<string, HostTensor> {
  const { innerGroupNum } = config;
  const feeds: Record<string, HostTensor> = {};
  for (let index = 0; index < innerGroupNum; index++) {
    const one = (depth: number): Record<string, HostTensor> =>
      extensionFeeds(config, extended, { index, layer: depth * innerGroupNum + index });
    const first = one(from);
    for (const parameter of extended.extension.parameters) {
      const name = inputName(parameter, index);
      feeds[name] =
        (parameter.scope ?? 'depth') === 'depth'
          ? stack(Array.from({ length: to - from }, (_, i) => one(from + i)[name]))
          : first[name];
    }
  }
  return feeds;
}

function stack(tensors: readonly HostTensor[]): HostTensor {
  const { shape, data } = tensors[0];
  const all = new Float32Array(tensors.length * data.length);
  tensors.forEach((tensor, i) => all.set(tensor.data as Float32Array, i * data.length));
  return float32([tensors.length, ...shape], all);
}
