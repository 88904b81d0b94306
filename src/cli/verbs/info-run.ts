import { isPeft, type LoadedAdapter } from '../../checkpoint/adapter-files.ts';
import type { Checkpoint } from '../../checkpoint/folder.ts';
import { readStoredSentences, type StoredSentences } from '../../checkpoint/sentence-transformers.ts';
import type { FileSource } from '../../core/files.ts';
import type { AdapterSettings } from '../../model/adapters/adapter.ts';
import { canFold } from '../../model/adapters/methods.ts';
import { hasEmbeddingMapping, modelTypeOf, type AlbertConfig } from '../../model/config.ts';
import { describeNonFinite, findNonFinite } from '../../model/finite.ts';
import { headParameters, optionalPart, type HeadName } from '../../model/heads.ts';
import {
  countParameters,
  embeddingParameters,
  encoderParameters,
  poolerParameters,
  type Weights,
} from '../../model/parameters.ts';
import { presetConfig } from '../../model/presets.ts';
import { AlbertineError } from '../../core/errors.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModelFiles } from '../streams/models.ts';
import { formatBytes } from '../terminal/progress-bar.ts';
import { formatTable } from '../terminal/text-width.ts';

/** Scalars by part of the network. */
export interface ParameterCounts {
  wordEmbeddings: number;
  /** Positions, token types, LayerNorm, and the mapping to the hidden width. */
  otherEmbeddings: number;
  /** All distinct layers; ALBERT's depth reuses them. */
  layers: number;
  pooler: number;
  heads: Record<string, number>;
  /** Embeddings, layers and pooler: what papers count. */
  encoder: number;
  total: number;
}

/** What one token costs. */
export interface Cost {
  /** Multiply-adds of the linear layers of the whole depth, per token. */
  linear: number;
  /** Further multiply-adds of attention per token, by text length in tokens: `2 * depth * hidden * length`. */
  attention: Record<number, number>;
}

/** Counts a config's parameters; `heads` are added with the sizes of the weights, where given. */
export function parameterCounts(
  config: AlbertConfig,
  parts: { pooler: boolean; heads: HeadName[]; weights?: Weights },
): ParameterCounts {
  const [word, ...rest] = embeddingParameters(config);
  const embeddings = { wordEmbeddings: countParameters([word]), otherEmbeddings: countParameters(rest) };
  const layers = countParameters(encoderParameters(config)) - embeddings.wordEmbeddings - embeddings.otherEmbeddings;
  const pooler = parts.pooler ? countParameters(poolerParameters(config)) : 0;
  const labels = parts.weights?.get('classifier.weight')?.shape[0];
  const heads = Object.fromEntries(
    parts.heads.flatMap((head) => {
      const optional = optionalPart(head, (name) => parts.weights?.has(name) ?? false);
      return [
        [head, countParameters(headParameters(config, head, labels))],
        ...(optional ? [[`${head}.${optional.name}`, countParameters(optional.parameters(labels ?? 0))]] : []),
      ] as [string, number][];
    }),
  );
  const encoder = embeddings.wordEmbeddings + embeddings.otherEmbeddings + layers + pooler;
  return {
    ...embeddings,
    layers,
    pooler,
    heads,
    encoder,
    total: Object.values(heads).reduce((sum, count) => sum + count, encoder),
  };
}

/**
 * Multiply-adds per token. Lookups, normalisation and activation functions are not counted: they multiply no matrices.
 */
export function costPerToken(config: AlbertConfig): Cost {
  const { hiddenSize, intermediateSize, embeddingSize, numHiddenLayers, innerGroupNum, maxPositionEmbeddings } = config;
  const depth = numHiddenLayers * innerGroupNum;
  const lengths = [...new Set([32, 128, maxPositionEmbeddings])]
    .filter((length) => length <= maxPositionEmbeddings)
    .sort((a, b) => a - b);
  return {
    linear:
      (hasEmbeddingMapping(config) ? embeddingSize * hiddenSize : 0) +
      depth * (4 * hiddenSize * hiddenSize + 2 * hiddenSize * intermediateSize),
    attention: Object.fromEntries(lengths.map((length) => [length, 2 * depth * hiddenSize * length])),
  };
}

/** Everything `info` says, as it is printed with `--json`. */
interface ModelInfo {
  name: string;
  untrained?: boolean;
  storage?: { weights: string; dtype: string; bytes: number; folderBytes: number };
  config: AlbertConfig;
  parameters: ParameterCounts;
  multiplyAddsPerToken: Cost;
  /** How its vectors are meant to be made, where the folder says so. */
  sentences?: Omit<StoredSentences, 'notes'>;
  tokenizer?: { kind: string; vocabSize: number; special: Tokenizer['special']; fingerprint: string } | null;
  heads?: HeadName[];
  /** Of an adapter's folder: what was learned beside the base. */
  adapter?: { settings: AdapterSettings; parameters: number; trainable: number; foldable: boolean; peft: boolean };
  labels?: string[];
  fingerprint?: string;
  notes: string[];
}

