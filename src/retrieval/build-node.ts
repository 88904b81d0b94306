import { randomBytes } from 'node:crypto';
import { fileHash, makeFolder } from '../core/files-node.ts';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { requireNotInterrupted } from '../core/interrupt.ts';
import { withLock } from '../core/lock-node.ts';
import { requireOptions, type OptionKinds } from '../core/options.ts';
import { requireSeparate } from '../core/output-node.ts';
import { pick } from '../core/pick.ts';
import { ProgressMeter, type ProgressListener } from '../core/progress.ts';
import { option, prose } from '../core/prose.ts';
import type { Albert } from '../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding, type EmbedOptions } from '../loaded/embed-plan.ts';
import { Chunker, indexedText, type Chunk } from './chunk.ts';
import { IndexedChunks } from './chunks-node.ts';
import {
  hashOfText,
  listSources,
  readDocuments,
  sourceOf,
  type RowOptions,
  type SourceFile,
} from './documents/sources-node.ts';
import {
  beginGeneration,
  commitGeneration,
  currentGeneration,
  placeOf,
  requireGeneration,
  requireModel,
  type Generation,
  type Manifest,
} from './generations-node.ts';
import { GenerationWriter } from './generation-writer-node.ts';
import { KnownVectors } from './known-vectors-node.ts';
import { documentPrompt } from './prompts.ts';
import { storeKind, storeSettings } from './stores/kinds-node.ts';
import type { StoreName, VectorFormat } from './stores/store.ts';

/** How an index is built. */
export interface BuildOptions extends RowOptions {
  /** Files and folders. */
  sources: readonly string[];
  /** By what the model is opened for searches; a path is resolved. Default: the built-in model's name. */
  model?: string;
  /** Most tokens of a chunk, its title and headings among them. Default 256, or what the model reads at once. */
  chunkTokens?: number;
  /** Most tokens that a chunk repeats of the one before, in whole sentences. Default 0. */
  overlap?: number;
  /** As of `embed`. Default: the prompt of the model's folder for documents (`document`, `passage`, `corpus`). */
  prompt?: string;
  /**
   * Where vectors are kept: `exact`, in files of the index, every one compared; `lancedb`, the same with an approximate
   * search where there are many; `pgvector`, a PostgreSQL database. The latter two need packages of their own. Default
   * `exact`.
   */
  store?: StoreName;
  /**
   * Of the store `exact`: what searches have in memory, 4 bytes a number (`f32`), about 1 (`int8`) or up to a quarter
   * (`binary`); float32 is on disk in any case. Default `f32`.
   */
  vectors?: VectorFormat;
  /** Of the store `pgvector`: `postgresql://user:password@host/name`. Default: `$ALBERTINE_DATABASE_URL`. */
  database?: string;
  /** Replaces an index that is there. Default false. */
  overwrite?: boolean;
  /** Padded tokens a batch. Default 1024. */
  batchTokens?: number;
  /** Told about files that are read and chunks that are embedded. */
  onProgress?: ProgressListener;
  /** Stops with `interrupted`; what is embedded is kept for the same build. */
  signal?: AbortSignal;
}

const BUILD_OPTIONS: OptionKinds<BuildOptions> = {
  sources: 'list',
  model: 'string',
  chunkTokens: 'number',
  overlap: 'number',
  prompt: 'string',
  overwrite: 'boolean',
  store: 'string',
  vectors: 'string',
  database: 'string',
  batchTokens: 'number',
  onProgress: 'function',
  signal: 'object',
  textField: 'string',
  titleField: 'string',
  encoding: 'string',
  header: 'boolean',
  delimiter: 'string',
  quotes: 'string',
  onError: 'string',
};
const ROW_OPTIONS = ['textField', 'titleField', 'encoding', 'header', 'delimiter', 'quotes', 'onError'] as const;

