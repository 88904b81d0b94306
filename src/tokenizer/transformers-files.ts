import { AlbertineError } from '../core/errors.ts';
import { readTokenizerConfig } from './load.ts';
import { MODEL_INPUT_NAMES } from './options.ts';
import { parseSentencePieceModel, type SentencePieceModel } from './sentencepiece-model.ts';
import { albertTokenizerJson } from './training/albert-tokenizer-json.ts';
import { XLM_ROBERTA_VOCABULARY, xlmRobertaTokenizerJson } from './xlm-roberta.ts';

type Files = Record<string, Uint8Array | string>;

const CONFIG_FILE = 'tokenizer_config.json';
const JSON_FILE = 'tokenizer.json';
const VOCABULARY = 'spiece.model';
/** Reads `tokenizer.json` as it is, whatever the architecture. */
const GENERAL_CLASS = 'PreTrainedTokenizerFast';
/** Id of the unknown piece that transformers' `AlbertTokenizer` assumes. */
const ASSUMED_UNKNOWN_ID = 1;

/** What {@link tokenizerForTransformers} has to know. */
export interface TransformersTokenizerOptions {
  /** Tokens that the network can take, special ones included. Default: unknown. */
  positions?: number;
  /** Tokens that the model was trained to read. Default: what the files say, at most `positions`. */
  maxLength?: number | undefined;
}

/**
 * The files of a tokeniser as they must be for Python's `AutoTokenizer` (and transformers.js) to give the network what
 * it gets here: token types, a limit that the network can take, the right class, and the vocabulary under the name that
 * is looked for. What else the files say stays.
 */
export function tokenizerForTransformers(
  files: Files,
  { positions = Infinity, maxLength }: TransformersTokenizerOptions = {},
): Files {
  let named = withVocabularyName(files);
  if (named[VOCABULARY] !== undefined && !isUsualAlbert(named))
    named = { ...named, [JSON_FILE]: tokenizerJson(named)! };
  const tokenizerClass = classOf(named);
  if (tokenizerClass === undefined) return named;
  const stored = readConfig(named[CONFIG_FILE]);
  const limit = Math.min(
    maxLength ?? (typeof stored['model_max_length'] === 'number' ? stored['model_max_length'] : Infinity),
    positions,
  );
  const config = {
    tokenizer_class: tokenizerClass,
    ...stored,
    ...(isOfOtherFiles(stored['tokenizer_class'], tokenizerClass) && { tokenizer_class: tokenizerClass }),
    ...(Number.isFinite(limit) && { model_max_length: limit }),
    model_input_names: MODEL_INPUT_NAMES,
  };
  return { ...named, [CONFIG_FILE]: `${JSON.stringify(config, null, 2)}\n` };
}

/**
 * The `tokenizer.json` of a SentencePiece vocabulary as Hugging Face's converter makes it; undefined where there is
 * none.
 */
export function tokenizerJson(files: Files): string | undefined {
  const name =
    files[VOCABULARY] === undefined ? Object.keys(files).find((other) => other.endsWith('.model')) : VOCABULARY;
  if (name === undefined) return undefined;
  const model = parseSentencePieceModel(bytesOf(files[name]));
  if (name === XLM_ROBERTA_VOCABULARY) return JSON.stringify(xlmRobertaTokenizerJson(model));
  const { lowerCase = true, keepAccents = false, preparation } = settingsOf(files);
  if (preparation === 'none')
    return albertTokenizerJson(model, {
      collapseSpaces: true,
      straightenQuotes: false,
      stripMarks: false,
      lowerCase: false,
    });
  return albertTokenizerJson(penaliseDigitCommas(model), {
    collapseSpaces: true,
    straightenQuotes: true,
    stripMarks: keepAccents ? false : 'category',
    lowerCase,
  });
}

/** The converter's stand-in for ALBERT's rule that splits pieces such as `1,`: it makes them unattractive instead. */
function penaliseDigitCommas(model: SentencePieceModel): SentencePieceModel {
  return {
    ...model,
    pieces: model.pieces.map((piece) => (/\d,$/.test(piece.piece) ? { ...piece, score: piece.score - 100 } : piece)),
  };
}

/**
 * Whether transformers' `AlbertTokenizer` does what the vocabulary says: it prepares texts as ALBERT does, has no bytes
 * to fall back to, and a fixed unknown id.
 */
function isUsualAlbert(files: Files): boolean {
  const { trainer, pieces } = parseSentencePieceModel(bytesOf(files[VOCABULARY]));
  return (
    !trainer.byteFallback &&
    pieces.findIndex(({ type }) => type === 'unknown') === ASSUMED_UNKNOWN_ID &&
    settingsOf(files).preparation !== 'none'
  );
}

function settingsOf(files: Files): ReturnType<typeof readTokenizerConfig>['options'] {
  const config = files[CONFIG_FILE];
  return readTokenizerConfig(config === undefined ? {} : { [CONFIG_FILE]: textOf(config) }).options;
}

/** Google calls the vocabulary `30k-clean.model`; transformers looks for one name only. */
function withVocabularyName(files: Files): Files {
  const models = Object.keys(files).filter((name) => name.endsWith('.model'));
  if (models.length !== 1 || models[0] === VOCABULARY || models[0] === XLM_ROBERTA_VOCABULARY) return files;
  return Object.fromEntries(
    Object.entries(files).map(([name, content]) => [name === models[0] ? VOCABULARY : name, content]),
  );
}

/** The class that reads these files; undefined where there is no vocabulary. */
function classOf(files: Files): string | undefined {
  if (files[VOCABULARY] !== undefined) return isUsualAlbert(files) ? 'AlbertTokenizer' : GENERAL_CLASS;
  if (files[XLM_ROBERTA_VOCABULARY] !== undefined) return 'XLMRobertaTokenizer';
  if (files['vocab.txt'] !== undefined) return 'BertTokenizer';
  return files[JSON_FILE] === undefined ? undefined : GENERAL_CLASS;
}

/**
 * A class for SentencePiece where there is a WordPiece vocabulary, or the other way round (as in some Chinese ALBERTs),
 * or one that ignores what the vocabulary says.
 */
function isOfOtherFiles(stored: unknown, tokenizerClass: string): boolean {
  const known = typeof stored === 'string' ? /^(Albert|Bert)Tokenizer(Fast)?$/.exec(stored) : null;
  return known !== null && `${known[1]}Tokenizer` !== tokenizerClass;
}

function readConfig(content: Uint8Array | string | undefined): Record<string, unknown> {
  if (content === undefined) return {};
  const text = textOf(content);
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new AlbertineError('invalid_file', `${CONFIG_FILE} is not a JSON object`, { value: text.slice(0, 80) });
}

const textOf = (content: Uint8Array | string): string =>
  typeof content === 'string' ? content : new TextDecoder().decode(content);
const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;
