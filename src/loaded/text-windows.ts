import { countOf } from '../core/count.ts';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { countUnknown, type Tokenizer } from '../tokenizer/tokenizer.ts';

/** What happens to a text longer than the model takes. */
export const LONG_TEXT_POLICIES = ['window', 'truncate', 'error'] as const;
/**
 * One of {@link LONG_TEXT_POLICIES}: `window` cuts into windows, `truncate` keeps the start and counts what is lost,
 * `error` throws `text_too_long`.
 */
export type LongTextPolicy = (typeof LONG_TEXT_POLICIES)[number];

/** Options of {@link splitText}. */
export interface TextWindowOptions {
  longText: LongTextPolicy;
  /** Tokens per window, special tokens included. */
  maxLength: number;
  /** Tokens that consecutive windows share. */
  stride: number;
}

/** A tokenised text as one or more windows with special tokens, and what happened to it. */
export interface TextWindows {
  windows: Int32Array[];
  /** Tokens of the whole text, without special tokens. */
  tokenCount: number;
  /** Of these, tokens that stand for what the vocabulary does not have. */
  unknownTokens: number;
  truncatedTokens: number;
}

/** Checks lengths against each other; returns the options. */
export function requireWindowOptions(options: TextWindowOptions, maxPositions: number): TextWindowOptions {
  requireInteger('maxLength', options.maxLength, { min: 3, max: maxPositions });
  requireInteger('stride', options.stride, { min: 0, max: options.maxLength - 3 });
  return options;
}

/** Tokenises a text on the fast path (ids only) and applies the long-text policy. */
export const splitText = (tokenizer: Tokenizer, text: string, options: TextWindowOptions): TextWindows =>
  splitIds(tokenizer, tokenizer.encodeIds(text), options);

/** The same of a text that is tokenised already, without special tokens. */
export function splitIds(tokenizer: Tokenizer, ids: Int32Array, options: TextWindowOptions): TextWindows {
  const unknownTokens = countUnknown(tokenizer, ids);
  const room = options.maxLength - 2; // [CLS] and [SEP]
  if (ids.length <= room)
    return { windows: [withSpecial(tokenizer, ids)], tokenCount: ids.length, unknownTokens, truncatedTokens: 0 };
  if (options.longText === 'error') throw tooLong(ids.length, room);
  if (options.longText === 'truncate') {
    return {
      windows: [withSpecial(tokenizer, ids.subarray(0, room))],
      tokenCount: ids.length,
      unknownTokens,
      truncatedTokens: ids.length - room,
    };
  }
  const windows: Int32Array[] = [];
  for (const start of windowStarts(ids.length, room, options.stride))
    windows.push(withSpecial(tokenizer, ids.subarray(start, start + room)));
  return { windows, tokenCount: ids.length, unknownTokens, truncatedTokens: 0 };
}

/** Share of unknown tokens above which results say little of the texts. */
const MANY_UNKNOWN = 0.05;

/**
 * What is to be told where many tokens are the unknown one, as those of a script that the vocabulary was not made for;
 * nothing where few are.
 */
export function unknownRemarks({ tokens, unknownTokens }: { tokens: number; unknownTokens: number }): string[] {
  if (unknownTokens <= MANY_UNKNOWN * tokens) return [];
  const share = Math.round((100 * unknownTokens) / tokens);
  return [
    `${unknownTokens.toLocaleString('en-US')} of ${countOf(tokens, 'token')} (${share} %) unknown to the tokeniser: its vocabulary lacks these characters or words, and the model does not see them`,
  ];
}

/** Where windows of `room` tokens begin so that they cover `length` tokens and share `stride`. */
export function windowStarts(length: number, room: number, stride: number): number[] {
  const starts = [0];
  while (starts[starts.length - 1] + room < length) starts.push(starts[starts.length - 1] + room - stride);
  return starts;
}

/** The error of the `error` policy. */
export function tooLong(tokens: number, room: number): AlbertineError {
  return new AlbertineError('text_too_long', `the text has ${tokens} tokens, the model takes ${room}`, {
    value: tokens,
    hint: prose`Use ${option('longText', 'window', 'truncate')}`,
  });
}

function withSpecial(tokenizer: Tokenizer, ids: Int32Array): Int32Array {
  const all = new Int32Array(ids.length + 2);
  all[0] = tokenizer.special.cls;
  all.set(ids, 1);
  all[all.length - 1] = tokenizer.special.sep;
  return all;
}
