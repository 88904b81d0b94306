import type { Settings } from '../../core/settings.ts';
import { FINE_TUNE_RUN_SETTINGS } from '../../training/run/settings.ts';
import { FILE_SETTINGS } from '../shared-settings.ts';

const { model, ...run } = FINE_TUNE_RUN_SETTINGS;

/** Of `distill`, besides those of every run. */
export const DISTILL_SETTINGS = {
  task: {
    kind: 'text',
    values: ['embedding', 'classify'],
    help: 'what is handed on: embedding (sentence vectors) or classify (the answers of a text classifier)',
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
    help: `the teacher, an ALBERT or an encoder of the BERT family, whose answers are computed first, and kept in --teacher-cache: ${model.help}, or albertine-nano-en-zh for ${model.usual}`,
  },
  teacherVectors: {
    kind: 'files',
    help: 'what a teacher made of the texts, a row a text, in the order of --input: .npy from any encoder, or .jsonl or .parquet from albertine embed. Default without --teacher: a field of --input',
  },
  textField: { kind: 'text', help: 'field or column of the text. Default: text' },
  pairField: { kind: 'text', help: 'classify: field of the second text, for pairs' },
  vectorField: {
    kind: 'text',
    help: 'embedding: field of the vector, a list of numbers, in --input or --teacher-vectors. Default: embedding',
  },
  logitsField: {
    kind: 'text',
    help: "classify without --teacher: field of the teacher's logits, a list of numbers, one a label. Default: logits",
  },
  labels: {
    kind: 'list',
    help: 'classify without --teacher: names of the labels, in the order of the logits. Default: LABEL_0, LABEL_1 ...',
  },
  problem: {
    kind: 'text',
    values: ['singleLabel', 'multiLabel', 'regression'],
    placeholder: 'type',
    help: 'classify without --teacher: singleLabel, multiLabel or regression. Default: singleLabel, or regression for one number',
  },
  labelField: {
    kind: 'text',
    help: 'classify: field of a label by people, where a row has one; used with --hard-weight',
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
    kind: 'number',
    integer: true,
    min: 0,
    help: 'embedding: texts that are held out to judge by; equal ones stay on one side. Default: 1,000, at most a tenth (classify holds out a tenth)',
  },
  pooling: {
    kind: 'text',
    values: ['mean', 'cls'],
    placeholder: 'how',
    help: "embedding: a text's vector is the mean of its tokens' vectors, or that of its first token (cls). Stored with the model. Default: the student's, else mean",
  },
  loss: {
    kind: 'text',
    values: ['cosine', 'mse'],
    help: 'embedding: what brings a vector to its target: cosine, or mse (the numbers themselves). Default: cosine',
  },
  centre: {
    kind: 'flag',
    off: true,
    help: "embedding: keep the mean of the teacher's vectors, which by default is subtracted: what all texts have in common makes all cosines high",
  },
  turn: {
    kind: 'flag',
    off: true,
    help: "embedding: do not turn the targets (a rotation, which changes no similarity among them) to where the student's vectors lie at the start",
  },
  projection: {
    kind: 'flag',
    help: "embedding: learn the teacher's whole vector through a linear layer, which the saved model does not have (distillation/projection.npy does). Default: the teacher's main directions, as many as the student is wide",
  },
  similarityWeight: {
    kind: 'number',
    min: 0,
    placeholder: 'x',
    help: 'embedding: factor on the loss over similarities among the texts of a step; 0: none. Default: 0.5',
  },
  temperature: {
    kind: 'number',
    above: 0,
    placeholder: 'x',
    help: 'divides similarities (embedding) or logits (classify) before their softmax. Default: 0.2; classify 2',
  },
  hardWeight: {
    kind: 'number',
    min: 0,
    max: 1,
    placeholder: 'share',
    help: 'classify: part of the loss on labels by people, for rows that have one. Default: 0, or 0.5 with --label-field',
  },
  groupByLength: {
    kind: 'flag',
    help: 'embedding: put texts of similar length into the same step: less padding, so faster; similarities are then learned among texts of one length only',
  },
  teacherCache: {
    kind: 'file',
    placeholder: 'folder',
    help: 'where what --teacher says is kept, so that no text is computed twice, in this run or another. Default: distillation in --output',
  },
  metric: {
    kind: 'text',
    help: 'figure by which the best weights are kept. Default: cosine; classify divergence, or mse for a number',
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
    usual: `for a new network narrower than 300 that learns vectors 1e-3; else ${run.learningRate.usual}`,
  },
  evaluateEvery: { ...run.evaluateEvery, usual: 'an epoch, at most 250' },
  dropout: { ...run.dropout, usual: "the student's" },
  microBatchTokens: { ...run.microBatchTokens, help: `classify: ${run.microBatchTokens.help}` },
} as const satisfies Settings;
