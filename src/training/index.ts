/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Training: gradients over a whole ALBERT, optimisers, schedules, the trainer, trackers and reports.
 *
 * @packageDocumentation
 */
export { withAddedLoss, type AddedLoss } from './added-loss.ts';
export {
  createArena,
  layerwiseScales,
  type Arena,
  type ArenaOptions,
  type ArenaRange,
  type ArenaSlot,
} from './arena.ts';
export {
  classificationTask,
  encodeExamples,
  scoreLogits,
  type ClassificationTaskOptions,
  type EncodedExample,
} from './classification.ts';
export { chainFeeds, CRF_RESULTS, crfHead, type LabelledChain } from './crf-head.ts';
export {
  stepsPerEpoch,
  unitsTask,
  type HeadFeeds,
  type Piece,
  type Unit,
  type UnitBatch,
  type UnitsTaskOptions,
} from './units.ts';
export { embeddingTask, type EmbeddingTaskOptions } from './contrastive.ts';
export {
  EMBEDDING_OBJECTIVES,
  EMBEDDING_POOLINGS,
  embeddingHead,
  SCORED_LOSSES,
  type EmbeddingHeadOptions,
  type EmbeddingObjective,
  type EmbeddingPooling,
  type ScoredLoss,
} from './contrastive-head.ts';
export { TokenTable, type SentenceRows } from './contrastive-rows.ts';
export {
  labelDistillationFeeds,
  labelDistillationHead,
  type LabelHeadOptions,
  type SoftTarget,
} from './distill/label-head.ts';
export { fitTargetMap, mapVector, type TargetMap, type TargetMapOptions } from './distill/target-map.ts';
export {
  VECTOR_LOSSES,
  vectorDistillationHead,
  type VectorHeadOptions,
  type VectorLoss,
} from './distill/vector-head.ts';
export { alignTokens } from './distill/alignment.ts';
export { maskedDistillationHead, type MaskedHeadOptions } from './distill/masked-head.ts';
export { maskedDistillationTask, type AskTeacher, type MaskedTaskOptions } from './distill/masked-task.ts';
export { tokenDistillationHead, type TokenHeadOptions } from './distill/token-head.ts';
export { tokenDistillationTask, type TaughtTokens, type TokenTaskOptions } from './distill/token-task.ts';
export { vectorDistillationTask, type TaughtTexts, type VectorTaskOptions } from './distill/vector-task.ts';
export type { RunEstimate } from './estimate-node.ts';
export type { DropoutSource } from './dropout.ts';
export { LearningWatch, StepGuard, type GuardOptions, type Verdict } from './guards.ts';
export {
  CompiledHead,
  type HeadBuildOptions,
  type HeadDefinition,
  type HeadResults,
  type HeadTensors,
} from './head.ts';
export {
  classificationHead,
  optionsHead,
  pretrainingHead,
  questionAnsweringHead,
  tokenClassificationHead,
  type ClassificationHeadOptions,
  type PretrainingHeadOptions,
} from './heads.ts';
export { extensionParameters, type LayerExtension } from '../model/extension.ts';
export {
  LayerwiseNetwork,
  type BatchShape,
  type LayerwiseOptions,
  type SaveActivations,
  type StepHooks,
  type StepPosition,
  type TrainingBatch,
} from './layerwise.ts';
export { createAdamW, type AdamWOptions } from './optimizers/adamw.ts';
export { createLamb, type LambOptions } from './optimizers/lamb.ts';
export {
  clipScale,
  globalNorm,
  type AdamOptions,
  type Optimizer,
  type OptimizerState,
} from './optimizers/optimizer.ts';
export { createSgd, type SgdOptions } from './optimizers/sgd.ts';
export type { ParameterPattern } from './parameter-patterns.ts';
export { readRun } from './report/report-node.ts';
export { renderReport, type ReportOptions } from './report/report.ts';
export {
  runToJson,
  type ConfusionCounts,
  type EvaluationRecord,
  type RunEvent,
  type RunInfo,
  type RunRecord,
  type StepRecord,
} from './report/run-record.ts';
export { learningRateAt, scaleLearningRate, validateSchedule, type Schedule, type ScheduleKind } from './schedules.ts';
export {
  diffRuns,
  fieldOf,
  filterRuns,
  listRun,
  sortRuns,
  type ListedRun,
  type RunStatus,
  type SettingDifference,
} from './report/run-list.ts';
export { findRuns, type FoundRuns } from './report/run-list-node.ts';
export {
  curvesOf,
  renderComparison,
  type ComparedRun,
  type ComparisonOptions,
  type RunCurves,
} from './report/comparison.ts';
export { createJsonlTracker, type JsonlTrackerOptions } from './trackers/jsonl.ts';
export { createMlflowTracker, type MlflowOptions, type MlflowTracker } from './trackers/mlflow.ts';
export { createTensorBoardTracker, type TensorBoardOptions } from './trackers/tensorboard.ts';
export { createWandbTracker, type WandbOptions, type WandbTracker } from './trackers/wandb.ts';
export type { WandbServer } from './trackers/wandb-sender.ts';
export { combineTrackers, type HyperParameter, type RunOutcome, type Tracker } from './trackers/tracker.ts';
export {
  Trainer,
  type BestMetric,
  type OptimizerOptions,
  type StepData,
  type TrainerOptions,
  type TrainingOutcome,
  type TrainingTask,
} from './trainer.ts';
export {
  buildShards,
  verifyShards,
  type BuildShardsOptions,
  type BuildShardsReport,
} from './pretraining/shards-node.ts';
export type { CorpusSource, DocumentReport } from './pretraining/documents-node.ts';
export type { MaskingOptions } from './pretraining/masking.ts';
export type { PairObjective } from './pretraining/segments.ts';
export type { SegmentUnit } from './pretraining/sentences.ts';
export type { ShardManifest, SourceEntry } from './pretraining/manifest.ts';
export {
  trainVocabularyFromFiles,
  type UnigramFileOptions,
  type VocabularyReport,
  type WordPieceFileOptions,
} from '../tokenizer/training/train-node.ts';
export type { BertWordOptions } from '../tokenizer/training/bert-words.ts';
export type { SampleReport } from '../tokenizer/training/count-words-node.ts';
export type { NormalizationOptions } from '../tokenizer/training/normalization.ts';
export type { UnigramReport } from '../tokenizer/training/unigram-trainer.ts';
