import type { ClassScores } from '../../metrics/classification.ts';
import type { ScoreTable } from '../task.ts';

/** Labels beyond which the confusion matrix is too wide to print; the most frequent confusions are listed instead. */
const WIDEST_MATRIX = 12;
const LISTED_CONFUSIONS = 15;

/** Figures of each label. */
export function perClassTable(perClass: readonly ClassScores[]): ScoreTable {
  return {
    columns: ['label', 'precision', 'recall', 'F1', 'support'],
    rows: perClass.map(({ label, precision, recall, f1, support }) => [label, precision, recall, f1, String(support)]),
  };
}

/** What was taken for what. */
export function confusionTables(labels: readonly string[], counts: readonly (readonly number[])[]): ScoreTable {
  if (labels.length <= WIDEST_MATRIX) {
    return {
      title: 'true label (rows) and prediction (columns)',
      columns: ['', ...labels],
      rows: labels.map((label, row) => [label, ...counts[row].map(String)]),
    };
  }
  const wrong = counts.flatMap((row, truth) =>
    row.flatMap((count, prediction) => (count > 0 && truth !== prediction ? [{ truth, prediction, count }] : [])),
  );
  wrong.sort((a, b) => b.count - a.count);
  return {
    title: 'most frequent confusions (all of them with --json)',
    columns: ['true label', 'prediction', 'rows'],
    rows: wrong
      .slice(0, LISTED_CONFUSIONS)
      .map(({ truth, prediction, count }) => [labels[truth], labels[prediction], String(count)]),
  };
}
