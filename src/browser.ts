/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The browser entry: models from URLs (`load`), dropped files or buffers (`open`), and every task that asks them. It
 * loads nothing of Node; networks run on the plain WebAssembly build of onnxruntime-web. The parts it is made of are in
 * the same sub-paths as in Node, as far as they need no files.
 *
 * @packageDocumentation
 */

// Models, vectors, errors
export { AlbertineError, type ErrorCode } from './core/errors.ts';
export type { ProgressListener } from './core/progress.ts';
export { UrlAlbert as Albert, type UrlLoadOptions } from './loaded/load-url.ts';
export type { EmbeddingMatrix } from './loaded/embed.ts';
export type { EmbedOptions } from './loaded/embed-plan.ts';
export { cosine } from './metrics/similarity.ts';

// Fine-tuned models: `load` takes the URL of a folder
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
export { KeywordExtractor } from './analysis/keywords/extractor.ts';
export { AlbertScorer } from './analysis/score/scorer.ts';
export { ZeroShotClassifier } from './tasks/zero-shot/zero-shot.ts';

// Files, the engine
export { droppedFiles } from './core/files-dropped.ts';
export { memoryFiles } from './core/files-memory.ts';
export { urlFiles, type UrlFilesOptions } from './core/files-url.ts';
export { setWasmFile } from './runtime/ort.ts';
