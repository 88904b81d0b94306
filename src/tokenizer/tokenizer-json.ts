import { AlbertineError, describeValue } from '../core/errors.ts';
import type { AddedToken } from './added-tokens.ts';
import type { PairForm } from './assemble.ts';
import { addedTokenAt, idAt, malformed, numberAt, objectAt, textAt, type Json } from './json-fields.ts';
import type { SpecialTokenNames, TokenizerOptions } from './options.ts';
import type { PieceType, SentencePiece } from './sentencepiece-model.ts';
import type { Tokenizer } from './tokenizer.ts';
import type { AlbertPreparation } from './unigram-normalizer.ts';
import { assembleUnigram, type TokenizerSource } from './unigram-tokenizer.ts';
import { assembleWordPiece } from './wordpiece-tokenizer.ts';

/**
 * A tokeniser from the content of a `tokenizer.json`: Unigram as ALBERT's converter writes it, or WordPiece with BERT's
 * normaliser. Throws `unsupported` naming any other component, `invalid_file` when the file is malformed.
 */
export function parseTokenizerJson(
  content: unknown,
  options: TokenizerOptions = {},
  source?: TokenizerSource,
): Tokenizer {
  const json = objectAt('tokenizer.json', content);
  const model = objectAt('model', json.model);
  const added = [...addedTokens(json.added_tokens), ...(options.addedTokens ?? [])];
  const merged = {
    ...options,
    addedTokens: added,
    specialTokens: { ...templateTokens(json.post_processor), ...options.specialTokens },
    pair: pairForm(json.post_processor),
  };
  // Old files leave the type out.
  const type =
    model.type ??
    (Array.isArray(model.vocab)
      ? 'Unigram'
      : model.unk_token !== undefined && model.merges === undefined
        ? 'WordPiece'
        : 'BPE');
  if (type === 'Unigram') return unigram(json, model, merged, source);
  if (type === 'WordPiece') return wordPiece(json, model, merged, source);
  throw unsupported('model', type);
}

type JsonOptions = TokenizerOptions & { pair: PairForm | undefined };

function unigram(json: Json, model: Json, options: JsonOptions, source?: TokenizerSource): Tokenizer {
  if (!Array.isArray(model.vocab)) throw malformed('model.vocab', 'a list', model.vocab);
  const unkId = idAt('model.unk_id', model.unk_id);
  const special = new Set((options.addedTokens ?? []).filter((token) => token.special).map(({ id }) => id));
  const byteFallback = model.byte_fallback === true;
  const pieces = (model.vocab as unknown[]).map((entry, id): SentencePiece => {
    if (!Array.isArray(entry)) throw malformed(`model.vocab[${id}]`, 'a piece with its score', entry);
    const piece = textAt(`model.vocab[${id}][0]`, entry[0]);
    return { piece, score: numberAt(`model.vocab[${id}][1]`, entry[1]), type: pieceType(piece, id) };
  });
  function pieceType(piece: string, id: number): PieceType {
    if (id === unkId) return 'unknown';
    if (special.has(id)) return 'control';
    return byteFallback && /^<0x[0-9A-F]{2}>$/.test(piece) ? 'byte' : 'normal';
  }
  const spacing = metaspace(json.pre_tokenizer);
  const { preparation, charsmap } = unigramNormalizer(json.normalizer, options);
  return assembleUnigram(
    {
      pieces,
      unkId,
      byteFallback,
      preparation,
      normalizer: {
        precompiledCharsmap: charsmap,
        addDummyPrefix: spacing.prepend,
        removeExtraWhitespaces: true,
        escapeWhitespaces: true,
      },
      whitespaceAsSuffix: false,
      // The converter has put the penalty into the scores already.
      digitComma: 'keep',
      singlePrecision: false,
    },
    options,
    {
      identity: JSON.stringify(preparation),
      pair: options.pair,
      files: () => source?.files ?? { 'tokenizer.json': `${JSON.stringify(json)}\n` },
    },
  );
}

function unigramNormalizer(
  normalizer: unknown,
  options: TokenizerOptions,
): { preparation: AlbertPreparation; charsmap: Uint8Array } {
  const preparation: AlbertPreparation = {
    collapseSpaces: true,
    straightenQuotes: false,
    stripMarks: false,
    lowerCase: false,
  };
  let charsmap = new Uint8Array(0);
  let decomposed = false;
  for (const step of flatten(normalizer, 'normalizers')) {
    const pattern = step.type === 'Replace' ? objectAt('normalizer.pattern', step.pattern) : {};
    if (step.type === 'Replace' && (pattern.String === '``' || pattern.String === "''") && step.content === '"')
      preparation.straightenQuotes = true;
    else if (
      step.type === 'Replace' &&
      (step.content === ' ' || step.content === '\u2581') &&
      (pattern.Regex === ' {2,}' || pattern.String === '  ')
    )
      continue;
    else if (step.type === 'Strip') continue;
    else if (step.type === 'NFKD') decomposed = true;
    else if (step.type === 'StripAccents' && decomposed) preparation.stripMarks = 'category';
    else if (step.type === 'Lowercase') preparation.lowerCase = true;
    else if (step.type === 'Precompiled')
      charsmap = base64('normalizer.precompiled_charsmap', step.precompiled_charsmap);
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
    if (step.type !== 'Metaspace' || (step.replacement ?? '\u2581') !== '\u2581')
      throw unsupported('pre_tokenizer', step.type);
    prepend = step.prepend_scheme === undefined ? step.add_prefix_space !== false : step.prepend_scheme !== 'never';
  }
  if (prepend === undefined) throw unsupported('pre_tokenizer', 'none');
  return { prepend };
}