/** What a build or an update has done. */
export interface BuildReport extends Omit<Manifest, 'files'> {
  /** Files and rows that were read. */
  files: number;
  /** Files that are new, have changed, are as they were, and are no more. */
  added: number;
  /** Files that are not as they were. */
  changed: number;
  /** Files that are as they were. */
  unchanged: number;
  /** Files that are no more. */
  removed: number;
  /** Chunks whose vectors were computed; the others were known. */
  embedded: number;
  /** Of these, chunks that the model reads in several windows. */
  windowedChunks: number;
  /** Of the known ones, those of an earlier run that did not come to its end. */
  resumed: number;
  /** Vectors of the index that was there and could not be removed from their database, with the reason. */
  notRemoved: readonly string[];
}

/** Texts that are embedded together, and what an interrupted build loses at most. */
const STEP_CHUNKS = 512;

/** Chunk tokens by default: a paragraph or two. */
export const CHUNK_TOKENS = 256;

/**
 * Reads documents, cuts them into chunks, embeds these and writes an index into a folder. An index that is there stays
 * as it is until the new one is complete. Throws `invalid_argument` where there is one already, what reading throws,
 * `invalid_data` where nothing has text.
 */
export async function buildIndex(index: string, model: Albert, options: BuildOptions): Promise<BuildReport> {
  requireOptions('buildIndex', options, BUILD_OPTIONS);
  const { sources, chunkTokens, overlap = 0, overwrite = false } = options;
  if (sources.length === 0)
    throw new AlbertineError('invalid_argument', 'an index needs files or folders that it is made of', {
      option: 'sources',
    });
  const most = model.maxLength - 2;
  const maxTokens = requireInteger('chunkTokens', chunkTokens ?? Math.min(CHUNK_TOKENS, most), { min: 16, max: most });
  requireInteger('overlap', overlap, { min: 0, max: Math.floor(maxTokens / 2) });
  const store = storeSettings(options);
  await requireSeparate(index, sources);
  return await locked(index, async () => {
    if (!overwrite && (await currentGeneration(index)))
      throw new AlbertineError('invalid_argument', `${index} holds an index already`, {
        value: index,
        hint: prose`Bring it up to date with albertine index update, or replace it with ${option('overwrite', true)}`,
      });
    const prompt = documentPrompt(model.prompts, options.prompt);
    const plan = {
      model: options.model ?? model.checkpoint.location,
      id: `albertine_${randomBytes(6).toString('hex')}`,
      store,
      prompt,
      chunking: { maxTokens, overlap },
      reading: pick(options, ROW_OPTIONS),
      sources: sources.map(sourceOf),
    };
    return await new IndexWriter(index, model, { plan, options }).write(undefined);
  });
}

/** Options of {@link updateIndex}. */
export type UpdateOptions = Pick<BuildOptions, 'onProgress' | 'signal' | 'batchTokens' | 'database'>;

/**
 * Brings an index up to date with its sources: new and changed files, by their content, are read; chunks whose text was
 * there before keep their vectors; files that are gone go. The index stays as it is until that is complete. Throws
 * `weights_mismatch` for another model than it was made with.
 */
export async function updateIndex(index: string, model: Albert, options: UpdateOptions = {}): Promise<BuildReport> {
  requireOptions('updateIndex', options, pick(BUILD_OPTIONS, ['onProgress', 'signal', 'batchTokens', 'database']));
  return await locked(index, async () => {
    const before = await requireGeneration(index);
    requireModel(before.manifest, model);
    return await new IndexWriter(index, model, { plan: before.manifest, options }).write(before);
  });
}

async function locked<T>(index: string, work: () => Promise<T>): Promise<T> {
  await makeFolder(index);
  return await withLock(index, work);
}

type Plan = Pick<Manifest, 'model' | 'id' | 'store' | 'prompt' | 'chunking' | 'reading' | 'sources'>;

