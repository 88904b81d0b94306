import { AlbertineError, requireInteger, requireOneOf, wrongOption } from '../../core/errors.ts';
import { requireOptions, type OptionKinds } from '../../core/options.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { createRandom, shuffle } from '../../core/random.ts';
import type { DenseProducts, FeatureMatrix } from '../../classical/features.ts';
import { classTargets, type Targets } from '../../classical/linear.ts';
import { fitSigmoid, type Sigmoid } from '../../classical/platt.ts';
import { spanWhereSmaller } from '../../classical/span.ts';
import type { ProblemType } from '../../data/dataset.ts';
import { classifyTask, labelAnswer } from '../classify/task.ts';
import { chooseStrength, stratifiedFolds, type Choice } from './choose.ts';
import { KINDS, probabilitiesOf, type Learned } from './kinds.ts';
import { CLASSIFIERS, type ClassifierKind } from './settings.ts';

/** Options of {@link fitFeatures}. */
export interface FitOptions {
  /** Default `svm`; `ridge` for regression. */
  classifier?: ClassifierKind;
  /**
   * C of logistic, svm and ridge, or neighbours of knn, from small to large; the best by cross-validation is taken.
   * Default: a range for each classifier.
   */
  strengths?: readonly number[];
  /** Parts of the cross-validation. Default 5, and no more than a label has rows. */
  folds?: number;
  /** Figure by which the strength is chosen. Default accuracy, balancedAccuracy, microF1 or r2, by problem. */
  metric?: string;
  /** Weighs labels by the inverse of their frequency (logistic, svm; one label a row). Default false. */
  balanceClasses?: boolean;
  /** Default 1. */
  seed?: number;
  /** Told about classifiers that are learned. */
  onProgress?: ProgressListener;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/** See `requireOptions`. */
export const FIT_OPTIONS: OptionKinds<FitOptions> = {
  classifier: 'string',
  strengths: 'list',
  folds: 'number',
  metric: 'string',
  balanceClasses: 'boolean',
  seed: 'number',
  onProgress: 'function',
  signal: 'object',
};

/** Rows of features with what is right for them. */
export interface LabelledFeatures {
  matrix: FeatureMatrix;
  /** By which equal rows are kept in one part of the cross-validation: the text, or something for a pair. */
  texts: readonly string[];
  problem: ProblemType;
  labels: readonly string[];
  /** Index of the label, indices, or the number. */
  targets: readonly (number | number[])[];
}

/** What cross-validation said, for people and for the folder. */
export interface CrossValidation {
  /** Parts. */
  folds: number;
  /** What `score` is. */
  metric: string;
  /** At the strength that was taken, on rows that were held out. */
  score: number;
  /** From strong to weak; weaker ones than two in a row that are worse are not tried. */
  tried: Choice['tried'];
  /** Rows that took part. */
  rows: number;
  /** Share of the most frequent label: the accuracy of always giving it. One label a row. */
  majority?: number;
}

/** A classifier, with how sure it is. */
export interface FittedWeights {
  /** Its kind. */
  classifier: ClassifierKind;
  /** C, or the number of neighbours. */
  strength: number;
  /** Weights, or rows. */
  learned: Learned;
  /** Of each output, where decision values are no probabilities. */
  sigmoids?: Sigmoid[];
  /** Absent where nothing was to be chosen and nothing to be calibrated. */
  crossValidation?: CrossValidation;
}

const DEFAULT_FOLDS = 5;
/** Rows by which the strength is chosen, at most: more of them choose the same and take minutes. */
const MOST_CHOOSING = 20_000;

/**
 * Learns a classifier of features: its strength by stratified cross-validation, its probabilities (where decision values
 * are none) by a sigmoid of held-out decision values. Throws `invalid_argument` for what a classifier cannot do and
 * `invalid_data` for rows that all have one label.
 */
export async function fitFeatures(
  data: LabelledFeatures,
  products: DenseProducts,
  options: FitOptions = {},
): Promise<FittedWeights> {
  requireOptions('fitFeatures', options, FIT_OPTIONS);
  const { problem, matrix } = data;
  const classifier = requireOneOf(
    'classifier',
    options.classifier ?? (problem === 'regression' ? 'ridge' : 'svm'),
    CLASSIFIERS,
  );
  const kind = KINDS[classifier];
  requireFitting(data, classifier, options);
  const targets = targetsOf(data);
  const { seed = 1, signal } = options;
  const rowWeights = options.balanceClasses ? balancedWeights(data) : undefined;
  const how = { problem, seed, ...(rowWeights && { rowWeights }), ...(signal && { signal }) };
  const span = kind.spans ? await spanWhereSmaller(matrix, products, signal) : undefined;
  const features = span?.features ?? matrix;
  const choice = await choose(data, features, { targets, classifier, options, how });
  const strength = choice?.strength ?? requireStrengths(options, classifier, matrix.rows)[0];
  const isKnn = classifier === 'knn';
  const learned = await kind.train(isKnn ? matrix : features, targets, { ...how, strength, exact: true });
  const calibrated = kind.calibrated && problem !== 'regression';
  return {
    classifier,
    strength,
    learned: span && 'linear' in learned ? { linear: await span.lift(learned.linear) } : learned,
    ...(calibrated && { sigmoids: sigmoidsOf(choice!.heldOut, choice!.targets) }),
    ...(choice && { crossValidation: choice.report }),
  };
}

interface ChooseParts {
  targets: Targets;
  classifier: ClassifierKind;
  options: FitOptions;
  how: Parameters<typeof chooseStrength>[2]['how'];
}

/** The strength by cross-validation; undefined where there is nothing to choose and nothing to calibrate. */
async function choose(
  data: LabelledFeatures,
  features: FeatureMatrix,
  { targets, classifier, options, how }: ChooseParts,
): Promise<(Choice & { targets: Targets; report: CrossValidation }) | undefined> {
  const { problem } = data;
  const strengths = requireStrengths(options, classifier, features.rows);
  if (strengths.length === 1 && !(KINDS[classifier].calibrated && problem !== 'regression') && classifier !== 'knn') {
    requireUnused(options, { strength: strengths[0], classifier });
    return undefined;
  }
  const metric = requireMetric(options, problem);
  const rows = sampleRows(features.rows, how.seed);
  const some = rows.length < features.rows ? features.pick(rows) : features;
  const own = rows.map((row) => ({ text: data.texts[row], label: String(data.targets[row]) }));
  const folds = requireFolds(options, own, problem);
  const picked = pickRows(targets, rows);
  const gold = rows.map((row) => data.targets[row]);
  const facts = { labels: data.labels, problem, temperature: 1, pairs: false };
  const sign = classifyTask.metrics[metric] === 'lower' ? -1 : 1;
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'cross-validation',
    unit: 'fits',
    total: strengths.length * folds,
  });
  const choice = await chooseStrength(some, picked, {
    classifier,
    strengths,
    folds: stratifiedFolds(
      problem === 'regression' ? own.map(({ text }) => ({ text, label: '' })) : own,
      folds,
      how.seed,
    ),
    how: { ...how, ...(how.rowWeights && { rowWeights: rows.map((row) => how.rowWeights![row]) }) },
    score: (heldOut) => {
      const answers = gold.map((_, i) =>
        labelAnswer(
          probabilitiesOf(heldOut.subarray(i * picked.outputs, (i + 1) * picked.outputs), {
            classifier,
            problem,
            labels: data.labels.length,
          }),
          facts,
        ),
      );
      return sign * classifyTask.score(gold, answers, facts).metrics[metric];
    },
    onDone: () => meter.add(1),
  });
  meter.finish();
  const tried = choice.tried.map(({ strength, score }) => ({ strength, score: sign * score }));
  const { score } = tried.find(({ strength }) => strength === choice.strength)!;
  if (Number.isNaN(score)) throw wrongOption('metric', `a figure that ${problem} has on these rows`, { value: metric });
  return {
    ...choice,
    targets: picked,
    report: {
      folds,
      metric,
      score,
      tried,
      rows: rows.length,
      ...(problem === 'singleLabel' && { majority: majorityOf(gold as number[]) }),
    },
  };
}

