import { AlbertineError } from '../../core/errors.ts';
import { createRandom, mixSeed, shuffle } from '../../core/random.ts';
import { stratifiedSplit } from '../../data/split.ts';
import type { Range } from '../../tasks/tag/words.ts';
import type { ProbeKind } from './settings.ts';

/** What rows are used for: to learn from, to choose strength and layer by, and for the figure that is reported. */
export const PROBE_PARTS = ['train', 'development', 'test'] as const;
/** One of {@link PROBE_PARTS}. */
export type ProbePart = (typeof PROBE_PARTS)[number];

/** A text with what is right for it. */
export interface ProbeRow {
  /** The text. */
  text: string;
  /** The other text of a `similarity` row. */
  pair?: string;
  /** Of `tags`: UTF-16 ranges of the words. */
  words?: readonly Range[];
  /** `classify`: index of the label; `similarity`: the score; `tags`: index of each word's label. */
  target: number | readonly number[];
}

/** A task that layers are probed with. */
export interface ProbeTask {
  /** What it is called. */
  name: string;
  /** What its rows are. */
  kind: ProbeKind;
  /** Where its rows come from: the path of a file, or `generated`. */
  source: string;
  /** Names of the labels; empty for `similarity`. */
  labels: readonly string[];
  /** Rows to learn from, to choose by, and to measure on. */
  parts: Readonly<Record<ProbePart, readonly ProbeRow[]>>;
  /** Rows that were left out or drawn, and what else a reader should know. */
  notes: readonly string[];
}

/** A word without an entity. */
export const OUTSIDE = 'O';

/** Of all rows without parts of their own: shares that are held out. */
const TEST_SHARE = 0.2;
const DEVELOPMENT_SHARE = 0.1;
/** What is left to learn from. */
export const TRAIN_SHARE = 1 - TEST_SHARE - DEVELOPMENT_SHARE;

/** Rows to learn from at most, where nothing is said. */
export const PROBE_LIMIT = 10_000;

/** Rows in parts, by the files that they come from. Equal texts of one file stay in one part. */
export function inParts(
  files: { train: readonly ProbeRow[]; development?: readonly ProbeRow[]; test?: readonly ProbeRow[] },
  seed: number,
): Record<ProbePart, readonly ProbeRow[]> {
  let { train, development, test } = files;
  const all = train.length;
  if (!test) [train, test] = heldOut(train, TEST_SHARE, mixSeed(seed, 1));
  if (!development) {
    const share = Math.min(0.5, (DEVELOPMENT_SHARE * all) / Math.max(1, train.length));
    [train, development] = heldOut(train, share, mixSeed(seed, 2));
  }
  return { train, development, test };
}

function heldOut(rows: readonly ProbeRow[], share: number, seed: number): [rest: ProbeRow[], held: ProbeRow[]] {
  if (rows.length === 0) return [[], []];
  const known = new Map<string, number>();
  const groups = rows.map(({ text }) => {
    const group = known.get(text) ?? known.size;
    known.set(text, group);
    return group;
  });
  // Numbers and labels of words have no strata.
  const labels = rows.map(({ pair, target }) => (pair === undefined && typeof target === 'number' ? target : 0));
  const { train, validation } = stratifiedSplit(labels, share, seed, { groups });
  return [train.map((row) => rows[row]), validation.map((row) => rows[row])];
}

/** Targets of rows one after another, for `tags` a word each. */
export const targetsOf = (rows: readonly ProbeRow[]): number[] => rows.flatMap(({ target }) => target);

/** Rows that a probe sees: texts, pairs, or words. */
export const countRows = (rows: readonly ProbeRow[]): number =>
  rows.reduce((sum, { target }) => sum + (typeof target === 'number' ? 1 : target.length), 0);

/** As many as `most` probe rows, evenly drawn; of `tags` whole texts. Their order is kept. */
export function drawRows(rows: readonly ProbeRow[], most: number, seed: number): readonly ProbeRow[] {
  if (countRows(rows) <= most) return rows;
  const order = shuffle(
    rows.map((_, row) => row),
    createRandom(seed),
  );
  const drawn: number[] = [];
  let count = 0;
  for (const row of order) {
    const own = countRows([rows[row]]);
    if (count + own > most) continue;
    drawn.push(row);
    count += own;
    if (count === most) break;
  }
  return drawn.sort((a, b) => a - b).map((row) => rows[row]);
}

/** Rows of a part that a probe needs: fewer say nothing. */
const FEWEST = { train: 20, development: 5, test: 10 } as const;

/** Throws `invalid_data` for a task with too few rows in a part, or whose rows to learn from have one label alone. */
export function requireProbeTask({ name, kind, parts }: ProbeTask): void {
  for (const part of PROBE_PARTS) {
    const count = countRows(parts[part]);
    if (count >= FEWEST[part]) continue;
    throw new AlbertineError(
      'invalid_data',
      `the task ${name} has ${count} rows in its ${part} part, and a probe needs at least ${FEWEST[part]}`,
      { value: count, hint: 'Give more rows' },
    );
  }
  const distinct = new Set(targetsOf(parts.train)).size;
  if (distinct < 2)
    throw new AlbertineError(
      'invalid_data',
      `the task ${name}: all rows to learn from have the same ${kind === 'similarity' ? 'score' : 'label'}`,
      { value: name },
    );
}
