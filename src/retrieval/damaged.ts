import { AlbertineError } from '../core/errors.ts';

/** The error of a file of an index that is not what was written. */
export const damaged = (path: string, what: string, cause?: unknown): AlbertineError =>
  new AlbertineError('invalid_file', `${path} is damaged: ${what}`, {
    value: path,
    cause,
    hint: 'Build the index anew with --overwrite',
  });
