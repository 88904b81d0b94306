import type { FileSource } from '../core/files.ts';
import { requireRealFile } from '../core/wrong-content.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { Pooling } from '../model/pooling.ts';

/** How a checkpoint's vectors are meant to be made, as Python's sentence-transformers stores it beside the weights. */
export interface SentenceSettings {
  /** How token vectors become one. */
  pooling: Exclude<Pooling, 'pooler'>;
  /** Tokens of a text, special ones included. Default: what the model takes. */
  maxLength?: number;
  /** Whether vectors are scaled to length 1. Default false. */
  normalize?: boolean;
  /** What stands before texts. Default: nothing. */
  prompts?: SentencePrompts;
}

/** Texts that a model was trained to find before others, such as `query: `, by name. */
export interface SentencePrompts {
  /** By name. */
  texts: Readonly<Record<string, string>>;
  /** Name of the one that is used where none is asked for. Default: none. */
  defaultName?: string;
}

/** Names the modules of a sentence-transformers model. */
export const MODULES_FILE = 'modules.json';
const POOLING_FOLDER = '1_Pooling';
const NORMALIZE_FOLDER = '2_Normalize';
const TRANSFORMER = 'sentence_bert_config.json';
/** Holds the prompts. */
export const PROMPTS_FILE = 'config_sentence_transformers.json';
const TYPES = 'sentence_transformers.models.';

/** Modes of its Pooling module; `lasttoken` means nothing to a network that reads in both directions. */
const POOLING_KEYS: Readonly<Record<string, SentenceSettings['pooling']>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: 'mean_sqrt',
  pooling_mode_weightedmean_tokens: 'weighted',
};

/** The same since its version 6, which still reads the others. */
const POOLING_NAMES: Readonly<Record<string, SentenceSettings['pooling']>> = {
  cls: 'cls',
  mean: 'mean',
  max: 'max',
  mean_sqrt_len_tokens: 'mean_sqrt',
  weightedmean: 'weighted',
};
/** Shortest text: [CLS], a token, [SEP]. */
const MIN_LENGTH = 3;

/** The files that make a checkpoint one that `SentenceTransformer(folder)` loads: name (with its folder) to content. */
export function sentenceTransformersFiles(
  config: AlbertConfig,
  { pooling, maxLength = config.maxPositionEmbeddings, normalize = false, prompts }: SentenceSettings,
): Record<string, string> {
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const modes = Object.fromEntries([
    ...Object.entries(POOLING_KEYS).map(([key, mode]) => [key, mode === pooling] as const),
    ['pooling_mode_lasttoken', false] as const,
  ]);
  return {
    [MODULES_FILE]: json([
      { idx: 0, name: '0', path: '', type: `${TYPES}Transformer` },
      { idx: 1, name: '1', path: POOLING_FOLDER, type: `${TYPES}Pooling` },
      ...(normalize ? [{ idx: 2, name: '2', path: NORMALIZE_FOLDER, type: `${TYPES}Normalize` }] : []),
    ]),
    [`${POOLING_FOLDER}/config.json`]: json({ word_embedding_dimension: config.hiddenSize, ...modes }),
    [TRANSFORMER]: json({ max_seq_length: maxLength, do_lower_case: false }),
    ...(prompts && {
      [PROMPTS_FILE]: json({
        prompts: prompts.texts,
        default_prompt_name: prompts.defaultName ?? null,
        similarity_fn_name: 'cosine',
      }),
    }),
  };
}

/**
 * How a checkpoint's vectors are meant to be made, as far as its files say, and what of its sentence-transformers
 * modules is not applied.
 */
export interface StoredSentences extends Partial<SentenceSettings> {
  notes: string[];
}

/**
 * Reads pooling and normalisation from `modules.json` and the Pooling module's own config, the length at which
 * sentence-transformers truncates, and the prompts. Nothing when the folder has no modules; what it does not understand
 * becomes a note. Throws `invalid_file` for a Git LFS pointer or a web page in the place of one of these files.
 */
