import { AlbertineError, describeValue } from '../core/errors.ts';
import type { AddedToken } from './added-tokens.ts';

/** An object of a tokeniser's file, of which nothing is known yet. */
export type Json = Record<string, unknown>;

/** Ids are places in a list, so one of a billion in a small file must not decide how much memory is taken. */
export const MAX_VOCABULARY = 1 << 24;

/** The error for a value that a tokeniser's file may not have; `path` is its place in the file. */
export function malformed(path: string, expected: string, value: unknown): AlbertineError {
  return new AlbertineError('invalid_file', `${path} must be ${expected}, got ${describeValue(value)}`, { value });
}

/** The value as an object. Throws `invalid_file`. */
export function objectAt(path: string, value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw malformed(path, 'an object', value);
}

/** The value as a text. Throws `invalid_file`. */
export function textAt(path: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw malformed(path, 'a string', value);
}

/** The value as the id of a token. Throws `invalid_file`. */
export function idAt(path: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MAX_VOCABULARY) return value;
  throw malformed(path, `a token id from 0 to ${MAX_VOCABULARY - 1}`, value);
}

/** The value as a number. Throws `invalid_file`. */
export function numberAt(path: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw malformed(path, 'a number', value);
}

/**
 * A token with its id and switches, as `added_tokens` and `added_tokens_decoder` describe it. Throws `invalid_file`.
 */
export function addedTokenAt(path: string, value: unknown, id: unknown): AddedToken {
  const token = objectAt(path, value);
  return {
    content: textAt(`${path}.content`, token.content),
    id: idAt(`${path}.id`, id),
    special: token.special === true,
    lstrip: token.lstrip === true,
    rstrip: token.rstrip === true,
    singleWord: token.single_word === true,
    normalized: token.normalized === true,
  };
}
