import type { DenseProducts } from '../../classical/features.ts';
import { decidedClasses, decisionValues, type LinearModel } from '../../classical/linear.ts';
import { mixedTerms } from '../../classical/terms.ts';
import { sparseCosine, TfIdf } from '../../classical/tf-idf.ts';
import { TextFeatures } from '../../tasks/fit/text-features.ts';
import { Judge, type Interval } from './judge.ts';
import { fitProbe, type ProbeData, type ProbeHow } from './linear.ts';
import { targetsOf, type ProbePart, type ProbeTask } from './task.ts';

/** What a task gives away without a network. */
export interface ProbeBaselines {
  /** Always the most frequent label; 0 for scores. */
  majority: Interval;
  /**
   * Words alone. `classify`: tf-idf of words and pairs of neighbours, by the same logistic regression; `tags`: the label
   * that the word has most often; `similarity`: cosine of tf-idf.
   */
  words: Interval;
}

/** Figures on the test part of a task by its words, and by nothing. */
export async function probeBaselines(
  task: ProbeTask,
  how: ProbeHow & { products: DenseProducts },
): Promise<ProbeBaselines> {
  const judge = new Judge(task, 'test');
  const most = task.kind === 'similarity' ? 0 : mostFrequent(targetsOf(task.parts.train));
  const words = { classify: byTerms, similarity: byCosine, tags: byType }[task.kind];
  return {
    majority: judge.interval(new Float64Array(judge.gold.length).fill(most), how.seed),
    words: judge.interval(await words(task, how), how.seed),
  };
}

/** Of equally frequent labels the first. */
function mostFrequent(labels: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, one) =>
    one[1] > best[1] || (one[1] === best[1] && one[0] < best[0]) ? one : best,
  )[0];
}

const textsOf = ({ parts }: ProbeTask, part: ProbePart): string[] => parts[part].map(({ text }) => text);

async function byTerms(
  task: ProbeTask,
  { products, ...how }: ProbeHow & { products: DenseProducts },
): Promise<ArrayLike<number>> {
  const learned = TextFeatures.learn('words', { texts: textsOf(task, 'train') });
  const data = (part: ProbePart): ProbeData => ({
    features: learned.of({ texts: textsOf(task, part) }).matrix,
    gold: targetsOf(task.parts[part]),
  });
  const parts = { train: data('train'), development: data('development'), test: data('test') };
  const { test } = await fitProbe(
    parts,
    { labels: task.labels.length, judge: new Judge(task, 'development'), products },
    how,
  );
  return test;
}

async function byCosine({ parts }: ProbeTask): Promise<ArrayLike<number>> {
  const documents = parts.train.flatMap(({ text, pair }) => [text, pair!]);
  const weights = new TfIdf(documents, mixedTerms);
  return parts.test.map(({ text, pair }) => sparseCosine(weights.vector(text), weights.vector(pair!)));
}

async function byType({ parts }: ProbeTask): Promise<ArrayLike<number>> {
  const typesOf = (part: ProbePart): string[] =>
    parts[part].flatMap(({ text, words }) => words!.map(([start, end]) => text.slice(start, end).toLowerCase()));
  const known = targetsOf(parts.train);
  const byWord = new Map<string, number[]>();
  typesOf('train').forEach((type, i) => {
    const labels = byWord.get(type);
    if (labels) labels.push(known[i]);
    else byWord.set(type, [known[i]]);
  });
  const labelOf = new Map([...byWord].map(([type, labels]) => [type, mostFrequent(labels)]));
  const usual = mostFrequent(known);
  return typesOf('test').map((type) => labelOf.get(type) ?? usual);
}

/** Shares of a model's own training rows that it answers rightly: what it learned by heart. */
export async function memorised({ features, gold }: ProbeData, model: LinearModel): Promise<number> {
  const values = await decisionValues(features, model);
  const decided = decidedClasses(values, model.bias.length);
  return decided.filter((label, row) => label === gold[row]).length / gold.length;
}
