import { adapterConfig, adapterTensors, identityOf, type AdapterDetails } from '../../checkpoint/adapter-files.ts';
import { ADAPTER_CONFIG, ADAPTER_DETAILS, ADAPTER_WEIGHTS } from '../../checkpoint/adapter-names.ts';
import { isAdapterFolder } from '../../checkpoint/adapter-folder-node.ts';
import { buildCard } from '../../checkpoint/card.ts';
import { writeConfig } from '../../checkpoint/config-json.ts';
import { encodeSafetensors } from '../../checkpoint/safetensors.ts';
import { writeFolder, type SaveOptions } from '../../checkpoint/save-node.ts';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { AdapterSettings } from '../../model/adapters/adapter.ts';
import { createAdapter, initialAdapter, settledAdapter, type Adapter } from '../../model/adapters/methods.ts';
import type { AdapterMethodName } from '../../model/adapters/names.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { extensionParameters, isExtensionName, type LayerExtension } from '../../model/extension.ts';
import { architectureOf, type HeadName } from '../../model/heads.ts';
import { countParameters, encoderParameters, type Weights } from '../../model/parameters.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { DEFAULT_NO_DECAY, type ArenaOptions } from '../arena.ts';
import { tell, type FineTuneRunOptions } from './options.ts';
import type { RunSettings } from './run-folder-node.ts';

/** A run that trains an adapter and a head, and leaves the model as it is. */
export interface AdapterRun {
  adapter: Adapter;
  /** The network's weights with those of the new adapter. */
  weights: Weights;
  parameters: ArenaOptions;
  /** What decides the result. */
  settings: RunSettings;
  /** What the network is built with besides its own weights. */
  extension: LayerExtension;
  /** How many numbers it has. */
  line: string;
}

/** Sizes that only some methods have. */
const ONLY_FOR: Readonly<Record<string, readonly AdapterMethodName[]>> = {
  rank: ['lora'],
  alpha: ['lora'],
  targets: ['lora', 'ia3'],
  size: ['adapter'],
  placement: ['adapter'],
  length: ['prefix'],
  hidden: ['prefix'],
};

/** The encoder, without pooler and heads. */
const FROZEN = ['albert.embeddings', 'albert.encoder'];

/**
 * What a run trains that was asked for an adapter, and tells how many numbers that is; undefined where none was asked for. Throws `invalid_argument` for options that
 * do nothing beside it, `unsupported` for a graphics processor.
 */
export function startAdapter(
  options: FineTuneRunOptions,
  { config, weights }: { config: AlbertConfig; weights: Weights },
): AdapterRun | undefined {
  if (options.adapter === undefined) return undefined;
  const { method, scope = 'groups', ...sizes } = options.adapter;
  if (method === undefined)
    throw new AlbertineError('invalid_argument', prose`${option('scope')} and sizes of adapters need a method`, {
      value: options.adapter,
      option: 'adapter',
      hint: prose`Give ${option('method')}, such as lora`,
    });
  for (const [name, methods] of Object.entries(ONLY_FOR))
    if (sizes[name as keyof typeof sizes] !== undefined && !methods.includes(method))
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(name)} is for ${methods.join(' and ')}, this adapter is ${method}`,
        {
          value: method,
          option: name,
        },
      );
  if (options.device === 'webgpu')
    throw new AlbertineError('unsupported', 'adapters are trained on the processor only', {
      value: options.device,
      option: 'device',
      hint: 'Use the device cpu',
    });
  const useless = (['freeze', 'layerDecay'] as const).find((name) => options[name] !== undefined);
  if (useless)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option(useless)} does nothing beside an adapter: the whole encoder stays as it is`,
      {
        value: options[useless],
        option: useless,
      },
    );
  const adapter = createAdapter(
    {
      method,
      scope: scope === 'per-depth' ? 'depth' : scope === 'groups' ? 'group' : 'shared',
      ...sizes,
    } as AdapterSettings,
    config,
  );
  if (options.model !== undefined && isAdapterFolder(options.model))
    throw new AlbertineError(
      'unsupported',
      `${options.model} is an adapter itself, and an adapter has a whole model as its base`,
      {
        value: options.model,
        option: 'model',
        hint: 'Fold it into its base first: albertine convert --to safetensors',
      },
    );
  const count = countParameters(extensionParameters(config, adapter.extension));
  const share = count / countParameters(encoderParameters(config));
  const line = `${method === 'adapter' ? 'bottleneck' : method} adapter of ${count.toLocaleString('en-US')} numbers, ${(100 * share).toFixed(2)} % of the encoder's; the model itself is not changed`;
  tell(options.onEvent, 'model', line);
  return {
    adapter,
    extension: adapter.extension,
    line,
    weights: new Map([...weights, ...initialAdapter(adapter, config, options.seed ?? 1)]),
    parameters: { frozen: FROZEN, noDecay: [...DEFAULT_NO_DECAY, /ia3_l$/, /bias_delta$/] },
    settings: { adapter: method, adapterScope: scope, ...describedSizes(adapter.settings) },
  };
}

