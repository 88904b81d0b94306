import { AlbertineError } from '../../core/errors.ts';
import type { Rewriting } from '../rewriting.ts';
import type { ClassifierFacts, ClassifierInput, ClassifyTypes, LabelAnswer } from './task.ts';

/** How texts that are classified are rewritten. */
export const classifyRewriting: Rewriting<ClassifyTypes> = {
  check({ problem }) {
    if (problem === 'regression')
      throw new AlbertineError(
        'unsupported',
        'numbers have no answer that stays or changes: this model is a regression',
        {
          value: problem,
          hint: 'Robustness is measured for labels, entities and answers',
        },
      );
  },
  texts({ input }) {
    const all = textsOf(input);
    return all.map((text) => ({ text, spans: [], fixed: [], isWhole: all.length === 1 }));
  },
  put: ({ gold }, texts) => ({
    gold,
    input: texts.length === 1 ? { text: texts[0].text } : { text: texts[0].text, pair: texts[1].text },
  }),
  same: (before, after, _, { problem }) => answerOf(before, problem) === answerOf(after, problem),
  right(gold, output, facts) {
    return answerOf(output, facts.problem) === goldOf(gold, facts) ? 1 : 0;
  },
  averages: ({ problem }) => problem === 'singleLabel',
  labels: (gold, { labels }) => (Array.isArray(gold) ? gold : [gold]).map((index) => labels[index]),
  show: (answer, _, facts) =>
    ('gold' in answer ? goldOf(answer.gold, facts) : answerOf(answer.output, facts.problem)) || 'no label',
  confidence: ({ score }) => score,
  belief(gold, output, facts) {
    const scores = new Map(output.labels.map(({ label, score }) => [label, score]));
    if (!Array.isArray(gold)) return scores.get(facts.labels[gold]) ?? 0;
    // Labels are judged one by one: the least sure of them decides whether all are right.
    return facts.labels.reduce((least, label, index) => {
      const score = scores.get(label) ?? 0;
      return Math.min(least, gold.includes(index) ? score : 1 - score);
    }, 1);
  },
};

const textsOf = (input: ClassifierInput): string[] =>
  typeof input === 'string' ? [input] : input.pair === undefined ? [input.text] : [input.text, input.pair];

/** The label; of several all, in the order of their names. */
const answerOf = ({ label, assigned }: LabelAnswer, problem: ClassifierFacts['problem']): string =>
  problem === 'multiLabel' ? [...(assigned ?? [])].sort().join(', ') : label;

const goldOf = (gold: number | number[], { labels }: ClassifierFacts): string =>
  Array.isArray(gold)
    ? gold
        .map((index) => labels[index])
        .sort()
        .join(', ')
    : labels[gold];
