/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * albertine: ALBERT in Node. Here is what most programs need; the parts it is made of are in `albertine/tokenizer`,
 * `/model`, `/checkpoint`, `/data`, `/metrics`, `/graph`, `/runtime`, `/training`, `/tasks` and `/analysis`.
 *
 * ```ts
 * import { Albert } from 'albertine';
 *
 * using model = await Albert.load();                 // the built-in model; or a folder, or a hub id such as
 * 'albert/albert-base-v2' const vectors = await model.embed(['a text', '一段文字'], { normalize: true }); vectors.row(0);
 * // Float32Array
 * ```
 *
 * @packageDocumentation
 */

// Models, vectors, errors
export { AlbertineError, type ErrorCode } from './core/errors.ts';
export type { ProgressListener } from './core/progress.ts';
export { BUILT_IN_MODEL, NodeAlbert as Albert, type NodeLoadOptions } from './loaded/load-node.ts';
export type { EmbeddingMatrix } from './loaded/embed.ts';
export type { EmbedOptions } from './loaded/embed-plan.ts';
export { cosine } from './metrics/similarity.ts';

// Fine-tuned models: `load` takes a folder or a hub id
export { TextClassifier } from './tasks/classify/classifier.ts';
export type { Prediction, PredictOptions } from './tasks/classify/task.ts';
export { EntityTagger } from './tasks/tag/tagger.ts';
export type { TagPrediction } from './tasks/tag/task.ts';
export { AnswerReader } from './tasks/answer/reader.ts';
export type { AnswerPrediction } from './tasks/answer/task.ts';
export { DocumentReader } from './tasks/answer/documents.ts';
export { RelationClassifier } from './tasks/relate/classifier.ts';
export type { RelationPrediction } from './tasks/relate/task.ts';
export { findTriples } from './tasks/relate/triples.ts';
export { ChoiceModel } from './tasks/choose/chooser.ts';
export { Reranker } from './tasks/rank/reranker.ts';
export { FillMask } from './tasks/fill-mask/fill-mask.ts';
export { ZeroShotClassifier } from './tasks/zero-shot/zero-shot.ts';

// Why a classifier answers as it does
export { TextExplainer } from './analysis/explain/explainer.ts';

// Texts beside references
export { KeywordExtractor } from './analysis/keywords/extractor.ts';
export { AlbertScorer } from './analysis/score/scorer.ts';

// Training and judging, classic classifiers on vectors and words, other forms: loaded when they are called
export {
  distill,
  evaluateClassifier,
  evaluateEmbedding,
  fineTuneChoice,
  fineTuneClassifier,
  fineTuneEmbedding,
  fineTuneRanker,
  fineTuneReader,
  fineTuneRelations,
  fineTuneTagger,
  fitClassifier,
  loadFittedClassifier,
  pretrain,
  quantizeModel,
  saveOnnx,
  scoreFiles,
} from './jobs.ts';
export type { FineTuneOptions, FineTuneResult } from './tasks/classify/tuning-node.ts';
export type { DistillOptions } from './tasks/distill/distill-node.ts';
export type { FineTuneEmbeddingOptions } from './tasks/embedding/fine-tune-node.ts';

// Other forms, other places
export { saveInt8Checkpoint } from './checkpoint/save-int8-node.ts';
export { saveCheckpoint } from './checkpoint/save-node.ts';
export { downloadModel } from './checkpoint/hub-lazy-node.ts';
export { droppedFiles } from './core/files-dropped.ts';
export { memoryFiles } from './core/files-memory.ts';
export { openFolder } from './core/files-node.ts';
export { urlFiles } from './core/files-url.ts';
export { setWasmFile } from './runtime/ort.ts';
