import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { requireGiven, requireOptions, type OptionKinds } from '../../core/options.ts';
import type { FileSource } from '../../core/files.ts';
import { makeFolder, openFolder, writeFileAtomic } from '../../core/files-node.ts';
import { withLock } from '../../core/lock-node.ts';
import { removeLeftovers, requireSeparate } from '../../core/output-node.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { defaultThreads } from '../../runtime/threads.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { MAX_BLOCK_TOKENS } from './blocks.ts';
import {
  type CorpusSource,
  emptyReport,
  readDocuments,
  requireSource,
  type DocumentReport,
  type Paragraphs,
} from './documents-node.ts';
import type { EncodedDocuments } from './document-encoder.ts';
import { type EncoderPool, openEncoderPool } from './encoder-pool-node.ts';
import {
  MANIFEST_FILE,
  MANIFEST_FORMAT,
  MANIFEST_VERSION,
  readManifest,
  type ShardManifest,
  type SourceEntry,
} from './manifest.ts';
import type { SegmentUnit } from './sentences.ts';
import { findFinishedShards, type ShardRecord, sourceIdentity } from './shard-records-node.ts';
import { SourceWriter } from './source-writer-node.ts';

/** Options of {@link buildShards}. */
export interface BuildShardsOptions {
  /** Folder for the shards and `manifest.json`; made when absent. */
  output: string;
  /**
   * A shard ends with the first document that brings it to this many tokens. Default 4,194,304 (about 8 MB with up to
   * 65,536 token ids).
   */
  shardTokens?: number;
  /**
   * Most tokens of a block, the unit of shuffling and reading; longer documents are divided. At least twice the
   * sequence length. Default 4,096.
   */
  blockTokens?: number;
  /** What documents are divided into. Default `sentence`. */
  segments?: SegmentUnit;
  /** Threads that encode; 0 encodes on the calling thread. Default: the processors this process may use. */
  workers?: number;
  /** Receives tokens done so far. */
  onProgress?: ProgressListener;
  /** Stops with `interrupted`; finished shards stay for the next try. */
  signal?: AbortSignal;
}

const BUILD_OPTIONS: OptionKinds<BuildShardsOptions> = {
  output: 'string',
  shardTokens: 'number',
  blockTokens: 'number',
  segments: 'string',
  workers: 'number',
  onProgress: 'function',
  signal: 'object',
};

/** What {@link buildShards} did. */
export interface BuildShardsReport {
  /** As written to `manifest.json`. */
  manifest: ShardManifest;
  /** Shards of an earlier, interrupted run that were found intact and kept. */
  keptShards: number;
  /** Shards made now. */
  builtShards: number;
  /** Rows left out, by source (at most 100 listed a file). */
  skipped: Record<string, DocumentReport>;
  /** Time taken. */
  seconds: number;
}

/** Text of one job for a thread, in UTF-16 units: long enough that passing it costs nothing beside encoding it. */
const JOB_CHARACTERS = 1 << 17;
/** Most tokens of a shard: byte positions in it are 32-bit, and a token takes at most 8 bytes with its boundaries. */
const MAX_SHARD_TOKENS = 1 << 28;

/**
 * Turns a corpus into shards of token ids: independent, immutable files with a SHA-256 each, described by
 * `manifest.json`. Equal inputs give byte-identical output whatever the number of workers. A second call after an
 * interruption keeps the shards that are whole and belong to the same inputs, tokeniser and options, and makes the
 * others. Memory: about one shard and a few megabytes of text a worker. `tokenizerFolder` is the folder with
 * `spiece.model`, `vocab.txt` or `tokenizer.json`. Throws `invalid_argument`, `file_not_found`, `tokenizer_not_found`,
 * `invalid_data` for bad rows, `interrupted` when aborted, `file_system` while another process writes there. The folder
 * must not be or hold what is read.
 */
