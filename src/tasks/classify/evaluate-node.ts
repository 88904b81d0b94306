import { optionsOf, requireOptions, type OptionKinds } from '../../core/options.ts';
import { kindsOf } from '../../core/settings.ts';
import type { ExampleSet } from '../../data/dataset.ts';
import { readExamples, type ReadExampleOptions } from '../../data/dataset-node.ts';
import type { ClassScores } from '../../metrics/classification.ts';
import { evaluateTask } from '../evaluate-node.ts';
import { FILE_OPTIONS, EVALUATE_SETTINGS } from '../shared-settings.ts';
import { pick } from '../../core/pick.ts';
import { LABELLED_SETTINGS } from './settings.ts';
import type { TextClassifier } from './classifier.ts';
import { CLASSIFY_OPTIONS, type PredictOptions } from './task.ts';
import { labelled } from './tuning-node.ts';

/** Options of {@link evaluateClassifier}: fields and format of the file, and how texts are read. */
export interface EvaluateOptions
  extends Omit<ReadExampleOptions, 'labels' | 'problem' | 'maxLineBytes'>, Omit<PredictOptions, 'topK'> {}

/**
 * Figures of a classifier on labelled data; the numbers are those of `classificationReport`, `multiLabelReport` or
 * `regressionReport`, at the top level.
 */
export interface Evaluation {
  /** What an answer is: one label, any number of labels, or a number. */
  problem: TextClassifier['problem'];
  /** Rows evaluated. */
  count: number;
  /** In the order of the rows and columns of `confusionMatrix`; empty for regression. */
  labels: readonly string[];
  /** `accuracy`, `macroF1`, ...; `pearson`, `mse`, ... for regression. NaN where undefined. */
  metrics: Readonly<Record<string, number>>;
  /** In the order of the labels; absent for regression. */
  perClass?: ClassScores[];
  /** `[truth][prediction]`, single-label only. */
  confusionMatrix?: number[][];
  /** Texts that were cut, and tokens lost by that. */
  truncatedTexts: number;
  /** Tokens that were cut off. */
  truncatedTokens: number;
  /** Tokens of all texts, and those that stand for what the vocabulary does not have. */
  tokens: number;
  /** Tokens that stand for what the vocabulary does not have. */
  unknownTokens: number;
  /** Rows left out because they were bad (only with `onError: 'skip'`). */
  skippedRows: number;
}

/** What the main entry's function of this name loads; it says more. */
export async function evaluateClassifier(
  classifier: TextClassifier,
  path: string,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  requireOptions(
    'evaluateClassifier',
    options,
    kindsOf({ ...LABELLED_SETTINGS, ...EVALUATE_SETTINGS }) satisfies OptionKinds<EvaluateOptions>,
  );
  classifier.requireInputs(options.pairField !== undefined);
  const { problem, labels } = classifier;
  const fields = pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', ...FILE_OPTIONS]);
  const set = await readExamples(path, { ...fields, problem, ...(problem !== 'regression' && { labels }) });
  return evaluateExamples(classifier, set, options);
}

/** The same on examples that are in memory. */
export async function evaluateExamples(
  classifier: TextClassifier,
  set: Pick<ExampleSet, 'examples' | 'report'>,
  options: Omit<PredictOptions, 'topK'> = {},
): Promise<Evaluation> {
  const { problem, facts } = classifier;
  const { metrics, details, count, truncatedTexts, truncatedTokens, tokens, unknownTokens, skippedRows } =
    await evaluateTask(classifier, labelled(set, facts), {
      longText: 'truncate',
      ...optionsOf<PredictOptions>(options, CLASSIFY_OPTIONS),
    });
  return {
    problem,
    count,
    labels: problem === 'regression' ? [] : classifier.labels,
    metrics,
    ...details,
    truncatedTexts,
    truncatedTokens,
    tokens,
    unknownTokens,
    skippedRows,
  };
}
