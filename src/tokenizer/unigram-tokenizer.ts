import { AlbertineError } from '../core/errors.ts';
import type { AddedToken } from './added-tokens.ts';
import type { PairForm } from './assemble.ts';
import {
  extendVocabulary,
  MODEL_INPUT_NAMES,
  resolveSpecialTokens,
  specialAsAdded,
  type TokenizerOptions,
} from './options.ts';
import { PIECE_TYPES, type SentencePieceModel, writeSentencePieceModel } from './sentencepiece-model.ts';
import { TextTokenizer } from './text-tokenizer.ts';
import type { SpecialTokens, Tokenizer } from './tokenizer.ts';
import { type UnigramDescription, UnigramSegmenter } from './unigram.ts';

/** Where a tokeniser came from, to be given back by `files()`. */
export interface TokenizerSource {
  /** By name, as they were read. */
  files: Record<string, Uint8Array | string>;
}

/**
 * A Unigram tokeniser from a SentencePiece model, with ALBERT's preparation unless `preparation` is `none`.
 * Throws `unsupported` for BPE, word and character models, `invalid_file` without an unknown piece.
 */
export function createUnigramTokenizer(
  model: SentencePieceModel,
  options: TokenizerOptions = {},
  source?: TokenizerSource,
): Tokenizer {
  const { algorithm } = model.trainer;
  if (algorithm !== 'unigram') {
    throw new AlbertineError('unsupported', `only Unigram SentencePiece models are supported, got ${algorithm}`, {
      value: algorithm,
      hint: 'Published ALBERT models are Unigram; train one with --model_type=unigram',
    });
  }
  const { lowerCase = true, keepAccents = false, variant = 'original', preparation = 'albert' } = options;
  const albert = preparation === 'albert';
  const fast = variant === 'hf-fast';
  const description: UnigramDescription = {
    // HF tokenizers knows no piece types: user-defined symbols are ordinary pieces there.
    pieces: fast
      ? model.pieces.map((piece) => (piece.type === 'userDefined' ? { ...piece, type: 'normal' } : piece))
      : model.pieces,
    unkId: model.pieces.findIndex(({ type }) => type === 'unknown'),
    normalizer: model.normalizer,
    whitespaceAsSuffix: model.trainer.treatWhitespaceAsSuffix,
    byteFallback: model.trainer.byteFallback,
    preparation: {
      collapseSpaces: albert,
      straightenQuotes: albert,
      lowerCase: albert && lowerCase,
      stripMarks: !albert || keepAccents ? false : fast ? 'category' : 'combining',
    },
    digitComma: albert ? (fast ? 'penalise' : 'split') : 'keep',
    singlePrecision: !fast,
  };
  const settings = { lowerCase, keepAccents, variant, preparation };
  return assembleUnigram(description, options, {
    identity: JSON.stringify(settings),
    files: (special, added) => source?.files ?? unigramFiles(model, settings, { special, added }),
  });
}

/** What {@link assembleUnigram} needs beside the description. */
export interface UnigramAssembly {
  /** Part of the fingerprint. */
  identity: string;
  files: (special: SpecialTokens, added: AddedToken[]) => Record<string, Uint8Array | string>;
  pair?: PairForm | undefined;
}

