import { predictClass, trainLogistic, type FeatureRow } from './logistic.ts';
import { mixedTerms, TfIdf } from './tf-idf.ts';

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
 * Classes of texts by their words alone: tf-idf of words (Chinese: characters and pairs of neighbours) and multinomial
 * logistic regression, as scikit-learn's `TfidfVectorizer` and `LogisticRegression(C=10)`. Undefined where there are so
 * many rows, words and classes that it would take minutes.
 */
export function classifyByWords({ train, evaluation, classes }: WordRows): number[] | undefined {
  const index = new Map<string, number>();
  const tfIdf = new TfIdf(
    train.map(({ text }) => text),
    mixedTerms,
  );
  const features = (text: string, grow: boolean): FeatureRow => {
    const found = [...tfIdf.vector(text)].flatMap(([term, weight]) => {
      if (grow && !index.has(term)) index.set(term, index.size);
      const at = index.get(term);
      // A word that was never seen has no weight to be multiplied with.
      return at === undefined ? [] : [[at, weight] as const];
    });
    return { indices: Int32Array.from(found, ([at]) => at), values: Float64Array.from(found, ([, weight]) => weight) };
  };
  const rows = train.map(({ text }) => features(text, true));
  if (rows.reduce((sum, { values }) => sum + values.length, 0) * classes > MOST_WORK) return undefined;
  const weights = trainLogistic(
    { rows, classes: train.map((row) => row.class) },
    { classes, features: index.size, c: C },
  );
  return evaluation.map(({ text }) => predictClass(features(text, false), weights, classes));
}
