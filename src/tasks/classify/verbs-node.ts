import { pick } from '../../core/pick.ts';
import type { GivenOptions, TaskVerbs } from '../verbs.ts';
import { verbsOf } from '../verbs-node.ts';
import { CLASSIFIER_KEYS, TextClassifier } from './classifier.ts';
import { answerCells, answerRecord } from './answer-record.ts';
import type { PredictOptions } from './task.ts';
import { classifyTuning } from './tuning-node.ts';

/** The verbs of classification. */
export const classifyVerbs: TaskVerbs = verbsOf(classifyTuning, {
  open: (model) => TextClassifier.from(model),
  lines({ baseline, extra, best, evaluation }) {
    const temperature = extra[CLASSIFIER_KEYS.temperature];
    return [
      ...(baseline ? [describeBaseline(baseline as Baseline, (best?.evaluation ?? evaluation)?.['accuracy'])] : []),
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
