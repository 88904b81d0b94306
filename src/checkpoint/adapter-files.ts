import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { DENSE_LAYERS, type AdapterSettings, type DenseName } from '../model/adapters/adapter.ts';
import { createAdapter, extendedBy, type Adapter } from '../model/adapters/methods.ts';
import { modelTypeOf, type AlbertConfig } from '../model/config.ts';
import { requireFiniteWeights } from '../model/finite.ts';
import { extensionName, extensionParameters, isExtensionName } from '../model/extension.ts';
import type { Extended } from '../model/extension-inputs.ts';
import { ADAPTER_METHODS } from '../model/adapters/names.ts';
import { headParameters, headsPresent, optionalPart, type HeadName } from '../model/heads.ts';
import { encoderParameters, layerPrefix, poolerParameters, type Weight, type Weights } from '../model/parameters.ts';
import { canonicalName, familyName } from './family-names.ts';
import { ADAPTER_CONFIG, ADAPTER_DETAILS, ADAPTER_WEIGHTS } from './adapter-names.ts';
import { weightsFingerprint } from './fingerprint.ts';
import { openSafetensors } from './safetensors.ts';
import { readJson } from './weight-files.ts';

/*
 * Folders of adapters, in the layout of Python's peft where it has the method: what was learned, and the name of the
 * model that it was learned on.
 */

/** Content of {@link ADAPTER_DETAILS}. */
export interface AdapterDetails {
  adapter: AdapterSettings;
  base: BaseIdentity;
  /** Keys of `config.json` that the adapted model has in place of the base's. */
  config: Record<string, unknown>;
}

/** By which the model is known that an adapter was trained on. */
export interface BaseIdentity {
  /** Fingerprint of the encoder's weights, whatever heads are beside them. */
  weights: string;
  /** Fingerprint of the tokeniser. */
  tokenizer: string;
  /** Shape of the network: the weights do not tell heads, activation or depth. */
  network: Record<string, unknown>;
}

/** peft's names of the methods that it has, for weights of a group. */
const PEFT_TYPES: Partial<Record<AdapterSettings['method'], string>> = { lora: 'LORA', ia3: 'IA3' };
/** peft's names of what a head is for. */
const PEFT_TASKS: Partial<Record<HeadName, string>> = {
  sequenceClassification: 'SEQ_CLS',
  tokenClassification: 'TOKEN_CLS',
  questionAnswering: 'QUESTION_ANS',
};
/** Begins the names of those that it does not have. */
const OWN_TYPE = 'ALBERTINE_';
const PEFT_PREFIX = 'base_model.model.';
/** The weights of peft that stand under a module's name. */
const PEFT_PARTS = ['lora_A', 'lora_B', 'ia3_l'];

/** Whether Python's peft can load it. */
export const isPeft = ({ settings: { method, scope } }: Adapter): boolean =>
  PEFT_TYPES[method] !== undefined && scope === 'group';

/** Numbers of a config that training takes and the network, once trained, does not. */
const OF_TRAINING = ['hiddenDropoutProb', 'attentionProbsDropoutProb', 'classifierDropoutProb', 'initializerRange'];

/** What a base is, for {@link requireBase}. */
export async function identityOf(
  config: AlbertConfig,
  weights: Weights,
  tokenizer: { readonly fingerprint: string },
): Promise<BaseIdentity> {
  return {
    weights: await encoderFingerprint(config, weights),
    tokenizer: tokenizer.fingerprint,
    network: Object.fromEntries(Object.entries(config).filter(([name]) => !OF_TRAINING.includes(name))),
  };
}

const encoderFingerprint = (config: AlbertConfig, weights: Weights): Promise<string> =>
  weightsFingerprint(new Map(encoderParameters(config).map(({ name }) => [name, weights.get(name)!])));

/**
 * Throws `weights_mismatch` where an adapter was trained on another network than its base now is; `weights` is undefined
 * where they are bytes, which have no fingerprint of their own.
 */
export async function requireBase(
  { details, location }: LoadedAdapter,
  config: AlbertConfig,
  weights: Weights | undefined,
): Promise<void> {
  if (!details) return;
  const { base } = details;
  const differing = Object.entries(base.network).find(
    ([name, value]) => JSON.stringify(config[name as keyof AlbertConfig]) !== JSON.stringify(value),
  );
  if (differing)
    throw otherBase(location, {
      of: differing[0],
      trained: differing[1],
      found: config[differing[0] as keyof AlbertConfig],
    });
  if (!weights) return;
  const found = await encoderFingerprint(config, weights);
  if (found !== base.weights) throw otherBase(location, { of: 'fingerprint', trained: base.weights, found });
}

