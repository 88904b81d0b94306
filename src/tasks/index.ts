/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The contract of tasks, what is written once over it, and the types of each task. A task of your own is a `Task` and a
 * `Tuning`.
 *
 * @packageDocumentation
 */
export type {
  AskOptions,
  Direction,
  Encoded,
  EncodeHow,
  Raw,
  Scores,
  ScoreTable,
  Task,
  TaskTypes,
  TextCounts,
} from './task.ts';
export { ASK_OPTIONS, TaskModel, type Answer } from './task-model.ts';
export type { Aftermath, DataReport, Labelled, LabelledRow, Splits, Tuning, TuningOptions } from './tuning.ts';
export { fineTune, type TuningResult } from './fine-tune-node.ts';
export { evaluateTask, type TaskEvaluation } from './evaluate-node.ts';
export { taskNamed, taskOf, TASKS } from './registry.ts';
export type { TaskManual } from './manual.ts';
export type { EvaluateOptions, Evaluation } from './classify/evaluate-node.ts';
export type { Baseline } from './classify/options.ts';
export type { ClassifierInput, ClassifierFacts, ClassifyTypes, LabelAnswer, ScoredLabel } from './classify/task.ts';
export type { TagCrf } from './tag/decode.ts';
export type { Entity, EntityAnswer, TaggerFacts, TagInput, TagOptions, TagTypes } from './tag/task.ts';
export type { FineTuneTagOptions } from './tag/tuning-node.ts';
export type { AnswerInput, AnswerOptions, AnswerTypes, ContextSpan, ReaderAnswer, ReaderFacts } from './answer/task.ts';
export type { DocumentAnswer, DocumentAnswerOptions, Passage, SourceDocument } from './answer/documents.ts';
export type { FineTuneAnswerOptions } from './answer/tuning-node.ts';
export type { Mention, RelateTypes, RelationAnswer, RelationFacts, RelationInput } from './relate/task.ts';
export type { TextTriples, Triple } from './relate/triples.ts';
export type { FineTuneRelateOptions } from './relate/tuning-node.ts';
export type { ChoiceAnswer, ChoiceInput, ChooseTypes } from './choose/task.ts';
export type { FineTuneChooseOptions } from './choose/tuning-node.ts';
export type { RankAnswer, RankedCandidate, RankInput, RankOptions, RankTypes } from './rank/task.ts';
export type { FineTuneRankOptions } from './rank/tuning-node.ts';
export type { FilledMask, FilledText, FillOptions, MaskGuess, ScoreOptions, TextScore } from './fill-mask/fill-mask.ts';
export type { ZeroShotOptions, ZeroShotPrediction } from './zero-shot/zero-shot.ts';
export { fitExamples, isFittedFolder } from './fit/fit-node.ts';
export type { FitClassifierOptions, FitExamplesOptions, FitResult } from './fit/fit-node.ts';
export { FittedClassifier, type FittedParts, type FittedPredictOptions } from './fit/classifier.ts';
export type { CrossValidation, FitOptions, FittedWeights } from './fit/fit.ts';
export type { Learned, Remembered } from './fit/kinds.ts';
export type { ClassifierKind, FeatureKind } from './fit/settings.ts';
export type { FeatureInput, FeatureParts, TextFeatures, TextVectors, VectorScale } from './fit/text-features.ts';
export type { TriedStrength } from './fit/choose.ts';
export type { SentenceFields } from './embedding/sentences-node.ts';
export type { EmbeddingEvaluation, EvaluateEmbeddingOptions } from './embedding/evaluate-node.ts';
export type { FineTuneEmbeddingResult } from './embedding/options.ts';
export type { DistillResult, DistillTask } from './distill/options.ts';
export type { NewNetwork } from '../training/run/new-network.ts';
export type { PretrainConfig, PretrainOptions, PretrainResult } from './pretrain/options.ts';
export type { ErrorDetails } from '../core/errors.ts';
export type { DroppedFile } from '../core/files-dropped.ts';
export type { ProgressEvent } from '../core/progress.ts';
export type { Albert, LoadOptions } from '../loaded/albert.ts';
export type { EmbeddedText } from '../loaded/embed.ts';
export type { EmbeddingModel } from '../loaded/embed-plan.ts';
export type { EmbeddingRow, StreamOptions } from '../loaded/embed-stream.ts';
export type { TokenEmbedding, TokenEmbeddingOptions, TokenEmbeddings } from '../loaded/embed-tokens.ts';
export type { QuantizedModel, QuantizeOptions } from '../loaded/quantize-model.ts';
export { LONG_TEXT_POLICIES, type LongTextPolicy } from '../loaded/text-windows.ts';
// Models by name, checkpoints on disk
export { builtInModelFolder, loadModel, openModel } from '../loaded/load-node.ts';
export { resolveModel, type Download, type DownloadedFile, type HubOptions } from '../checkpoint/hub-lazy-node.ts';
export type { SaveInt8Options } from '../checkpoint/save-int8-node.ts';
export type { SentencePrompts, SentenceSettings } from '../checkpoint/sentence-transformers.ts';
export type { Verification } from '../checkpoint/hub-transfer-node.ts';
export type { SavedCheckpoint, SaveOptions } from '../checkpoint/save-node.ts';
export type { SavedOnnx, SaveOnnxOptions } from '../checkpoint/onnx-export-node.ts';
