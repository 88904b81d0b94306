import { POOLINGS } from '../../model/pooling.ts';
import type { TaskManual } from '../manual.ts';
import { EVALUATE_SETTINGS, FILE_SETTINGS } from '../shared-settings.ts';
import { FINE_TUNE_SETTINGS, SENTENCE_SETTINGS } from './settings.ts';

const EXAMPLE =
  'albertine evaluate sentences --data sts-test.csv --text-field a --pair-field b --score-field score --json';

/** Texts into vectors whose cosine tells how similar they mean. */
export const embeddingManual: TaskManual = {
  name: 'embedding',
  head: undefined,
  noun: 'a model of sentence embeddings',
  finetune: {
    summary: 'texts into vectors whose cosine tells how similar they mean',
    description:
      'Trains a checkpoint to embed sentences: on texts alone (simcse), on pairs that belong together, or on pairs with a score of similarity.',
    settings: FINE_TUNE_SETTINGS,
    training: {
      epochs: '1; scored 4',
      batchSize: '64; scored 32',
      dropout: "hidden and attention dropout. Default: 0.1 for simcse, else the checkpoint's",
      maxLength: '128, or as many as the model takes',
      evaluateEvery: 'an epoch, at most 250',
      microBatches: false,
    },
    saved:
      "the model, as Hugging Face's transformers loads it\n  modules.json, sentence_bert_config.json, 1_Pooling/           pooling and length: with them sentence-transformers loads it",
    facts: 'figures of the best weights',
    shown: ['spearman', 'pearson'],
    manual: `
Memory
  Every text of a step is compared with all the others, so a step is computed at once, two texts for each row: --batch-size and --max-length decide
  what it takes. --save-activations none takes least and costs one more forward pass.
  Texts that are equal (after cutting) are never taken for wrong answers to each other.

Examples
  albertine finetune embedding --train sentences.txt --output step1
  albertine finetune embedding --model step1 --train questions.jsonl --text-field question --pair-field answer --output step2
  albertine finetune embedding --model step2 --train sts.csv --text-field a --pair-field b --score-field score --output sentences
  albertine finetune embedding --train sentences.txt --eval sts-dev.csv --no-header --eval-fields 0,1,2 --output step1
Then
  albertine evaluate sentences --data sts-test.csv --text-field a --pair-field b --score-field score
  albertine embed --model sentences "a text" "another"
`,
  },
  evaluate: {
    settings: {
      ...SENTENCE_SETTINGS,
      ...FILE_SETTINGS,
      pooling: {
        kind: 'text',
        values: POOLINGS,
        placeholder: 'how',
        help: "embeddings: how a text's vector is made, as in albertine embed. Default: the model's, else mean",
      },
      ...EVALUATE_SETTINGS,
    },
    json: '"spearman", "pearson", "rows" (pairs), "pooling"',
    examples: [EXAMPLE],
  },
  load: async () => (await import('./verbs-node.ts')).embeddingVerbs,
};
