import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../../src/core/errors.ts';
import { openRows } from '../../src/data/index.ts';
import { DATA, ROOT } from '../inference/paths.ts';

export { DATA, ROOT };

/** The corpus, of which the held-out part is read, where a developer has it. */
export const CORPUS = process.env['ALBERTINE_CORPUS'] ?? join(ROOT, '..', 'shared', 'corpus');

/** Languages of the built-in model. */
export const LANGUAGES = ['en', 'zh'] as const;
/** One of {@link LANGUAGES}. */
export type Language = (typeof LANGUAGES)[number];

/** The path, if there is such a file; throws `file_not_found` with what to do. */
export function requireData(path: string): string {
  if (existsSync(path)) return path;
  throw new AlbertineError(
    'file_not_found',
    `this bench reads data that the repository does not hold, and there is no ${path}`,
    {
      value: path,
      hint: 'ALBERTINE_DATA and ALBERTINE_CORPUS name the folders of data sets and corpus',
    },
  );
}

/** Reads a text file of UTF-8; throws `invalid_data` if it is anything else. */
export function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(requireData(path)));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new AlbertineError('invalid_data', `${path} is not UTF-8`, {
      value: path,
      hint: 'Some copies are Latin-1; convert: iconv -f latin1 -t utf-8',
      cause,
    });
  }
}

/** Non-empty lines of a text file. */
export const readFileLines = (path: string): string[] =>
  readText(path)
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');

/** At most `limit` of the items, evenly spread; all without a limit. */
export function spread<T>(items: readonly T[], limit = Infinity): T[] {
  if (items.length <= limit) return [...items];
  return Array.from({ length: limit }, (_, i) => items[Math.floor((i * items.length) / limit)]);
}

/** Two sentences with a human score of their similarity, 0 to 5. */
export interface ScoredPair {
  first: string;
  second: string;
  score: number;
}

/** A split of STS-B (Cer et al. 2017; the Chinese one is its machine translation). */
export async function readSimilarities(language: Language, split: 'train' | 'dev' | 'test'): Promise<ScoredPair[]> {
  const path = requireData(join(DATA, 'stsb', `stsb-${language}-${split}.csv`));
  const pairs: ScoredPair[] = [];
  for await (const { number, fields } of openRows(path, { header: false, fields: ['0', '1', '2'] })) {
    const score = Number(fields['2']);
    if (!(score >= 0 && score <= 5))
      throw new AlbertineError(
        'invalid_data',
        `line ${number} of ${path}: a score must be 0 to 5, got ${String(fields['2'])}`,
        { value: fields['2'] },
      );
    pairs.push({ first: String(fields['0']), second: String(fields['1']), score });
  }
  return pairs;
}
