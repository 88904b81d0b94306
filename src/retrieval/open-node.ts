import { stat } from 'node:fs/promises';
import { countOf } from '../core/count.ts';
import { option, prose } from '../core/prose.ts';
import { AlbertineError } from '../core/errors.ts';
import { requireOptions } from '../core/options.ts';
import { pick } from '../core/pick.ts';
import type { ProgressListener } from '../core/progress.ts';
import { Albert } from '../loaded/albert.ts';
import { loadModel } from '../loaded/load-node.ts';
import { DocumentIndex } from './document-index.ts';
import { IndexedChunks } from './chunks-node.ts';
import { damaged } from './damaged.ts';
import { placeOf, requireGeneration, requireModel, type Generation } from './generations-node.ts';
import { foldersRanker, scoreRanker, type TextRanker } from './rerank.ts';
import { storeKind } from './stores/kinds-node.ts';
import { indexedText } from './chunk.ts';
import { wordsInMemory } from './words/lexical.ts';
import { StoredWords } from './words/postings-node.ts';

/** Options of {@link openIndex}. */
export interface OpenIndexOptions {
  /**
   * A model that is loaded, which stays open, or where it is now. Default: where it was when the index was built. Another
   * one than the index was made with is refused.
   */
  model?: Albert | string;
  /**
   * Of an index in a PostgreSQL database: its URL, with the password. Default: `$ALBERTINE_DATABASE_URL`, else that of
   * the build, without a password.
   */
  database?: string;
  /** Of the models that it opens. */
  threads?: number;
  /** Told about downloads. */
  onProgress?: ProgressListener;
}

/**
 * Opens an index for searches. Its model is opened by the first search that needs it. What is read is the state of now:
 * an update meanwhile does not disturb it, and is seen by opening again. Throws `file_not_found` where there is none,
 * `weights_mismatch` for another model.
 */
export async function openIndex(path: string, options: OpenIndexOptions = {}): Promise<DocumentIndex> {
  requireOptions('openIndex', options, {
    model: 'any',
    database: 'string',
    threads: 'number',
    onProgress: 'function',
  });
  if (!(await stat(path).catch(() => undefined))?.isDirectory())
    throw new AlbertineError('file_not_found', `no index at ${path}`, {
      value: path,
      hint: 'Make one: albertine index build FOLDER --output INDEX',
    });
  const generation = await requireGeneration(path);
  const { manifest } = generation;
  if (options.model instanceof Albert) requireModel(manifest, options.model);
  if (options.database !== undefined && manifest.store.name !== 'pgvector')
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('database')} does nothing: the vectors of this index are in its folder`,
      { option: 'database' },
    );
  const parts = await openParts(generation, options.database).catch(async (error: unknown) => {
    // An update may have replaced it since its name was read.
    const now = await requireGeneration(path);
    if (now.name === generation.name) throw error;
    return await openParts(now, options.database);
  });
  const models = new IndexModels(parts.manifest, options);
  return new DocumentIndex({
    ...parts,
    model: () => models.model(),
    ranker: (name) => models.ranker(name),
    close: async () => {
      await models[Symbol.asyncDispose]();
      await parts.close();
    },
  });
}

async function openParts(generation: Generation, database: string | undefined) {
  const { folder, manifest } = generation;
  const opened: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  };
  try {
    const chunks = await IndexedChunks.open(folder, manifest.chunks);
    opened.push(chunks);
    const words = (await StoredWords.open(folder, manifest.chunks)) ?? wordsInMemory(() => textsOf(chunks));
    opened.push(words);
    const kind = await storeKind(manifest.store.name);
    const store = await kind.open(placeOf(generation, database)).catch((cause: unknown) => {
      // What is not of a file of the index says itself what to do, and so do files that were found damaged.
      if (cause instanceof AlbertineError && (!isOfFile(cause) || cause.hint !== undefined)) throw cause;
      throw damaged(folder, `its vectors cannot be read (${(cause as Error).message})`, cause);
    });
    opened.push(store);
    if (store.rows !== chunks.length)
      throw damaged(
        folder,
        `its chunks and its vectors do not belong together: ${countOf(chunks.length, 'chunk')}, and ${countOf(store.rows, 'vector')}`,
      );
    return { manifest, chunks, words, store, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const isOfFile = ({ code }: AlbertineError): boolean => code === 'invalid_file' || code === 'file_not_found';

async function textsOf(chunks: IndexedChunks): Promise<string[]> {
  const texts: string[] = [];
  for await (const chunk of chunks) texts.push(indexedText(chunk));
  return texts;
}

/** What searches need besides the index, opened when it is asked for. */
class IndexModels implements AsyncDisposable {
  private readonly manifest: Generation['manifest'];
  private readonly options: OpenIndexOptions;
  private opened: Promise<Albert> | undefined;
  private readonly rankers = new Map<string, Promise<TextRanker>>();

  constructor(manifest: Generation['manifest'], options: OpenIndexOptions) {
    this.manifest = manifest;
    this.options = options;
  }

  async model(): Promise<Albert> {
    const { model } = this.options;
    if (model instanceof Albert) return model;
    this.opened ??= loadModel(model ?? this.manifest.model, pick(this.options, ['threads', 'onProgress'])).then(
      (loaded) => {
        try {
          requireModel(this.manifest, loaded);
          return loaded;
        } catch (error) {
          loaded[Symbol.dispose]();
          throw error;
        }
      },
    );
    return await this.opened;
  }

  async ranker(name: string): Promise<TextRanker> {
    let ranker = this.rankers.get(name);
    if (!ranker) {
      ranker =
        name === 'albertscore' ? this.model().then(scoreRanker) : foldersRanker(name, pick(this.options, ['threads']));
      this.rankers.set(name, ranker);
    }
    return await ranker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const ranker of this.rankers.values()) (await ranker.catch(() => undefined))?.[Symbol.dispose]();
    (await this.opened?.catch(() => undefined))?.[Symbol.dispose]();
  }
}
