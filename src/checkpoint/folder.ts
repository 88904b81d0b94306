import { AlbertineError, namingSource } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { foldAdapter, foldedConfig } from '../model/adapters/methods.ts';
import type { AlbertConfig } from '../model/config.ts';
import { headsPresent, type HeadName } from '../model/heads.ts';
import type { Weights } from '../model/parameters.ts';
import { parseConfig, type ConfigSource, type ParsedConfig } from './config-json.ts';
import { readAdapter, requireBase, type LoadedAdapter } from './adapter-files.ts';
import { ADAPTER_WEIGHTS } from './adapter-names.ts';
import { dequantizingSource, readInt8 } from './int8.ts';
import { readQuantization, shortDrift, type QuantizationSettings } from './quantization.ts';
import { withTensors, type TensorSource } from './tensor-source.ts';
import type { TfCheckpoint } from './tf-checkpoint.ts';
import { findWeights, openWeightFiles, readJson, type WeightFile } from './weight-files.ts';
import { loadFromSource, type LoadedWeights, type LoadWeightsOptions } from './weights.ts';

/** A checkpoint folder, recognised; weights are read by {@link Checkpoint.load}. */
export interface Checkpoint {
  /** The folder, for messages. */
  readonly location: string;
  /** Shape of the network. */
  readonly config: AlbertConfig;
  /** Labels, problem type, architectures and unknown keys of the config file. */
  readonly details: Omit<ParsedConfig, 'config' | 'notes'>;
  /** Set for an int8 checkpoint. */
  readonly quantization?: QuantizationSettings;
  /** Set for an adapter that is kept beside its base: what enters the layers. The weights of its heads are those that are loaded. */
  readonly adapter?: LoadedAdapter;
  /** Name of the file the shape was read from. */
  readonly configFile: string;
  /** The weights that {@link Checkpoint.load} reads. */
  readonly weightFile: WeightFile;
  /** Files that describe a tokeniser, in the folder. */
  readonly tokenizerFiles: string[];
  /** Everything worth telling: other weights present and not read, suspicious settings, conversions made. */
  readonly notes: string[];
  /** Reads the weights; see {@link LoadWeightsOptions}. Can be called again for other heads. */
  load(options?: LoadWeightsOptions): Promise<LoadedWeights>;
}

/** Options of {@link openCheckpoint}. */
export interface OpenCheckpointOptions {
  /**
   * Leaves an adapter beside its base, as {@link Checkpoint.adapter}. Default false: it is folded into the weights, and
   * adapters that cannot be are refused with `unsupported`.
   */
  keepAdapter?: boolean;
}

/** Names under which tokenisers are stored; `*.model` and `*.vocab` cover SentencePiece under other names. */
const TOKENIZER_FILE =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.txt|.+\.model|.+\.vocab)$/;

/**
 * Recognises a checkpoint by the files present. Config: `config.json`, else `albert_config*.json`, else
 * `bert_config*.json`. Weights: see {@link findWeights}. A `config.json` is read with Hugging Face's meaning, the
 * others with Google's (whose "gelu" is the tanh form); a `config.json` without `model_type` beside TensorFlow weights
 * is Google's. Throws `file_not_found` naming what was looked for.
 */
export async function openCheckpoint(files: FileSource, options: OpenCheckpointOptions = {}): Promise<Checkpoint> {
  const names = (await files.list()).sort();
  const { chosen, others } = await findWeights(files);
  const configFile = findConfig(names, files.location);
  const json = await readJson(files, configFile);
  const { parsed, settings, extra } = readConfig(json, {
    configFile,
    source: configSource(configFile, json, chosen),
    name: files.location.split(/[/\\]/).slice(-3).join('/'),
  });
  const stored = await openWeightFiles(files, chosen);
  const adapter = names.includes(ADAPTER_WEIGHTS) ? await readAdapter(files, parsed.config) : undefined;
  const plain = settings ? dequantizingSource(stored) : stored;
  const source = adapter ? withTensors(plain, adapter.heads) : plain;
  const notes = [...parsed.notes];
  const unread = others.filter(({ name }) => name !== ADAPTER_WEIGHTS);
  if (unread.length > 0)
    notes.push(`${chosen.name} is read; also present: ${unread.map(({ name }) => name).join(', ')}`);
  if (settings)
    notes.push(
      `an int8 checkpoint (${settings.activations} activations): mean cosine to its f32 original ${shortDrift(settings.drift)} on ${settings.drift.texts} sample texts`,
    );
  const config = adaptConfig(parsed.config, source, notes);
  if (adapter && !adapter.details)
    notes.push("an adapter of Python's peft, which does not say whether it was trained on this base as it is now");
  else if (adapter && settings)
    notes.push('the base of the adapter is int8: whether the adapter was trained on these weights is not known');
  const folded = adapter && !options.keepAdapter ? foldedInto(config, adapter, settings) : undefined;
  const { labels, problemType, architectures } = parsed;
  return {
    location: files.location,
    config: folded?.config ?? config,
    configFile,
    notes,
    details: {
      extra,
      ...(labels && { labels }),
      ...(problemType && { problemType }),
      ...(architectures && { architectures }),
    },
    weightFile: chosen,
    tokenizerFiles: names.filter((name) => TOKENIZER_FILE.test(name)),
    ...(settings && { quantization: settings }),
    ...(adapter && !folded && { adapter }),
    load: async (options = {}) => {
      const loaded = await loadFromSource(source, config, {
        ...(architectures && { architectures }),
        // The base's own heads have no part in what was adapted.
        ...(adapter && adapter.heads.size > 0 && { heads: headsOfAdapter(adapter, architectures) }),
        ...options,
        int8: settings !== undefined && options.int8 === true,
      });
      if (adapter) await requireBase(adapter, config, settings ? undefined : loaded.weights);
      if (folded) return { ...loaded, weights: folded.weights(loaded.weights) };
      return settings && options.int8
        ? { ...loaded, int8: await readInt8(files, chosen.name, { config, settings }) }
        : loaded;
    },
  };
}

