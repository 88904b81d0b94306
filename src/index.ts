/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * albertine: ALBERT in Node. Everything public is listed here, under the heading that it belongs to; what is not listed is private.
 *
 * ```ts
 * import { Albert } from 'albertine';
 *
 * using model = await Albert.load();                 // the built-in model; or a folder, or a hub id such as 'albert/albert-base-v2'
 * const vectors = await model.embed(['a text', '一段文字'], { normalize: true });
 * vectors.row(0);                                     // Float32Array
 * ```
 */

// Errors and progress
export { AlbertineError, type ErrorCode, type ErrorDetails } from './core/errors.ts';
export type { ProgressEvent, ProgressListener } from './core/progress.ts';

// Models and embeddings
export { BUILT_IN_MODEL, builtInModelFolder, loadModel, NodeAlbert as Albert, type NodeLoadOptions } from './tasks/load-node.ts';
export type { LoadOptions } from './tasks/albert.ts';
export type { EmbeddedText, EmbeddingMatrix, EmbeddingModel, EmbedOptions } from './tasks/embed.ts';
export type { EmbeddingRow, StreamOptions } from './tasks/embed-stream.ts';
export type { TokenEmbedding, TokenEmbeddingOptions, TokenEmbeddings } from './tasks/embed-tokens.ts';
export { LONG_TEXT_POLICIES, type LongTextPolicy } from './tasks/text-windows.ts';
export { binarizeVectors, cutDimensions, normalizeVector, POOLINGS, quantizeVectors, type Pooling, type VectorRanges } from './model/pooling.ts';
export { AlbertEncoder, type EncoderOptions, type ForwardRequest, type ForwardResult } from './model/encoder.ts';
export type { EncoderBatch } from './model/batch.ts';
export { ACTIVATIONS, DEFAULT_CONFIG, POSITION_EMBEDDING_TYPES, validateConfig, type Activation, type AlbertConfig, type PositionEmbeddingType } from './model/config.ts';
export { HEADS, headParameters, type Head, type HeadInput, type HeadName } from './model/heads.ts';
export { countParameters, encoderParameters, poolerParameters, type ParameterSpec, type Weight, type Weights } from './model/parameters.ts';
export { PRESETS, presetConfig, type Preset } from './model/presets.ts';

// Tokenisers
export {
  createUnigramTokenizer, createWordPieceTokenizer, loadTokenizer, normalizerSpec, parseSentencePieceModel, parseTokenizerJson, parseVocabulary, trainerSpec, writeSentencePieceModel,
  type AddedToken, type EncodeOptions, type Encoding, type NormalizerSpec, type PieceType, type SentencePiece, type SentencePieceAlgorithm, type SentencePieceModel,
  type SpecialTokenNames, type SpecialTokens, type Tokenizer, type TokenizerOptions, type TrainerSpec, type Truncation, type WindowOptions,
} from './tokenizer/index.ts';

// Checkpoints
export type { FileSource } from './core/files.ts';
export { droppedFiles, type DroppedFile } from './core/files-dropped.ts';
export { memoryFiles } from './core/files-memory.ts';
export { urlFiles, USUAL_FILES, type UrlFilesOptions } from './core/files-url.ts';
export { openFolder } from './core/files-node.ts';
export { saveCheckpoint, type SavedCheckpoint, type SaveOptions } from './checkpoint/save-node.ts';
export { downloadModel, resolveModel, type Download, type DownloadedFile, type HubOptions } from './checkpoint/hub-lazy-node.ts';
export {
  buildCard, encodeSafetensors, findWeights, initialiseWeights, loadWeights, openCheckpoint, openSafetensors, openTfBundle, openTfCheckpoint, openTorchFile, openWeightFiles,
  parseConfig, weightsFingerprint, writeConfig,
  type CardDetails, type Checkpoint, type ConfigDetails, type ConfigSource, type InitialiseOptions, type LoadedWeights, type LoadWeightsOptions, type ParsedConfig,
  type SafetensorsEntry, type SafetensorsFile, type SafetensorsOutput, type StorageDtype, type TensorDtype, type TensorInfo, type TensorSource, type TfBundle, type TfCheckpoint,
  type TfVariable, type WeightFile,
} from './checkpoint/index.ts';

// Data
export {
  bucketLength, bucketWithin, classBalance, collectExamples, countCompleteRecords, CsvParser, DEFAULT_MAX_LINE_BYTES, exampleFields, firstInvalidUtf8, formatCsvRecord, formatFloat32,
  formatOfPath, MAX_LISTED_ISSUES, metadataPath, missingFieldReason, multiLabelBalance, NPY_DTYPES, NPY_HEADER_BYTES, npyHeader, NpyWriter, openEmbeddingWriter, openNpyWriter, openRecordWriter,
  openRows, parseNpy, parseNpyHeader, parseRows, partialPath, planBatches, PROBLEM_TYPES, QUOTE_STYLES, readEmbeddingMetadata, readExamples, readLines, readNpy, readTexts, RECORD_FORMATS,
  ROW_FORMATS, RowReporter, sortLabels, stratifiedSplit, TEXT_ENCODINGS, toJson,
  type BatchOptions, type ClassBalance, type CompleteRecords, type CsvOptions, type CsvRecord, type EmbeddingMetadata, type EmbeddingRecord, type EmbeddingWriter,
  type EmbeddingWriterOptions, type Example, type ExampleOptions, type ExampleSet, type Line, type LineOptions, type MultiLabelBalance, type NpyArray, type NpyData, type NpyDtype, type NpyHeader,
  type NpyWriterOptions, type OnError, type ParseOptions, type ProblemType, type QuoteStyle, type ReadExampleOptions, type ReadOptions, type ReadReport, type ReadTextOptions,
  type RecordFormat, type RecordWriter, type RecordWriterOptions, type Row, type RowFormat, type RowIssue, type RowSource, type Split, type TextEncoding, type TextRow,
  type TextSource,
} from './data/index.ts';