/** Writes a generation. */
class IndexWriter {
  private readonly index: string;
  private readonly model: Albert;
  private readonly plan: Plan;
  private readonly options: UpdateOptions;
  private readonly embedding: EmbedOptions;
  private readonly counts = { added: 0, changed: 0, unchanged: 0, embedded: 0, windowedChunks: 0 };
  private readonly totals = { chunks: 0, tokens: 0, skippedRows: 0 };
  private readonly emptyFiles: string[] = [];
  private readonly skippedFiles: { file: string; reason: string }[] = [];
  private readonly files: { file: string; hash: string; chunks: number }[] = [];
  private waiting: Chunk[] = [];
  private known!: KnownVectors;
  private out!: GenerationWriter;

  constructor(index: string, model: Albert, { plan, options }: { plan: Plan; options: UpdateOptions }) {
    this.index = index;
    this.model = model;
    this.plan = plan;
    this.options = options;
    this.embedding = { normalize: true, prompt: plan.prompt, ...pick(options, ['batchTokens', 'signal']) };
  }

  async write(before: Generation | undefined): Promise<BuildReport> {
    const { index, model, plan } = this;
    const last = before ?? (await currentGeneration(index).catch(() => undefined));
    const { files, leftOut } = await listSources(plan.sources, index);
    const { dimensions, ...embedPlan } = planEmbedding(model, this.embedding);
    const vectors = embeddingFingerprint(model, { dimensions, ...embedPlan });
    this.known = await KnownVectors.open(index, vectors);
    const kind = await storeKind(plan.store.name);
    const old = before && (await openOld(before, { known: this.known, database: this.options.database }));
    const next = await beginGeneration(index);
    const place = placeOf({ ...next, manifest: plan }, this.options.database);
    this.out = await GenerationWriter.open(next.folder, await kind.create(place, dimensions));
    try {
      await this.readAll(files, old);
      await this.out.close();
    } catch (error) {
      await this.out.abort();
      throw error;
    } finally {
      await old?.[Symbol.asyncDispose]();
    }
    const manifest: Manifest = {
      ...pick(plan, ['model', 'id', 'store', 'prompt', 'chunking', 'reading', 'sources']),
      ...{ fingerprint: model.fingerprint, vectors, dimensions, ...this.totals, leftOut },
      ...{ files: this.files, emptyFiles: this.emptyFiles, skippedFiles: this.skippedFiles },
      writtenAt: new Date().toISOString(),
    };
    const replaced = await commitGeneration(index, next.name, manifest);
    const notRemoved = await this.removeOld(replaced, last);
    const removed = before ? before.manifest.files.length - this.counts.changed - this.counts.unchanged : 0;
    return { ...manifest, ...this.counts, files: files.length, removed, resumed: this.known.resumed, notRemoved };
  }

  /** What generations that are replaced have outside their folders; the index is complete without that too. */
  private async removeOld(names: readonly string[], last: Generation | undefined): Promise<string[]> {
    const failures: string[] = [];
    if (!last) return failures;
    const kind = await storeKind(last.manifest.store.name);
    for (const name of names) {
      const place = placeOf({ folder: '', name, manifest: last.manifest }, this.options.database);
      await kind.remove(place).catch((error: Error) => failures.push(`${place.name}: ${error.message}`));
    }
    return failures;
  }

  private async readAll(files: readonly SourceFile[], old: OldGeneration | undefined): Promise<void> {
    const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    const meter = new ProgressMeter(this.options.onProgress, { stage: 'indexing', unit: 'bytes', total });
    for (const file of files) {
      requireNotInterrupted(this.options.signal, 'indexing was interrupted');
      await this.readFile(file, { old: old?.file(file.file), meter });
    }
    await this.flush();
    meter.finish({ chunks: this.totals.chunks });
    if (this.totals.chunks === 0)
      throw new AlbertineError('invalid_data', `no text in ${this.plan.sources.map(({ given }) => given).join(', ')}`, {
        hint: 'Read are .txt, .md, .html, .pdf, .jsonl, .csv, .tsv and .parquet files',
      });
  }

