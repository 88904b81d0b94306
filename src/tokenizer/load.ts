import { AlbertineError, describeValue, namingSource } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { requireRealFile } from '../core/wrong-content.ts';
import type { AddedToken } from './added-tokens.ts';
import { addedTokenAt, idAt, objectAt, type Json } from './json-fields.ts';
import type { SpecialTokenNames, TokenizerConfig, TokenizerOptions } from './options.ts';
import { parseSentencePieceModel } from './sentencepiece-model.ts';
import type { SpecialTokens, Tokenizer } from './tokenizer.ts';
import { parseTokenizerJson } from './tokenizer-json.ts';
import { createUnigramTokenizer, type TokenizerSource } from './unigram-tokenizer.ts';
import { XLM_ROBERTA_VOCABULARY, xlmRobertaTokenizerJson } from './xlm-roberta.ts';
import { createWordPieceTokenizer, parseVocabulary } from './wordpiece-tokenizer.ts';

const ROLES: (keyof SpecialTokens)[] = ['pad', 'unk', 'cls', 'sep', 'mask'];
const SIDE_FILES = ['tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json'];

/**
 * Loads a tokeniser by the files present, never by a model's declared type: `spiece.model` (or the only `*.model`),
 * else `vocab.txt`, else `tokenizer.json`. Of XLM-R's two files `tokenizer.json` counts, which states the network's
 * ids; its `sentencepiece.bpe.model` alone gets them as fairseq gave them. Options come from `tokenizer_config.json`,
 * `special_tokens_map.json` and `added_tokens.json` when there, and `options` win. With `variant: 'hf-fast'` a
 * `tokenizer.json` is preferred. Throws `tokenizer_not_found` naming the files looked for, `unsupported`,
 * `invalid_file`.
 */
export async function loadTokenizer(files: FileSource, options: TokenizerOptions = {}): Promise<Tokenizer> {
  const names = await files.list();
  const main = chooseFile(names, options, files.location);
  const content = await files.read(main);
  requireRealFile(main, content);
  const side: Record<string, string> = {};
  for (const name of SIDE_FILES) if (names.includes(name)) side[name] = await readSide(files, name);
  const config = readTokenizerConfig(side);
  const merged = mergeOptions(config, options);
  // The files go on unchanged unless the caller overrode what they say.
  const overridden = Object.values(options).some((value) => value !== undefined);
  const source = overridden ? undefined : { files: { [canonicalName(main)]: content, ...side } };
  try {
    return build(main, content, { options, merged, source });
  } catch (error) {
    throw namingSource(error, main);
  }
}

async function readSide(files: FileSource, name: string): Promise<string> {
  const bytes = await files.read(name);
  requireRealFile(name, bytes);
  return decode(bytes);
}

/** The tokeniser of a vocabulary file's content. */
function build(
  main: string,
  content: Uint8Array,
  {
    options,
    merged,
    source,
  }: { options: TokenizerOptions; merged: TokenizerOptions; source: TokenizerSource | undefined },
): Tokenizer {
  if (main === 'vocab.txt') return createWordPieceTokenizer(parseVocabulary(decode(content)), merged, source);
  if (main === 'tokenizer.json' || main === XLM_ROBERTA_VOCABULARY) {
    // Lower-casing and accents are in the file's own normaliser; only the caller overrides them.
    const { lowerCase, keepAccents, splitChinese, maxWordLength } = options;
    const json =
      main === XLM_ROBERTA_VOCABULARY
        ? xlmRobertaTokenizerJson(parseSentencePieceModel(content))
        : parseJson(main, decode(content));
    return parseTokenizerJson(json, { ...merged, lowerCase, keepAccents, splitChinese, maxWordLength }, source);
  }
  return createUnigramTokenizer(parseSentencePieceModel(content), merged, source);
}

/**
 * What the JSON files beside a vocabulary say; unknown keys are ignored. Keys are file names. Throws `invalid_file`.
 */
