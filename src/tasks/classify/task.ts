import { countOf } from '../../core/count.ts';
import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import { softmaxRow } from '../../core/softmax.ts';
import type { ProblemType } from '../../data/dataset.ts';
import { classificationReport, multiLabelReport, type ClassScores } from '../../metrics/classification.ts';
import { regressionReport } from '../../metrics/regression.ts';
import { countUnknown, type Encoding } from '../../tokenizer/tokenizer.ts';
import type { Piece } from '../../training/units.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskOptions, Encoded, EncodeHow, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';
import { tooLong } from '../../loaded/text-windows.ts';
import { confusionTables, perClassTable } from './tables.ts';

/** A text, or a pair of texts. */
export type ClassifierInput = string | { text: string; pair?: string };

/**
 * Options of {@link TextClassifier.predict}. `longText` is `window` by default: logits of the windows are averaged by
 * their tokens. A pair is always truncated unless `error`.
 */
export interface PredictOptions extends AskOptions {
  /** Labels to list, best first. Default: all. */
  topK?: number;
}

/** Options of {@link TextClassifier.predictStream}. */
export interface PredictStreamOptions extends PredictOptions {
  /** Inputs read ahead and sorted by length together; 1 answers every input at once. Default 256. */
  lookAhead?: number;
}

/** See `requireOptions`. */
export const CLASSIFY_OPTIONS: OptionKinds<PredictOptions> = { ...ASK_OPTIONS, topK: 'number' };

/** A label with its probability. */
export interface ScoredLabel {
  /** Name of the class. */
  label: string;
  /** Probability, from 0 to 1. */
  score: number;
}

/** The labels of one text. */
export interface LabelAnswer {
  /** Best label; for regression the number as text. */
  label: string;
  /** Probability of `label`; for regression the number itself. */
  score: number;
  /** Single-label: softmax probabilities, best first; multi-label: independent probabilities; regression: empty. */
  labels: ScoredLabel[];
  /** Multi-label: those at or above 0.5. */
  assigned?: string[];
}

/** What was predicted for one text. */
export type Prediction = LabelAnswer & TextCounts;

/** What a classifier's checkpoint says of it. */
export interface ClassifierFacts {
  /** Names of the classes, in the order of the logits. */
  labels: readonly string[];
  /** What an answer is: one label, any number of labels, or a number. */
  problem: ProblemType;
  /** Divides the logits before the softmax; from calibration, else 1. */
  temperature: number;
  /** Whether it was fine-tuned on pairs of texts; undefined where the checkpoint does not say. */
  pairs: boolean | undefined;
}

/**
 * The types of {@link classifyTask}. A gold is the index of the label, indices in ascending order (multi-label), or the
 * number (regression).
 */
export interface ClassifyTypes {
  /** What is asked. */
  input: ClassifierInput;
  /** What is right. */
  gold: number | number[];
  /** What is answered. */
  output: LabelAnswer;
  /** What a checkpoint says of its answers. */
  facts: ClassifierFacts;
  /** A row for the network: the text, or a window of it. */
  piece: Piece;
  /** Options of asking. */
  options: PredictOptions;
}

/** Probability from which a multi-label classifier assigns a label. */
export const MULTI_LABEL_THRESHOLD = 0.5;

const HIGHER = [
  'accuracy',
  'balancedAccuracy',
  'macroPrecision',
  'macroRecall',
  'macroF1',
  'weightedPrecision',
  'weightedRecall',
  'weightedF1',
  'microPrecision',
  'microRecall',
  'microF1',
  'samplesF1',
  'subsetAccuracy',
  'matthews',
  'pearson',
  'spearman',
  'kendall',
  'r2',
];
const LOWER = ['logLoss', 'expectedCalibrationError', 'hammingLoss', 'mse', 'rmse', 'mae'];

