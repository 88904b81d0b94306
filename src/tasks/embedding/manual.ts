import type { Settings } from '../../core/settings.ts';
import { POOLINGS } from '../../model/pooling.ts';
import type { TaskManual } from '../manual.ts';
import { EVALUATE_SETTINGS, FILE_SETTINGS } from '../shared-settings.ts';

const FIELDS = {
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { kind: 'text', help: 'field of the second text. Default: pair, where pairs are read' },
  scoreField: { kind: 'text', help: 'field of the similarity, more for more similar. Default: score, where scores are read' },
} as const satisfies Settings;

const EXAMPLE = 'albertine evaluate sentences --data sts-test.csv --text-field a --pair-field b --score-field score --json';

/** Texts into vectors whose cosine tells how similar they mean. */
export const embeddingManual: TaskManual = {
  name: 'embedding',
  head: undefined,
  noun: 'a model of sentence embeddings',
  finetune: {
    summary: 'texts into vectors whose cosine tells how similar they mean',
    description: 'Trains a checkpoint to embed sentences: on texts alone (simcse), on pairs that belong together, or on pairs with a score of similarity.',
    settings: {
      train: { kind: 'files', required: true, help: 'texts (.txt, a text a line), or .csv, .tsv, .jsonl or .parquet; text formats may be gzipped; several files are read as one' },
      evaluation: { kind: 'files', flag: 'eval', help: 'scored pairs to choose the best weights by. Default: a tenth of scored --train is held out; otherwise the last weights are kept' },
      objective: { kind: 'text', values: ['simcse', 'pairs', 'scored'], help: 'simcse (each text is to find itself under another dropout among the texts of the step), pairs (the second text of its pair), scored (cosines follow scores). Default: by the fields given; simcse for .txt' },
      ...FIELDS,
      evaluationFields: { kind: 'list', flag: 'eval-fields', help: 'fields of text, pair and score in --eval, separated by commas, where they differ' },
      ...FILE_SETTINGS,
      pooling: { kind: 'text', values: ['mean', 'cls'], placeholder: 'how', help: 'a text\'s vector is the mean of its tokens\' vectors, or that of its first token (cls). Stored with the model. Default: the model\'s, else mean' },
      temperature: { kind: 'number', above: 0, placeholder: 'x', help: 'simcse and pairs: divides cosines; lower looks harder at the most similar wrong texts. Default: 0.05' },
      symmetric: { kind: 'flag', off: true, help: 'pairs: look for the second text of a first one only, not for the first of a second too' },
      loss: { kind: 'text', values: ['cosent', 'cosine'], help: 'scored: cosent (the order of scores counts) or cosine (cosines are to be score / --max-score). Default: cosent' },
      maxScore: { kind: 'number', above: 0, placeholder: 'x', help: 'with --loss cosine: score of texts that mean the same. Default: the highest in --train' },
      dropDuplicates: { kind: 'flag', help: 'leave out rows that stood before with the same score (a pair is the same either way round), and training rows that are held out. Default: count and tell' },
      groupByLength: { kind: 'flag', help: 'put rows of similar length into the same step: less padding, so faster; texts are then told from others of their length' },
      metric: { kind: 'text', values: ['spearman', 'pearson'], help: 'figure by which the best weights are kept: spearman or pearson. Default: spearman' },
    },
    training: {
      epochs: '1; scored 4', batchSize: '64; scored 32', dropout: 'hidden and attention dropout. Default: 0.1 for simcse, else the checkpoint\'s', maxLength: '128, or as many as the model takes',
      evaluateEvery: 'an epoch, at most 250', microBatches: false,
    },
    saved: 'the model, as Hugging Face\'s transformers loads it\n  modules.json, sentence_bert_config.json, 1_Pooling/           pooling and length: with them sentence-transformers loads it',
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
      ...FIELDS, ...FILE_SETTINGS,
      pooling: { kind: 'text', values: POOLINGS, placeholder: 'how', help: 'embeddings: how a text\'s vector is made, as in albertine embed. Default: the model\'s, else mean' },
      ...EVALUATE_SETTINGS,
    },
    json: '"spearman", "pearson", "rows" (pairs), "pooling"',
    examples: [EXAMPLE],
  },
  load: async () => (await import('./verbs-node.ts')).embeddingVerbs,
};