/** The same where it was trained with another tokeniser than its base now has. */
export function requireTokenizerOfBase(
  { details, location }: LoadedAdapter,
  { fingerprint: found }: { readonly fingerprint: string },
): void {
  if (details && details.base.tokenizer !== found)
    throw otherBase(location, { of: 'tokeniser', trained: details.base.tokenizer, found });
}

const otherBase = (
  location: string,
  { of, trained, found }: { of: string; trained: unknown; found: unknown },
): AlbertineError =>
  new AlbertineError(
    'weights_mismatch',
    `the adapter in ${location} was trained on another model than its base is now: ${of} ${String(trained)}, and not ${String(found)}`,
    { value: found, hint: 'Name the model it was trained on in adapter_config.json, as base_model_name_or_path' },
  );

/** Tensors of {@link ADAPTER_WEIGHTS}: `weights` are the extension's, the heads' and the pooler's. */
export function adapterTensors(
  adapter: Adapter,
  { config, weights, heads }: { config: AlbertConfig; weights: Weights; heads: readonly HeadName[] },
): Map<string, Weight> {
  const named = peftNames(adapter, config, heads);
  return new Map(
    [...weights].map(([name, weight]) => {
      const own = named.get(name);
      if (own) return [own, { ...weight, shape: peftShape(own, weight.shape) }];
      return [isExtensionName(name) ? name : PEFT_PREFIX + familyName(name, config, heads), weight];
    }),
  );
}

/** peft's names of the extension's weights, by their full names; none where it does not have the method. */
function peftNames(adapter: Adapter, config: AlbertConfig, heads: readonly HeadName[]): Map<string, string> {
  const names = new Map<string, string>();
  if (!isPeft(adapter)) return names;
  const { innerGroupNum, numHiddenGroups, numHiddenLayers } = config;
  for (let layer = 0; layer < numHiddenLayers * innerGroupNum; layer++) {
    const group = Math.floor((Math.floor(layer / innerGroupNum) * numHiddenGroups) / numHiddenLayers);
    for (const parameter of adapter.extension.parameters) {
      const [, dense, part] = /^(.+)\.(\w+)$/.exec(parameter.name)!;
      const weight = familyName(`${layerPrefix(group, layer % innerGroupNum)}.${dense}.weight`, config, heads);
      const module = PEFT_PREFIX + weight.slice(0, -'.weight'.length);
      names.set(
        extensionName(config, parameter, layer),
        part === 'ia3_l' ? `${module}.${part}` : `${module}.${part}.weight`,
      );
    }
  }
  return names;
}

/** (IA)³'s vectors are columns in peft, and rows where an input is scaled. */
const peftShape = (name: string, shape: number[]): number[] =>
  !name.endsWith('.ia3_l') ? shape : isFeedForward(name) ? [1, ...shape] : [...shape, 1];
const isFeedForward = (name: string): boolean => /\.(ffn_output|(?<!attention\.)output\.dense)\./.test(name);

/** Content of {@link ADAPTER_CONFIG}. */
export function adapterConfig(
  adapter: Adapter,
  {
    config,
    base,
    heads,
    saved,
  }: { config: AlbertConfig; base: string; heads: readonly HeadName[]; saved: readonly string[] },
): Record<string, unknown> {
  const { method, rank, alpha, targets = [] } = adapter.settings;
  const task = heads.map((head) => PEFT_TASKS[head]).find((name) => name !== undefined);
  const modules = [...new Set(saved.map((name) => moduleOf(familyName(name, config, heads))))];
  const module = (name: string): string =>
    familyName(`${layerPrefix(0, 0)}.${name}.weight`, config, heads)
      .replace(/^.*?\.(layer\.0|albert_layers\.0)\./, '')
      .replace(/\.weight$/, '');
  return {
    peft_type: isPeft(adapter) ? PEFT_TYPES[method] : OWN_TYPE + method.toUpperCase(),
    base_model_name_or_path: base,
    task_type: task ?? null,
    inference_mode: true,
    ...(modules.length > 0 && { modules_to_save: modules }),
    ...(method === 'lora' && { r: rank, lora_alpha: alpha, lora_dropout: 0, bias: 'none', fan_in_fan_out: false }),
    ...(targets.length > 0 && { target_modules: targets.map(module) }),
    ...(method === 'ia3' && { feedforward_modules: targets.filter((name) => name === 'ffn_output').map(module) }),
  };
}