function wordPiece(json: Json, model: Json, options: JsonOptions, source?: TokenizerSource): Tokenizer {
  const vocabulary: string[] = [];
  for (const [piece, id] of Object.entries(objectAt('model.vocab', model.vocab)))
    vocabulary[idAt(`model.vocab[${JSON.stringify(piece)}]`, id)] = piece;
  for (let id = 0; id < vocabulary.length; id++) vocabulary[id] ??= '';
  const normalizer =
    json.normalizer === null || json.normalizer === undefined
      ? { type: 'none' }
      : objectAt('normalizer', json.normalizer);
  if (normalizer.type !== 'BertNormalizer' && normalizer.type !== 'none')
    throw unsupported('normalizer', normalizer.type);
  for (const step of flatten(json.pre_tokenizer, 'pretokenizers')) {
    if (!['BertPreTokenizer', 'WhitespaceSplit', 'Punctuation'].includes(String(step.type)))
      throw unsupported('pre_tokenizer', step.type);
  }
  const lowerCase = options.lowerCase ?? normalizer.lowercase === true;
  const stripAccents = typeof normalizer.strip_accents === 'boolean' ? normalizer.strip_accents : lowerCase;
  const unkToken = typeof model.unk_token === 'string' ? model.unk_token : '[UNK]';
  return assembleWordPiece(
    {
      vocabulary,
      lowerCase,
      unkId: vocabulary.indexOf(unkToken),
      continuingPrefix: typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : '##',
      maxWordLength:
        options.maxWordLength ??
        (typeof model.max_input_chars_per_word === 'number' ? model.max_input_chars_per_word : 100),
      stripAccents: options.keepAccents === undefined ? stripAccents : !options.keepAccents,
      splitChinese: options.splitChinese ?? normalizer.handle_chinese_chars === true,
      cleanText: normalizer.clean_text === true,
      variant: 'hf-fast',
    },
    options,
    source ?? { files: { 'tokenizer.json': `${JSON.stringify(json)}\n` } },
  );
}

function addedTokens(list: unknown): AddedToken[] {
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw malformed('added_tokens', 'a list', list);
  return list.map((item: unknown, index) =>
    addedTokenAt(`added_tokens[${index}]`, item, (item as Json | null | undefined)?.id),
  );
}

/** How the post-processor puts a pair together: one separator or two between the texts, and the type of the second. */
function pairForm(processor: unknown): PairForm | undefined {
  if (processor === null || processor === undefined) return undefined;
  const { type, pair } = objectAt('post_processor', processor);
  if (type === 'RobertaProcessing') return { separators: 2, secondType: 0 };
  if (type !== 'TemplateProcessing' || !Array.isArray(pair)) return undefined;
  const items = pair.map((item: unknown) => objectAt('post_processor.pair', item));
  const [first, second] = items.flatMap(({ Sequence: text }, index) => (text ? [index] : []));
  const separators = second - first - 1;
  if (items.length !== 4 + separators || first !== 1 || (separators !== 1 && separators !== 2))
    throw unsupported('post_processor', pair);
  return { separators, secondType: objectAt('post_processor.pair', items[second].Sequence).type_id === 1 ? 1 : 0 };
}

/** `[CLS] A [SEP]` from the post-processor; other shapes are not supported. */
function templateTokens(processor: unknown): SpecialTokenNames {
  if (processor === null || processor === undefined) return {};
  const { type, single, cls, sep } = objectAt('post_processor', processor);
  if ((type === 'BertProcessing' || type === 'RobertaProcessing') && Array.isArray(cls) && Array.isArray(sep))
    return { cls: textAt('post_processor.cls[0]', cls[0]), sep: textAt('post_processor.sep[0]', sep[0]) };
  if (type === 'TemplateProcessing' && Array.isArray(single) && single.length === 3) {
    const [first, text, last] = single.map((item: unknown) => objectAt('post_processor.single', item));
    if (first.SpecialToken && text.Sequence && last.SpecialToken)
      return { cls: specialAt(first), sep: specialAt(last) };
  }
  throw unsupported('post_processor', type);
}

function specialAt({ SpecialToken: token }: Json): string {
  return textAt('post_processor.single.SpecialToken.id', objectAt('post_processor.single.SpecialToken', token).id);
}

function flatten(component: unknown, listName: string): Json[] {
  if (component === null || component === undefined) return [];
  const step = objectAt(listName, component);
  return step.type === 'Sequence' && Array.isArray(step[listName])
    ? step[listName].flatMap((inner) => flatten(inner, listName))
    : [step];
}

function unsupported(component: string, value: unknown): AlbertineError {
  return new AlbertineError(
    'unsupported',
    `tokenizer.json has a ${component} that this package does not know, ${describeValue(value)}`,
    {
      value,
      hint: 'WordPiece and Unigram tokenisers as ALBERT, BERT and XLM-R have them are supported, byte-level BPE is not; spiece.model or vocab.txt next to it would be used instead',
    },
  );
}

function base64(path: string, value: unknown): Uint8Array<ArrayBuffer> {
  if (value === null) return new Uint8Array(0);
  let binary: string;
  try {
    binary = atob(textAt(path, value));
  } catch {
    throw malformed(path, 'base64', value);
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
