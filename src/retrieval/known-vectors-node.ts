import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, readJsonFile, writeFileAtomic } from '../core/files-node.ts';
import { readNpy, writeNpy } from '../data/npy-node.ts';
import { indexedText } from './chunk.ts';
import { hashOfText } from './documents/sources-node.ts';
import { readChunks, WORK, type Generation } from './generations-node.ts';
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
  private readonly vectors = new Map<number, Float32Array>();
  private readonly rows = new Map<number, number>();
  private store: VectorStore | undefined;
  private steps = 0;

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
  async addGeneration(generation: Generation, store: VectorStore): Promise<void> {
    this.store = store;
    let row = 0;
    for await (const chunk of readChunks(generation)) this.rows.set(hashOfText(indexedText(chunk)), row++);
  }

  /** Those of texts, undefined where there is none. */
  async of(keys: readonly number[]): Promise<(Float32Array | undefined)[]> {
    const found = keys.map((key) => this.vectors.get(key));
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
      const { data, shape } = await readNpy(join(this.folder, `${step}.npy`));
      keys.forEach((key, i) =>
        this.vectors.set(key, (data as Float32Array).subarray(i * shape[1], (i + 1) * shape[1])),
      );
    }
    this.resumed = this.vectors.size;
  }
}
