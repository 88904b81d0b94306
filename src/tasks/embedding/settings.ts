import type { Settings } from '../../core/settings.ts';
import { FILE_SETTINGS } from '../shared-settings.ts';

/** Where texts, pairs and scores stand in a file. */
export const SENTENCE_SETTINGS = {
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { kind: 'text', help: 'field of the second text. Default: pair, where pairs are read' },
  scoreField: {
    kind: 'text',
    help: 'field of the similarity, more for more similar. Default: score, where scores are read',
  },
  prompt: {
    kind: 'text',
    placeholder: 'name|text',
    help: 'what stands before every text: the name of a prompt in the model\'s folder (albertine info lists them), or the text itself, as in "query: ". Default: the folder\'s default prompt, else none',
  },
  pairPrompt: {
    kind: 'text',
    placeholder: 'name|text',
    help: 'the same before the second text of a pair, where it differs, as in "passage: ". Default: as --prompt',
  },
} as const satisfies Settings;

/** Of `finetune embedding`, besides those of every run. */
export const FINE_TUNE_SETTINGS = {
  train: {
    kind: 'files',
    required: true,
    help: 'texts (.txt, a text a line), or .csv, .tsv, .jsonl or .parquet; text formats may be gzipped; several files are read as one',
  },
  evaluation: {
    kind: 'files',
    flag: 'eval',
    help: 'scored pairs to choose the best weights by. Default: a tenth of scored --train is held out; otherwise the last weights are kept',
  },
  objective: {
    kind: 'text',
    values: ['simcse', 'pairs', 'scored'],
    help: 'simcse (each text is to find itself under another dropout among the texts of the step), pairs (the second text of its pair), scored (cosines follow scores). Default: by the fields given; simcse for .txt',
  },
  ...SENTENCE_SETTINGS,
  evaluationFields: {
    kind: 'list',
    flag: 'eval-fields',
    help: 'fields of text, pair and score in --eval, separated by commas, where they differ',
  },
  ...FILE_SETTINGS,
  pooling: {
    kind: 'text',
    values: ['mean', 'cls'],
    placeholder: 'how',
    help: "a text's vector is the mean of its tokens' vectors, or that of its first token (cls). Stored with the model. Default: the model's, else mean",
  },
  temperature: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'simcse and pairs: divides cosines; lower looks harder at the most similar wrong texts. Default: 0.05',
  },
  symmetric: {
    kind: 'flag',
    off: true,
    help: 'pairs: look for the second text of a first one only, not for the first of a second too',
  },
  loss: {
    kind: 'text',
    values: ['cosent', 'cosine'],
    help: 'scored: cosent (the order of scores counts) or cosine (cosines are to be score / --max-score). Default: cosent',
  },
  maxScore: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'with --loss cosine: score of texts that mean the same. Default: the highest in --train',
  },
  dropDuplicates: {
    kind: 'flag',
    help: 'leave out rows that stood before with the same score (a pair is the same either way round), and training rows that are held out. Default: count and tell',
  },
  groupByLength: {
    kind: 'flag',
    help: 'put rows of similar length into the same step: less padding, so faster; texts are then told from others of their length',
  },
  metric: {
    kind: 'text',
    values: ['spearman', 'pearson'],
    help: 'figure by which the best weights are kept: spearman or pearson. Default: spearman',
  },
} as const satisfies Settings;