/** peft's name of the module that a head's or pooler's weight belongs to: the first part beneath the model. */
const moduleOf = (name: string): string => {
  const parts = name.replace(/^(albert|bert|roberta)\./, '').split('.');
  return parts[0];
};

/** An adapter that was read. */
export interface LoadedAdapter {
  adapter: Adapter;
  /** For an encoder. */
  extended: Extended;
  /** Heads and pooler by canonical name. */
  heads: Weights;
  details: AdapterDetails | undefined;
  /** The folder, for messages. */
  location: string;
}

/**
 * Reads an adapter for a model of this shape, our own or one of peft (LoRA or (IA)³). Throws `weights_mismatch` for one
 * of another shape, `unsupported` for methods and options of peft that this package does not have.
 */
export async function readAdapter(files: FileSource, config: AlbertConfig): Promise<LoadedAdapter> {
  const file = await openSafetensors(files, ADAPTER_WEIGHTS);
  const details = (await files.list()).includes(ADAPTER_DETAILS) ? await readDetails(files) : undefined;
  const stored = withModelName(await file.read([...file.tensors.keys()]), config);
  requireFiniteWeights(stored, `${files.location}/${ADAPTER_WEIGHTS}`);
  const json = (await readJson(files, ADAPTER_CONFIG)) as Record<string, unknown>;
  const settings = details?.adapter ?? peftSettings(json, stored, files.location);
  if (details) requireSameSizes(details.adapter, json, files.location);
  const adapter = createAdapter(settings, config);
  const heads = headsOf(stored, config);
  requireKnown(heads, config, files.location);
  const named = peftNames(
    adapter,
    config,
    headsPresent((name) => heads.has(name)),
  );
  const weights: Weights = new Map();
  const problems: string[] = [];
  for (const { name, shape } of extensionParameters(config, adapter.extension)) {
    const own = named.get(name) ?? name;
    const weight = stored.get(own);
    const expected = named.has(name) ? peftShape(own, shape) : shape;
    if (!weight) problems.push(`${own} is missing`);
    else if (weight.shape.join() !== expected.join())
      problems.push(`${own} has shape [${weight.shape}] instead of [${expected}]`);
    else weights.set(name, { shape, data: weight.data });
  }
  if (problems.length > 0)
    throw new AlbertineError(
      'weights_mismatch',
      `${files.location}: the adapter does not fit the model: ${problems.join('; ')}`,
      {
        value: problems,
      },
    );
  return { adapter, extended: extendedBy(adapter, weights), heads, details, location: files.location };
}

/** The names of an adapter for a model with a head: those for one without lack the family's part. */
function withModelName(stored: ReadonlyMap<string, Weight>, config: AlbertConfig): Map<string, Weight> {
  const type = modelTypeOf(config);
  const family = type === 'xlm-roberta' ? 'roberta' : type;
  return new Map(
    [...stored].map(([name, weight]) => [
      name.replace(/^base_model\.model\.(?=(encoder|embeddings|pooler)\.)/, `${PEFT_PREFIX}${family}.`),
      weight,
    ]),
  );
}

/** Reads {@link ADAPTER_DETAILS}. Throws `invalid_file` for what this package does not write. */
export async function readDetails(files: FileSource): Promise<AdapterDetails> {
  const details = (await readJson(files, ADAPTER_DETAILS)) as Partial<AdapterDetails> | null;
  const { adapter, base, config } = details ?? {};
  if (adapter && ADAPTER_METHODS.includes(adapter.method) && base?.weights && base.tokenizer && base.network && config)
    return { adapter, base, config };
  throw new AlbertineError('invalid_file', `${files.location}/${ADAPTER_DETAILS} does not say what the adapter is`, {
    value: details,
    hint: `Copy the folder again; of an adapter of Python's peft leave ${ADAPTER_DETAILS} out`,
  });
}

/** Sizes of LoRA stand in both files, and Python reads the other. */
function requireSameSizes(
  { method, rank, alpha }: AdapterSettings,
  json: Record<string, unknown>,
  location: string,
): void {
  if (method !== 'lora' || (json['r'] === rank && json['lora_alpha'] === alpha)) return;
  throw new AlbertineError(
    'invalid_file',
    `${location}: ${ADAPTER_CONFIG} says r ${String(json['r'])} and lora_alpha ${String(json['lora_alpha'])}, ${ADAPTER_DETAILS} ${rank} and ${alpha}`,
    { value: json['lora_alpha'], hint: 'Write the same into both' },
  );
}