/** Runs `albertine info`. */
export async function runInfo(
  io: CliIo,
  model: string | undefined,
  flags: { preset?: string; json?: boolean },
): Promise<void> {
  if (flags.preset !== undefined && model !== undefined) throw new UsageError('give a model or --preset, not both');
  const info = flags.preset === undefined ? await describeModel(io, model) : await describePreset(flags.preset);
  await io.stdout.write(flags.json ? `${JSON.stringify(info, null, 2)}\n` : render(info));
}

function describeAdapter(
  { adapter, extended, heads }: LoadedAdapter,
  onInt8: boolean,
): NonNullable<ModelInfo['adapter']> {
  const count = (weights: Weights): number =>
    countParameters([...weights].map(([name, { shape }]) => ({ name, shape })));
  const parameters = count(extended.weights);
  return {
    settings: adapter.settings,
    parameters,
    trainable: parameters + count(heads),
    foldable: canFold(adapter) && !onInt8,
    peft: isPeft(adapter) && !onInt8,
  };
}

async function describePreset(name: string): Promise<ModelInfo> {
  const { PRESETS } = await import('../../model/presets.ts');
  const config = presetConfig(name);
  const preset = PRESETS[name.replace(/^(albert\/)?albert-/, '')];
  return {
    name: `preset ${preset.name}`,
    config,
    parameters: parameterCounts(config, { pooler: true, heads: ['maskedLm', 'sentenceOrder'] }),
    multiplyAddsPerToken: costPerToken(config),
    notes: [
      `${preset.description} (${preset.publisher === 'none' ? 'no published weights' : `published by ${preset.publisher}`})`,
    ],
  };
}

async function describeModel(io: CliIo, model: string | undefined): Promise<ModelInfo> {
  const { openCheckpoint } = await import('../../checkpoint/folder.ts');
  const [{ weightsFingerprint }, { int8Fingerprint }] = await Promise.all([
    import('../../checkpoint/fingerprint.ts'),
    import('../../checkpoint/int8.ts'),
  ]);
  const files = await openModelFiles(io, model);
  const checkpoint = await openCheckpoint(files, { keepAdapter: true });
  const [loaded, tokenizer] = [await checkpoint.load({ int8: true, allowNonFinite: true }), await findTokenizer(files)];
  const { weights, heads, int8, source, unexpected, missingOptional } = loaded;
  const { notes: sentenceNotes, ...sentences } = await readStoredSentences(files, await files.list());
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  const nonFinite = findNonFinite(weights);
  return {
    name: checkpoint.location,
    ...(untrained && { untrained }),
    storage: { weights: source, dtype: int8 ? 'int8' : loaded.dtype, ...(await sizes(files, checkpoint)) },
    config: checkpoint.config,
    parameters: parameterCounts(checkpoint.config, { pooler: weights.has('albert.pooler.weight'), heads, weights }),
    multiplyAddsPerToken: costPerToken(checkpoint.config),
    tokenizer: tokenizer
      ? {
          kind: tokenizer.kind,
          vocabSize: tokenizer.vocabSize,
          special: tokenizer.special,
          fingerprint: tokenizer.fingerprint,
        }
      : null,
    ...(checkpoint.adapter && { adapter: describeAdapter(checkpoint.adapter, int8 !== undefined) }),
    heads,
    ...(sentences.pooling && { sentences }),
    ...(checkpoint.details.labels && { labels: checkpoint.details.labels }),
    fingerprint: `model=${await (int8 ? int8Fingerprint(weights, int8) : weightsFingerprint(weights))};tokenizer=${tokenizer?.fingerprint ?? 'none'}`,
    notes: [
      ...(untrained ? ['UNTRAINED weights: initialised at random, vectors and predictions carry no meaning'] : []),
      ...(nonFinite.length > 0
        ? [`weights that are not finite, so no result is either: ${describeNonFinite(nonFinite)}`]
        : []),
      ...checkpoint.notes,
      ...sentenceNotes,
      ...(tokenizer ? [] : ['no tokeniser files: texts cannot be read with this checkpoint']),
      ...(tokenizer && tokenizer.vocabSize > checkpoint.config.vocabSize
        ? [
            `the tokeniser has ${tokenizer.vocabSize} tokens, the embedding table only ${checkpoint.config.vocabSize}: they belong to different checkpoints`,
          ]
        : []),
      ...(missingOptional.length > 0
        ? [
            `no ${missingOptional.map((name) => name.replace('albert.', '')).join(', ')}: --pooling pooler is not possible`,
          ]
        : []),
      ...(unexpected.length > 0 ? [`tensors of no known use: ${unexpected.join(', ')}`] : []),
    ],
  };
}

async function findTokenizer(files: FileSource): Promise<Tokenizer | undefined> {
  const { loadTokenizer } = await import('../../tokenizer/load.ts');
  try {
    return await loadTokenizer(files);
  } catch (error) {
    if (error instanceof AlbertineError && error.code === 'tokenizer_not_found') return undefined;
    throw error;
  }
}

