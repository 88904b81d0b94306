/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * The browser entry: models from URLs (`Albert.load`), dropped files or buffers (`Albert.open`), tokenisers, data parsing and metrics. It loads nothing of Node;
 * networks run on the plain WebAssembly build of onnxruntime-web. The Node entry adds paths, hub ids and files.
 */

// Errors and progress
export { AlbertineError, type ErrorCode, type ErrorDetails } from './core/errors.ts';
export type { ProgressEvent, ProgressListener } from './core/progress.ts';

// Models and embeddings
export type { LoadOptions } from './tasks/albert.ts';
export { UrlAlbert as Albert, type UrlLoadOptions } from './tasks/load-url.ts';
export { TextClassifier } from './tasks/classify/classifier.ts';
export type { ClassifierInput, Prediction, PredictOptions } from './tasks/classify/task.ts';
export { EntityTagger } from './tasks/tag/tagger.ts';
export type { Entity, TagInput, TagOptions, TagPrediction } from './tasks/tag/task.ts';
export { DocumentReader, type DocumentAnswer, type DocumentAnswerOptions, type SourceDocument } from './tasks/answer/documents.ts';
export { AnswerReader } from './tasks/answer/reader.ts';
export type { AnswerInput, AnswerOptions, AnswerPrediction } from './tasks/answer/task.ts';
export { ChoiceModel } from './tasks/choose/chooser.ts';
export type { ChoiceInput, ChoicePrediction, ChooseOptions } from './tasks/choose/task.ts';
export { Reranker } from './tasks/rank/reranker.ts';
export type { RankedCandidate, RankInput, RankOptions, RankPrediction } from './tasks/rank/task.ts';
export { FillMask, type FilledMask, type FilledText, type FillOptions, type MaskGuess, type TextScore } from './tasks/fill-mask/fill-mask.ts';
export { ZeroShotClassifier, type ZeroShotOptions, type ZeroShotPrediction } from './tasks/zero-shot/zero-shot.ts';
export { RelationClassifier } from './tasks/relate/classifier.ts';
export type { Mention, RelateOptions, RelationInput, RelationPrediction } from './tasks/relate/task.ts';
export { findTriples, type TextTriples, type Triple } from './tasks/relate/triples.ts';
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
export {
  buildCard, encodeSafetensors, findWeights, initialiseWeights, loadWeights, openCheckpoint, openSafetensors, openTfBundle, openTfCheckpoint, openTorchFile, openWeightFiles,
  parseConfig, weightsFingerprint, writeConfig,
  type CardDetails, type Checkpoint, type ConfigDetails, type ConfigSource, type InitialiseOptions, type LoadedWeights, type LoadWeightsOptions, type ParsedConfig,
  type SafetensorsEntry, type SafetensorsFile, type SafetensorsOutput, type StorageDtype, type TensorDtype, type TensorInfo, type TensorSource, type TfBundle, type TfCheckpoint,
  type TfVariable, type WeightFile,
} from './checkpoint/index.ts';

// Data
export { parseRows, type ParseOptions } from './data/parse.ts';
export { readLines, TEXT_ENCODINGS, type Line, type LineOptions, type TextEncoding } from './data/lines.ts';
export { CsvParser, formatCsvRecord, QUOTE_STYLES, type CsvOptions, type CsvRecord, type QuoteStyle } from './data/csv.ts';
export { MAX_LISTED_ISSUES, ROW_FORMATS, RowReporter, type OnError, type ReadReport, type Row, type RowFormat, type RowIssue, type RowSource } from './data/rows.ts';
export { formatFloat32, toJson } from './data/json.ts';
export { NPY_DTYPES, npyHeader, parseNpy, parseNpyHeader, type NpyArray, type NpyData, type NpyDtype, type NpyHeader } from './data/npy.ts';
export { bucketLength, planBatches, type BatchOptions } from './data/batches.ts';
export { classBalance, multiLabelBalance, stratifiedSplit, type ClassBalance, type MultiLabelBalance, type Split, type SplitOptions } from './data/split.ts';
export { collectExamples, PROBLEM_TYPES, sortLabels, type Example, type ExampleOptions, type ExampleSet, type ProblemType } from './data/dataset.ts';

// Metrics
export {
  accuracy, balancedAccuracy, calibrationBins, classificationReport, confusionMatrix, cosine, dot, euclidean, expectedCalibrationError, kendallTau, logLoss, matthewsCorrelation,
  meanAbsoluteError, meanAveragePrecision, meanReciprocalRank, meanSquaredError, multiLabelReport, ndcgAtK, pearson, precisionAtK, r2, rankAnswer, rankingScores, ranks, recallAtK,
  regressionReport, spearman, topKAccuracy,
  type AveragedScores, type CalibrationBin, type ClassificationOptions, type ClassificationReport, type ClassScores, type Gain, type MultiLabelReport, type ProbabilityRows,
  type RankedQuery, type RankingScores, type RegressionReport,
} from './metrics/index.ts';

// Graphs
export * as graph from './graph/index.ts';
export { compile, CompiledGraph, type CompileOptions, type RunOptions } from './runtime/compile.ts';
export { setWasmFile } from './runtime/ort.ts';
export { float32, HostTensor, int64, zeros } from './runtime/tensor.ts';