/** Whatever else was learned would be missing from the answers: embeddings, single tokens, layers of other kinds. */
function requireKnown(heads: Weights, config: AlbertConfig, location: string): void {
  const has = (name: string): boolean => heads.has(name);
  const parts = headsPresent(has).flatMap((head) => [
    ...headParameters(config, head),
    ...(optionalPart(head, has)?.parameters(0) ?? []),
  ]);
  const known = new Set([...poolerParameters(config), ...parts].map(({ name }) => name));
  const unknown = [...heads.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new AlbertineError(
      'unsupported',
      `${location}/${ADAPTER_WEIGHTS} has numbers that are of no known use: ${unknown.slice(0, 5).join(', ')}`,
      {
        value: unknown,
        hint: "Of adapters of Python's peft those of dense layers, heads and pooler can be loaded; others can be merged there (merge_and_unload) and saved",
      },
    );
}

function headsOf(stored: ReadonlyMap<string, Weight>, config: AlbertConfig): Weights {
  const plain = new Map([...stored].map(([name, weight]) => [name.replace(PEFT_PREFIX, ''), weight]));
  const isOfLayer = (name: string): boolean => PEFT_PARTS.some((part) => name.includes(`.${part}`));
  return new Map(
    [...plain]
      .filter(([name]) => !isExtensionName(name) && !isOfLayer(name))
      .map(([name, weight]) => [canonicalName(name, modelTypeOf(config), plain), weight]),
  );
}

/** Keys of peft's config that change what is computed, with the values that this package has. */
const PLAIN: Readonly<Record<string, readonly unknown[]>> = {
  bias: ['none'],
  fan_in_fan_out: [false],
  use_dora: [false],
  use_rslora: [false],
  alpha_pattern: [],
  rank_pattern: [],
  layers_to_transform: [],
  lora_bias: [false],
  // Other starts change the base itself (PiSSA, OLoRA, CorDA, LoftQ), which the file does not have.
  init_lora_weights: [true, false, 'gaussian', 'orthogonal', 'eva'],
};

function peftSettings(
  config: Record<string, unknown>,
  stored: ReadonlyMap<string, Weight>,
  location: string,
): AdapterSettings {
  if (String(config['peft_type']).startsWith(OWN_TYPE))
    throw new AlbertineError('invalid_file', `${location} is an adapter of albertine without its ${ADAPTER_DETAILS}`, {
      value: config['peft_type'],
      hint: 'Copy it again',
    });
  const method = (Object.keys(PEFT_TYPES) as AdapterSettings['method'][]).find(
    (name) => PEFT_TYPES[name] === config['peft_type'],
  );
  const unsupported = (key: string): AlbertineError =>
    new AlbertineError(
      'unsupported',
      `${location}/${ADAPTER_CONFIG}: ${key} ${JSON.stringify(config[key])} is not supported`,
      {
        value: config[key],
        hint: "Of adapters of Python's peft, plain LORA and IA3 can be loaded; others can be merged there (merge_and_unload) and saved",
      },
    );
  if (!method) throw unsupported('peft_type');
  for (const [key, values] of Object.entries(PLAIN)) {
    const value = config[key];
    const isEmpty =
      value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
    if (!isEmpty && !values.includes(value)) throw unsupported(key);
  }
  const part = method === 'lora' ? '.lora_A.weight' : '.ia3_l';
  const modules = [...stored.keys()].filter((name) => name.endsWith(part)).map((name) => name.slice(0, -part.length));
  const targets = new Set(modules.map((module) => denseOf(module)));
  if (targets.has(undefined)) throw unsupported('target_modules');
  const first = stored.get(modules[0] + part);
  return {
    method,
    scope: 'group',
    targets: DENSE_LAYERS.filter((name) => targets.has(name)),
    ...(method === 'lora' && { rank: first!.shape[0], alpha: Number(config['lora_alpha']) }),
  };
}

/** Our name of the dense layer that a module of a layer is, in any family. */
function denseOf(module: string): DenseName | undefined {
  const weight = `${module.replace(PEFT_PREFIX, '')}.weight`;
  const parts = (['albert', 'bert'] as const).map(
    (type) => /albert_layers\.\d+\.(.+)\.weight$/.exec(canonicalName(weight, type, new Map()))?.[1],
  );
  return DENSE_LAYERS.find((name) => parts.includes(name));
}
