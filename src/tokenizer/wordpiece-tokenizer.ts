import { AlbertineError, requireInteger } from '../core/errors.ts';
import type { PairForm } from './assemble.ts';
import {
  extendVocabulary,
  MODEL_INPUT_NAMES,
  resolveSpecialTokens,
  specialAsAdded,
  type TokenizerOptions,
} from './options.ts';
import { TextTokenizer } from './text-tokenizer.ts';
import type { Tokenizer } from './tokenizer.ts';
import { isBertPunctuation, isChineseCharacter } from './unicode.ts';
import { addedTokensFile, specialTokenConfig, type TokenizerSource } from './unigram-tokenizer.ts';
import { type WordPieceDescription, WordPieceSegmenter } from './wordpiece.ts';

/** BERT's limit in HF's implementations; Google's code has 200. */
const DEFAULT_MAX_WORD_LENGTH = 100;

/** The tokens of a `vocab.txt`, one a line. */
export function parseVocabulary(text: string): string[] {
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) if (lines[i].endsWith('\r')) lines[i] = lines[i].slice(0, -1);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** A WordPiece tokeniser from its vocabulary (id = position). Throws `invalid_file` without an unknown token. */
export function createWordPieceTokenizer(
  vocabulary: string[],
  options: TokenizerOptions = {},
  source?: TokenizerSource,
): Tokenizer {
  const {
    lowerCase = true,
    keepAccents = !lowerCase,
    variant = 'original',
    splitChinese = true,
    maxWordLength = DEFAULT_MAX_WORD_LENGTH,
  } = options;
  return assembleWordPiece(
    {
      vocabulary,
      lowerCase,
      variant,
      splitChinese,
      stripAccents: !keepAccents,
      maxWordLength: requireInteger('maxWordLength', maxWordLength, { min: 1 }),
      continuingPrefix: '##',
      cleanText: true,
      unkId: -1,
    },
    options,
    source,
  );
}

/** Puts a {@link WordPieceSegmenter} into a {@link Tokenizer}; an `unkId` of -1 is looked up by name. */
export function assembleWordPiece(
  description: WordPieceDescription,
  options: TokenizerOptions & { pair?: PairForm | undefined },
  source?: TokenizerSource,
): Tokenizer {
  const extra = options.addedTokens ?? [];
  const vocabulary = extendVocabulary(description.vocabulary, extra);
  const special = resolveSpecialTokens(vocabulary, options.specialTokens ?? {});
  if (description.unkId >= 0) special.unk = description.unkId;
  if (special.unk < 0)
    throw new AlbertineError(
      'invalid_file',
      `the WordPiece vocabulary of ${vocabulary.length} tokens has no unknown token`,
      { hint: 'Expected [UNK]' },
    );
  const complete = { ...description, unkId: special.unk };
  const added = specialAsAdded(special, (id) => vocabulary[id], extra);
  const { continuingPrefix, maxWordLength, lowerCase, stripAccents, splitChinese, cleanText, variant } = complete;
  const settings = { continuingPrefix, maxWordLength, lowerCase, stripAccents, splitChinese, cleanText, variant };
  return new TextTokenizer({
    kind: 'wordpiece',
    segmenter: new WordPieceSegmenter(complete),
    vocabulary,
    special,
    lowerCase,
    addedTokens: added,
    pair: options.pair,
    parseSpecialTokens: options.parseSpecialTokens ?? true,
    decodeTokens: (tokens) => decodeWordPieces(tokens, continuingPrefix),
    identity: (hash) => {
      hash.text(JSON.stringify([settings, special, added]));
      hash.text(vocabulary.join('\0'));
    },
    files: () =>
      source?.files ?? {
        'vocab.txt': `${description.vocabulary.join('\n')}\n`,
        'tokenizer_config.json': `${JSON.stringify(
          {
            tokenizer_class: 'BertTokenizer',
            do_lower_case: lowerCase,
            strip_accents: stripAccents,
            tokenize_chinese_chars: splitChinese,
            model_input_names: MODEL_INPUT_NAMES,
            ...specialTokenConfig(special, (id) => vocabulary[id]),
            ...(variant === 'hf-fast' && { albertine_variant: variant }),
            ...(maxWordLength !== DEFAULT_MAX_WORD_LENGTH && { albertine_max_word_length: maxWordLength }),
          },
          null,
          2,
        )}\n`,
        ...addedTokensFile(added, description.vocabulary.length),
      },
  });
}

/** Words joined by spaces, except around Chinese characters and on the inner side of punctuation. */
function decodeWordPieces(tokens: string[], prefix: string): string {
  let text = '';
  for (const token of tokens) {
    if (token.startsWith(prefix) && token !== prefix && text !== '') text += token.slice(prefix.length);
    else text += text !== '' && needsSpace(text, token) ? ` ${token}` : token;
  }
  return text;
}

const OPENING = /[([{<‘“《〈「『【（]$/u;
const CLOSING = /^[.,!?;:%)\]}>’”》〉」』】）。，、！？；：…'-]/u;
const JOINING = /['-]$/u;

function needsSpace(before: string, token: string): boolean {
  const last = [...before.slice(-2)].at(-1)!.codePointAt(0)!;
  const first = token.codePointAt(0)!;
  if (isChineseCharacter(last) || isChineseCharacter(first)) return false;
  if ((last > 0x2fff && isBertPunctuation(last)) || (first > 0x2fff && isBertPunctuation(first))) return false;
  return !OPENING.test(before) && !CLOSING.test(token) && !JOINING.test(before);
}
