import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlbertineError } from '../core/errors.ts';
import { isAlive } from '../core/lock-node.ts';
import { writing } from './hub-cache-node.ts';

const HEARTBEAT = 5_000;
const STALE = 30_000;

/** How {@link withFileLock} waits. */
export interface LockOptions {
  signal?: AbortSignal;
  /** Called once when another process holds the lock. */
  onWait?: () => void;
}

/**
 * Runs `work` while holding a lock file that keeps other processes (and other calls in this one) out.
 * The holder touches the file every 5 s; a lock whose holder has died, or that nobody touched for 30 s, is taken over.
 * It saves double downloads; correctness does not rest on it, since some network file systems lock nothing.
 * Rejects with `interrupted` when aborted while waiting.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  await writing(path, () => mkdir(dirname(path), { recursive: true }));
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), nonce: randomUUID() });
  await writing(path, () => acquire(path, owner, options));
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, HEARTBEAT);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    // Someone may have taken the lock over while this process was suspended: remove only our own.
    if ((await readFile(path, 'utf8').catch(() => '')) === owner) await rm(path, { force: true });
  }
}

async function acquire(path: string, owner: string, { signal, onWait }: LockOptions): Promise<void> {
  for (let tries = 0; ; tries++) {
    const created = await writeFile(path, owner, { flag: 'wx' }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (created) return;
    if (await isStale(path)) {
      // A rename has one winner; the loser's fails and it tries again.
      const grave = `${path}.${randomUUID()}`;
      await rename(path, grave).then(
        () => rm(grave, { force: true }),
        () => undefined,
      );
      continue;
    }
    if (tries === 0) onWait?.();
    await sleep(200, undefined, { signal }).catch((cause: unknown) => {
      throw new AlbertineError('interrupted', `stopped while waiting for ${path}`, { cause });
    });
  }
}

async function isStale(path: string): Promise<boolean> {
  const [content, info] = await Promise.all([
    readFile(path, 'utf8').catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (content === undefined || info === undefined) return false;
  if (Date.now() - info.mtimeMs > STALE) return true;
  try {
    const { pid, host } = JSON.parse(content) as { pid: number; host: string };
    return host === hostname() && !isAlive(pid);
  } catch {
    // Just created and not yet written, or not ours: only its age decides.
    return false;
  }
}
