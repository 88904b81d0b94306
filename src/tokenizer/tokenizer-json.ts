import { AlbertineError, describeValue } from '../core/errors.ts';
import type { AddedToken } from './added-tokens.ts';
import type { SpecialTokenNames, TokenizerOptions } from './options.ts';
import type { PieceType, SentencePiece } from './sentencepiece-model.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { AlbertPreparation } from './unigram-normalizer.ts';
import { assembleUnigram, type TokenizerSource } from './unigram-tokenizer.ts';
import { assembleWordPiece } from './wordpiece-tokenizer.ts';

type Json = Record<string, unknown>;

/**
 * A tokeniser from the content of a `tokenizer.json`: Unigram as ALBERT's converter writes it, or WordPiece with BERT's
 * normaliser. Throws `unsupported` naming any other component, `invalid_file` when the file is malformed.
 */
export function parseTokenizerJson(content: unknown, options: TokenizerOptions = {}, source?: TokenizerSource): Tokenizer {
  const json = object(content, 'tokenizer.json');
  const model = object(json.model, 'model');
  const added = [...addedTokens(json.added_tokens), ...(options.addedTokens ?? [])];
  const merged = { ...options, addedTokens: added, specialTokens: { ...templateTokens(json.post_processor), ...options.specialTokens } };
  // Old files leave the type out.
  const type = model.type ?? (Array.isArray(model.vocab) ? 'Unigram' : model.unk_token !== undefined && model.merges === undefined ? 'WordPiece' : 'BPE');
  if (type === 'Unigram') return unigram(json, model, merged, source);
  if (type === 'WordPiece') return wordPiece(json, model, merged, source);
  throw unsupported('model', type);
}

function unigram(json: Json, model: Json, options: TokenizerOptions, source?: TokenizerSource): Tokenizer {
  if (!Array.isArray(model.vocab)) throw new AlbertineError('invalid_file', `model.vocab must be a list, got ${describeValue(model.vocab)}`, { value: model.vocab });
  const unkId = typeof model.unk_id === 'number' ? model.unk_id : -1;
  const special = new Set((options.addedTokens ?? []).filter((token) => token.special).map(({ id }) => id));
  const byteFallback = model.byte_fallback === true;
  const pieces = (model.vocab as [string, number][]).map(([piece, score], id): SentencePiece => ({ piece, score, type: pieceType(piece, id) }));
  function pieceType(piece: string, id: number): PieceType {
    if (id === unkId) return 'unknown';
    if (special.has(id)) return 'control';
    return byteFallback && /^<0x[0-9A-F]{2}>$/.test(piece) ? 'byte' : 'normal';
  }
  const spacing = metaspace(json.pre_tokenizer);
  const { preparation, charsmap } = unigramNormalizer(json.normalizer, options);
  return assembleUnigram({
    pieces, unkId, byteFallback, preparation,
    normalizer: { precompiledCharsmap: charsmap, addDummyPrefix: spacing.prepend, removeExtraWhitespaces: true, escapeWhitespaces: true },
    whitespaceAsSuffix: false,
    // The converter has put the penalty into the scores already.
    digitComma: 'keep',
    singlePrecision: false,
  }, options, {
    identity: JSON.stringify(preparation),
    files: () => source?.files ?? { 'tokenizer.json': `${JSON.stringify(json)}\n` },
  });
}

function unigramNormalizer(normalizer: unknown, options: TokenizerOptions): { preparation: AlbertPreparation; charsmap: Uint8Array } {
  const preparation: AlbertPreparation = { collapseSpaces: true, straightenQuotes: false, stripMarks: false, lowerCase: false };
  let charsmap = new Uint8Array(0);
  let decomposed = false;
  for (const step of flatten(normalizer, 'normalizers')) {
    const pattern = step.type === 'Replace' ? (step.pattern as Json) : {};
    if (step.type === 'Replace' && (pattern.String === '``' || pattern.String === "''") && step.content === '"') preparation.straightenQuotes = true;
    else if (step.type === 'Replace' && step.content === ' ' && (pattern.Regex === ' {2,}' || pattern.String === '  ')) continue;
    else if (step.type === 'Strip') continue;
    else if (step.type === 'NFKD') decomposed = true;
    else if (step.type === 'StripAccents' && decomposed) preparation.stripMarks = 'category';
    else if (step.type === 'Lowercase') preparation.lowerCase = true;
    else if (step.type === 'Precompiled') charsmap = base64(String(step.precompiled_charsmap));
    else throw unsupported('normalizer', step.type === 'Replace' ? step : step.type);
  }
  if (decomposed && !preparation.stripMarks) throw unsupported('normalizer', 'NFKD without StripAccents');
  if (options.lowerCase !== undefined) preparation.lowerCase = options.lowerCase;
  if (options.keepAccents !== undefined) preparation.stripMarks = options.keepAccents ? false : 'category';
  return { preparation, charsmap };
}