async function sizes(files: FileSource, { weightFile }: Checkpoint): Promise<{ bytes: number; folderBytes: number }> {
  const stem = weightFile.name.replace(/\.index(\.json)?$/, '');
  let [bytes, folderBytes] = [0, 0];
  for (const name of await files.list()) {
    const size = await files.size(name);
    folderBytes += size;
    // Shards: model-00001-of-00003.safetensors for model.safetensors.index.json, name.data-00000-of-00001 for
    // name.index.
    const isShard =
      weightFile.format === 'tensorflow'
        ? name.startsWith(`${stem}.data-`)
        : weightFile.format.endsWith('-shards') && /-\d+-of-\d+\./.test(name);
    if (name === weightFile.name || isShard) bytes += size;
  }
  return { bytes, folderBytes };
}

function adapterLine({ settings, parameters, trainable, foldable, peft }: NonNullable<ModelInfo['adapter']>): string {
  const owner = { depth: 'of every depth', group: 'of every set of layer weights', shared: 'of all layers together' };
  const uses = [...(foldable ? ['can be folded'] : []), ...(peft ? ['loads in peft'] : [])];
  return `${parameters.toLocaleString('en-US')}  (${[settings.method, owner[settings.scope], ...uses].join(', ')}; trained with head and pooler: ${trainable.toLocaleString('en-US')})`;
}

function render(info: ModelInfo): string {
  const { config, parameters, multiplyAddsPerToken: cost, tokenizer, storage } = info;
  const number = (value: number): string => value.toLocaleString('en-US');
  const sharing = config.numHiddenGroups === 1 ? 'one set of weights' : `${config.numHiddenGroups} sets of weights`;
  const rows: [string, string][] = [
    ['parameters', `${number(parameters.total)}  (encoder and pooler ${number(parameters.encoder)})`],
    ['  word embeddings', number(parameters.wordEmbeddings)],
    ['  other embeddings', number(parameters.otherEmbeddings)],
    [
      '  layers',
      `${number(parameters.layers)}  (${sharing} for ${config.numHiddenLayers * config.innerGroupNum} layers)`,
    ],
    ['  pooler', parameters.pooler === 0 ? 'none' : number(parameters.pooler)],
    ...Object.entries(parameters.heads).map(([head, count]): [string, string] => [`  head ${head}`, number(count)]),
    ...(info.adapter ? [['  adapter', adapterLine(info.adapter)] as [string, string]] : []),
    ['multiply-adds per token', `${formatMillions(cost.linear)}  (linear layers)`],
    ...Object.entries(cost.attention).map(([length, adds]): [string, string] => [
      `  attention, ${length} tokens`,
      `+ ${formatMillions(adds)}`,
    ]),
    [
      'width',
      `hidden ${config.hiddenSize}, embedding ${config.embeddingSize}, feed-forward ${config.intermediateSize}, ${config.numAttentionHeads} heads`,
    ],
    ...(modelTypeOf(config) === 'albert' ? [] : [['family', modelTypeOf(config)] as [string, string]]),
    ['activation', config.hiddenAct],
    [
      'longest text',
      `${config.maxPositionEmbeddings} tokens with [CLS] and [SEP] (longer ones are read in windows); positions ${config.positionEmbeddingType}`,
    ],
    ...(tokenizer
      ? [
          [
            'tokeniser',
            `${tokenizer.kind}, ${number(tokenizer.vocabSize)} tokens (embedding table ${number(config.vocabSize)})`,
          ] as [string, string],
        ]
      : []),
    ...sentenceRows(info.sentences),
    ...(storage
      ? [
          [
            'on disk',
            `${formatBytes(storage.bytes)} of weights in ${storage.dtype}, ${formatBytes(storage.folderBytes)} in all  (${storage.weights})`,
          ] as [string, string],
        ]
      : []),
    ...(info.labels
      ? [
          [
            'labels',
            info.labels.slice(0, 12).join(', ') +
              (info.labels.length > 12 ? ` and ${info.labels.length - 12} more` : ''),
          ] as [string, string],
        ]
      : []),
    ...(info.fingerprint === undefined ? [] : [['fingerprint', info.fingerprint] as [string, string]]),
  ];
  return [info.name, formatTable(rows, { indent: '  ' }), ...info.notes.map((note) => `note: ${note}`), ''].join('\n');
}

/** How vectors of texts are made, and what may stand before them. */
function sentenceRows(sentences: ModelInfo['sentences']): [string, string][] {
  if (!sentences) return [];
  const { pooling, maxLength, normalize, prompts } = sentences;
  const parts = [
    `${pooling} pooling`,
    ...(normalize ? ['scaled to length 1'] : []),
    ...(maxLength === undefined ? [] : [`read in windows of ${maxLength} tokens`]),
  ];
  const listed = Object.entries(prompts?.texts ?? {}).map(
    ([name, text]) => `${name} ${JSON.stringify(text)}${name === prompts?.defaultName ? ' (default)' : ''}`,
  );
  return [
    ['vectors of texts', parts.join(', ')],
    ...(listed.length > 0 ? [['prompts', listed.join(', ')] as [string, string]] : []),
  ];
}

function formatMillions(value: number): string {
  return value >= 1e8
    ? `${Math.round(value / 1e6).toLocaleString('en-US')} M`
    : `${(value / 1e6).toFixed(value >= 1e6 ? 1 : 3)} M`;
}