/** Refuses what only a cross-validation does something with, where there is none. */
function requireUnused(options: FitOptions, { strength, classifier }: { strength: number; classifier: string }): void {
  for (const name of ['folds', 'metric'] as const)
    if (options[name] !== undefined)
      throw wrongOption(name, `left out: one strength (${strength}) of ${classifier} is taken as it is`, {
        value: options[name],
        hint: 'Give several strengths, or none, and the best by cross-validation is taken',
      });
}

function majorityOf(gold: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const label of gold) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Math.max(...counts.values()) / gold.length;
}

/** As many as may take part in choosing, evenly drawn. */
function sampleRows(rows: number, seed: number): number[] {
  const all = Array.from({ length: rows }, (_, row) => row);
  if (rows <= MOST_CHOOSING) return all;
  return shuffle(all, createRandom(seed))
    .slice(0, MOST_CHOOSING)
    .sort((a, b) => a - b);
}

function pickRows({ values, outputs }: Targets, rows: readonly number[]): Targets {
  if (rows.length * outputs === values.length) return { values, outputs };
  return {
    values: Float64Array.from(
      { length: rows.length * outputs },
      (_, i) => values[rows[Math.floor(i / outputs)] * outputs + (i % outputs)],
    ),
    outputs,
  };
}

function targetsOf({ problem, labels, targets }: LabelledFeatures): Targets {
  if (problem === 'regression') return { values: Float64Array.from(targets as number[]), outputs: 1 };
  if (problem === 'singleLabel') return classTargets(targets as number[], labels.length);
  const values = new Float64Array(targets.length * labels.length);
  (targets as number[][]).forEach((own, row) => own.forEach((label) => (values[row * labels.length + label] = 1)));
  return { values, outputs: labels.length };
}

