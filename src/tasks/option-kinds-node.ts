import { HUB_OPTIONS } from '../checkpoint/hub-settings-node.ts';
import type { OptionKinds } from '../core/options.ts';
import type { EvaluateEmbeddingOptions } from './embedding/evaluate-node.ts';
import type { EvaluateOptions } from './classify/evaluate-node.ts';
import type { FineTuneEmbeddingOptions } from './embedding/options.ts';
import type { FineTuneOptions } from './classify/options.ts';
import type { FineTuneRunOptions } from './fine-tune-options.ts';
import type { NodeLoadOptions } from './load-node.ts';
import { LOAD_OPTIONS } from './option-kinds.ts';
import type { PretrainOptions } from './pretrain-node.ts';
import type { QuantizeOptions } from './quantize-model.ts';
import type { SentenceFields } from './embedding/sentences-node.ts';
import type { ScheduleConstants } from './trainer-constants.ts';

/* The options of the tasks that Node alone has; see `requireOptions`. */

/** Of `Albert.load`. */
export const NODE_LOAD_OPTIONS: OptionKinds<NodeLoadOptions> = { ...LOAD_OPTIONS, ...HUB_OPTIONS };

const SCHEDULE: OptionKinds<ScheduleConstants> = { schedule: 'string', warmupRatio: 'number', warmupSteps: 'number', finalLearningRate: 'number', power: 'number', restarts: 'number' };

/** Of every run of fine-tuning. */
export const RUN_OPTIONS: OptionKinds<FineTuneRunOptions> = {
  ...SCHEDULE, model: 'string', output: 'string', epochs: 'number', maxSteps: 'number', batchSize: 'number', learningRate: 'number', optimizer: 'object', maxGradNorm: 'number',
  dropout: 'number', layerDecay: 'number', freeze: 'list', maxLength: 'number', shuffle: 'boolean', seed: 'number', evaluateEvery: 'number', patience: 'number', checkpointEvery: 'number',
  keepCheckpoints: 'number', histogramEvery: 'number', microBatchTokens: 'number', saveActivations: 'any', device: 'string', threads: 'number', guard: 'object', resume: 'boolean',
  overwrite: 'boolean', tensorboard: 'boolean', trackers: 'list', command: 'string', onProgress: 'function', onEstimate: 'function', onEvent: 'function', signal: 'object',
};

const READING = { format: 'string', encoding: 'string', header: 'boolean', delimiter: 'string', quotes: 'string', onError: 'string', textField: 'string', pairField: 'string' } as const;
const SENTENCE_FIELDS: OptionKinds<SentenceFields> = { ...READING, scoreField: 'string' };
const EXAMPLE_FIELDS = { ...READING, labelField: 'string', labelSeparator: 'string' } as const;

/** Of `fineTuneClassifier`. */
export const FINE_TUNE_OPTIONS: OptionKinds<FineTuneOptions> = {
  ...RUN_OPTIONS, ...EXAMPLE_FIELDS, problem: 'string', train: 'string', evaluation: 'string', labelSmoothing: 'number', balanceClasses: 'boolean', dropDuplicates: 'boolean', freshHead: 'boolean', wordsBaseline: 'boolean', metric: 'string', calibrate: 'boolean',
};

/** Of `fineTuneEmbedding`. `microBatchTokens` has an error of its own there, which says why. */
export const FINE_TUNE_EMBEDDING_OPTIONS: OptionKinds<FineTuneEmbeddingOptions & Pick<FineTuneRunOptions, 'microBatchTokens'>> = {
  ...RUN_OPTIONS, ...SENTENCE_FIELDS, train: 'list', evaluation: 'list', evaluationFields: 'object', objective: 'string', pooling: 'string', temperature: 'number', symmetric: 'boolean', loss: 'string',
  maxScore: 'number', groupByLength: 'boolean', dropDuplicates: 'boolean', metric: 'string',
};

/** Of `pretrain`; values are checked by `requirePretrainConfig`. */
export const PRETRAIN_OPTIONS: OptionKinds<PretrainOptions> = {
  ...SCHEDULE, model: 'any', from: 'string', tokenizer: 'string', wordEmbeddings: 'string', shards: 'any', weights: 'object', heldOut: 'any', heldOutExamples: 'any', objective: 'string',
  masking: 'any', maxLength: 'any', lengths: 'any', steps: 'any', batchSize: 'any', microBatchTokens: 'any', learningRate: 'any', warmupRatio: 'any', warmupSteps: 'any', finalLearningRate: 'any',
  power: 'any', restarts: 'any', optimizer: 'any', maxGradNorm: 'any', evaluateEvery: 'any', checkpointEvery: 'any', keepCheckpoints: 'any', histogramEvery: 'any', guard: 'any',
  saveActivations: 'any', seed: 'any', card: 'object', output: 'string', device: 'string', threads: 'number', resume: 'boolean', overwrite: 'boolean', tensorboard: 'boolean', command: 'string',
  onProgress: 'function', onEstimate: 'function', onEvent: 'function', signal: 'object',
};

/** Of `evaluateClassifier`. */
export const EVALUATE_OPTIONS: OptionKinds<EvaluateOptions> = { ...EXAMPLE_FIELDS, longText: 'string', maxLength: 'number', batchTokens: 'number' };

/** Of `evaluateEmbedding`. */
export const EVALUATE_EMBEDDING_OPTIONS: OptionKinds<EvaluateEmbeddingOptions> = { ...SENTENCE_FIELDS, pooling: 'string', longText: 'string', maxLength: 'number', batchTokens: 'number', signal: 'object' };

/** Of `quantizeModel`. */
export const QUANTIZE_OPTIONS: OptionKinds<QuantizeOptions> = { activations: 'string', ranges: 'string', bits: 'number', sampleTexts: 'list', onProgress: 'function', signal: 'object' };
