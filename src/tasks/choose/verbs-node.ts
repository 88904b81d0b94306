import { short } from '../../data/json.ts';
import type { AskedRows, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { ChoiceModel } from './chooser.ts';
import { openChoices, type ChoiceFields } from './data-node.ts';
import { chooseTuning } from './tuning-node.ts';

/** The verbs of choosing. */
export const chooseVerbs: TaskVerbs = verbsOf(chooseTuning, {
  open: (model) => ChoiceModel.from(model),
  next: ({ output }) => [`evaluate ${output} --data FILE`, `predict ${output} --input QUESTIONS.jsonl`],
  predict: {
    open(path, options): AskedRows {
      const source = openChoices(path, options as ChoiceFields, { labelled: false });
      return {
        name: source.name,
        report: source.report,
        notes: [],
        [Symbol.asyncIterator]: () => source[Symbol.asyncIterator](),
      };
    },
    asking: () => ({}),
    record: ({ id, choice, text, scores }) => ({
      ...(id !== undefined && { id }),
      choice,
      text,
      scores: scores.map((score) => short(Math.fround(score))),
    }),
    cells: ({ choice, text, scores }) => ({ choice, text, score: short(Math.fround(scores[choice])) }),
  },
});