  private async readFile(
    file: SourceFile,
    { old, meter }: { old: OldFile | undefined; meter: ProgressMeter },
  ): Promise<void> {
    const hash = await fileHash(file.path);
    const isUnchanged = old?.hash === hash;
    let [chunks, read] = [0, 0];
    const add = async (cut: Iterable<Chunk> | AsyncIterable<Chunk>, bytes: number): Promise<void> => {
      for await (const chunk of cut) {
        chunks++;
        this.waiting.push(chunk);
        if (this.waiting.length >= STEP_CHUNKS) await this.flush();
      }
      const counted = Math.min(bytes, file.bytes - read);
      read += counted;
      meter.add(counted, { chunks: this.totals.chunks });
    };
    if (isUnchanged) await add(old.chunks(), file.bytes);
    else if (!(await this.readNew(file, add))) return;
    meter.add(file.bytes - read, { chunks: this.totals.chunks });
    this.counts[isUnchanged ? 'unchanged' : old ? 'changed' : 'added']++;
    if (chunks === 0) this.emptyFiles.push(file.file);
    this.files.push({ file: file.file, hash, chunks });
  }

  /** False where the file cannot be read and is left out. */
  private async readNew(
    file: SourceFile,
    add: (chunks: Iterable<Chunk>, bytes: number) => Promise<void>,
  ): Promise<boolean> {
    const { reading, chunking } = this.plan;
    const chunker = new Chunker(this.model.tokenizer, chunking);
    const report = { skippedRows: 0 };
    try {
      for await (const document of readDocuments(file, reading, report)) {
        requireNotInterrupted(this.options.signal, 'indexing was interrupted');
        await add(chunker.cut(file.file, document), document.text.length);
      }
    } catch (error) {
      const isBad =
        error instanceof AlbertineError && ['invalid_data', 'invalid_file', 'unsupported'].includes(error.code);
      if (!isBad || reading.onError !== 'skip') throw error;
      this.skippedFiles.push({ file: file.file, reason: error.message });
      return false;
    }
    this.totals.skippedRows += report.skippedRows;
    return true;
  }

  /** Embeds and writes the chunks that wait. */
  private async flush(): Promise<void> {
    const chunks = this.waiting;
    this.waiting = [];
    if (chunks.length === 0) return;
    const texts = chunks.map(indexedText);
    const keys = texts.map(hashOfText);
    const found = await this.known.of(keys);
    const missing = [...found.keys()].filter((i) => !found[i]);
    if (missing.length > 0) {
      const matrix = await this.model.embed(
        missing.map((i) => texts[i]),
        this.embedding,
      );
      missing.forEach((i, row) => (found[i] = matrix.row(row)));
      await this.known.add(
        missing.map((i) => keys[i]),
        matrix.data,
      );
      this.counts.windowedChunks += matrix.texts.filter(({ windows }) => windows > 1).length;
      this.counts.embedded += missing.length;
    }
    const { length } = found[0]!;
    const data = new Float32Array(chunks.length * length);
    found.forEach((vector, i) => data.set(vector!, i * length));
    await this.out.write(chunks, data);
    for (const { tokens } of chunks) this.totals.tokens += tokens;
    this.totals.chunks += chunks.length;
  }
}

/** A file of the generation that is replaced. */
interface OldFile {
  hash: string;
  chunks: () => AsyncGenerator<Chunk>;
}

/** The generation that is replaced. */
interface OldGeneration extends AsyncDisposable {
  file(name: string): OldFile | undefined;
}

/** Opens it, and makes its vectors known. */
async function openOld(
  before: Generation,
  { known, database }: { known: KnownVectors; database: string | undefined },
): Promise<OldGeneration> {
  const chunks = await IndexedChunks.open(before.folder, before.manifest.chunks);
  const kind = await storeKind(before.manifest.store.name);
  const store = await kind.open(placeOf(before, database));
  await known.addGeneration(chunks, store);
  const files = new Map<string, OldFile>();
  let from = 0;
  for (const { file, hash, chunks: count } of before.manifest.files) {
    const start = from;
    files.set(file, { hash, chunks: () => chunks.range(start, start + count) });
    from += count;
  }
  return {
    file: (name) => files.get(name),
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await chunks[Symbol.asyncDispose]();
    },
  };
}
