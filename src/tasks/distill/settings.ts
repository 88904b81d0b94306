import type { Settings } from '../../core/settings.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../../training/run/settings.ts';
import { FILE_SETTINGS } from '../shared-settings.ts';

const { model, ...run } = FINE_TUNE_RUN_SETTINGS;

/** What can be handed on. */
export const DISTILL_TASKS = ['embedding', 'tokens', 'masked', 'classify'] as const;

/** Of `distill`, besides those of every run. */
export const DISTILL_SETTINGS = {
  task: {
    kind: 'text',
    values: DISTILL_TASKS,
    help: 'what is handed on: embedding (sentence vectors), tokens (the states of single tokens), masked (guesses at masked words) or classify (the answers of a text classifier)',
    default: 'embedding',
  },
  student: {
    kind: 'text',
    orObject: true,
    required: true,
    placeholder: 'model',
    help: 'what learns: folder or hub id of an ALBERT, or, for a new network, the name of a preset (nano, tiny, mini ...; see albertine init --help) or a shape as JSON, such as {"preset":"tiny","numHiddenLayers":2}',
  },
  input: {
    kind: 'files',
    short: 'i',
    required: true,
    help: 'texts: .txt (a text a line), .csv, .tsv, .jsonl or .parquet; text formats may be gzipped; several files are read as one',
  },
  teacher: {
    kind: 'text',
    placeholder: 'model',
    help: `the teacher, an ALBERT or an encoder of the BERT family, whose answers are computed first, and kept in --teacher-cache (masked: at every step): ${model.help}, or albertine-nano-en-zh for ${model.usual}`,
  },
  teacherVectors: {
    for: ['embedding', 'tokens'],
    kind: 'files',
    help: 'what a teacher made of the texts, a row a text (tokens: a row a token), in the order of --input: .npy from any encoder, or .jsonl or .parquet from albertine embed. Default without --teacher: a field of --input (embedding)',
  },
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { for: ['classify'], kind: 'text', help: 'field of the second text, for pairs' },
  vectorField: {
    for: ['embedding', 'tokens'],
    kind: 'text',
    help: 'field of the vector, a list of numbers, in --input (embedding) or --teacher-vectors. Default: embedding',
  },
  offsetsField: {
    for: ['tokens'],
    kind: 'text',
    help: "with --teacher-vectors: field of --input that says where the teacher's tokens stand in the text, as [[0, 0], [0, 3], [3, 7], [0, 0]]: Python's offset_mapping. Default: offsets",
  },
  offsetUnit: {
    for: ['tokens'],
    kind: 'text',
    values: ['codePoint', 'utf16'],
    placeholder: 'unit',
    help: 'what is counted there: codePoint, as Python does, or utf16, as JavaScript does. Default: codePoint',
  },
  logitsField: {
    for: ['classify'],
    kind: 'text',
    help: "without --teacher: field of the teacher's logits, a list of numbers, one a label. Default: logits",
  },
  labels: {
    for: ['classify'],
    kind: 'list',
    help: 'without --teacher: names of the labels, in the order of the logits. Default: LABEL_0, LABEL_1 ...',
  },
  problem: {
    for: ['classify'],
    kind: 'text',
    values: ['singleLabel', 'multiLabel', 'regression'],
    placeholder: 'type',
    help: 'without --teacher: singleLabel, multiLabel or regression. Default: singleLabel, or regression for one number',
  },
  labelField: {
    for: ['classify'],
    kind: 'text',
    help: 'field of a label by people, where a row has one; used with --hard-weight',
  },
  ...FILE_SETTINGS,
  tokenizer: {
    kind: 'text',
    placeholder: 'model',
    help: "vocabulary of a new network: that of this model (folder or hub id). Default: the teacher's, else that of the built-in model",
  },
  wordEmbeddings: {
    kind: 'text',
    values: ['teacher', 'random'],
    placeholder: 'kind',
    help: 'start of a new network: teacher, its word embeddings on their main directions, or random. Default: teacher, where it is an ALBERT with the same vocabulary',
  },
  heldOut: {
    for: ['embedding', 'tokens', 'masked'],
    kind: 'number',
    integer: true,
    min: 0,
    help: 'texts that are held out to judge by; equal ones stay on one side. Default: 1,000, at most a tenth (classify holds out a tenth)',
  },
  pooling: {
    for: ['embedding'],
    kind: 'text',
    values: ['mean', 'cls'],
    placeholder: 'how',
    help: "a text's vector is the mean of its tokens' vectors, or that of its first token (cls). Stored with the model. Default: the student's, else mean",
  },
  loss: {
    for: ['embedding', 'tokens'],
    kind: 'text',
    values: ['cosine', 'mse'],
    help: 'what brings a vector to its target: cosine, or mse (the numbers themselves). Default: cosine',
  },
  centre: {
    for: ['embedding', 'tokens'],
    kind: 'flag',
    off: true,
    help: "keep the mean of the teacher's vectors, which by default is subtracted: what all texts have in common makes all cosines high",
  },
  turn: {
    for: ['embedding', 'tokens'],
    kind: 'flag',
    off: true,
    help: "do not turn the targets (a rotation, which changes no similarity among them) to where the student's vectors lie at the start",
  },
  projection: {
    for: ['embedding', 'tokens'],
    kind: 'flag',
    help: "learn the teacher's whole vector through a linear layer, which the saved model does not have (distillation/projection.npy does). Default: the teacher's main directions, as many as the student is wide",
  },
  similarityWeight: {
    for: ['embedding'],
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'factor on the loss over similarities among the texts of a step; 0: none. Default: 0.5',
  },
  temperature: {
    for: ['embedding', 'masked', 'classify'],
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'divides similarities (embedding) or logits before their softmax. Default: 0.2; masked and classify 2',
  },
  hardWeight: {
    for: ['masked', 'classify'],
    kind: 'number',
    min: 0,
    max: 1,
    placeholder: 'share',
    help: 'part of the loss on the words that were there, or on labels by people, for rows that have one. Default: 0, or 0.5 with --label-field',
  },
  groupByLength: {
    for: ['embedding'],
    kind: 'flag',
    help: 'put texts of similar length into the same step: less padding, so faster; similarities are then learned among texts of one length only',
  },
  teacherCache: {
    for: ['embedding', 'tokens', 'classify'],
    kind: 'file',
    placeholder: 'folder',
    help: 'where what --teacher says is kept, so that no text is computed twice, in this run or another. Default: distillation in --output',
  },
  metric: {
    kind: 'text',
    help: 'figure by which the best weights are kept. Default: cosine; masked and classify divergence, or mse for a number',
  },
} as const satisfies Settings;

/** Of every run, as `distill` has them: the model to start from is the student. */
export const DISTILL_RUN_SETTINGS = {
  ...run,
  epochs: { ...run.epochs, usual: 'as many as give 2,000 steps, 1 to 20; classify: as finetune classify' },
  batchSize: { ...run.batchSize, usual: '64; classify 32' },
  maxLength: { ...run.maxLength, usual: '128, classify 256, or as many as the student takes' },
  learningRate: {
    ...run.learningRate,
    usual: `for a new network narrower than 300 that does not learn to classify 1e-3; else ${run.learningRate.usual}`,
  },
  evaluateEvery: { ...run.evaluateEvery, usual: 'an epoch, at most 250' },
  dropout: { ...run.dropout, usual: "the student's" },
  microBatchTokens: { ...run.microBatchTokens, for: ['tokens', 'masked', 'classify'] },
  // The students of vectors, states and guesses are networks that learn as a whole.
  adapter: { ...run.adapter, for: ['classify'] },
} as const satisfies Settings;
