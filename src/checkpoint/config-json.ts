import { AlbertineError, describeValue } from '../core/errors.ts';
import {
  DEFAULT_CONFIG,
  firstPosition,
  modelTypeOf,
  validateConfig,
  type Activation,
  type AlbertConfig,
  type ModelType,
} from '../model/config.ts';
import { architectureOf } from '../model/heads.ts';
import { completeFamily, FAMILY_DEFAULTS, familyType, NOT_IN_FAMILIES } from './family-config.ts';

/**
 * Whose meaning a config file's values have: the same word `gelu` is erf in Hugging Face files and tanh in Google's.
 */
export type ConfigSource = 'huggingface' | 'google';

/** A config file, read. */
export interface ParsedConfig {
  /** Shape of the network. */
  config: AlbertConfig;
  /** Class names in order, from `id2label`. */
  labels?: string[];
  /** `single_label_classification`, `multi_label_classification` or `regression`. */
  problemType?: string;
  /** Hugging Face class names such as `AlbertForMaskedLM`. */
  architectures?: string[];
  /** Keys that are not ours, kept so that {@link writeConfig} can write them back. */
  extra: Record<string, unknown>;
  /** What a reader should know: defaults taken, values ignored, values that look wrong. */
  notes: string[];
}

/** What {@link writeConfig} adds to the network's shape. */
export interface ConfigDetails {
  /** Class names in order; become `id2label` and `label2id`. */
  labels?: string[];
  /** Hugging Face's name of the problem, such as `single_label_classification`. */
  problemType?: string;
  /** Classes of `transformers` that load it. */
  architectures?: string[];
  /** Further keys. */
  extra?: Record<string, unknown>;
}

type NumberField = Exclude<keyof AlbertConfig, 'hiddenAct' | 'positionEmbeddingType' | 'modelType'>;

/** Our field for each numeric key of the file. */
const NUMBER_KEYS: Record<NumberField, string> = {
  vocabSize: 'vocab_size',
  embeddingSize: 'embedding_size',
  hiddenSize: 'hidden_size',
  numHiddenLayers: 'num_hidden_layers',
  numHiddenGroups: 'num_hidden_groups',
  innerGroupNum: 'inner_group_num',
  numAttentionHeads: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  hiddenDropoutProb: 'hidden_dropout_prob',
  attentionProbsDropoutProb: 'attention_probs_dropout_prob',
  classifierDropoutProb: 'classifier_dropout_prob',
  maxPositionEmbeddings: 'max_position_embeddings',
  typeVocabSize: 'type_vocab_size',
  initializerRange: 'initializer_range',
  layerNormEps: 'layer_norm_eps',
  padTokenId: 'pad_token_id',
  bosTokenId: 'bos_token_id',
  eosTokenId: 'eos_token_id',
};

/** Our field and the file's key of every number that files of a family have. */
function numberKeys(type: ModelType): [NumberField, string][] {
  const all = Object.entries(NUMBER_KEYS) as [NumberField, string][];
  return type === 'albert'
    ? all
    : all
        .filter(([field]) => !NOT_IN_FAMILIES.has(field))
        .map(([field, key]) => [field, field === 'classifierDropoutProb' ? 'classifier_dropout' : key]);
}

/** A field as the file calls it. */
const keyOf = (field: keyof AlbertConfig): string =>
  ({
    ...NUMBER_KEYS,
    hiddenAct: 'hidden_act',
    positionEmbeddingType: 'position_embedding_type',
    modelType: 'model_type',
  })[field];

/** Sizes that Hugging Face's `AlbertConfig` takes from xxlarge when a file leaves them out. */
const XXLARGE_DEFAULTS: Partial<AlbertConfig> = { hiddenSize: 4096, numAttentionHeads: 64, intermediateSize: 16384 };
/** The number of heads cannot be seen in the weights, so original files must state the shape. */
const REQUIRED_BY_GOOGLE: NumberField[] = [
  'vocabSize',
  'hiddenSize',
  'numHiddenLayers',
  'numAttentionHeads',
  'intermediateSize',
];

const ACTIVATION_NAMES: Record<ConfigSource, Record<string, Activation>> = {
  huggingface: {
    gelu: 'gelu_erf',
    gelu_python: 'gelu_erf',
    gelu_new: 'gelu_tanh',
    gelu_pytorch_tanh: 'gelu_tanh',
    gelu_fast: 'gelu_tanh',
    gelu_accurate: 'gelu_tanh',
    relu: 'relu',
    silu: 'silu',
    swish: 'silu',
    tanh: 'tanh',
    sigmoid: 'sigmoid',
  },
  google: { gelu: 'gelu_tanh', relu: 'relu', tanh: 'tanh' },
};
const HUGGINGFACE_NAME: Record<Activation, string> = {
  gelu_erf: 'gelu',
  gelu_tanh: 'gelu_new',
  relu: 'relu',
  silu: 'silu',
  tanh: 'tanh',
  sigmoid: 'sigmoid',
};

