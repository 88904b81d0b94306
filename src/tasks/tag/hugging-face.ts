import { AlbertineError, requireOneOf } from '../../core/errors.ts';
import { objectSchema, TEXT, type HuggingFaceForm, type ServedAnswer } from '../service.ts';
import type { Entity } from './task.ts';

const STRATEGIES = ['simple', 'first', 'average', 'max'] as const;

/** Hugging Face's `token-classification`, with entities grouped. */
export const tokenClassification: HuggingFaceForm = {
  task: 'token-classification',
  inputs: { anyOf: [TEXT, { type: 'array', items: TEXT }] },
  parameters: objectSchema({
    aggregation_strategy: { enum: STRATEGIES },
    ignore_labels: { type: 'array', items: TEXT },
    stride: { type: 'integer' },
  }),
  ask(inputs, { aggregation_strategy: strategy, stride }) {
    if (strategy === 'none')
      throw new AlbertineError('unsupported', 'aggregation_strategy none (a tag for every token) is not given', {
        value: strategy,
        hint: `Ask for ${STRATEGIES.join(', ')}`,
      });
    return {
      inputs: Array.isArray(inputs) ? inputs : [inputs],
      options: {
        ...(strategy !== undefined && { aggregation: requireOneOf('aggregation_strategy', strategy, STRATEGIES) }),
        ...(stride !== undefined && { stride }),
      },
    };
  },
  respond(answers, { inputs, parameters: { ignore_labels = [] } }) {
    const ignored = ignore_labels as readonly string[];
    const groups = ({ record }: ServedAnswer): object[] =>
      (record['entities'] as Entity[])
        .filter(({ label }) => !ignored.includes(label))
        .map(({ label, score, text, start, end }) => ({ entity_group: label, score, word: text, start, end }));
    return Array.isArray(inputs) ? answers.map(groups) : groups(answers[0]);
  },
};
