import { countOf } from '../core/count.ts';
import {
  contradictions,
  distinctRows,
  findDuplicates,
  sameButForCase,
  textKey,
  type Duplicates,
  type KeyedRows,
} from '../data/duplicates.ts';

const LISTED = 3;
const SHOWN_CHARACTERS = 40;

/** What is to be told of equal texts: facts, and what spoils the figures. */
export interface DuplicateReport {
  duplicates: Duplicates;
  remarks: string[];
  warnings: string[];
}

/** A row as duplicates are told by: its texts, and its answer. */
export interface ComparableRow {
  texts: readonly string[];
  answer: string;
}

/** Rows that can be compared. */
export interface ComparableRows {
  rows: readonly ComparableRow[];
  /**
   * Whether equal texts with different answers contradict each other; numbers do not: equal texts often have several.
   */
  contradict: boolean;
}

/** Rows with what duplicates are told by. */
export function keyedRows({ rows, contradict }: ComparableRows): KeyedRows {
  return { keys: textKeys(rows), ...(contradict && { labels: rows.map(({ answer }) => answer) }) };
}

/**
 * Rows to keep so that each text stands once with each of its answers, numbers included, and none whose text is in
 * `without`.
 */
export function distinctExamples({ rows }: ComparableRows, without?: ReadonlySet<number>): number[] {
  return distinctRows({ keys: textKeys(rows), labels: rows.map(({ answer }) => answer) }, without);
}

const textKeys = (rows: readonly ComparableRow[]): Float64Array =>
  Float64Array.from(rows, ({ texts }) => textKey(texts));

/** Counts equal texts inside and between training and held-out examples, and names those that have several labels. */
export function describeDuplicates(
  train: ComparableRows,
  evaluation: ComparableRows,
  dropped?: number,
): DuplicateReport {
  const keyed = [keyedRows(train), keyedRows(evaluation)];
  const duplicates: Duplicates = { ...findDuplicates(keyed[0], keyed[1]), ...(dropped !== undefined && { dropped }) };
  const sets = [train, evaluation];
  const torn = contradictions(keyed).map(({ split, row, labels }) => ({
    text: sets[split].rows[row].texts[0],
    labels,
  }));
  return {
    duplicates,
    remarks: duplicateRemarks(duplicates),
    warnings: [...sharedWarnings(duplicates.shared, evaluation.rows.length, 'text'), ...contradictionWarnings(torn)],
  };
}

/** Facts about repetitions; nothing where there are none. */
export function duplicateRemarks({ train, evaluation, dropped }: Duplicates): string[] {
  return [
    ...(dropped !== undefined ? [`duplicates: ${countOf(dropped, 'row')} left out`] : []),
    ...(
      [
        ['training', train],
        ['held-out', evaluation],
      ] as const
    ).flatMap(([name, count]) =>
      count > 0
        ? [`duplicates: ${countOf(count, `${name} row`)} ${count === 1 ? 'repeats' : 'repeat'} the text of another`]
        : [],
    ),
  ];
}

/** The warning that held-out rows were trained on. */
export function sharedWarnings(shared: number, heldOut: number, noun: 'text' | 'pair'): string[] {
  if (shared === 0) return [];
  return [
    `${shared.toLocaleString('en-US')} of ${countOf(heldOut, `held-out ${noun}`)} ${shared === 1 ? 'is' : 'are'} also in the training data; their figures say nothing about new texts`,
  ];
}

/** The warning of equal texts with different labels: one of them must be wrong, or the labels overlap. */
function contradictionWarnings(torn: readonly { text: string; labels: readonly string[] }[]): string[] {
  if (torn.length === 0) return [];
  const shown = torn
    .slice(0, LISTED)
    .map(
      ({ text, labels }) =>
        `${JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text)} (${labels.slice(0, LISTED).join(', ')})`,
    );
  return [
    `${countOf(torn.length, 'text')} ${torn.length === 1 ? 'stands' : 'stand'} in several rows with different labels: ${shown.join('; ')}${torn.length > LISTED ? ` and ${torn.length - LISTED} more` : ''}; a single answer cannot be right for them`,
  ];
}

/** The warning of labels that differ only in case or white space: they are learned as different ones. */
export function labelWarnings(labels: readonly string[]): string[] {
  return sameButForCase(labels).map(
    (group) =>
      `labels that differ only in case: ${group.map((label) => JSON.stringify(label)).join(', ')}; they are learned as different labels`,
  );
}
