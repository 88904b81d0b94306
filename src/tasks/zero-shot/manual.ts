import { objectSchema, TEXT, type ServiceManual } from '../service.ts';
import { inferenceLabels } from './labels.ts';

/** Labels that are named in the question, by a classifier that knows entailment. */
export const zeroShotManual: ServiceManual = {
  name: 'zero-shot',
  input: TEXT,
  options: objectSchema(
    { labels: { type: 'array', items: TEXT, minItems: 1 }, template: TEXT, multiLabel: { type: 'boolean' } },
    ['labels'],
  ),
  serves: ({ loaded, checkpoint: { details } }) =>
    loaded.heads.includes('sequenceClassification') && inferenceLabels(details.labels ?? []).entailment !== undefined,
  load: async () => (await import('./service.ts')).zeroShotService,
};
