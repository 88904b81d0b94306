import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import type { ServedModel } from './served-model.ts';

/** A model that may be asked for. */
export interface PooledModel {
  name: string;
  /** Where it is now. */
  folder: string;
}

/** Options of {@link ModelPool}. */
export interface ModelPoolOptions {
  open: (model: PooledModel) => Promise<ServedModel>;
  /** Bytes of weights kept. Default: no limit. */
  maxBytes?: number;
  /** Told when models come and go. */
  onChange?: (event: { model: string; what: 'loaded' | 'reloaded' | 'evicted'; bytes: number }) => void;
  /** Told when a folder has changed and cannot be opened; what was there before goes on. */
  onFailedReload?: (model: string, error: unknown) => void;
}

interface Entry extends PooledModel {
  /** The model, or what is about to be. */
  loaded: Promise<Loaded> | undefined;
  /** The same when it is there. */
  ready: Loaded | undefined;
  usedAt: number;
  checkedAt: number;
  reloading: boolean;
  /** Why it could not be looked at or opened anew. */
  failure: string | undefined;
}

interface Loaded {
  model: ServedModel;
  /** What the folder's files were like. */
  signature: string;
  users: number;
  /** Disposed as soon as nobody uses it. */
  retired: boolean;
}

/** Milliseconds between two looks at whether a folder has changed. */
const LOOK_EVERY = 2000;

/**
 * Models by name, each opened when it is first asked for. Beyond `maxBytes` the one that was used longest ago goes, never
 * one in use. A folder whose files have changed is opened anew beside what is there, which answers until the new one is
 * ready and every request that it has begun.
 */
export class ModelPool implements AsyncDisposable {
  private readonly entries = new Map<string, Entry>();
  private readonly options: ModelPoolOptions;
  private closed = false;

  constructor(models: readonly PooledModel[], options: ModelPoolOptions) {
    this.options = options;
    for (const model of models)
      this.entries.set(model.name, {
        ...model,
        loaded: undefined,
        ready: undefined,
        usedAt: 0,
        checkedAt: 0,
        reloading: false,
        failure: undefined,
      });
  }

  /** In the order given. */
  get names(): string[] {
    return [...this.entries.keys()];
  }

  /** Whether it is open now. */
  isLoaded(name: string): boolean {
    return this.entries.get(name)?.ready !== undefined;
  }

  /** The place of a model. Throws `not_found` for a name that there is none of. */
  find(name: string = this.names[0]): PooledModel {
    return this.entry(name);
  }

  /** Does something with a model, which stays open meanwhile. Without a name the first. */
  async use<T>(name: string | undefined, work: (model: ServedModel) => Promise<T>): Promise<T> {
    const entry = this.entry(name ?? this.names[0]);
    const loaded = await this.open(entry);
    loaded.users++;
    entry.usedAt = performance.now();
    void this.look(entry);
    try {
      return await work(loaded.model);
    } finally {
      loaded.users--;
      if (loaded.retired) release(loaded);
    }
  }

  /** Closes every model as soon as nobody uses it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true;
    for (const entry of this.entries.values()) await this.retire(entry);
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry) return entry;
    const near = nearestName(name, this.names);
    throw new AlbertineError('not_found', `there is no model ${JSON.stringify(name)}`, {
      value: name,
      hint: near === undefined ? `There are ${this.names.join(', ')}` : `Did you mean ${near}?`,
    });
  }

  private open(entry: Entry): Promise<Loaded> {
    if (this.closed) throw new AlbertineError('disposed', 'the server is closing');
    entry.loaded ??= this.load(entry, 'loaded').catch((error: unknown) => {
      entry.loaded = undefined;
      throw error;
    });
    return entry.loaded;
  }

  private async load(entry: Entry, what: 'loaded' | 'reloaded'): Promise<Loaded> {
    const signature = await signatureOf(entry.folder);
    const model = await this.options.open({ name: entry.name, folder: entry.folder });
    entry.usedAt = performance.now();
    entry.checkedAt = performance.now();
    this.options.onChange?.({ model: entry.name, what, bytes: model.bytes });
    await this.makeRoom(entry, model.bytes);
    entry.ready = { model, signature, users: 0, retired: false };
    return entry.ready;
  }

  /** Lets models go until there is room for what `kept` has. */
  private async makeRoom(kept: Entry, bytes: number): Promise<void> {
    const { maxBytes = Infinity } = this.options;
    let total = bytes;
    const others: { entry: Entry; loaded: Loaded }[] = [];
    for (const entry of this.entries.values()) {
      const { ready: loaded } = entry;
      if (entry === kept || !loaded) continue;
      total += loaded.model.bytes;
      others.push({ entry, loaded });
    }
    for (const { entry, loaded } of others.sort((a, b) => a.entry.usedAt - b.entry.usedAt)) {
      if (total <= maxBytes) return;
      if (loaded.users > 0) continue;
      total -= loaded.model.bytes;
      await this.retire(entry);
      this.options.onChange?.({ model: entry.name, what: 'evicted', bytes: loaded.model.bytes });
    }
  }

  private async retire(entry: Entry): Promise<void> {
    const loaded = await entry.loaded?.catch(() => undefined);
    entry.loaded = undefined;
    entry.ready = undefined;
    if (!loaded) return;
    loaded.retired = true;
    if (loaded.users === 0) release(loaded);
  }

  /** Looks now and then whether the folder is still what was opened. */
  private async look(entry: Entry): Promise<void> {
    if (entry.reloading || performance.now() - entry.checkedAt < LOOK_EVERY) return;
    entry.checkedAt = performance.now();
    entry.reloading = true;
    const before = await entry.loaded;
    try {
      const now = await signatureOf(entry.folder);
      entry.failure = undefined;
      // What is being written is looked at again when it has come to rest.
      if (!before || now === before.signature || now !== (await later(() => signatureOf(entry.folder)))) return;
      // Should it fail, it is not tried again before something has changed again.
      before.signature = now;
      const fresh = await this.load(entry, 'reloaded');
      if (this.closed || !entry.loaded) return release(fresh);
      entry.loaded = Promise.resolve(fresh);
      before.retired = true;
      if (before.users === 0) release(before);
    } catch (error) {
      // A folder that is gone stays gone for every look: it is told once.
      const failure = String(error);
      if (failure !== entry.failure) this.options.onFailedReload?.(entry.name, error);
      entry.failure = failure;
    } finally {
      entry.reloading = false;
    }
  }
}

const release = ({ model }: Loaded): void => model[Symbol.dispose]();

const later = <T>(work: () => Promise<T>): Promise<T> =>
  new Promise((resolve, reject) => setTimeout(() => void work().then(resolve, reject), 500).unref());

/** Names, sizes and times of a folder's files, those one folder down among them. */
async function signatureOf(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const lines = await Promise.all(
    names.sort().map(async (name) => {
      const info = await stat(join(folder, name)).catch(() => undefined);
      return info?.isFile() ? `${name} ${info.size} ${info.mtimeMs}` : '';
    }),
  );
  return lines.join('\n');
}