/** Experimental switches in Google's files; its released code ignores them, as Hugging Face's does. */
const NEUTRAL_VALUES: Record<string, unknown> = {
  down_scale_factor: 1,
  gap_size: 0,
  net_structure_type: 0,
  num_memory_blocks: 0,
};

const ownKeys = (type: ModelType): Set<string> =>
  new Set([
    ...numberKeys(type).map(([, key]) => key),
    'hidden_act',
    'position_embedding_type',
    'model_type',
    'architectures',
    'id2label',
    'label2id',
    'num_labels',
    'problem_type',
    'torch_dtype',
    'dtype',
  ]);

/**
 * Reads a parsed `config.json` (`huggingface`) or `albert_config.json` / `bert_config.json` (`google`).
 * Missing keys mean what the source's own code takes them to mean; defaults for sizes are noted.
 * `name` is the checkpoint's name or folder, used only for notes. Throws `invalid_config` or `unsupported`.
 */
export function parseConfig(json: unknown, source: ConfigSource, name = ''): ParsedConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new AlbertineError('invalid_config', `a config must be a JSON object, got ${describeValue(json)}`, {
      value: json,
    });
  }
  const keys = json as Record<string, unknown>;
  const notes: string[] = [];
  const type = readModelType(keys, notes);
  const numbers = readNumbers(keys, { source, type, notes });
  const read = {
    ...numbers,
    hiddenAct: readActivation(keys, source, type),
    positionEmbeddingType: readPositionType(keys),
  };
  const config = validateConfig(type === 'albert' ? read : completeFamily(read, { type, keys }), keyOf);
  noteSuspicious(config, { keys, source, name, notes });
  const own = ownKeys(type);
  const extra = Object.fromEntries(Object.entries(keys).filter(([key]) => !own.has(key)));
  const labels = readLabels(keys);
  const architectures = Array.isArray(keys.architectures)
    ? keys.architectures.filter((entry) => typeof entry === 'string')
    : undefined;
  return {
    config,
    extra,
    notes,
    ...(labels && { labels }),
    ...(typeof keys.problem_type === 'string' && { problemType: keys.problem_type }),
    ...(architectures && { architectures }),
  };
}

/** The family. Some Chinese ALBERTs call themselves BERT: what only ALBERT has tells. */
function readModelType(keys: Record<string, unknown>, notes: string[]): ModelType {
  const type = keys.model_type;
  const hasAlbertKeys = keys.embedding_size !== undefined || keys.num_hidden_groups !== undefined;
  if (type !== undefined && type !== 'albert') {
    if (!hasAlbertKeys) return familyType(keys);
    notes.push(`model_type is ${describeValue(type)} but the keys are ALBERT's; read as ALBERT`);
  }
  if (keys.ln_type === 'preln') {
    throw new AlbertineError('unsupported', 'config.ln_type is "preln": a pre-LayerNorm network is not ALBERT', {
      value: keys.ln_type,
      hint: 'Use a checkpoint with "postln", such as brightmart xlarge',
    });
  }
  return 'albert';
}

function readNumbers(
  keys: Record<string, unknown>,
  { source, type, notes }: { source: ConfigSource; type: ModelType; notes: string[] },
): AlbertConfig {
  const config: AlbertConfig = { ...DEFAULT_CONFIG, ...(type === 'albert' ? XXLARGE_DEFAULTS : FAMILY_DEFAULTS) };
  const missing: string[] = [];
  for (const [field, key] of numberKeys(type)) {
    const value = keys[key] ?? undefined;
    if (value === undefined) {
      if (source === 'google' && REQUIRED_BY_GOOGLE.includes(field)) missing.push(key);
      else if (field in XXLARGE_DEFAULTS || field === 'numHiddenLayers' || field === 'vocabSize')
        notes.push(`${key} is missing; Hugging Face's default ${config[field]} is used`);
      continue;
    }
    if (typeof value !== 'number')
      throw new AlbertineError('invalid_config', `config.${key} must be a number, got ${describeValue(value)}`, {
        value,
      });
    config[field] = value;
  }
  if (missing.length > 0)
    throw new AlbertineError('invalid_config', `the config has no ${missing.join(', ')}`, {
      value: missing,
      hint: 'Take albert_config.json from the folder that the checkpoint came in',
    });
  return config;
}

