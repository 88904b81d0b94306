import { short } from '../../data/json.ts';
import { pick } from '../../core/pick.ts';
import type { AskedRows, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { questionAnswering } from './hugging-face.ts';
import { openQuestions, type AnswerFields } from './data-node.ts';
import { AnswerReader } from './reader.ts';
import { THRESHOLD_KEY, type AnswerOptions, type ReaderAnswer } from './task.ts';
import { answerRewriting } from './rewriting.ts';
import { answerTuning } from './tuning-node.ts';

/** The verbs of answering questions. */
export const answerVerbs: TaskVerbs = verbsOf(answerTuning, {
  open: (model) => AnswerReader.from(model),
  rewriting: answerRewriting,
  huggingFace: ({ facts }) => questionAnswering(facts),
  lines({ extra }) {
    const threshold = extra[THRESHOLD_KEY];
    return typeof threshold === 'number'
      ? [`no answer from a margin of ${threshold.toFixed(3)}: stored, and applied by predict and evaluate`]
      : [];
  },
  next: ({ output }) => [`evaluate ${output} --data FILE`, `predict ${output} --input QUESTIONS.jsonl`],
  predict: {
    open(path, options): AskedRows {
      const source = openQuestions(path, options as AnswerFields, { labelled: false });
      return {
        name: source.name,
        report: source.report,
        notes: [],
        [Symbol.asyncIterator]: () => source[Symbol.asyncIterator](),
      };
    },
    asking: (options) => pick(options as AnswerOptions, ['maxAnswerLength', 'stride', 'noAnswerThreshold', 'topK']),
    record: ({ id, answer, start, end, score, answers }: ReaderAnswer) => ({
      ...(id !== undefined && { id }),
      answer,
      start,
      end,
      score: short(Math.fround(score)),
      ...(answers && { answers: answers.map((one) => ({ ...one, score: short(Math.fround(one.score)) })) }),
    }),
    cells: ({ answer, start, end, score }: ReaderAnswer) => ({ answer, start, end, score: short(Math.fround(score)) }),
  },
});
