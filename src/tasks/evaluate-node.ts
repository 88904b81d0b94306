import { optionsOf, requireOptions } from '../core/options.ts';
import type { Example, ExampleSet } from '../data/dataset.ts';
import { readExamples, type ReadExampleOptions } from '../data/dataset-node.ts';
import { classificationReport, multiLabelReport, type ClassScores } from '../metrics/classification.ts';
import { regressionReport } from '../metrics/regression.ts';
import { bestClass, MULTI_LABEL_THRESHOLD, type PredictOptions, type TextClassifier } from './classify.ts';
import { PREDICT_OPTIONS } from './option-kinds.ts';
import { EVALUATE_OPTIONS } from './option-kinds-node.ts';

/** Options of {@link evaluateClassifier}: fields and format of the file, and how texts are read. */
export interface EvaluateOptions extends Omit<ReadExampleOptions, 'labels' | 'problem' | 'maxLineBytes'>, Omit<PredictOptions, 'topK'> {}

/**
 * Figures of a classifier on labelled data; the numbers are those of `classificationReport`, `multiLabelReport` or
 * `regressionReport`, at the top level.
 */
export interface Evaluation {
  problem: TextClassifier['problem'];
  /** Rows evaluated. */
  count: number;
  /** In the order of the rows and columns of `confusionMatrix`; empty for regression. */
  labels: readonly string[];
  /** `accuracy`, `macroF1`, ...; `pearson`, `mse`, ... for regression. NaN where undefined. */
  metrics: Readonly<Record<string, number>>;
  perClass?: ClassScores[];
  /** `[truth][prediction]`, single-label only. */
  confusionMatrix?: number[][];
  /** Texts that were cut, and tokens lost by that. */
  truncatedTexts: number;
  truncatedTokens: number;
  /** Tokens of all texts, and those that stand for what the vocabulary does not have. */
  tokens: number;
  unknownTokens: number;
  /** Rows left out because they were bad (only with `onError: 'skip'`). */
  skippedRows: number;
}

/**
 * Evaluates a classifier on a file of labelled examples. Its labels are the only ones allowed: another one is a bad row, named
 * with its line. Long texts are cut by default, as in training. Throws `invalid_argument` when `pairField` is missing for a model
 * fine-tuned on pairs of texts, or given for one of single texts.
 */
export async function evaluateClassifier(classifier: TextClassifier, path: string, options: EvaluateOptions = {}): Promise<Evaluation> {
  requireOptions('evaluateClassifier', options, EVALUATE_OPTIONS);
  classifier.requireInputs(options.pairField !== undefined);
  const { problem, labels } = classifier;
  const set = await readExamples(path, { ...options, problem, ...(problem !== 'regression' && { labels }) });
  return evaluateExamples(classifier, set, options);
}

/** The same on examples that are in memory. */
export async function evaluateExamples(classifier: TextClassifier, set: Pick<ExampleSet, 'examples' | 'report'>, options: Omit<PredictOptions, 'topK'> = {}): Promise<Evaluation> {
  const { problem } = classifier;
  const { examples } = set;
  const inputs = examples.map(({ text, pair }: Example) => ({ text, ...(pair !== undefined && { pair }) }));
  const { logits, texts } = await classifier.logits(inputs, { longText: 'truncate', ...optionsOf<PredictOptions>(options, PREDICT_OPTIONS) });
  const width = logits.length / examples.length;
  const rows = examples.map((_, row) => logits.subarray(row * width, (row + 1) * width));
  const { perClass, confusionMatrix, ...metrics } = score(classifier, rows, examples);
  return {
    problem, count: examples.length, labels: problem === 'regression' ? [] : classifier.labels, metrics,
    ...(perClass && { perClass }), ...(confusionMatrix && { confusionMatrix }),
    truncatedTexts: texts.filter(({ truncatedTokens }) => truncatedTokens > 0).length,
    truncatedTokens: texts.reduce((sum, { truncatedTokens }) => sum + truncatedTokens, 0),
    tokens: texts.reduce((sum, { tokenCount }) => sum + tokenCount, 0),
    unknownTokens: texts.reduce((sum, { unknownTokens = 0 }) => sum + unknownTokens, 0),
    skippedRows: set.report.skipped,
  };
}

type Scores = { perClass?: ClassScores[]; confusionMatrix?: number[][] } & Record<string, number | ClassScores[] | number[][]>;

function score(classifier: TextClassifier, rows: readonly Float32Array[], examples: readonly Example[]): { perClass?: ClassScores[]; confusionMatrix?: number[][] } & Record<string, number> {
  const { problem, labels } = classifier;
  const plain = (report: object): Scores => Object.fromEntries(Object.entries(report).filter(([name]) => name !== 'count')) as Scores;
  const scores = ((): Scores => {
    if (problem === 'regression') return plain(regressionReport(examples.map(({ target }) => target as number), rows.map(([value]) => value)));
    const probabilities = rows.map((row) => classifier.probabilities(row));
    if (problem === 'singleLabel') return plain(classificationReport(examples.map(({ target }) => target as number), rows.map(bestClass), { labels, probabilities }));
    const assigned = probabilities.map((row) => Array.from(row.keys()).filter((label) => row[label] >= MULTI_LABEL_THRESHOLD));
    return plain(multiLabelReport(examples.map(({ target }) => target as number[]), assigned, { labels }));
  })();
  return scores as { perClass?: ClassScores[]; confusionMatrix?: number[][] } & Record<string, number>;
}
