import { AlbertineError } from '../core/errors.ts';
import type { AlbertConfig } from '../model/config.ts';
import { MODEL_INPUT_NAMES } from '../tokenizer/options.ts';

const CONFIG_FILE = 'tokenizer_config.json';
const VOCABULARY = 'spiece.model';

/** What {@link tokenizerForTransformers} has to know. */
export interface TransformersTokenizerOptions {
  config: Pick<AlbertConfig, 'maxPositionEmbeddings'>;
  /** Tokens that the model was trained to read, special ones included. Default: what the files say, at most the model's positions. */
  maxLength?: number;
}

/**
 * The files of a tokeniser as they must be for Python's `AutoTokenizer` (and transformers.js) to give the network what it gets here: token types, a limit
 * that the network can take, the right class, and the vocabulary under the name that is looked for. What else the files say stays.
 */
export function tokenizerForTransformers(files: Record<string, Uint8Array | string>, options: TransformersTokenizerOptions): Record<string, Uint8Array | string> {
  const named = withVocabularyName(files);
  const names = Object.keys(named);
  const tokenizerClass = classOf(names);
  if (tokenizerClass === undefined) return named;
  const stored = readConfig(named[CONFIG_FILE]);
  const { maxPositionEmbeddings } = options.config;
  const maxLength = options.maxLength ?? (typeof stored['model_max_length'] === 'number' ? stored['model_max_length'] : maxPositionEmbeddings);
  const config = {
    tokenizer_class: tokenizerClass,
    ...stored,
    ...(isOfOtherFiles(stored['tokenizer_class'], tokenizerClass) && { tokenizer_class: tokenizerClass }),
    model_max_length: Math.min(maxLength, maxPositionEmbeddings),
    model_input_names: MODEL_INPUT_NAMES,
  };
  return { ...named, [CONFIG_FILE]: `${JSON.stringify(config, null, 2)}\n` };
}

/** Google calls the vocabulary `30k-clean.model`; transformers looks for one name only. */
function withVocabularyName(files: Record<string, Uint8Array | string>): Record<string, Uint8Array | string> {
  const models = Object.keys(files).filter((name) => name.endsWith('.model'));
  if (models.length !== 1 || models[0] === VOCABULARY) return files;
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [name === models[0] ? VOCABULARY : name, content]));
}

/** The class that reads these files; undefined where there is no vocabulary. */
function classOf(names: readonly string[]): string | undefined {
  if (names.includes(VOCABULARY)) return 'AlbertTokenizer';
  if (names.includes('vocab.txt')) return 'BertTokenizer';
  return names.includes('tokenizer.json') ? 'PreTrainedTokenizerFast' : undefined;
}

/** A class for SentencePiece where there is a WordPiece vocabulary, or the other way round, as in some Chinese ALBERTs. */
function isOfOtherFiles(stored: unknown, tokenizerClass: string): boolean {
  if (typeof stored !== 'string' || tokenizerClass === 'PreTrainedTokenizerFast') return false;
  return /^(Albert|Bert)Tokenizer(Fast)?$/.test(stored) && !stored.startsWith(tokenizerClass.replace('Tokenizer', ''));
}

function readConfig(content: Uint8Array | string | undefined): Record<string, unknown> {
  if (content === undefined) return {};
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new AlbertineError('invalid_file', `${CONFIG_FILE} is not a JSON object`, { value: text.slice(0, 80) });
}