/** Puts a {@link UnigramSegmenter} into a {@link Tokenizer}. */
export function assembleUnigram(
  description: UnigramDescription,
  options: TokenizerOptions,
  assembly: UnigramAssembly,
): Tokenizer {
  const { pieces, unkId } = description;
  if (unkId < 0 || unkId >= pieces.length)
    throw new AlbertineError('invalid_file', `the Unigram vocabulary has no unknown piece, unk id is ${unkId}`, {
      value: unkId,
    });
  const extra = options.addedTokens ?? [];
  const vocabulary = extendVocabulary(
    pieces.map(({ piece }) => piece),
    extra,
  );
  const special = { ...resolveSpecialTokens(vocabulary, options.specialTokens ?? {}), unk: unkId };
  const added = specialAsAdded(special, (id) => vocabulary[id], extra);
  return new TextTokenizer({
    kind: 'unigram',
    segmenter: new UnigramSegmenter(description),
    vocabulary,
    special,
    addedTokens: added,
    pair: assembly.pair,
    lowerCase: description.preparation.lowerCase,
    parseSpecialTokens: options.parseSpecialTokens ?? true,
    decodeTokens: (tokens) => decodePieces(tokens, description),
    identity: (hash) => {
      hash.text(assembly.identity);
      hash.text(JSON.stringify([special, added]));
      const { precompiledCharsmap, addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = description.normalizer;
      hash.text(
        JSON.stringify([
          addDummyPrefix,
          removeExtraWhitespaces,
          escapeWhitespaces,
          description.whitespaceAsSuffix,
          description.byteFallback,
        ]),
      );
      hash.bytes(precompiledCharsmap);
      const scores = new Float64Array(pieces.length);
      const types = new Uint8Array(pieces.length);
      for (let id = 0; id < pieces.length; id++) {
        scores[id] = pieces[id].score;
        types[id] = PIECE_TYPES[pieces[id].type];
      }
      hash.text(vocabulary.join('\0'));
      hash.numbers(scores);
      hash.bytes(types);
    },
    files: () => assembly.files(special, added),
  });
}

/**
 * SentencePiece's decoding: U+2581 is a space, the first one goes, byte pieces become UTF-8; the unknown piece stays
 * visible.
 */
function decodePieces(tokens: string[], description: UnigramDescription): string {
  let text = '';
  let bytes: number[] = [];
  const flush = (): void => {
    if (bytes.length > 0) text += new TextDecoder().decode(Uint8Array.from(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = description.byteFallback ? /^<0x([0-9A-F]{2})>$/.exec(token) : null;
    if (byte) bytes.push(parseInt(byte[1], 16));
    else {
      flush();
      text += token.replaceAll('\u2581', ' ');
    }
  }
  flush();
  const { addDummyPrefix, removeExtraWhitespaces } = description.normalizer;
  if (description.whitespaceAsSuffix) return addDummyPrefix ? text.replace(/ $/, '') : text;
  if (removeExtraWhitespaces) return text.replace(/^ +/, '');
  return addDummyPrefix ? text.replace(/^ /, '') : text;
}

type Settings = Required<Pick<TokenizerOptions, 'lowerCase' | 'keepAccents' | 'variant' | 'preparation'>>;

/** `spiece.model` and a `tokenizer_config.json` that both this package and Python transformers read. */
function unigramFiles(
  model: SentencePieceModel,
  settings: Settings,
  tokens: { special: SpecialTokens; added: AddedToken[] },
): Record<string, Uint8Array | string> {
  const { lowerCase, keepAccents, variant, preparation } = settings;
  const config = {
    tokenizer_class: 'AlbertTokenizer',
    do_lower_case: lowerCase,
    keep_accents: keepAccents,
    remove_space: true,
    model_input_names: MODEL_INPUT_NAMES,
    ...specialTokenConfig(
      tokens.special,
      (id) => model.pieces[id]?.piece ?? tokens.added.find((token) => token.id === id)?.content,
    ),
    ...(variant === 'hf-fast' && { albertine_variant: variant }),
    ...(preparation === 'none' && { albertine_preparation: preparation }),
  };
  return {
    'spiece.model': writeSentencePieceModel(model),
    'tokenizer_config.json': `${JSON.stringify(config, null, 2)}\n`,
    ...addedTokensFile(tokens.added, model.pieces.length),
  };
}

/** `cls_token` and the like for tokenizer_config.json. */
export function specialTokenConfig(
  special: SpecialTokens,
  nameOf: (id: number) => string | undefined,
): Record<string, string> {
  const config: Record<string, string> = {};
  for (const [role, id] of Object.entries(special) as [string, number][]) {
    const name = id < 0 ? undefined : nameOf(id);
    if (name !== undefined) config[`${role}_token`] = name;
  }
  return config;
}

/** `added_tokens.json` when tokens lie beyond the vocabulary. */
export function addedTokensFile(added: AddedToken[], vocabularySize: number): Record<string, string> {
  const beyond = added.filter(({ id }) => id >= vocabularySize);
  if (beyond.length === 0) return {};
  return {
    'added_tokens.json': `${JSON.stringify(Object.fromEntries(beyond.map(({ content, id }) => [content, id])), null, 2)}\n`,
  };
}
