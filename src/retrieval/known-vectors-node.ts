import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, readJsonFile, writeFileAtomic } from '../core/files-node.ts';
import { readNpy, writeNpy } from '../data/npy-node.ts';
import { indexedText } from './chunk.ts';
import type { IndexedChunks } from './chunks-node.ts';
import { hashOfText } from './documents/sources-node.ts';
import { WORK } from './generations-node.ts';
import type { VectorStore } from './stores/store.ts';

/**
 * Vectors that need not be computed again: those of the generation that is replaced, and those that a build had
 * computed when it was interrupted. The latter lie in pairs of files, a pair for each step, so that a killed build
 * loses one step.
 */
export class KnownVectors {
  /** Vectors of an earlier, unfinished run. */
  resumed = 0;
  private readonly folder: string;
  /** Those of an earlier run: the step, and the place in it. */
  private readonly places = new Map<number, readonly [step: string, row: number]>();
  private readonly rows = new Map<number, number>();
  private store: VectorStore | undefined;
  private steps = 0;
  private step: { name: string; data: Float32Array; columns: number } | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Those in the folder of an index that were made as `fingerprint` says; others are removed. */
  static async open(index: string, fingerprint: string): Promise<KnownVectors> {
    const known = new KnownVectors(join(index, WORK));
    const { folder } = known;
    const made = await readJsonFile(join(folder, 'made.json')).catch(() => undefined);
    if ((made as { fingerprint?: string } | undefined)?.fingerprint === fingerprint) await known.readSteps();
    else {
      await rm(folder, { recursive: true, force: true });
      await makeFolder(folder);
      await writeFileAtomic(join(folder, 'made.json'), JSON.stringify({ fingerprint }));
    }
    return known;
  }

  /** Takes over those of a generation. */
  async addGeneration(chunks: IndexedChunks, store: VectorStore): Promise<void> {
    this.store = store;
    let row = 0;
    for await (const chunk of chunks) this.rows.set(hashOfText(indexedText(chunk)), row++);
  }

  /** Those of texts, undefined where there is none. */
  async of(keys: readonly number[]): Promise<(Float32Array | undefined)[]> {
    const found = await this.resumedOf(keys);
    const missing = keys.flatMap((key, i) => (!found[i] && this.rows.has(key) ? [i] : []));
    if (missing.length === 0 || !this.store) return found;
    const vectors = await this.store.read(missing.map((i) => this.rows.get(keys[i])!));
    missing.forEach((i, at) => (found[i] = vectors[at]));
    return found;
  }

  /** Keeps vectors, `[keys, dimensions]`, for a run that goes on after this one. */
  async add(keys: readonly number[], data: Float32Array): Promise<void> {
    const name = join(this.folder, String(++this.steps).padStart(6, '0'));
    await writeNpy(`${name}.npy`, data, data.length / keys.length);
    await writeFileAtomic(`${name}.json`, JSON.stringify(keys));
  }

  private async readSteps(): Promise<void> {
    for (const file of (await readdir(this.folder)).sort()) {
      const [, step] = /^(\d+)\.json$/.exec(file) ?? [];
      if (step === undefined) continue;
      this.steps = Number(step);
      const keys = (await readJsonFile(join(this.folder, file))) as number[];
      keys.forEach((key, row) => this.places.set(key, [step, row]));
    }
    this.resumed = this.places.size;
  }

  /** Steps are read as they are needed, and one at a time is kept: a run asks for them in their order. */
  private async resumedOf(keys: readonly number[]): Promise<(Float32Array | undefined)[]> {
    const found: (Float32Array | undefined)[] = [];
    for (const key of keys) {
      const place = this.places.get(key);
      if (place && this.step?.name !== place[0]) {
        const { data, shape } = await readNpy(join(this.folder, `${place[0]}.npy`));
        this.step = { name: place[0], data: data as Float32Array, columns: shape[1] };
      }
      const { data, columns } = this.step ?? {};
      found.push(place && data!.subarray(place[1] * columns!, (place[1] + 1) * columns!));
    }
    return found;
  }
}
