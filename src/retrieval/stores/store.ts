import type { ScoredRow } from '../../core/top-rows.ts';

export type { ScoredRow };

/** What of a search concerns vectors. */
export interface NearestOptions {
  /** How many at most. */
  limit: number;
  /** One byte a row, 0 for those that may not be found. Default: all may. */
  accept?: Uint8Array | undefined;
  /** For each row that is wanted, how many are looked at with their whole vectors. Default: that of the store. */
  oversample?: number | undefined;
}

/** Vectors of length 1 by the number of their chunk. */
export interface VectorStore extends AsyncDisposable {
  /** Number of vectors. */
  readonly rows: number;
  /** Numbers a vector. */
  readonly dimensions: number;
  /** Default of {@link NearestOptions.oversample}; undefined where every whole vector is looked at. */
  readonly oversample?: number | undefined;
  /** The rows with the highest cosine, best first; equal ones in their order. */
  nearest(query: Float32Array, options: NearestOptions): Promise<ScoredRow[]>;
  /** Vectors of rows. */
  read(rows: readonly number[]): Promise<Float32Array[]>;
}

/** Vectors that are being written, in the order of their chunks. */
export interface VectorWriter {
  /** `[n, dimensions]`. */
  write(vectors: Float32Array): Promise<void>;
  /** Makes them readable. */
  close(): Promise<void>;
  /** Takes away what was written. */
  abort(): Promise<void>;
}

/** Names of {@link VectorStoreKind}s. */
export const STORE_NAMES = ['exact', 'lancedb', 'pgvector'] as const;
/** One of {@link STORE_NAMES}. */
export type StoreName = (typeof STORE_NAMES)[number];

/** Forms of vectors in the `exact` store. */
export const VECTOR_FORMATS = ['f32', 'int8', 'binary'] as const;
/**
 * One of {@link VECTOR_FORMATS}: what is in memory for searches. Of `int8` and `binary` the best candidates are compared
 * again by their float32 vectors, which are read from disk.
 */
export type VectorFormat = (typeof VECTOR_FORMATS)[number];

/** How vectors are kept, as the index remembers it. */
export interface StoreSettings {
  /** Which store. */
  name: StoreName;
  /** Of `exact`. Default `f32`. */
  vectors?: VectorFormat;
  /** Of `pgvector`: the URL of the database, without its password. */
  database?: string;
}

/** Where a generation of vectors is kept. */
export interface StorePlace {
  /** Of the generation, in the index. */
  folder: string;
  /** Identifies index and generation where others are beside it, as in a database. */
  name: string;
  settings: StoreSettings;
  /** URL of the database of now, with its password, in place of the one that the settings have. */
  database?: string | undefined;
}

/** A way to keep vectors. */
export interface VectorStoreKind {
  readonly name: StoreName;
  create(place: StorePlace, dimensions: number): Promise<VectorWriter>;
  open(place: StorePlace): Promise<VectorStore>;
  /** Removes what lies outside the folder of the generation. */
  remove(place: StorePlace): Promise<void>;
}
