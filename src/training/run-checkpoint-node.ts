import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { encodeSafetensors, openSafetensors } from '../checkpoint/safetensors.ts';
import type { Weights } from '../model/parameters.ts';
import type { Arena } from './arena.ts';
import type { Optimizer } from './optimizers/optimizer.ts';

/** Everything of a run besides arrays: position of the data, counters of the guards, best result. JSON values only. */
export type RunState = Record<string, unknown> & {
  /** Optimiser steps finished, skipped ones included. */
  step: number;
  /** Updates applied (what bias correction counts). */
  updates: number;
};

const PREFIX = 'step-';
const folderName = (step: number): string => `${PREFIX}${String(step).padStart(9, '0')}`;

/**
 * Writes `<folder>/step-…/{weights,optimizer,best}.safetensors` and `state.json`. The files are flushed under another
 * name and renamed at the end, so a folder that exists is complete whatever kills the process. Older ones beyond `keep`
 * are removed.
 */
export async function saveRunCheckpoint(
  folder: string,
  parts: { arena: Arena; optimizer: Optimizer; state: RunState; keep: number; bestWeights?: Weights },
): Promise<string> {
  const { arena, optimizer, state, keep, bestWeights } = parts;
  const target = join(folder, folderName(state.step));
  const temporary = `${target}.tmp`;
  await removeUnfinished(folder);
  try {
    await mkdir(temporary, { recursive: true });
    const { name, arrays, scalars } = optimizer.state();
    await writeTensors(join(temporary, 'weights.safetensors'), arena.weights());
    await writeTensors(
      join(temporary, 'optimizer.safetensors'),
      new Map([...arrays].map(([key, data]) => [key, { shape: [data.length], data }])),
    );
    if (bestWeights) await writeTensors(join(temporary, 'best.safetensors'), bestWeights);
    await writeFile(
      join(temporary, 'state.json'),
      JSON.stringify({ ...state, optimizer: { name, scalars } }, null, 1),
      { flush: true },
    );
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw error;
  }
  for (const old of (await listRunCheckpoints(folder)).slice(0, -keep))
    await rm(join(folder, folderName(old)), { recursive: true, force: true });
  return target;
}

/** Removes what processes that were killed while saving left behind. */
async function removeUnfinished(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const name of await readdir(folder))
    if (name.startsWith(PREFIX) && name.endsWith('.tmp'))
      await rm(join(folder, name), { recursive: true, force: true });
}

/** Steps of the complete checkpoints in a folder, ascending. */
export async function listRunCheckpoints(folder: string): Promise<number[]> {
  if (!existsSync(folder)) return [];
  const names = await readdir(folder);
  return names
    .filter((name) => new RegExp(`^${PREFIX}\\d+$`).test(name))
    .map((name) => Number(name.slice(PREFIX.length)))
    .sort((a, b) => a - b);
}

/** Removes the newest checkpoint, unless it is the only one. */
export async function removeNewestRunCheckpoint(folder: string): Promise<void> {
  const steps = await listRunCheckpoints(folder);
  if (steps.length > 1) await rm(join(folder, folderName(steps.at(-1)!)), { recursive: true, force: true });
}

/** Restores weights and moments bit for bit from the newest checkpoint (or `step`); undefined when there is none. */
export async function loadRunCheckpoint(
  folder: string,
  parts: { arena: Arena; optimizer: Optimizer; step?: number },
): Promise<{ state: RunState; bestWeights?: Weights } | undefined> {
  const steps = await listRunCheckpoints(folder);
  const step = parts.step ?? steps.at(-1);
  if (step === undefined) return undefined;
  if (!steps.includes(step))
    throw new AlbertineError('not_found', `no checkpoint of step ${step} in ${folder}`, { value: step });
  const files = await openFolder(join(folder, folderName(step)));
  const state = JSON.parse(new TextDecoder().decode(await files.read('state.json'))) as RunState & {
    optimizer: { name: string; scalars: Record<string, number> };
  };
  parts.arena.load(await readTensors(files, 'weights.safetensors'));
  const moments = await readTensors(files, 'optimizer.safetensors');
  parts.optimizer.restore({ ...state.optimizer, arrays: new Map([...moments].map(([key, { data }]) => [key, data])) });
  const hasBest = (await files.list()).includes('best.safetensors');
  return { state, ...(hasBest && { bestWeights: await readTensors(files, 'best.safetensors') }) };
}

async function writeTensors(path: string, tensors: Weights): Promise<void> {
  await writeFile(path, encodeSafetensors(tensors).chunks(), { flush: true });
}

async function readTensors(files: Awaited<ReturnType<typeof openFolder>>, name: string): Promise<Weights> {
  const file = await openSafetensors(files, name);
  return file.read([...file.tensors.keys()]);
}
