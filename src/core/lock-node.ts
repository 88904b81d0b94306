import { rmSync } from 'node:fs';
import { link, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname, uptime } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { AlbertineError } from './errors.ts';

/** The lock inside a folder that is being written; a file's is `.NAME.lock` beside it. */
export const FOLDER_LOCK = '.albertine.lock';

/** What a lock says about the process that holds it. */
interface Holder {
  pid: number;
  host: string;
  /** ISO time. */
  since: string;
  nonce: string;
}

/** A lock that this process holds. */
export interface Lock {
  /** Lets others write there. Safe to call twice. */
  release(): Promise<void>;
}

/** Locks of this process by path; a lock file with our number that is not among them is of an earlier process. */
const held = new Map<string, Holder>();
/** A process that ends without releasing (a second Ctrl-C) leaves no locks behind. */
const releaseAll = (): void => {
  for (const path of held.keys()) rmSync(path, { force: true });
};

/** Bounds the tries for a lock that comes and goes. */
const TRIES = 20;
/** A lock file without readable content may be one that is just being written. */
const UNREADABLE_STALE_MS = 10_000;
/** A clock may have been set a little since a holder wrote its time. */
const BOOT_SLACK_MS = 120_000;

/**
 * Keeps other processes, and other calls in this one, from writing to `target`, a file or a folder, until it is
 * released. Does not wait: throws `file_system` naming the holder. A lock whose holder is dead (its process has ended
 * on this host, or the host has started anew since) is taken over.
 */
export async function lockTarget(target: string): Promise<Lock> {
  const path = await lockPath(resolve(target));
  const holder: Holder = { pid: process.pid, host: hostname(), since: new Date().toISOString(), nonce: randomUUID() };
  if (held.has(path)) throw inUse(target, path, held.get(path));
  if (held.size === 0) process.on('exit', releaseAll);
  // Before the first wait, so that of two calls in this process one finds the other.
  held.set(path, holder);
  try {
    await acquire(target, path, JSON.stringify(holder));
  } catch (error) {
    forget(path);
    throw error;
  }
  return { release: () => release(path, holder) };
}

async function acquire(target: string, path: string, content: string): Promise<void> {
  for (let tries = 0; !(await create(path, content)); tries++) {
    const found = await readFile(path, 'utf8').catch(() => undefined);
    if (found === undefined && tries < TRIES) continue;
    const other = parseHolder(found ?? '');
    if (tries >= TRIES || !(await isStale(path, other))) throw inUse(target, path, other);
    await takeAway(path, found!);
  }
}

/** Runs `work` while holding the lock of `target`. */
export async function withLock<T>(target: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockTarget(target);
  try {
    return await work();
  } finally {
    await lock.release();
  }
}

/** The same, also where this process holds the lock already: for a part of a longer job. */
export async function withinLock<T>(target: string, work: () => Promise<T>): Promise<T> {
  return held.has(await lockPath(resolve(target))) ? await work() : await withLock(target, work);
}

/** Throws as {@link lockTarget} does while somebody holds the lock of a folder; takes nothing. */
export async function requireUnlocked(target: string): Promise<void> {
  if (!(await stat(target).catch(() => undefined))?.isDirectory()) return;
  const path = await lockPath(resolve(target));
  if (held.has(path)) throw inUse(target, path, held.get(path));
  const found = await readFile(path, 'utf8').catch(() => undefined);
  if (found === undefined) return;
  const holder = parseHolder(found);
  if (!(await isStale(path, holder))) throw inUse(target, path, holder);
}

/** True where a process of this number runs on this host, ours included. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Links are followed, so that one place has one lock. */
async function lockPath(target: string): Promise<string> {
  const isFolder = (await stat(target).catch(() => undefined))?.isDirectory() ?? false;
  if (isFolder) return join(await realpath(target), FOLDER_LOCK);
  return join(await realpath(dirname(target)), `.${basename(target)}.lock`);
}

/**
 * Makes the lock file with its content in one step, by a link to a file that is complete: a process killed in between
 * would leave an empty lock, whose holder nobody could name. False where there is one. The temporary name is that of
 * the target's other leftovers, which the next writer removes.
 */
async function create(path: string, content: string): Promise<boolean> {
  const temporary = join(
    dirname(path),
    `${basename(path, '.lock')}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`,
  );
  try {
    await writeFile(temporary, content, { flag: 'wx' });
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // A disk without links.
    if (
      syscall === 'link' &&
      code !== undefined &&
      ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)
    )
      return await createDirectly(path, content);
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function createDirectly(path: string, content: string): Promise<boolean> {
  return await writeFile(path, content, { flag: 'wx' }).then(
    () => true,
    async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      // A full disk has made the file, and could not fill it.
      if (error.syscall === 'write') await rm(path, { force: true });
      throw error;
    },
  );
}

function parseHolder(content: string): Holder | undefined {
  try {
    const { pid, host, since, nonce } = JSON.parse(content) as Partial<Holder>;
    if (typeof pid === 'number' && typeof host === 'string' && typeof since === 'string' && typeof nonce === 'string')
      return { pid, host, since, nonce };
  } catch {
    // Half written, or not ours.
  }
  return undefined;
}

async function isStale(path: string, holder: Holder | undefined): Promise<boolean> {
  if (!holder) {
    const info = await stat(path).catch(() => undefined);
    return info !== undefined && Date.now() - info.mtimeMs > UNREADABLE_STALE_MS;
  }
  if (holder.host !== hostname()) return false;
  // Ours are in `held`, where they were looked for: this one is of an earlier process with our number.
  if (holder.pid === process.pid) return true;
  return !isAlive(holder.pid) || Date.parse(holder.since) < Date.now() - uptime() * 1000 - BOOT_SLACK_MS;
}

/**
 * Removes a stale lock. A rename has one winner; where it has caught a newer lock than the one that was judged, that
 * one is put back.
 */
async function takeAway(path: string, judged: string): Promise<void> {
  const grave = `${path}.${randomUUID()}`;
  if (
    !(await rename(path, grave).then(
      () => true,
      () => false,
    ))
  )
    return;
  const caught = await readFile(grave, 'utf8').catch(() => judged);
  if (caught === judged) await rm(grave, { force: true });
  else await rename(grave, path);
}

async function release(path: string, { nonce }: Holder): Promise<void> {
  if (held.get(path)?.nonce !== nonce) return;
  // Someone may have removed it by hand and taken it: remove only our own.
  const content = await readFile(path, 'utf8').catch(() => '');
  if (parseHolder(content)?.nonce === nonce) await rm(path, { force: true });
  forget(path);
}

function forget(path: string): void {
  held.delete(path);
  if (held.size === 0) process.off('exit', releaseAll);
}

function inUse(target: string, path: string, holder: Holder | undefined): AlbertineError {
  const isHere = holder?.host === hostname();
  const who =
    holder === undefined
      ? 'another process'
      : holder.pid === process.pid && isHere
        ? `this process (${holder.pid}) itself`
        : `process ${holder.pid} on ${holder.host}`;
  const hint = isHere
    ? `Wait for it to end, or choose another output; if that process is no longer the one, delete ${path}`
    : `If it has ended, delete ${path}; else wait for it, or choose another output`;
  return new AlbertineError(
    'file_system',
    `${target} is being written by ${who}${holder ? `, since ${holder.since}` : ''}`,
    { value: path, hint },
  );
}
