import { pick } from '../../core/pick.ts';
import { short } from '../../data/json.ts';
import type { Albert } from '../../loaded/albert.ts';
import { objectSchema, TEXT, type TaskService } from '../service.ts';
import { ZeroShotClassifier, type ZeroShotOptions, type ZeroShotPrediction } from './zero-shot.ts';

const plain = (score: number): number => short(Math.fround(score));

/** Labels that are named in the question; Hugging Face's `zero-shot-classification`. */
export const zeroShotService = (model: Albert): TaskService => {
  const classifier = ZeroShotClassifier.from(model);
  return {
    async answer(inputs, { labels = [], ...options }) {
      const texts = inputs as readonly string[];
      const answers = await classifier.classify(texts, labels as readonly string[], options as ZeroShotOptions);
      return answers.map(({ truncatedTokens, label, score, labels: scored }, i) => ({
        record: { label, score: plain(score), labels: scored.map((one) => ({ ...one, score: plain(one.score) })) },
        counts: { tokenCount: model.tokenizer.encodeIds(texts[i]).length, truncatedTokens, windows: 1 },
      }));
    },
    huggingFace: {
      task: 'zero-shot-classification',
      inputs: { anyOf: [TEXT, { type: 'array', items: TEXT }] },
      parameters: objectSchema(
        {
          candidate_labels: { anyOf: [TEXT, { type: 'array', items: TEXT }] },
          hypothesis_template: TEXT,
          multi_label: { type: 'boolean' },
        },
        ['candidate_labels'],
      ),
      ask(inputs, { candidate_labels: labels, hypothesis_template: template, multi_label: multiLabel }) {
        const named = typeof labels === 'string' ? labels.split(',').map((label) => label.trim()) : labels;
        return {
          inputs: Array.isArray(inputs) ? inputs : [inputs],
          options: {
            labels: named,
            // Hugging Face writes {} for the label as well.
            ...pick({ template, multiLabel }, ['template', 'multiLabel']),
          },
        };
      },
      respond(answers, { inputs }) {
        const lists = answers.map(({ record }) => (record as unknown as ZeroShotPrediction).labels);
        return Array.isArray(inputs) ? lists : lists[0];
      },
    },
  };
};
