import { AlbertineError, describeValue } from '../core/errors.ts';

/** A model repository on a hub: its id (`owner/name`, or a legacy single name) and a branch, tag or commit. */
export interface HubReference {
  id: string;
  revision: string;
}

const OWNER = /^[A-Za-z0-9_](?:[\w.-]*[A-Za-z0-9_])?$/;
const NAME = /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/;

/**
 * Splits `owner/name`, `name` or either with `@revision` (default revision: `main`).
 * Returns undefined when the text is not a valid hub id; the rules are those of Python's `huggingface_hub`
 * (letters, digits, `-`, `_`, `.`; neither `--` nor `..`; no final `.git`; at most one slash).
 */
export function parseHubReference(text: string): HubReference | undefined {
  const at = text.indexOf('@');
  const id = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? 'main' : text.slice(at + 1);
  const parts = id.split('/');
  const name = parts.at(-1) ?? '';
  if (parts.length > 2 || !NAME.test(name) || (parts.length === 2 && !OWNER.test(parts[0]))) return undefined;
  if (id.includes('--') || id.includes('..') || id.endsWith('.git')) return undefined;
  return isSafeRelativePath(revision) ? { id, revision } : undefined;
}

/** True when `name`, joined to a folder, stays inside it on every operating system. */
export function isSafeRelativePath(name: string): boolean {
  if (name === '' || name.length > 1024 || /[\u0000-\u001f\u007f\\:*?"<>|]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[. ]$/.test(part));
}

/**
 * Returns `name` if it is a safe relative path. Throws `invalid_data`: the names come from a server and are not
 * trusted.
 */
export function requireSafeFileName(name: string, source: string): string {
  if (isSafeRelativePath(name)) return name;
  throw new AlbertineError(
    'invalid_data',
    `${source} names a file that would leave its folder: ${describeValue(name)}`,
    {
      value: name,
      hint: 'Nothing was written; do not trust this server or repository',
    },
  );
}

/** Names under which a vocabulary may be stored; one of them makes a tokeniser. */
export const VOCABULARY_FILES = [
  'spiece.model',
  'tokenizer.json',
  'vocab.txt',
  'sentencepiece.bpe.model',
  'tokenizer.model',
  'spm.model',
] as const;

/** Names under which a model's shape may be stored. */
export const CONFIG_FILES = ['config.json', 'albert_config.json'] as const;

/** The shard list of a large safetensors checkpoint. */
export const SAFETENSORS_INDEX = 'model.safetensors.index.json';
/** The shard list of a large PyTorch checkpoint. */
export const PYTORCH_INDEX = 'pytorch_model.bin.index.json';

const OPTIONAL_FILES = [
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  // sentence-transformers: pooling, prompts and maximum length.
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
];
const SENTENCE_MODULE = /^\d+_[A-Za-z]+\/(config\.json|model\.safetensors|pytorch_model\.bin)$/;
const TENSORFLOW_PART = /^[^/]+\.(index|data-\d{5}-of-\d{5})$/;

/** The files of a repository that a model needs, in the order in which to fetch them. */
export interface FileChoice {
  /** Tokeniser and configuration files. */
  small: string[];
  /** Weight files, or the index that names them. */
  weights: string[];
}

/**
 * Chooses from a repository's listing what an ALBERT needs: configuration, tokeniser and one set of weights
 * (safetensors, else its shards, else PyTorch, else TensorFlow 1). Files for other frameworks are left alone.
 * Weights come last, so that their presence in a cache means that the rest is there too.
 */
export function chooseFiles(listing: readonly string[]): FileChoice {
  const present = new Set(listing);
  const only = (names: readonly string[]): string[] => names.filter((name) => present.has(name));
  const modules = listing.filter((name) => {
    if (!SENTENCE_MODULE.test(name)) return false;
    return !name.endsWith('.bin') || !present.has(name.replace('pytorch_model.bin', 'model.safetensors'));
  });
  return {
    small: [...only(OPTIONAL_FILES), ...modules, ...only(VOCABULARY_FILES), ...only(CONFIG_FILES)],
    weights: chooseWeights(listing, present),
  };
}

function chooseWeights(listing: readonly string[], present: ReadonlySet<string>): string[] {
  for (const name of ['model.safetensors', SAFETENSORS_INDEX, 'pytorch_model.bin', PYTORCH_INDEX])
    if (present.has(name)) return [name];
  return listing.filter((name) => TENSORFLOW_PART.test(name));
}

/** The shard names in a `*.index.json` file, without repetition. Throws `invalid_data` when it is not such an index. */
export function shardsOfIndex(text: string, source: string): string[] {
  let weightMap: unknown;
  try {
    weightMap = (JSON.parse(text) as { weight_map?: unknown } | null)?.weight_map;
  } catch (cause) {
    throw new AlbertineError('invalid_data', `${source} is not JSON: ${describeValue(text)}`, { cause });
  }
  const names = weightMap && typeof weightMap === 'object' ? Object.values(weightMap) : [];
  if (names.length === 0 || names.some((name) => typeof name !== 'string')) {
    throw new AlbertineError('invalid_data', `${source} has no usable weight_map: ${describeValue(weightMap)}`, {
      value: weightMap,
    });
  }
  return [...new Set(names as string[])].map((name) => requireSafeFileName(name, source)).sort();
}
