import { AlbertineError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import { generationName } from '../retrieval/generations-node.ts';
import type { DocumentIndex } from '../retrieval/document-index.ts';
import { openIndex } from '../retrieval/open-node.ts';
import type { ModelPool } from './model-pool.ts';

/** An index as it is asked. */
export interface ServedIndex {
  name: string;
  folder: string;
  /** The model of the pool that it was made with. */
  model: string;
  /** Of its content now. */
  generation: string | undefined;
  opened: DocumentIndex;
  /** While it is opened anew. */
  opening?: Promise<void> | undefined;
}

/** Indexes by the names that clients use; one that was updated is opened anew by the next search. */
export class ServedIndexes {
  private readonly indexes = new Map<string, ServedIndex>();

  /** Opens folders. Throws `weights_mismatch` where no model of the pool is the one that an index was made with. */
  async open(folders: Readonly<Record<string, string>>, pool: ModelPool): Promise<void> {
    for (const [name, folder] of Object.entries(folders)) {
      const generation = await generationName(folder);
      const opened = await openIndex(folder);
      this.indexes.set(name, { name, folder, generation, opened, model: await modelOf(name, opened, pool) });
    }
  }

  /** All of them. */
  get all(): readonly ServedIndex[] {
    return [...this.indexes.values()];
  }

  /** The index of a name as it is now. Throws `not_found`, naming the nearest. */
  async find(name: string): Promise<ServedIndex> {
    const index = this.indexes.get(name);
    if (!index) throw this.unknown(name);
    const now = await generationName(index.folder);
    if (now !== index.generation) await (index.opening ??= reopen(index).finally(() => (index.opening = undefined)));
    return index;
  }

  private unknown(name: string): AlbertineError {
    const names = [...this.indexes.keys()];
    const near = nearestName(name, names);
    const all = names.length > 0 ? `There are ${names.join(', ')}` : 'The server was started without --index';
    return new AlbertineError('not_found', `there is no index ${JSON.stringify(name)}`, {
      value: name,
      hint: near === undefined ? all : `Did you mean ${near}?`,
    });
  }
}

async function reopen(index: ServedIndex): Promise<void> {
  const before = index.opened;
  const now = await generationName(index.folder);
  index.opened = await openIndex(index.folder);
  index.generation = now;
  // It comes to its end after the searches that use it.
  void before[Symbol.asyncDispose]().catch(() => undefined);
}

async function modelOf(name: string, { manifest }: DocumentIndex, pool: ModelPool): Promise<string> {
  const served: string[] = [];
  for (const model of pool.names) {
    const fingerprint = await pool.use(model, ({ checkpoint }) => Promise.resolve(checkpoint?.fingerprint));
    if (fingerprint === manifest.fingerprint) return model;
    served.push(fingerprint === undefined ? model : `${model} (${fingerprint})`);
  }
  throw new AlbertineError(
    'weights_mismatch',
    `the index ${name} was made with ${manifest.model} (${manifest.fingerprint}), which is none of the models served: ${served.join(', ')}`,
    {
      value: manifest.fingerprint,
      hint: `Serve it too, with the same dtype: --model NAME=${manifest.model}`,
    },
  );
}