export function readTokenizerConfig(files: Record<string, string>): TokenizerConfig {
  const config =
    files['tokenizer_config.json'] === undefined
      ? {}
      : parseJson('tokenizer_config.json', files['tokenizer_config.json']);
  const map =
    files['special_tokens_map.json'] === undefined
      ? {}
      : parseJson('special_tokens_map.json', files['special_tokens_map.json']);
  const options: TokenizerOptions = {};
  if (typeof config.do_lower_case === 'boolean') options.lowerCase = config.do_lower_case;
  if (typeof config.keep_accents === 'boolean') options.keepAccents = config.keep_accents;
  else if (typeof config.strip_accents === 'boolean') options.keepAccents = !config.strip_accents;
  if (typeof config.tokenize_chinese_chars === 'boolean') options.splitChinese = config.tokenize_chinese_chars;
  if (config.albertine_variant === 'hf-fast') options.variant = 'hf-fast';
  if (config.albertine_preparation === 'none') options.preparation = 'none';
  if (typeof config.albertine_max_word_length === 'number') options.maxWordLength = config.albertine_max_word_length;
  const specialTokens: SpecialTokenNames = {};
  for (const role of ROLES) {
    const name = contentOf(map[`${role}_token`]) ?? contentOf(config[`${role}_token`]);
    if (name !== undefined) specialTokens[role] = name;
  }
  return { options: { ...options, specialTokens }, addedTokens: configuredTokens(config, files['added_tokens.json']) };
}

function configuredTokens(config: Json, addedTokensJson: string | undefined): AddedToken[] {
  const tokens: AddedToken[] = [];
  if (addedTokensJson !== undefined) {
    for (const [content, id] of Object.entries(parseJson('added_tokens.json', addedTokensJson)))
      tokens.push({ content, id: idAt(`added_tokens.json: ${JSON.stringify(content)}`, id) });
  }
  const decoder = 'tokenizer_config.json: added_tokens_decoder';
  for (const [id, value] of Object.entries(objectAt(decoder, config.added_tokens_decoder ?? {})))
    tokens.push(addedTokenAt(`${decoder}.${id}`, value, /^\d+$/.test(id) ? Number(id) : id));
  return tokens;
}

/** The name of a special token, given as a string or as HF's `{content}` object. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : undefined;
}

function mergeOptions(config: TokenizerConfig, options: TokenizerOptions): TokenizerOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    ...config.options,
    ...given,
    specialTokens: { ...config.options.specialTokens, ...options.specialTokens },
    addedTokens: [...config.addedTokens, ...(options.addedTokens ?? [])],
  };
}

function chooseFile(names: string[], options: TokenizerOptions, location: string): string {
  if (options.variant === 'hf-fast' && names.includes('tokenizer.json')) return 'tokenizer.json';
  if (names.includes('spiece.model')) return 'spiece.model';
  const models = names.filter((name) => name.endsWith('.model'));
  if (models.length === 1 && models[0] === XLM_ROBERTA_VOCABULARY && names.includes('tokenizer.json'))
    return 'tokenizer.json';
  if (models.length === 1) return models[0];
  for (const name of ['vocab.txt', 'tokenizer.json']) if (names.includes(name)) return name;
  throw new AlbertineError(
    'tokenizer_not_found',
    `no tokeniser in ${location}: looked for spiece.model, a single *.model, vocab.txt, tokenizer.json`,
    {
      value: names,
      hint:
        models.length > 1
          ? `Found several models (${models.join(', ')}); name one of them spiece.model`
          : 'Copy the file of the checkpoint there',
    },
  );
}

function canonicalName(name: string): string {
  return name.endsWith('.model') && name !== XLM_ROBERTA_VOCABULARY ? 'spiece.model' : name;
}

function parseJson(name: string, text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AlbertineError(
      'invalid_file',
      `${name} is not JSON: it starts with ${describeValue(text.slice(0, 60))}`,
      { cause, hint: 'The file is damaged' },
    );
  }
  return objectAt(name, value);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