function balancedWeights({ targets, labels }: LabelledFeatures): Float64Array {
  const counts = new Float64Array(labels.length);
  for (const target of targets as number[]) counts[target]++;
  return Float64Array.from(targets as number[], (target) => targets.length / (labels.length * counts[target]));
}

function sigmoidsOf(values: Float64Array, { values: targets, outputs }: Targets): Sigmoid[] {
  const column = (all: Float64Array, output: number): Float64Array =>
    Float64Array.from({ length: all.length / outputs }, (_, row) => all[row * outputs + output]);
  return Array.from({ length: outputs }, (_, output) => fitSigmoid(column(values, output), column(targets, output)));
}

function requireFitting(
  { problem, targets, labels }: LabelledFeatures,
  classifier: ClassifierKind,
  { balanceClasses }: FitOptions,
): void {
  const { problems, balances } = KINDS[classifier];
  if (!problems.includes(problem))
    throw wrongOption('classifier', `one that ${problem} has`, {
      value: classifier,
      hint: `For ${problem} there are ${CLASSIFIERS.filter((one) => KINDS[one].problems.includes(problem)).join(', ')}`,
    });
  if (balanceClasses && !(balances && problem === 'singleLabel'))
    throw wrongOption('balanceClasses', 'left out', {
      value: true,
      hint: 'Labels are weighed by logistic and svm, with one label a row',
    });
  if (problem === 'regression') {
    if (new Set(targets).size > 1) return;
    throw new AlbertineError('invalid_data', 'all rows have the same number: there is nothing to learn', {
      value: targets[0],
    });
  }
  const seen = new Set(targets.flat());
  if (seen.size < (problem === 'singleLabel' ? 2 : 1))
    throw new AlbertineError('invalid_data', 'all rows have the same label: there is nothing to tell apart', {
      value: labels,
    });
}

const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0;

function requireStrengths({ strengths }: FitOptions, classifier: ClassifierKind, rows: number): readonly number[] {
  if (strengths === undefined)
    return KINDS[classifier].strengths.filter((strength) => classifier !== 'knn' || strength <= rows);
  const numbers = strengths.map(Number);
  if (classifier === 'centroid') throw wrongOption('strengths', 'left out: centroids have none', { value: strengths });
  const most = numbers.find((k) => classifier === 'knn' && k > rows);
  if (most !== undefined) throw wrongOption('strengths', `no more neighbours than the ${rows} rows`, { value: most });
  if (numbers.length > 0 && numbers.every(isPositive) && (classifier !== 'knn' || numbers.every(Number.isInteger)))
    return [...new Set(numbers)].sort((a, b) => a - b);
  throw wrongOption('strengths', classifier === 'knn' ? 'whole numbers above 0' : 'numbers above 0', {
    value: strengths,
  });
}

const USUAL_METRIC = { singleLabel: 'accuracy', multiLabel: 'microF1', regression: 'r2' } as const;

function requireMetric({ metric, balanceClasses }: FitOptions, problem: ProblemType): string {
  const usual = balanceClasses ? 'balancedAccuracy' : USUAL_METRIC[problem];
  const chosen = metric ?? usual;
  if (!Object.hasOwn(classifyTask.metrics, chosen))
    throw wrongOption('metric', `a figure of ${problem}, such as ${usual}`, { value: metric });
  return chosen;
}

/** As many as are asked for, but no more than rows, and where labels are rare, than the most frequent one has. */
function requireFolds(
  { folds }: FitOptions,
  rows: readonly { text: string; label: string }[],
  problem: ProblemType,
): number {
  const wanted = folds === undefined ? DEFAULT_FOLDS : requireInteger('folds', folds, { min: 2, max: 20 });
  const distinct = new Set(rows.map(({ text }) => text)).size;
  if (distinct < 2 || (problem === 'singleLabel' && rows.length < 4))
    throw new AlbertineError('invalid_data', 'there are too few rows to hold some out', {
      value: rows.length,
      hint: 'Give more rows, or one strength with the classifier logistic',
    });
  return Math.min(wanted, distinct);
}