/** Texts, or pairs of texts, into labels or numbers. */
export const classifyTask: Task<ClassifyTypes> = {
  name: 'classify',
  head: 'sequenceClassification',
  metrics: {
    ...Object.fromEntries(HIGHER.map((name) => [name, 'higher' as const])),
    ...Object.fromEntries(LOWER.map((name) => [name, 'lower' as const])),
  },
  facts: readFacts,
  requireInput(subject, input, index) {
    if (typeof input !== 'object' || input === null) return requireText(subject, input, index);
    const { text, pair } = input as Record<string, unknown>;
    requireText(subject, text, index);
    if (pair !== undefined) requireText(subject, pair, index);
  },
  text: (input) => (typeof input === 'string' ? input : input.text),
  encode,
  decode(_, { encoded, logits, facts, options }) {
    const topK = options.topK === undefined ? undefined : requireInteger('topK', options.topK, { min: 1 });
    return interpret(averageWindows(encoded.pieces, logits), facts, topK);
  },
  score: scoreLabels,
};

function readFacts({ weights, checkpoint: { details, configFile } }: Albert): ClassifierFacts {
  const outputs = weights.get('classifier.weight')!.shape[0];
  const labels = details.labels ?? Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
  const problem = problemOf(details.problemType, outputs);
  if (problem === 'regression' ? outputs !== 1 : labels.length !== outputs) {
    throw new AlbertineError(
      'weights_mismatch',
      `${configFile}: it describes ${problem === 'regression' ? 'one number' : countOf(labels.length, 'label')}, and the classifier has ${countOf(outputs, 'output')}`,
      {
        value: outputs,
        hint: 'The config belongs to another checkpoint',
      },
    );
  }
  const { albertine_temperature: temperature, albertine_pairs: pairs } = details.extra;
  return {
    labels,
    problem,
    temperature: typeof temperature === 'number' && temperature > 0 ? temperature : 1,
    pairs: typeof pairs === 'boolean' ? pairs : undefined,
  };
}

function problemOf(problemType: string | undefined, outputs: number): ProblemType {
  if (problemType === 'multi_label_classification') return 'multiLabel';
  if (problemType === 'regression' || (problemType === undefined && outputs === 1)) return 'regression';
  return 'singleLabel';
}

/** The windows of a text, or a pair cut to length, as the network reads them; with offsets. */
export function encodingsOf(
  input: ClassifierInput,
  {
    tokenizer,
    facts,
    maxLength,
    longText = 'window',
  }: Pick<EncodeHow<ClassifyTypes>, 'tokenizer' | 'facts' | 'maxLength' | 'longText'>,
): Encoding[] {
  const { text, pair } = typeof input === 'string' ? { text: input, pair: undefined } : input;
  requireSide(facts, pair !== undefined);
  return longText === 'window' && pair === undefined
    ? tokenizer.encodeWindows(text, { maxLength })
    : [tokenizer.encode(text, { maxLength, ...(pair !== undefined && { pair }) })];
}

function encode(input: ClassifierInput, how: EncodeHow<ClassifyTypes>): Encoded {
  const { tokenizer, maxLength, longText } = how;
  const encodings = encodingsOf(input, how);
  const truncatedTokens = encodings.reduce((sum, encoding) => sum + encoding.truncatedTokens, 0);
  const tokenCount =
    truncatedTokens +
    encodings.reduce(
      (sum, { specialTokensMask }) => sum + specialTokensMask.reduce((n, special) => n + 1 - special, 0),
      0,
    );
  if (longText === 'error' && truncatedTokens > 0) throw tooLong(tokenCount, maxLength);
  const unknownTokens = encodings.reduce((sum, { ids }) => sum + countUnknown(tokenizer, ids), 0);
  return {
    pieces: encodings.map(({ ids, typeIds }) => ({ ids, typeIds })),
    tokenCount,
    truncatedTokens,
    unknownTokens,
  };
}

/**
 * Throws `invalid_argument` for single texts (`pair` false) where the model was fine-tuned on pairs, and the other way
 * round.
 */
export function requireSide({ pairs }: Pick<ClassifierFacts, 'pairs'>, pair: boolean): void {
  if (pairs === undefined || pairs === pair) return;
  throw pairs
    ? new AlbertineError(
        'invalid_argument',
        'this model was fine-tuned on pairs of texts, and one text alone was given',
        {
          hint: prose`Give the second text too: as { text, pair }, with --pair, or for a file with ${option('pairField')}`,
        },
      )
    : new AlbertineError(
        'invalid_argument',
        'this model was fine-tuned on single texts, and a pair of texts was given',
        { hint: prose`Leave the second text (pair, ${option('pairField')}) out, or use a model fine-tuned on pairs` },
      );
}

