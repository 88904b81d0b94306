/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Search over documents: text, Markdown, HTML, PDF and files of rows, cut into chunks, found by vectors and words.
 *
 * @packageDocumentation
 */
export { buildIndex, updateIndex, type BuildOptions, type BuildReport, type UpdateOptions } from './build-node.ts';
export { Chunker, contextOf, indexedText, type Chunk, type ChunkOptions } from './chunk.ts';
export { IndexedChunks } from './chunks-node.ts';
export {
  DocumentIndex,
  SEARCH_MODES,
  type ScoreParts,
  type SearchHit,
  type SearchMode,
  type SearchOptions,
} from './document-index.ts';
export type { Block, FieldValue, ReadDocument } from './documents/document.ts';
export { readHtml } from './documents/html.ts';
export { readMarkdown } from './documents/markdown.ts';
export { readPdf } from './documents/pdf-node.ts';
export { readPlain } from './documents/plain.ts';
export type { RowOptions, Source } from './documents/sources-node.ts';
export { parseFilter, type Condition, type Filter } from './filter.ts';
export { fuse, reciprocalRanks, type WeightedRanking } from './fuse.ts';
export type { IndexedFile, Manifest } from './generations-node.ts';
export { openIndex, type OpenIndexOptions } from './open-node.ts';
export type { TextRanker } from './rerank.ts';
export { ExactStore } from './stores/exact-node.ts';
export { CompactStore } from './stores/compact-node.ts';
export {
  STORE_NAMES,
  VECTOR_FORMATS,
  type NearestOptions,
  type ScoredRow,
  type StoreName,
  type StoreSettings,
  type VectorFormat,
  type VectorStore,
} from './stores/store.ts';
