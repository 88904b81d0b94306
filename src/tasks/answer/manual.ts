import type { TaskManual } from '../manual.ts';
import { ASK_SCHEMA, COUNT, objectSchema, TEXT } from '../service.ts';
import { EVALUATE_SETTINGS, PREDICT_SETTINGS } from '../shared-settings.ts';
import { FIELDS, QUESTION_SETTINGS, ASKING, THRESHOLD, FINE_TUNE_SETTINGS } from './settings.ts';

/** Questions about a text into stretches of it. */
export const answerManual: TaskManual = {
  name: 'answer',
  head: 'questionAnswering',
  noun: 'a reader',
  rewritable: true,
  finetune: {
    summary: 'questions about a text into the stretch that answers them',
    description:
      'Fine-tunes a checkpoint to answer questions by stretches of a text of any length, or to say that it does not answer them.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: 'as many as give 600 steps, at least 2 and at most 10',
      batchSize: '16',
      dropout: "hidden and attention dropout. Default: the checkpoint's",
      maxLength: '384, or as many as the model takes; longer texts are read in windows',
      evaluateEvery: 'an epoch',
      microBatches: true,
    },
    saved: "the model, as Hugging Face's transformers loads it (AlbertForQuestionAnswering)",
    facts: 'questions with and without answers',
    shown: ['exactMatch', 'f1', 'noAnswerAccuracy'],
    manual: `
Data
  {"question":"Who wrote it?","context":"It was written by Ada.","answers":[{"text":"Ada","start":18}]}       an answer that does not stand at its place is looked for, and counted
  {"question":"When?","context":"It was written by Ada.","answers":[]}                                        no answer: the model learns to say so, and a threshold is stored

Examples
  albertine finetune answer --train train-v2.0.json --eval dev-v2.0.json --output reader
Then
  albertine evaluate reader --data dev-v2.0.json
  albertine predict reader --input questions.jsonl
`,
  },
  evaluate: {
    settings: { ...QUESTION_SETTINGS, ...ASKING, ...THRESHOLD, ...EVALUATE_SETTINGS },
    json: '"exactMatch" and "f1" from 0 to 1, by the rules of SQuAD\'s script, with Chinese answers by those of CMRC 2018; "hasAnswerF1", "noAnswerAccuracy" where questions without answers are among them',
    examples: ['albertine evaluate reader --data dev-v2.0.json --json | jq .f1'],
  },
  predict: {
    settings: {
      ...FIELDS,
      ...ASKING,
      ...THRESHOLD,
      topK: {
        kind: 'number',
        integer: true,
        min: 1,
        help: 'answers: how many are listed in "answers", best first. Default: none',
      },
      ...PREDICT_SETTINGS,
    },
    output:
      '{"index":0,"id":"q1","answer":"Ada","start":18,"end":21,"score":0.87,"tokenCount":12,"windows":1,"truncatedTokens":0}\n    "start" and "end" are UTF-16 positions in the context; "answer":"" with -1 where there is none.',
    examples: [
      'albertine predict reader --input dev-v2.0.json --output answers.jsonl',
      'albertine predict reader --input questions.jsonl --top-k 3',
    ],
  },
  service: {
    input: objectSchema({ question: TEXT, context: TEXT, id: TEXT }, ['question', 'context']),
    options: objectSchema({
      ...ASK_SCHEMA,
      maxAnswerLength: COUNT,
      stride: COUNT,
      noAnswerThreshold: { type: 'number' },
      topK: COUNT,
    }),
  },
  load: async () => (await import('./verbs-node.ts')).answerVerbs,
};
