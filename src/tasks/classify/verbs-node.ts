import { pick } from '../../core/pick.ts';
import type { GivenOptions, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { CLASSIFIER_KEYS, TextClassifier } from './classifier.ts';
import { answerCells, answerRecord } from './answer-record.ts';
import { textClassification } from './hugging-face.ts';
import type { PredictOptions } from './task.ts';
import { classifyRewriting } from './rewriting.ts';
import { classifyTuning } from './tuning-node.ts';

/** Rows below which a classifier on frozen vectors did about as well on some sets (`docs/tasks/fit.md`). */
const FEW_ROWS = 2000;
const FIT_HINT = 'with so few rows albertine fit may do as well, and takes seconds: compare the two on the same --eval';

/** The verbs of classification. */
export const classifyVerbs: TaskVerbs = verbsOf(classifyTuning, {
  open: (model) => TextClassifier.from(model),
  rewriting: classifyRewriting,
  huggingFace: () => textClassification,
  lines({ baseline, extra, best, evaluation, facts, trainRows }) {
    const temperature = extra[CLASSIFIER_KEYS.temperature];
    return [
      ...(baseline ? [describeBaseline(baseline as Baseline, (best?.evaluation ?? evaluation)?.['accuracy'])] : []),
      ...(facts.problem === 'singleLabel' && facts.pairs !== true && trainRows < FEW_ROWS ? [FIT_HINT] : []),
      ...(typeof temperature === 'number'
        ? [`temperature ${temperature.toFixed(3)}: stored, and applied by predict and evaluate`]
        : []),
    ];
  },
  next: ({ output, pairField }) => [
    `evaluate ${output} --data FILE`,
    `predict ${output} "a text"${pairField === undefined ? '' : ' --pair "another"'}`,
  ],
  requireFitting: (model, { pairField }) => (model as TextClassifier).requireInputs(pairField !== undefined),
  predict: {
    requireInputs: (model, pairs) => (model as TextClassifier).requireInputs(pairs),
    ofText: ({ text, pair }) => (pair === undefined ? text : { text, pair }),
    asking: (options: GivenOptions) => pick(options as PredictOptions, ['topK']),
    record: answerRecord,
    cells: (answer, facts, options) => answerCells(answer, facts, (options as PredictOptions).topK ?? 1),
  },
});

interface Baseline {
  name: string;
  metrics: { accuracy: number; macroF1: number };
}

/** The figures of words alone, and whether the model's are better. */
function describeBaseline({ name, metrics: { accuracy, macroF1 } }: Baseline, own: number | undefined): string {
  const verdict =
    own === undefined || own > accuracy ? '' : own === accuracy ? '; the model is no better' : '; the model is behind';
  return `${name}: accuracy ${accuracy.toFixed(4)}  macroF1 ${macroF1.toFixed(4)}${verdict}`;
}