export async function readStoredSentences(files: FileSource, names: readonly string[]): Promise<StoredSentences> {
  if (!names.includes(MODULES_FILE)) return { notes: [] };
  const modules = await readObject(files, MODULES_FILE);
  if (!Array.isArray(modules))
    return { notes: [`${MODULES_FILE} is not a list of modules; pooling is mean unless chosen`] };
  const notes: string[] = [];
  let pooling: StoredSentences['pooling'];
  let normalize = false;
  const maxLength = await storedLength(files, names);
  for (const module of modules as ({ type?: unknown; path?: unknown } | null)[]) {
    const type = String(module?.type ?? 'nameless')
      .split('.')
      .at(-1)!;
    if (type === 'Pooling') {
      const name = `${String(module?.path)}/config.json`;
      const stored = await readObject(files, name);
      const found = poolingOf(stored);
      if ((stored as { include_prompt?: unknown } | undefined)?.include_prompt === false)
        notes.push(
          `${name} leaves the prompt out of the pooling, which is not applied: vectors with a prompt differ from those of sentence-transformers`,
        );
      if (found === undefined)
        notes.push(
          `${name} ${stored !== undefined ? 'names no pooling that is known here' : 'is missing or no JSON'}; pooling is mean unless chosen`,
        );
      pooling = found;
    } else if (type === 'Normalize') normalize = true;
    else if (type !== 'Transformer')
      notes.push(
        `${MODULES_FILE} has a ${type} module, which is not applied: vectors differ from those of sentence-transformers`,
      );
  }
  const prompts = names.includes(PROMPTS_FILE) ? promptsOf(await readObject(files, PROMPTS_FILE)) : undefined;
  return {
    ...(pooling && { pooling }),
    ...(maxLength !== undefined && { maxLength }),
    ...(normalize && { normalize }),
    ...(prompts && { prompts }),
    notes,
  };
}

/** The prompts that are more than nothing. */
function promptsOf(config: unknown): SentencePrompts | undefined {
  const { prompts, default_prompt_name: defaultName } = (config ?? {}) as {
    prompts?: unknown;
    default_prompt_name?: unknown;
  };
  if (typeof prompts !== 'object' || prompts === null) return undefined;
  const texts = Object.fromEntries(
    Object.entries(prompts).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  if (Object.values(texts).every((text) => text === '')) return undefined;
  return { texts, ...(typeof defaultName === 'string' && Object.hasOwn(texts, defaultName) && { defaultName }) };
}

/** `max_seq_length`, which is up to version 5 in a file of its own; version 6 takes the tokeniser's. */
async function storedLength(files: FileSource, names: readonly string[]): Promise<number | undefined> {
  for (const [name, key] of [
    [TRANSFORMER, 'max_seq_length'],
    ['tokenizer_config.json', 'model_max_length'],
  ] as const) {
    const stored = names.includes(name)
      ? ((await readObject(files, name)) as Record<string, unknown> | null | undefined)?.[key]
      : undefined;
    // Hugging Face writes 1e30 for "no limit".
    if (typeof stored === 'number' && Number.isSafeInteger(stored) && stored >= MIN_LENGTH) return stored;
  }
  return undefined;
}

/** The settings for a copy of a checkpoint in another format; undefined when it has none that are known here. */
export async function readSentenceSettings(files: FileSource): Promise<SentenceSettings | undefined> {
  const { pooling, maxLength, normalize, prompts } = await readStoredSentences(files, await files.list());
  return (
    pooling && {
      pooling,
      ...(maxLength !== undefined && { maxLength }),
      ...(normalize && { normalize }),
      ...(prompts && { prompts }),
    }
  );
}

async function readObject(files: FileSource, name: string): Promise<unknown> {
  const bytes = await files.read(name).catch(() => undefined);
  if (bytes) requireRealFile(name, bytes);
  try {
    return bytes && JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined; // Not there, or not JSON: the caller says what follows.
  }
}

function poolingOf(config: unknown): StoredSentences['pooling'] {
  if (typeof config !== 'object' || config === null) return undefined;
  const { pooling_mode: mode } = config as { pooling_mode?: unknown };
  const [only, ...others] = Array.isArray(mode) ? (mode as unknown[]) : [mode];
  if (mode !== undefined)
    return others.length === 0 && typeof only === 'string' && Object.hasOwn(POOLING_NAMES, only)
      ? POOLING_NAMES[only]
      : undefined;
  const modes = Object.entries(config).filter(([key, value]) => key.startsWith('pooling_mode_') && value === true);
  // Several modes are joined end to end by sentence-transformers.
  return modes.length === 1 ? POOLING_KEYS[modes[0][0]] : undefined;
}
