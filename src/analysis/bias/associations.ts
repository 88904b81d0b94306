import { AlbertineError } from '../../core/errors.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { holmCorrection } from '../../metrics/resampling.ts';
import type { Albert } from '../../loaded/albert.ts';
import { weat, type WeatOptions, type WeatResult, type WeatTest } from './weat.ts';

/** Options of {@link measureAssociations}. */
export interface AssociationOptions extends WeatOptions {
  /** Sets of words. */
  tests: readonly WeatTest[];
  /** Sentences with `{word}`, in each of which every word is put for SEAT. Default: none, WEAT only. */
  sentences?: readonly string[];
  /** Told about what is done. */
  onProgress?: ProgressListener;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/** An association that was tested. */
export interface Association extends WeatResult {
  /** What it is called. */
  name: string;
  /** Of the words alone, or of the words in sentences. */
  kind: 'WEAT' | 'SEAT';
  /** Names of the sets. */
  sets: Record<'X' | 'Y' | 'A' | 'B', string>;
  /** Vectors of each set. */
  sizes: Record<'X' | 'Y' | 'A' | 'B', number>;
  /** p-value corrected for all tests of the report (Holm 1979). */
  adjusted: number;
}

/** What {@link measureAssociations} found. */
export interface AssociationReport {
  /** A test each. */
  associations: Association[];
  /** Different texts that were embedded. */
  texts: number;
  /** Of the model and what was computed with it. */
  fingerprint: string;
}

const SETS = ['X', 'Y', 'A', 'B'] as const;
const WORD = '{word}';
const TEXTS_AT_ONCE = 256;

/**
 * WEAT on a model's vectors of words, each as a text of its own, and SEAT on those of sentences that hold the words:
 * every word in every sentence is a vector. Throws `invalid_data` for tests without words or sentences without
 * `{word}`.
 */
export async function measureAssociations(model: Albert, options: AssociationOptions): Promise<AssociationReport> {
  const { tests, sentences = [], permutations, seed } = options;
  requireTests(tests, sentences);
  const kinds = [
    { kind: 'WEAT' as const, textsOf: (word: string) => [word] },
    ...(sentences.length > 0
      ? [{ kind: 'SEAT' as const, textsOf: (word: string) => sentences.map((one) => one.replaceAll(WORD, word)) }]
      : []),
  ];
  const all = tests.flatMap((test) =>
    SETS.flatMap((set) => test[set].words.flatMap((word) => kinds.flatMap(({ textsOf }) => textsOf(word)))),
  );
  const { vectors, fingerprint } = await embedded(model, [...new Set(all)], options);
  const results = tests.flatMap((test) =>
    kinds.map(({ kind, textsOf }) => {
      const sets = Object.fromEntries(
        SETS.map((set) => [set, test[set].words.flatMap(textsOf).map((text) => vectors.get(text)!)]),
      ) as Record<(typeof SETS)[number], Float32Array[]>;
      const each = <T>(of: (set: (typeof SETS)[number]) => T): Record<(typeof SETS)[number], T> =>
        Object.fromEntries(SETS.map((set) => [set, of(set)])) as Record<(typeof SETS)[number], T>;
      return {
        name: test.name,
        kind,
        sets: each((set) => test[set].name),
        sizes: each((set) => sets[set].length),
        ...weat(sets, { ...(permutations !== undefined && { permutations }), ...(seed !== undefined && { seed }) }),
      };
    }),
  );
  const adjusted = holmCorrection(results.map(({ pValue }) => pValue));
  return {
    associations: results.map((result, i) => ({ ...result, adjusted: adjusted[i] })),
    texts: vectors.size,
    fingerprint,
  };
}

async function embedded(
  model: Albert,
  texts: readonly string[],
  { onProgress, signal }: Pick<AssociationOptions, 'onProgress' | 'signal'>,
): Promise<{ vectors: Map<string, Float32Array>; fingerprint: string }> {
  const meter = new ProgressMeter(onProgress, { stage: 'embedding', unit: 'texts', total: texts.length });
  const vectors = new Map<string, Float32Array>();
  let fingerprint = '';
  for (let first = 0; first < texts.length; first += TEXTS_AT_ONCE) {
    signal?.throwIfAborted();
    const part = texts.slice(first, first + TEXTS_AT_ONCE);
    const matrix = await model.embed(part);
    part.forEach((text, row) => vectors.set(text, matrix.row(row)));
    fingerprint = matrix.fingerprint;
    meter.add(part.length);
  }
  return { vectors, fingerprint };
}

function requireTests(tests: readonly WeatTest[], sentences: readonly string[]): void {
  if (tests.length === 0) throw new AlbertineError('invalid_data', 'there is no test', { value: tests });
  for (const test of tests)
    for (const set of SETS)
      if (test[set].words.length < (set === 'X' || set === 'Y' ? 2 : 1))
        throw new AlbertineError('invalid_data', `${test.name}: ${set} has too few words`, {
          value: test[set],
          hint: 'X and Y need two words or more, A and B one',
        });
  const without = sentences.find((sentence) => !sentence.includes(WORD));
  if (without !== undefined)
    throw new AlbertineError('invalid_data', `a sentence has no ${WORD}: ${JSON.stringify(without)}`, {
      value: without,
    });
}
