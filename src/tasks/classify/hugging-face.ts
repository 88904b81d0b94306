import { AlbertineError, describeValue } from '../../core/errors.ts';
import { COUNT, objectSchema, TEXT, type HuggingFaceForm } from '../service.ts';
import type { ClassifierInput, ScoredLabel } from './task.ts';

const PAIR = objectSchema({ text: TEXT, text_pair: TEXT }, ['text']);

/** Hugging Face's `text-classification`: a list of labels for every text, also for a single one. */
export const textClassification: HuggingFaceForm = {
  task: 'text-classification',
  inputs: { anyOf: [TEXT, PAIR, { type: 'array', items: { anyOf: [TEXT, PAIR] } }] },
  parameters: objectSchema({ top_k: COUNT, function_to_apply: { enum: ['softmax', 'sigmoid'] } }),
  ask: (inputs, { top_k, ...parameters }) => {
    requireOwnFunction(parameters['function_to_apply']);
    return {
      inputs: (Array.isArray(inputs) ? inputs : [inputs]).map(inputOf),
      options: top_k === undefined ? {} : { topK: top_k },
    };
  },
  respond: (answers) =>
    answers.map(({ record }) =>
      'value' in record ? [{ label: 'LABEL_0', score: record['value'] }] : (record['labels'] as ScoredLabel[]),
    ),
};

function inputOf(input: unknown): ClassifierInput {
  const { text, text_pair } = input as { text?: unknown; text_pair?: string };
  return typeof text === 'string' ? (text_pair === undefined ? text : { text, pair: text_pair }) : (input as string);
}

/** What makes scores of logits follows from the checkpoint. */
function requireOwnFunction(value: unknown): void {
  if (value === undefined || value === null) return;
  throw new AlbertineError('unsupported', `function_to_apply cannot be chosen, got ${describeValue(value)}`, {
    value,
    hint: 'Softmax for one label of several, sigmoid for several labels, the number itself for a regression',
  });
}
