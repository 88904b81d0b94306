import { classTargets, decidedClasses, decisionValues } from './linear.ts';
import { trainLogistic } from './logistic.ts';
import { WordFeatures } from './word-features.ts';

/** What {@link classifyByWords} learns from and is judged on; a text may be several joined. */
export interface WordRows {
  train: readonly { text: string; class: number }[];
  evaluation: readonly { text: string }[];
  classes: number;
}

/** Inverse strength of the penalty. Vectors have length 1, so the usual 1 would be too strong for few rows. */
const C = 10;
/** Values of all rows times classes above which it would take minutes instead of seconds. */
const MOST_WORK = 60e6;

/**
 * Classes of texts by their words alone: tf-idf of words (Chinese: characters and pairs of neighbours) and logistic
 * regression, as scikit-learn's `TfidfVectorizer` and `LogisticRegression(C=10)`. Undefined where there are so many
 * rows, words and classes that it would take minutes.
 */
export async function classifyByWords({ train, evaluation, classes }: WordRows): Promise<number[] | undefined> {
  const texts = train.map(({ text }) => text);
  const vocabulary = WordFeatures.learn(texts);
  const features = vocabulary.of(texts);
  if (features.count * classes > MOST_WORK) return undefined;
  const targets = classTargets(
    train.map((row) => row.class),
    classes,
  );
  const model = await trainLogistic(features, targets, { c: C, maxIterations: 200 });
  const scores = await decisionValues(vocabulary.of(evaluation.map(({ text }) => text)), model);
  return decidedClasses(scores, targets.outputs);
}
