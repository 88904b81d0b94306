import { readFile } from 'node:fs/promises';
import { AlbertineError } from '../core/errors.ts';
import { explainSystemError } from '../core/system-errors.ts';

/**
 * What a `.json` file holds: one value, or the values of its lines, as many data sets are written. Throws
 * `file_not_found` or what else the file system refuses, and `invalid_file` for what is neither, naming where it ends
 * to be JSON.
 */
export async function readWholeJson(
  path: string,
): Promise<{ value: unknown; lines?: undefined } | { lines: unknown[]; value?: undefined }> {
  const text = (
    await readFile(path, 'utf8').catch((error: unknown) => {
      throw explainSystemError(error, { path }) ?? error;
    })
  ).replace(/^\uFEFF/, '');
  const whole = parse(text);
  if (!(whole instanceof Error)) return { value: whole };
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map(parse);
  if (lines.length > 1 && lines.every((line) => !(line instanceof Error))) return { lines };
  throw new AlbertineError('invalid_file', `${path} is not JSON: ${whole.message}`, {
    value: path,
    cause: whole,
    hint: 'Files of a JSON object a line end in .jsonl',
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    return error;
  }
}