/** Heads that an adapter brings; `architectures` tell what its classifier is for. */
export const headsOfAdapter = ({ heads }: LoadedAdapter, architectures: string[] | undefined): HeadName[] =>
  headsPresent((name) => heads.has(name) || name === 'albert.pooler.weight', { architectures });

/** What becomes of a network into which an adapter is folded. */
function foldedInto(
  config: AlbertConfig,
  { adapter, extended }: LoadedAdapter,
  settings: QuantizationSettings | undefined,
): { config: AlbertConfig; weights: (base: Weights) => Weights } {
  if (settings)
    throw new AlbertineError('unsupported', 'an adapter cannot be folded into int8 weights', {
      hint: 'Fold it into the model as it was before',
    });
  return {
    config: foldedConfig(config, adapter),
    weights: (base) => foldAdapter({ config, weights: base }, adapter, extended.weights),
  };
}

/** Everything in the config file; errors name it. */
function readConfig(
  json: unknown,
  { configFile, source, name }: { configFile: string; source: ConfigSource; name: string },
): { parsed: ParsedConfig; settings?: QuantizationSettings; extra: Record<string, unknown> } {
  try {
    const parsed = parseConfig(json, source, name);
    const { settings, others } = readQuantization(parsed.extra);
    return { parsed, extra: others, ...(settings && { settings }) };
  } catch (error) {
    throw namingSource(error, configFile);
  }
}

function findConfig(names: string[], location: string): string {
  const found = names.includes('config.json')
    ? 'config.json'
    : (names.find((name) => /^albert_config.*\.json$/.test(name)) ??
      names.find((name) => /^bert_config.*\.json$/.test(name)));
  if (found === undefined) {
    throw new AlbertineError(
      'file_not_found',
      `${location} has no config: looked for config.json, albert_config*.json and bert_config*.json`,
      {
        value: names,
        hint: 'The number of attention heads cannot be seen in the weights, so the config is needed',
      },
    );
  }
  return found;
}

function configSource(configFile: string, json: unknown, weights: WeightFile): ConfigSource {
  if (configFile !== 'config.json') return 'google';
  const keys = typeof json === 'object' && json !== null ? json : {};
  return weights.format === 'tensorflow' && !('model_type' in keys) && !('architectures' in keys)
    ? 'google'
    : 'huggingface';
}

/** The embedding width of brightmart's first layout grows to the hidden size; see `openTfCheckpoint`. */
function adaptConfig(config: AlbertConfig, source: TensorSource, notes: string[]): AlbertConfig {
  if (!('ignored' in source)) return config;
  const { ignored, embeddingSize } = source as TfCheckpoint;
  if (ignored.length > 0) notes.push(`${ignored.length} optimizer slots and counters are left out`);
  if (embeddingSize === undefined || embeddingSize === config.embeddingSize || embeddingSize !== config.hiddenSize)
    return config;
  notes.push(
    `this checkpoint projects words from ${config.embeddingSize} to ${embeddingSize} before adding positions; the factors are multiplied out, ` +
      `which gives the same network with embeddingSize ${embeddingSize} and ${config.vocabSize * (embeddingSize - config.embeddingSize)} more values`,
  );
  return { ...config, embeddingSize };
}
