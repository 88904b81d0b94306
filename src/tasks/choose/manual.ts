import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, FILE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';

/** Questions with choices into one of them. */
export const chooseManual: TaskManual = {
  name: 'choose',
  head: 'multipleChoice',
  noun: 'a model of multiple choice',
  finetune: {
    summary: 'questions with choices into the right one',
    description:
      'Fine-tunes a checkpoint to choose: the right answer to a question about a passage, the right end of a sentence.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 600 steps, at least 3 and at most 10',
      batchSize: '8 questions',
      dropout: "hidden, attention and classifier dropout. Default: the checkpoint's",
      maxLength: '256, or as many as the model takes; longer passages are cut, and counted',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved: "the model, as Hugging Face's transformers loads it (AlbertForMultipleChoice)",
    facts: 'figures of the best weights',
    shown: ['accuracy'],
    manual: `
Data
  {"context":"The cat was hungry.","question":"What did it do?","choices":["It ate.","It sang."],"label":0}      label: an index from 0, a letter, or the choice itself
  {"article":"...","questions":["..."],"options":[["...","..."]],"answers":["A"]}                                 RACE, as its files are
  sent1,sent2,ending0,ending1,ending2,ending3,label                                                               SWAG
  Questions may have different numbers of choices. A question with _ has the choice in that place.

Examples
  albertine finetune choose --train race-train.jsonl --eval race-dev.jsonl --output chooser
Then
  albertine evaluate chooser --data race-test.jsonl
  albertine predict chooser --input questions.jsonl
`,
  },
  evaluate: {
    settings: { ...FILE_SETTINGS, ...EVALUATE_SETTINGS },
    json: '"accuracy", with "chance" (what guessing would give)',
    examples: ['albertine evaluate chooser --data race-test.jsonl --json | jq .accuracy'],
  },
  predict: {
    settings: PREDICT_SETTINGS,
    output:
      '{"index":0,"choice":0,"text":"It ate.","scores":[0.91,0.09],"tokenCount":19,"windows":2,"truncatedTokens":0}\n    counts are of all choices together.',
    examples: ['albertine predict chooser --input questions.jsonl'],
  },
  service: {
    input: objectSchema({ context: TEXT, question: TEXT, choices: { type: 'array', items: TEXT }, id: TEXT }, [
      'choices',
    ]),
    options: objectSchema(ASK_SCHEMA),
  },
  load: async () => (await import('./verbs-node.ts')).chooseVerbs,
};