export async function buildShards(
  sources: readonly CorpusSource[],
  tokenizerFolder: string,
  options: BuildShardsOptions,
): Promise<BuildShardsReport> {
  requireOptions('buildShards', options, BUILD_OPTIONS);
  requireGiven('buildShards', options, ['output']);
  const settings = resolveOptions(options);
  requireSources(sources);
  await requireSeparate(options.output, [...sources.flatMap(({ paths }) => paths), tokenizerFolder]);
  const tokenizer = await loadTokenizer(await openFolder(tokenizerFolder));
  await makeFolder(options.output);
  return await withLock(options.output, () => build(sources, { tokenizer, tokenizerFolder, settings, options }));
}

interface Build {
  tokenizer: Tokenizer;
  tokenizerFolder: string;
  settings: Settings;
  options: BuildShardsOptions;
}

async function build(
  sources: readonly CorpusSource[],
  { tokenizer, tokenizerFolder, settings, options }: Build,
): Promise<BuildShardsReport> {
  await removeLeftovers(options.output, MANIFEST_FILE);
  const started = performance.now();
  const pool = await openEncoderPool(
    tokenizerFolder,
    { segments: settings.segments },
    options.workers ?? defaultThreads(),
  );
  const report: BuildShardsReport = {
    manifest: emptyManifest(tokenizer, settings),
    keptShards: 0,
    builtShards: 0,
    skipped: {},
    seconds: 0,
  };
  const meter = new ProgressMeter(options.onProgress, { stage: 'tokenising', unit: 'tokens' });
  try {
    for (const [index, source] of sources.entries()) {
      const { locale } = source;
      const identity = await sourceIdentity(source, { tokenizer: tokenizer.fingerprint, ...settings });
      const finished = await findFinishedShards(options.output, source, identity);
      const writer = new SourceWriter(source, {
        output: options.output,
        identity,
        vocabSize: tokenizer.vocabSize,
        ...settings,
      });
      const documents = emptyReport();
      const tell = (tokens: number): void =>
        meter.add(tokens, { source: `${source.name} (${index + 1}/${sources.length})` });
      await buildSource(source, { pool, writer, finished, documents, tell, signal: options.signal });
      report.manifest.sources.push(sourceEntry(source, writer, documents, locale));
      report.keptShards += writer.kept;
      report.builtShards += writer.built;
      if (documents.skippedRows > 0) report.skipped[source.name] = documents;
    }
  } finally {
    await pool.close();
  }
  meter.finish();
  const { manifest } = report;
  for (const { tokens, documents } of manifest.sources) {
    manifest.tokens += tokens;
    manifest.documents += documents;
  }
  if (manifest.tokens === 0)
    throw new AlbertineError(
      'invalid_data',
      `no source has any text: ${sources
        .flatMap(({ paths }) => paths)
        .slice(0, 5)
        .join(', ')}`,
      { value: sources.map(({ name }) => name) },
    );
  await writeFileAtomic(join(options.output, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  report.seconds = (performance.now() - started) / 1000;
  return report;
}

/**
 * Compares every shard of a folder or address with its SHA-256. Throws `checksum_mismatch` naming the first that
 * differs.
 */
export async function verifyShards(files: FileSource, onProgress?: ProgressListener): Promise<ShardManifest> {
  const manifest = await readManifest(files);
  const shards = manifest.sources.flatMap((source) => source.shards);
  const meter = new ProgressMeter(onProgress, {
    stage: 'verifying',
    unit: 'bytes',
    total: shards.reduce((sum, { bytes }) => sum + bytes, 0),
  });
  for (const { file, sha256, bytes } of shards) {
    const found = createHash('sha256')
      .update(await files.read(file))
      .digest('hex');
    if (found !== sha256)
      throw new AlbertineError('checksum_mismatch', `${file} in ${files.location} is not the file of its manifest`, {
        value: found,
        hint: 'Copy or build it again.',
      });
    meter.add(bytes);
  }
  meter.finish();
  return manifest;
}

interface SourceBuild {
  pool: EncoderPool;
  writer: SourceWriter;
  finished: ShardRecord[];
  documents: DocumentReport;
  tell(tokens: number): void;
  signal: AbortSignal | undefined;
}

/**
 * Reads a source once; documents of finished shards are passed over, the others are encoded ahead and written in order.
 */
async function buildSource(source: CorpusSource, build: SourceBuild): Promise<void> {
  const { pool, writer, finished } = build;
  const underWay: Promise<EncodedDocuments>[] = [];
  let job: Paragraphs[] = [];
  let characters = 0;
  const submit = (): void => {
    if (job.length === 0) return;
    const result = pool.run({ documents: job, locale: source.locale });
    // It is awaited later; until then a failure must not count as unhandled.
    result.catch(() => undefined);
    underWay.push(result);
    job = [];
    characters = 0;
  };
  const write = async (limit: number): Promise<void> => {
    while (underWay.length > limit) {
      if (build.signal?.aborted)
        throw new AlbertineError('interrupted', 'the building of shards was interrupted', {
          value: build.signal.reason,
          hint: 'Call it again to go on.',
        });
      const result = await underWay.shift()!;
      await writer.add(result);
      build.tell(result.ids.length);
    }
  };
  let position = 0;
  let passOver = 0;
  for await (const document of readDocuments(source, build.documents)) {
    if (finished[0]?.firstRead === position) {
      submit();
      await write(0);
      const record = finished.shift()!;
      if (writer.keep(record)) passOver = record.documentsRead;
    }
    position++;
    if (passOver > 0) {
      passOver--;
      continue;
    }
    job.push(document);
    characters += document.reduce((sum, { length }) => sum + length, 0);
    if (characters >= JOB_CHARACTERS) submit();
    await write(2 * pool.size);
  }
  submit();
  await write(0);
  await writer.finish();
}

type Settings = Required<Pick<BuildShardsOptions, 'shardTokens' | 'blockTokens' | 'segments'>>;

function resolveOptions({
  shardTokens = 1 << 22,
  blockTokens = 4096,
  segments = 'sentence',
  workers,
}: BuildShardsOptions): Settings {
  requireInteger('shardTokens', shardTokens, { min: 1, max: MAX_SHARD_TOKENS });
  requireInteger('blockTokens', blockTokens, { min: 8, max: MAX_BLOCK_TOKENS });
  requireOneOf('segments', segments, ['sentence', 'paragraph']);
  if (workers !== undefined) requireInteger('workers', workers, { min: 0 });
  return { shardTokens, blockTokens, segments };
}

function requireSources(sources: readonly CorpusSource[]): void {
  if (sources.length === 0) throw new AlbertineError('invalid_argument', 'no sources to build shards from');
  const names = new Set<string>();
  for (const source of sources) {
    requireSource(source);
    // Compared as file names.
    const name = source.name.replaceAll('/', '-').toLowerCase();
    if (names.has(name))
      throw new AlbertineError('invalid_argument', `two sources are called ${source.name}`, { value: source.name });
    names.add(name);
  }
}

function emptyManifest(tokenizer: { fingerprint: string; vocabSize: number }, options: Settings): ShardManifest {
  const { fingerprint, vocabSize } = tokenizer;
  return {
    format: MANIFEST_FORMAT,
    version: MANIFEST_VERSION,
    tokenizer: { fingerprint, vocabSize },
    options,
    tokens: 0,
    documents: 0,
    sources: [],
  };
}

function sourceEntry(
  source: CorpusSource,
  writer: SourceWriter,
  report: DocumentReport,
  locale: string | undefined,
): SourceEntry {
  const { shards, documents, segments, tokens, characters } = writer;
  return {
    name: source.name,
    weight: source.weight ?? 1,
    ...(locale !== undefined && { locale }),
    documents,
    segments,
    tokens,
    characters,
    emptyDocuments: report.documents - documents,
    skippedRows: report.skippedRows,
    shards,
  };
}
