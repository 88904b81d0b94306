import { AlbertineError, describeValue } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import type { SegmentUnit } from './sentences.ts';

/** Name of the file that describes a folder of shards. */
export const MANIFEST_FILE = 'manifest.json';
export const MANIFEST_FORMAT = 'albertine-token-shards';
export const MANIFEST_VERSION = 1;

/** One immutable file of blocks. */
export interface ShardEntry {
  file: string;
  /** Hexadecimal, of the whole file. */
  sha256: string;
  bytes: number;
  blocks: number;
  /** Documents with tokens that begin in it. */
  documents: number;
  segments: number;
  tokens: number;
}

/** A source of the corpus with its shards, in document order. */
export interface SourceEntry {
  /** As it was given; figures of the source stand under it. */
  name: string;
  /** Passes over the source in an epoch; see {@link CorpusSource.weight}. */
  weight: number;
  /** Language by which sentences are cut. */
  locale?: string;
  /** Number of documents. */
  documents: number;
  /** Number of segments: sentences, or what `options.segments` says. */
  segments: number;
  /** Number of tokens. */
  tokens: number;
  /** UTF-16 units of the text. */
  characters: number;
  /** Documents that gave no token. */
  emptyDocuments: number;
  /** Rows left out as bad, with `onError: 'skip'`. */
  skippedRows: number;
  /** In document order. */
  shards: ShardEntry[];
}

/** What `manifest.json` holds. Equal inputs give an equal file, whatever the number of workers. */
export interface ShardManifest {
  /** Marks the file as a manifest of shards. */
  format: typeof MANIFEST_FORMAT;
  /** Version of the layout. */
  version: typeof MANIFEST_VERSION;
  /** Fingerprint of the tokeniser; token ids mean nothing without it. */
  tokenizer: { fingerprint: string; vocabSize: number };
  /** What the shards were built with: tokens a shard and a block, and how texts are cut into segments. */
  options: { shardTokens: number; blockTokens: number; segments: SegmentUnit };
  /** Tokens of all sources. */
  tokens: number;
  /** Documents of all sources. */
  documents: number;
  /** In the order in which they were given. */
  sources: SourceEntry[];
}

/** Reads `manifest.json`. Throws `file_not_found`, `invalid_file`, or `unsupported` for a newer format. */
export async function readManifest(files: FileSource): Promise<ShardManifest> {
  const text = new TextDecoder().decode(await files.read(MANIFEST_FILE));
  const place = `${files.location}/${MANIFEST_FILE}`;
  let manifest: ShardManifest;
  try {
    manifest = JSON.parse(text) as ShardManifest;
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${place} is not JSON`, { value: text.slice(0, 80), cause });
  }
  if (manifest?.format !== MANIFEST_FORMAT) {
    throw new AlbertineError(
      'invalid_file',
      `${place} does not describe token shards, its format is ${describeValue(manifest?.format)}`,
      { value: manifest?.format },
    );
  }
  if (manifest.version !== MANIFEST_VERSION) {
    throw new AlbertineError(
      'unsupported',
      `${place} has version ${describeValue(manifest.version)}, this program reads ${MANIFEST_VERSION}`,
      {
        value: manifest.version,
        hint: 'Build the shards again, or use the version of this package that wrote them.',
      },
    );
  }
  return manifest;
}
