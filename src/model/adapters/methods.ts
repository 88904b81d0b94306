import { AlbertineError, wrongOption } from '../../core/errors.ts';
import { createRandom, mixSeed } from '../../core/random.ts';
import type { AlbertConfig } from '../config.ts';
import { extensionName, extensionParameters, isExtensionName, type LayerExtension } from '../extension.ts';
import type { Extended } from '../extension-inputs.ts';
import { layerParameters, layerPrefix, type Weights } from '../parameters.ts';
import { DENSE_LAYERS, sizesOfDense, type AdapterMethod, type AdapterSettings, type DenseName } from './adapter.ts';
import type { AdapterMethodName } from './names.ts';
import { bitfit } from './bitfit.ts';
import { bottleneck } from './bottleneck.ts';
import { ia3 } from './ia3.ts';
import { lora } from './lora.ts';
import { madePrefix, prefix } from './prefix.ts';

const METHODS: Readonly<Record<AdapterMethodName, AdapterMethod>> = { lora, adapter: bottleneck, prefix, bitfit, ia3 };

/** A few numbers that adapt a model: how, and where they enter its layers. */
export interface Adapter {
  /** Complete: every size that its method has. */
  readonly settings: AdapterSettings;
  /** What it does in a layer. */
  readonly extension: LayerExtension;
}

/**
 * An adapter for networks of this shape; sizes that are not given are the method's usual ones. Throws
 * `invalid_argument` for targets that are no dense layers of a layer and sizes beyond those of the network, `unsupported` for prefixes with relative positions.
 */
export function createAdapter(settings: AdapterSettings, config: AlbertConfig): Adapter {
  const method = METHODS[settings.method];
  const unknown = settings.targets?.find((name) => !DENSE_LAYERS.includes(name));
  if (unknown !== undefined)
    throw wrongOption('adapterTargets', `some of ${DENSE_LAYERS.join(', ')}`, { value: unknown });
  if (settings.method === 'prefix' && config.positionEmbeddingType !== 'absolute')
    throw new AlbertineError('unsupported', 'a prefix has no place among relative positions', {
      value: config.positionEmbeddingType,
      hint: 'Use another adapter',
    });
  const complete = method.complete(settings, config);
  requireSizes(complete, config);
  return { settings: complete, extension: method.extension(complete, config) };
}

/** More columns than a dense layer has are no low-rank update, and a prefix longer than any text is no prefix. */
function requireSizes({ rank, targets = [], length }: AdapterSettings, config: AlbertConfig): void {
  const most = Math.min(...targets.flatMap((name) => sizesOfDense(config, name)));
  if (rank !== undefined && rank > most)
    throw wrongOption('adapterRank', `at most ${most}, the width of the layers it updates`, { value: rank });
  const { maxPositionEmbeddings: positions } = config;
  if (length !== undefined && length > positions)
    throw wrongOption('prefixLength', `at most ${positions}, the tokens of a text`, { value: length });
}

/** Values of a new adapter's weights, by their full names; they depend only on `seed`, name and shape. */
export function initialAdapter({ settings, extension }: Adapter, config: AlbertConfig, seed: number): Weights {
  return new Map(
    extensionParameters(config, extension).map((spec) => [
      spec.name,
      {
        shape: spec.shape,
        data: METHODS[settings.method].initial(
          spec,
          createRandom(mixSeed(seed, ...new TextEncoder().encode(spec.name))),
        ),
      },
    ]),
  );
}

/**
 * What is left of an adapter after training: of a prefix the keys and values, without the network that has made them.
 * Weights that are not the adapter's stay as they are.
 */
export function settledAdapter(
  adapter: Adapter,
  config: AlbertConfig,
  weights: Weights,
): { adapter: Adapter; weights: Weights } {
  const { method, hidden } = adapter.settings;
  if (method !== 'prefix' || hidden === 0) return { adapter, weights };
  const settled = createAdapter({ ...adapter.settings, hidden: 0 }, config);
  const result: Weights = new Map([...weights].filter(([name]) => !isExtensionName(name)));
  for (const { name, shape } of extensionParameters(config, settled.extension))
    result.set(name, { shape, data: madePrefix(name, weights) });
  return { adapter: settled, weights: result };
}

/** An adapter with its weights, as an encoder takes it. */
export const extendedBy = ({ settings, extension }: Adapter, weights: Weights): Extended => ({
  extension,
  weights,
  key: JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))),
});

/** Whether an adapter can be folded into a network's weights. */
export const canFold = ({ settings }: Adapter): boolean => METHODS[settings.method].fold !== undefined;

/**
 * A network's weights with the adapter folded into them, which then compute the same without it. Where depths that
 * share weights have different adapters, each gets weights of its own: see {@link foldedConfig}. Throws `unsupported`
 * for adapters that are layers of their own.
 */
export function foldAdapter(
  { config, weights }: { config: AlbertConfig; weights: Weights },
  adapter: Adapter,
  own: Weights,
): Weights {
  const fold = requireFold(adapter);
  const { innerGroupNum, numHiddenGroups, numHiddenLayers } = config;
  const { numHiddenGroups: groups } = foldedConfig(config, adapter);
  const unrolled = groups > numHiddenGroups;
  const result: Weights = new Map(
    [...weights].filter(([name]) => !name.startsWith('albert.encoder.albert_layer_groups.')),
  );
  for (let group = 0; group < groups; group++)
    for (let inner = 0; inner < innerGroupNum; inner++) {
      // The depth whose adapter the group takes: any of those that share both.
      const depth = unrolled ? group : Math.ceil((group * numHiddenLayers) / numHiddenGroups);
      const from = unrolled ? Math.floor((group * numHiddenGroups) / numHiddenLayers) : group;
      const prefixes = { from: `${layerPrefix(from, inner)}.`, to: `${layerPrefix(group, inner)}.` };
      for (const { name, shape } of layerParameters(config))
        result.set(prefixes.to + name, { shape, data: weights.get(prefixes.from + name)!.data.slice() });
      const data = (name: string): Float32Array => result.get(prefixes.to + name)!.data;
      const scopes = new Map(adapter.extension.parameters.map((parameter) => [parameter.name, parameter]));
      const parameter = (name: string): Float32Array =>
        own.get(extensionName(config, scopes.get(name)!, depth * innerGroupNum + inner))!.data;
      for (const name of FOLDED)
        fold(
          name,
          { weight: data(`${name}.weight`), bias: data(`${name}.bias`) },
          { settings: adapter.settings, parameter },
        );
    }
  return result;
}

/** The shape of a network with the adapter folded into it: see {@link foldAdapter}. */
export function foldedConfig(config: AlbertConfig, adapter: Adapter): AlbertConfig {
  requireFold(adapter);
  return adapter.settings.scope === 'depth' ? { ...config, numHiddenGroups: config.numHiddenLayers } : config;
}

function requireFold({ settings: { method } }: Adapter): NonNullable<AdapterMethod['fold']> {
  const { fold } = METHODS[method];
  if (fold) return fold;
  throw new AlbertineError('unsupported', `an adapter of the kind ${method} cannot be folded into a model's weights`, {
    value: method,
    hint: 'Commands that run the model as it is take it (embed, evaluate, predict, explain, robustness, serve); lora, bitfit and ia3 can be folded',
  });
}

const FOLDED: readonly (DenseName | 'attention.LayerNorm' | 'full_layer_layer_norm')[] = [
  ...DENSE_LAYERS,
  'attention.LayerNorm',
  'full_layer_layer_norm',
];
