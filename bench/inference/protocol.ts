/** What a contender is; sent to its process. */
export interface ContenderSpec {
  /** Shown in the tables. */
  name: string;
  package: 'albertine' | 'transformers.js';
  dtype: 'f32' | 'int8';
  /** A path (ours) or a model name under the peer's folder. */
  folder: string;
  threads: number;
  /**
   * Peer only: batches of 32 in input order, or sorted by length under 1,024 padded tokens. Ours always batches by
   * itself.
   */
  batching?: 'input order' | 'sorted';
  /** Further options of `loadModel`, or of the peer's session. */
  options?: Record<string, unknown>;
}

/** Wall and CPU time of all threads, in milliseconds. */
export interface Measured {
  wallMs: number;
  cpuMs: number;
}

/** Resident memory in MiB. */
export interface Memory {
  rss: number;
  peakRss: number;
}

/** Sent once by a contender: milliseconds since its process started. */
export interface Started extends Memory {
  loadedMs: number;
  firstEmbeddingMs: number;
  cpuMs: number;
}

/** Work for a contender. */
export type Request =
  | { do: 'pass'; texts: string[] }
  | { do: 'singles'; texts: string[] }
  | { do: 'vectors'; texts: string[] }
  | { do: 'forwards'; shapes: [rows: number, length: number][] };

/** Its answer. */
export interface Reply extends Memory {
  samples: Measured[];
  vectors?: number[];
}