function metaspace(preTokenizer: unknown): { prepend: boolean } {
  let prepend: boolean | undefined;
  for (const step of flatten(preTokenizer, 'pretokenizers')) {
    if (step.type === 'WhitespaceSplit') continue;
    if (step.type !== 'Metaspace' || (step.replacement ?? '\u2581') !== '\u2581') throw unsupported('pre_tokenizer', step.type);
    prepend = step.prepend_scheme === undefined ? step.add_prefix_space !== false : step.prepend_scheme !== 'never';
  }
  if (prepend === undefined) throw unsupported('pre_tokenizer', 'none');
  return { prepend };
}

function wordPiece(json: Json, model: Json, options: TokenizerOptions, source?: TokenizerSource): Tokenizer {
  const vocabulary: string[] = [];
  for (const [piece, id] of Object.entries(object(model.vocab, 'model.vocab'))) vocabulary[id as number] = piece;
  for (let id = 0; id < vocabulary.length; id++) vocabulary[id] ??= '';
  const normalizer = json.normalizer === null || json.normalizer === undefined ? { type: 'none' } : object(json.normalizer, 'normalizer');
  if (normalizer.type !== 'BertNormalizer' && normalizer.type !== 'none') throw unsupported('normalizer', normalizer.type);
  for (const step of flatten(json.pre_tokenizer, 'pretokenizers')) {
    if (!['BertPreTokenizer', 'WhitespaceSplit', 'Punctuation'].includes(String(step.type))) throw unsupported('pre_tokenizer', step.type);
  }
  const lowerCase = options.lowerCase ?? normalizer.lowercase === true;
  const stripAccents = typeof normalizer.strip_accents === 'boolean' ? normalizer.strip_accents : lowerCase;
  const unkToken = typeof model.unk_token === 'string' ? model.unk_token : '[UNK]';
  return assembleWordPiece({
    vocabulary, lowerCase,
    unkId: vocabulary.indexOf(unkToken),
    continuingPrefix: typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##',
    maxWordLength: options.maxWordLength ?? (typeof model.max_input_chars_per_word === 'number' ? model.max_input_chars_per_word : 100),
    stripAccents: options.keepAccents === undefined ? stripAccents : !options.keepAccents,
    splitChinese: options.splitChinese ?? normalizer.handle_chinese_chars === true,
    cleanText: normalizer.clean_text === true,
    variant: 'hf-fast',
  }, options, source ?? { files: { 'tokenizer.json': `${JSON.stringify(json)}\n` } });
}

function addedTokens(list: unknown): AddedToken[] {
  if (!Array.isArray(list)) return [];
  return list.map((item) => {
    const token = object(item, 'added token');
    return {
      content: String(token.content), id: Number(token.id), special: token.special === true, lstrip: token.lstrip === true,
      rstrip: token.rstrip === true, singleWord: token.single_word === true, normalized: token.normalized === true,
    };
  });
}

/** `[CLS] A [SEP]` from the post-processor; other shapes are not supported. */
function templateTokens(processor: unknown): SpecialTokenNames {
  if (processor === null || processor === undefined) return {};
  const { type, single, cls, sep } = object(processor, 'post_processor');
  if (type === 'BertProcessing' && Array.isArray(cls) && Array.isArray(sep)) return { cls: String(cls[0]), sep: String(sep[0]) };
  if (type === 'TemplateProcessing' && Array.isArray(single) && single.length === 3) {
    const [first, text, last] = single as { SpecialToken?: { id: string }; Sequence?: unknown }[];
    if (first.SpecialToken && text.Sequence && last.SpecialToken) return { cls: first.SpecialToken.id, sep: last.SpecialToken.id };
  }
  throw unsupported('post_processor', type);
}

function flatten(component: unknown, listName: string): Json[] {
  if (component === null || component === undefined) return [];
  const step = object(component, listName);
  return step.type === 'Sequence' && Array.isArray(step[listName]) ? step[listName].flatMap((inner) => flatten(inner, listName)) : [step];
}

function object(value: unknown, name: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw new AlbertineError('invalid_file', `${name} must be an object, got ${describeValue(value)}`, { value });
}

function unsupported(component: string, value: unknown): AlbertineError {
  return new AlbertineError('unsupported', `tokenizer.json has a ${component} that this package does not know, ${describeValue(value)}`, {
    value, hint: 'ALBERT and BERT tokenisers are supported; spiece.model or vocab.txt next to it would be used instead',
  });
}

function base64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