const describedSizes = ({ targets, ...rest }: AdapterSettings): RunSettings => {
  const sizes = Object.entries(rest).filter(([name]) => name !== 'method' && name !== 'scope');
  return {
    ...Object.fromEntries(sizes.map(([name, value]) => [`adapter${name[0].toUpperCase()}${name.slice(1)}`, value])),
    ...(targets && { adapterTargets: targets.join(',') }),
  };
};

/** Saves what was learned beside a model: the adapter, head and pooler, in the layout of Python's peft. */
export async function saveAdapter(
  folder: string,
  { adapter: trained }: AdapterRun,
  model: Pick<SaveOptions, 'config' | 'weights' | 'labels' | 'problemType' | 'extra'> & {
    /** As the adapter is to find it. */
    base: string;
    heads: readonly HeadName[];
    tokenizer: Pick<Tokenizer, 'fingerprint'>;
    card: Exclude<NonNullable<SaveOptions['card']>, string>;
    /** Further files, such as those of sentence-transformers. */
    files?: Readonly<Record<string, string>>;
  },
): Promise<void> {
  const { config, heads } = model;
  const { adapter, weights } = settledAdapter(trained, config, model.weights);
  // A path must be found from everywhere; a name is one.
  const base = existsSync(model.base) ? resolve(model.base) : model.base;
  const encoder = new Set(encoderParameters(config).map(({ name }) => name));
  // Without a head nothing has trained the pooler.
  const isSaved = (name: string): boolean =>
    !encoder.has(name) && (heads.length > 0 || !name.startsWith('albert.pooler.'));
  const saved: Weights = new Map([...weights].filter(([name]) => isSaved(name)));
  const json = writeConfig(config, {
    architectures: [architectureOf([...heads], config)],
    ...(model.labels && { labels: model.labels }),
    ...(model.problemType && { problemType: model.problemType }),
    ...(model.extra && { extra: model.extra }),
  });
  const plain = writeConfig(config);
  const details: AdapterDetails = {
    adapter: adapter.settings,
    base: await identityOf(config, weights, model.tokenizer),
    config: Object.fromEntries(
      Object.entries(json).filter(
        ([key, value]) => key === 'architectures' || JSON.stringify(plain[key]) !== JSON.stringify(value),
      ),
    ),
  };
  const tensors = encodeSafetensors(adapterTensors(adapter, { config, weights: saved, heads }), { dtype: 'f32' });
  const own = [...saved.keys()].filter((name) => !isExtensionName(name));
  const files: [string, Iterable<Uint8Array | string>][] = [
    [ADAPTER_WEIGHTS, tensors.chunks()],
    ...Object.entries(model.files ?? {}).map(([name, content]): [string, Iterable<string>] => [name, [content]]),
    [ADAPTER_DETAILS, [`${JSON.stringify(details, null, 2)}\n`]],
    [
      'README.md',
      [
        buildCard({
          ...model.card,
          config,
          heads: [...heads],
          baseModel: base,
          ...(model.labels && { labels: model.labels }),
        }),
      ],
    ],
    [ADAPTER_CONFIG, [`${JSON.stringify(adapterConfig(adapter, { config, base, heads, saved: own }), null, 2)}\n`]],
  ];
  // A whole model that was there would be loaded in its place.
  await writeFolder(folder, files, ['config.json', 'model.safetensors']);
}