/** Logits of a text from those of its windows, by their tokens. */
export function averageWindows(pieces: readonly Piece[], logits: readonly Float32Array[]): Float32Array {
  const total = pieces.reduce((sum, { ids }) => sum + ids.length, 0);
  const average = new Float32Array(logits[0].length);
  pieces.forEach(({ ids }, piece) => {
    for (let i = 0; i < average.length; i++) average[i] += (ids.length / total) * logits[piece][i];
  });
  return average;
}

/** Index of the largest value; the first of equal ones. */
export function bestClass(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  return best;
}

/** Probabilities of one row of logits: softmax with the calibrated temperature, or one by one for multi-label. */
export function labelProbabilities(
  logits: Float32Array,
  { problem, temperature }: Pick<ClassifierFacts, 'problem' | 'temperature'>,
): Float32Array {
  return problem === 'multiLabel'
    ? logits.map((value) => 1 / (1 + Math.exp(-value / temperature)))
    : softmaxRow(logits, temperature);
}

function interpret(logits: Float32Array, facts: ClassifierFacts, topK: number | undefined): LabelAnswer {
  return labelAnswer(facts.problem === 'regression' ? logits : labelProbabilities(logits, facts), facts, topK);
}

/** The answer that probabilities of the labels, or the number of a regression, stand for. */
export function labelAnswer(
  probabilities: Float32Array,
  facts: Pick<ClassifierFacts, 'problem' | 'labels'>,
  topK?: number,
): LabelAnswer {
  if (facts.problem === 'regression') return { label: String(probabilities[0]), score: probabilities[0], labels: [] };
  const scored = facts.labels.map((label, i) => ({ label, score: probabilities[i] })).sort((a, b) => b.score - a.score);
  const assigned =
    facts.problem === 'multiLabel'
      ? { assigned: scored.filter(({ score }) => score >= MULTI_LABEL_THRESHOLD).map(({ label }) => label) }
      : {};
  return { ...scored[0], labels: scored.slice(0, topK), ...assigned };
}

function scoreLabels(
  gold: readonly (number | number[])[],
  outputs: readonly LabelAnswer[],
  { problem, labels }: ClassifierFacts,
): Scores {
  if (problem === 'regression')
    return {
      metrics: numbersOf(
        regressionReport(
          gold as number[],
          outputs.map(({ score }) => score),
        ),
      ),
      details: { problem, labels: [] },
    };
  const indices = new Map(labels.map((label, index) => [label, index]));
  const isSingle = problem === 'singleLabel';
  const report = isSingle
    ? classificationReport(
        gold as number[],
        outputs.map(({ label }) => indices.get(label)!),
        { labels, probabilities: outputs.map((output) => probabilityRow(output, indices)) },
      )
    : multiLabelReport(
        gold as number[][],
        outputs.map(({ assigned = [] }) => assigned.map((label) => indices.get(label)!).sort((a, b) => a - b)),
        { labels },
      );
  const { perClass } = report;
  const confusionMatrix = 'confusionMatrix' in report ? report.confusionMatrix : undefined;
  return {
    metrics: numbersOf(report),
    details: { problem, labels, perClass, ...(confusionMatrix && { confusionMatrix }) },
    tables: () => [perClassTable(perClass), ...(confusionMatrix ? [confusionTables(labels, confusionMatrix)] : [])],
    notes: absentLabels(perClass),
  };
}

function probabilityRow({ labels }: LabelAnswer, indices: ReadonlyMap<string, number>): number[] {
  const row = new Array<number>(indices.size).fill(0);
  for (const { label, score } of labels) row[indices.get(label)!] = score;
  return row;
}

function numbersOf(report: object): Record<string, number> {
  return Object.fromEntries(
    Object.entries(report).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && entry[0] !== 'count',
    ),
  );
}

/** Averages over labels say nothing of those that no row has. */
function absentLabels(perClass: readonly ClassScores[]): string[] {
  const absent = perClass.filter(({ support }) => support === 0);
  return absent.length === 0
    ? []
    : [
        `${absent.length} of ${countOf(perClass.length, 'label')} ${absent.length === 1 ? 'does' : 'do'} not occur in the data (${absent
          .slice(0, 3)
          .map(({ label }) => JSON.stringify(label))
          .join(', ')}${absent.length > 3 ? ' ...' : ''}); macro averages are of the others and of those predicted`,
      ];
}
