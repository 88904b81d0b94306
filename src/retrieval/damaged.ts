import { basename } from 'node:path';
import { AlbertineError } from '../core/errors.ts';

const HINT = 'Build the index anew with --overwrite';

/** The error of a file of an index that is not what was written. */
export const damaged = (path: string, what: string, cause?: unknown): AlbertineError =>
  new AlbertineError('invalid_file', `${path} is damaged: ${what}`, { value: path, cause, hint: HINT });

/** The error of two files of an index, one of which is not what was written; which one cannot be told. */
export const notTogether = ([path, other]: readonly [string, string], what: string): AlbertineError =>
  new AlbertineError('invalid_file', `${path} and ${basename(other)} do not belong together: ${what}`, {
    value: path,
    hint: HINT,
  });

/** The error with the advice of the others, unless it has one. */
export const withAdvice = (error: AlbertineError): AlbertineError =>
  error.hint === undefined ? error.restated((statement) => statement, { hint: HINT }) : error;
