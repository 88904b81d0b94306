import { countOf } from '../../core/count.ts';
import { classBalance, multiLabelBalance, type MultiLabelBalance } from '../../data/split.ts';

/** Rows of the most frequent label over those of the rarest, from which it is worth a remark. */
const IMBALANCE_WORTH_TELLING = 3;
/** Rows with a label below which it is not learned; as many held-out rows are too few to judge by. */
const FEW_POSITIVES = 10;
/** Share of rows without any label from which it looks as if labels were missing. */
const MANY_UNLABELLED = 0.5;
const LISTED = 5;

/** What is to be told of the labels before training. */
export interface BalanceReport {
  summary: string;
  warnings: string[];
}

/** Tells how the classes are distributed: what always answering the largest one would score. */
export function describeClasses(labels: readonly string[]): BalanceReport {
  const { classes, imbalance, majorityShare } = classBalance(labels);
  return {
    summary:
      `labels: ${listClasses(classes)}; always answering the most frequent one is right in ${percent(majorityShare)}` +
      `${imbalance >= IMBALANCE_WORTH_TELLING ? `; the largest class has ${imbalance.toFixed(1)} times the rows of the smallest: macroF1 says more than accuracy, and balanceClasses weighs the classes equally` : ''}`,
    warnings: [],
  };
}

/**
 * The same where a row may have several labels or none: the rows that have each, those that have none, and what giving
 * every row the same labels would score. Warns of labels with too few training rows, on all of them or on no held-out
 * row, and of rows that mostly have no label.
 */
export function describeMultiLabels(
  train: { targets: readonly number[][]; labels: readonly string[] },
  evaluation: { targets: readonly number[][] },
): BalanceReport {
  const balanceOf = ({ targets }: { targets: readonly number[][] }): MultiLabelBalance =>
    multiLabelBalance(targets, train.labels);
  const [balance, heldOut] = [balanceOf(train), balanceOf(evaluation)];
  const { classes, rows, unlabelled, labelsPerRow, imbalance, constantHammingLoss } = balance;
  const imbalanced = Number.isFinite(imbalance) && imbalance >= IMBALANCE_WORTH_TELLING;
  return {
    summary:
      `labels: ${listClasses(classes)}; ${labelsPerRow.toFixed(2)} labels a row, ${countOf(unlabelled, 'row')} without any (${percent(unlabelled / rows)})` +
      `; giving every row the labels that most rows have has hammingLoss ${constantHammingLoss.toFixed(4)}` +
      `${imbalanced ? `; the most frequent label has ${imbalance.toFixed(1)} times the rows of the rarest: macroF1 says more than microF1 and hammingLoss` : ''}`,
    warnings: [...trainingWarnings(balance), ...heldOutWarnings(heldOut)],
  };
}

function trainingWarnings({ classes, rows, unlabelled }: MultiLabelBalance): string[] {
  const few = classes.filter(({ count }) => count < FEW_POSITIVES);
  const everywhere = classes.filter(({ count }) => count === rows);
  return [
    ...(few.length > 0
      ? [
          `labels on fewer than ${FEW_POSITIVES} training rows: ${listed(few.map(({ label, count }) => `${label} ${count}`))} (${few.length} of ${classes.length}); that is too little to learn them by: add rows that have them, or leave these labels out`,
        ]
      : []),
    ...(everywhere.length > 0
      ? [
          `labels on every training row: ${listed(everywhere.map(({ label }) => label))}; there is nothing to tell apart`,
        ]
      : []),
    ...(unlabelled / rows > MANY_UNLABELLED
      ? [
          `${unlabelled} of ${countOf(rows, 'training row')} have no label and are learned as such: if their labels are merely unknown, leave those rows out`,
        ]
      : []),
  ];
}

function heldOutWarnings({ classes, rows }: MultiLabelBalance): string[] {
  const absent = classes.filter(({ count }) => count === 0);
  if (rows === 0 || absent.length === 0) return [];
  return [
    `labels on no held-out row: ${listed(absent.map(({ label }) => label))} (${absent.length} of ${classes.length}); no figure says whether they are found, and macroF1 counts each as 0 once it is given to a row`,
  ];
}

function listClasses(classes: readonly { label: string | number; count: number; share: number }[]): string {
  const shown = classes
    .slice(0, LISTED)
    .map(({ label, count, share }) => `${label} ${count} (${percent(share)})`)
    .join(', ');
  const rarest = classes[classes.length - 1];
  return `${shown}${classes.length > LISTED ? ` and ${classes.length - LISTED} more, the rarest ${rarest.label} with ${rarest.count}` : ''}`;
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, LISTED).join(', ')}${names.length > LISTED ? ` and ${names.length - LISTED} more` : ''}`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