// Metrics
export {
  accuracy, balancedAccuracy, calibrationBins, classificationReport, confusionMatrix, cosine, dot, euclidean, expectedCalibrationError, kendallTau, logLoss, matthewsCorrelation,
  meanAbsoluteError, meanAveragePrecision, meanReciprocalRank, meanSquaredError, multiLabelReport, ndcgAtK, pearson, precisionAtK, r2, rankAnswer, rankingScores, ranks, recallAtK,
  regressionReport, spearman, topKAccuracy,
  type AveragedScores, type CalibrationBin, type ClassificationOptions, type ClassificationReport, type ClassScores, type Gain, type MultiLabelReport, type ProbabilityRows,
  type RankedQuery, type RankingScores, type RegressionReport,
} from './metrics/index.ts';

// Graphs: `graph.matmul`, `graph.grad` ... build and differentiate, `compile` runs them on ONNX Runtime
export * as graph from './graph/index.ts';
export { compile, CompiledGraph, requireDevice, type CompileOptions, type Device, type RunOptions } from './runtime/compile.ts';
export { loadOrt, setWasmFile, type Engine, type LoadedOrt } from './runtime/ort.ts';
export { DeviceTensor, float32, HostTensor, int64, zeros, type RunTensor } from './runtime/tensor.ts';
export { defaultThreads } from './runtime/threads.ts';

// Fine-tuning, classification, pretraining (more under `albertine/training`)
export { fineTuneClassifier, type FineTuneOptions, type FineTuneResult } from './tasks/classify/tuning-node.ts';
export { fineTuneEmbedding, type FineTuneEmbeddingOptions, type FineTuneEmbeddingResult } from './tasks/embedding/fine-tune-node.ts';
export type { SentenceFields } from './tasks/embedding/sentences-node.ts';
export { TextClassifier } from './tasks/classify/classifier.ts';
export type { ClassifierInput, Prediction, PredictOptions } from './tasks/classify/task.ts';
export { fineTuneTagger, type FineTuneTagOptions } from './tasks/tag/tuning-node.ts';
export { EntityTagger } from './tasks/tag/tagger.ts';
export type { Entity, TagInput, TagOptions, TagPrediction } from './tasks/tag/task.ts';
export { fineTuneReader, type FineTuneAnswerOptions } from './tasks/answer/tuning-node.ts';
export { DocumentReader, type DocumentAnswer, type DocumentAnswerOptions, type SourceDocument } from './tasks/answer/documents.ts';
export { AnswerReader } from './tasks/answer/reader.ts';
export type { AnswerInput, AnswerOptions, AnswerPrediction } from './tasks/answer/task.ts';
export { fineTuneChoice, type FineTuneChooseOptions } from './tasks/choose/tuning-node.ts';
export { ChoiceModel } from './tasks/choose/chooser.ts';
export type { ChoiceInput, ChoicePrediction, ChooseOptions } from './tasks/choose/task.ts';
export { fineTuneRanker, type FineTuneRankOptions } from './tasks/rank/tuning-node.ts';
export { Reranker } from './tasks/rank/reranker.ts';
export type { RankedCandidate, RankInput, RankOptions, RankPrediction } from './tasks/rank/task.ts';
export { fineTuneRelations, type FineTuneRelateOptions } from './tasks/relate/tuning-node.ts';
export { FillMask, type FilledMask, type FilledText, type FillOptions, type MaskGuess, type TextScore } from './tasks/fill-mask/fill-mask.ts';
export { ZeroShotClassifier, type ZeroShotOptions, type ZeroShotPrediction } from './tasks/zero-shot/zero-shot.ts';
export { RelationClassifier } from './tasks/relate/classifier.ts';
export type { Mention, RelateOptions, RelationInput, RelationPrediction } from './tasks/relate/task.ts';
export { findTriples, type TextTriples, type Triple } from './tasks/relate/triples.ts';
export { evaluateClassifier } from './tasks/classify/evaluate-node.ts';
export { evaluateEmbedding, type EmbeddingEvaluation, type EvaluateEmbeddingOptions } from './tasks/embedding/evaluate-node.ts';
export { pretrain, type PretrainConfig, type PretrainOptions, type PretrainResult } from './tasks/pretrain-node.ts';
export { quantizeModel, type QuantizedModel, type QuantizeOptions } from './tasks/quantize-model.ts';
export { saveInt8Checkpoint } from './checkpoint/save-int8-node.ts';
export { saveOnnx, type SaveOnnxOptions } from './checkpoint/onnx-export-node.ts';
export { trainVocabularyFromFiles, type UnigramFileOptions, type VocabularyReport, type WordPieceFileOptions } from './tokenizer/training/train-node.ts';
export { buildShards, verifyShards, type BuildShardsOptions, type BuildShardsReport } from './training/pretraining/shards-node.ts';
export type { CorpusSource } from './training/pretraining/documents-node.ts';
export type { ShardManifest } from './training/pretraining/manifest.ts';