function readActivation(keys: Record<string, unknown>, source: ConfigSource, type: ModelType): Activation {
  const value = keys.hidden_act ?? (source === 'google' || type !== 'albert' ? 'gelu' : 'gelu_new');
  const names = ACTIVATION_NAMES[source];
  const key = typeof value === 'string' ? value.toLowerCase() : '';
  if (!Object.hasOwn(names, key)) {
    throw new AlbertineError(
      'unsupported',
      `config.hidden_act must be one of ${Object.keys(names).join(', ')}, got ${describeValue(value)}`,
      { value },
    );
  }
  return names[key];
}

function readPositionType(keys: Record<string, unknown>): AlbertConfig['positionEmbeddingType'] {
  // validateConfig checks the value.
  return (keys.position_embedding_type ?? 'absolute') as AlbertConfig['positionEmbeddingType'];
}

function readLabels(keys: Record<string, unknown>): string[] | undefined {
  const map = keys.id2label;
  if (typeof map === 'object' && map !== null) {
    const entries = Object.entries(map).sort(([a], [b]) => Number(a) - Number(b));
    entries.forEach(([id], index) => {
      if (Number(id) !== index)
        throw new AlbertineError(
          'invalid_config',
          `config.id2label must count from 0 without gaps, got ${describeValue(map)}`,
          { value: map },
        );
    });
    return entries.map(([, label]) => {
      if (typeof label !== 'string' && typeof label !== 'number' && typeof label !== 'boolean')
        throw new AlbertineError('invalid_config', `config.id2label must hold names, got ${describeValue(label)}`, {
          value: label,
        });
      return String(label);
    });
  }
  const count = keys.num_labels;
  return typeof count === 'number' && Number.isInteger(count) && count > 0 && count < 1e6
    ? Array.from({ length: count }, (_, index) => `LABEL_${index}`)
    : undefined;
}

function noteSuspicious(
  config: AlbertConfig,
  context: { keys: Record<string, unknown>; source: ConfigSource; name: string; notes: string[] },
): void {
  const { keys, source, name, notes } = context;
  const isVersion2 =
    modelTypeOf(config) === 'albert' &&
    (/v2/i.test(`${name} ${String(keys._name_or_path ?? '')}`) ||
      (source === 'huggingface' && keys.hidden_act === 'gelu_new'));
  if (isVersion2 && (config.hiddenDropoutProb > 0 || config.attentionProbsDropoutProb > 0)) {
    notes.push(
      `this looks like a version 2 checkpoint, which was trained without dropout, but its config says hidden_dropout_prob ${config.hiddenDropoutProb} and ` +
        `attention_probs_dropout_prob ${config.attentionProbsDropoutProb}; fine-tuning may not learn: set both to 0`,
    );
  }
  for (const [key, neutral] of Object.entries(NEUTRAL_VALUES)) {
    if (keys[key] !== undefined && keys[key] !== neutral)
      notes.push(`${key} is ${describeValue(keys[key])}; ALBERT's released code ignores it, and so is done here`);
  }
}

/**
 * The `config.json` object that Hugging Face's `AlbertConfig` loads, or the config of another family. Keys of
 * `details.extra` are written as they are, unless they are keys of the network's shape. Labels become `id2label` and
 * `label2id`.
 */
export function writeConfig(config: AlbertConfig, details: ConfigDetails = {}): Record<string, unknown> {
  validateConfig(config);
  const type = modelTypeOf(config);
  const { labels, problemType, architectures = [architectureOf([], config)], extra = {} } = details;
  const json: Record<string, unknown> = { architectures, model_type: type };
  // An id of -1 is one that the file did not name: Hugging Face's own default then holds.
  for (const [field, key] of numberKeys(type)) if (type === 'albert' || config[field] !== -1) json[key] = config[field];
  if (type !== 'albert') json.max_position_embeddings = config.maxPositionEmbeddings + firstPosition(config);
  json.hidden_act = HUGGINGFACE_NAME[config.hiddenAct];
  json.position_embedding_type = config.positionEmbeddingType;
  // What Python computes in, however the weights are stored: as here. In the 16 bits of a file a processor would be
  // many times slower.
  json.dtype = 'float32';
  if (labels) {
    json.id2label = Object.fromEntries(labels.map((label, index) => [String(index), label]));
    json.label2id = Object.fromEntries(labels.map((label, index) => [label, index]));
  }
  if (problemType) json.problem_type = problemType;
  const own = ownKeys(type);
  for (const [key, value] of Object.entries(extra)) if (!own.has(key)) json[key] = value;
  return json;
}
