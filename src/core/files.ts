/** A file on the local disk. */
export interface LocalFile {
  /** Absolute path, free of symbolic links. */
  path: string;
  /** The bytes in `[start, end)`, read at once. */
  readSync(start: number, end: number): Uint8Array;
}

/**
 * A folder of named files: a directory on disk, a set of URLs, or buffers in memory.
 * Readers of checkpoints and tokenisers take this, so the same code runs in Node and in browsers.
 */
export interface FileSource {
  /** Where the files are, for messages: a path, a URL, or "memory". */
  readonly location: string;
  /** Names of the files present (no sub-folders). */
  list(): Promise<string[]>;
  /** Size in bytes; rejects with `file_not_found`. */
  size(name: string): Promise<number>;
  /** The bytes in `[start, end)`; the whole file by default. Rejects with `file_not_found`. */
  read(name: string, start?: number, end?: number): Promise<Uint8Array>;
  /** Direct access to a file on the local disk; absent elsewhere. */
  local?(name: string): LocalFile;
}
