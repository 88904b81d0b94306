/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Rows and files: JSONL, CSV, TSV, Parquet and npy, labelled examples, duplicates, splits, batches by length.
 *
 * @packageDocumentation
 */
export {
  MAX_LISTED_ISSUES,
  ROW_FORMATS,
  RowReporter,
  missingFieldReason,
  type OnError,
  type ReadReport,
  type Row,
  type RowFormat,
  type RowIssue,
  type RowSource,
} from './rows.ts';
export {
  DEFAULT_MAX_LINE_BYTES,
  TEXT_ENCODINGS,
  firstInvalidUtf8,
  readLines,
  type Line,
  type LineOptions,
  type TextEncoding,
} from './lines.ts';
export { CsvParser, QUOTE_STYLES, formatCsvRecord, type CsvOptions, type CsvRecord, type QuoteStyle } from './csv.ts';
export { parseRows, type ParseOptions } from './parse.ts';
export {
  formatOfPath,
  openRows,
  readTexts,
  type ReadOptions,
  type ReadTextOptions,
  type TextRow,
  type TextSource,
} from './read-node.ts';
export { formatFloat32, toJson } from './json.ts';
export {
  RECORD_FORMATS,
  openRecordWriter,
  type RecordFormat,
  type RecordWriter,
  type RecordWriterOptions,
} from './writers-node.ts';
export {
  metadataPath,
  openEmbeddingWriter,
  readEmbeddingMetadata,
  type EmbeddingMetadata,
  type EmbeddingRecord,
  type EmbeddingWriter,
  type EmbeddingWriterOptions,
} from './embeddings-node.ts';
export { countCompleteRecords, type CompleteRecords } from './resume-node.ts';
export {
  NPY_DTYPES,
  NPY_HEADER_BYTES,
  npyHeader,
  parseNpy,
  parseNpyHeader,
  type NpyArray,
  type NpyData,
  type NpyDtype,
  type NpyHeader,
} from './npy.ts';
export { NpyWriter, openNpyWriter, readNpy, type NpyWriterOptions } from './npy-node.ts';
export { bucketLength, bucketWithin, planBatches, type BatchOptions } from './batches.ts';
export {
  classBalance,
  multiLabelBalance,
  stratifiedSplit,
  type ClassBalance,
  type MultiLabelBalance,
  type Split,
  type SplitOptions,
} from './split.ts';
export {
  contradictions,
  distinctRows,
  findDuplicates,
  normalizeText,
  sameButForCase,
  textKey,
  type Duplicates,
  type KeyedRows,
} from './duplicates.ts';
export {
  PROBLEM_TYPES,
  collectExamples,
  exampleFields,
  sortLabels,
  type Example,
  type ExampleOptions,
  type ExampleSet,
  type ProblemType,
} from './dataset.ts';
export { readExamples, type ReadExampleOptions } from './dataset-node.ts';
export { partialPath, type OutputFile } from '../core/output-node.ts';
export type { FileSink } from './sink-node.ts';
