import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { writeFileAtomic } from '../core/files-node.ts';
import {
  CONFIG_FILES,
  PYTORCH_INDEX,
  SAFETENSORS_INDEX,
  VOCABULARY_FILES,
  isSafeRelativePath,
  shardsOfIndex,
} from './hub-files.ts';
import type { HubReference } from './hub-files.ts';

const COMMIT = /^[0-9a-f]{40}$/;

/** True for a full git commit hash. */
export function isCommit(text: string): boolean {
  return COMMIT.test(text);
}

/**
 * One repository's part of the cache, laid out as Python's `huggingface_hub` does, so that either finds the other's
 * files: `models--owner--name/` with `refs/<branch>` (a commit, no newline), `blobs/<etag>`,
 * `snapshots/<commit>/<file>` (relative links to blobs) and `.no_exist/<commit>/<file>` (empty marks of files the
 * repository lacks).
 */
export class RepositoryCache {
  readonly folder: string;
  private readonly cacheFolder: string;
  private readonly repository: string;

  constructor(cacheFolder: string, id: string) {
    this.cacheFolder = cacheFolder;
    this.repository = `models--${id.replaceAll('/', '--')}`;
    this.folder = join(cacheFolder, this.repository);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  /**
   * A download in progress. Not Python's `<etag>.incomplete`: old versions append to that under a kernel lock,
   * which Node cannot take, and new versions use a name of their own as well.
   */
  partial(etag: string): string {
    return join(this.folder, 'blobs', `${etag}.albertine.incomplete`);
  }

  /** The lock for one blob; not Python's file, whose mere presence means nothing. */
  lock(etag: string): string {
    return join(this.cacheFolder, '.locks', this.repository, `${etag}.albertine.lock`);
  }

  /** The commit a branch or tag pointed to when it was last downloaded; a commit is itself. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const commit = (await readFile(join(this.folder, 'refs', ...revision.split('/')), 'utf8').catch(() => '')).trim();
    return isCommit(commit) ? commit : undefined;
  }

  /** Remembers where a branch or tag points. */
  async writeReference(revision: string, commit: string): Promise<void> {
    if (isCommit(revision) || (await this.commitOf(revision)) === commit) return;
    await writing(join(this.folder, 'refs', ...revision.split('/')), (path) => writeFileAtomic(path, commit));
  }

  /** The place of a file in a snapshot, and its size if it is there (a dangling link is not). */
  async find(commit: string, name: string): Promise<{ path: string; bytes: number } | undefined> {
    const path = join(this.snapshot(commit), ...name.split('/'));
    const info = await stat(path).catch(() => undefined);
    return info?.isFile() ? { path, bytes: info.size } : undefined;
  }

  /** Names of all files in a snapshot, with `/` between folders, sorted. */
  async list(commit: string): Promise<string[]> {
    const entries = await readdir(this.snapshot(commit), { recursive: true }).catch((): string[] => []);
    const names = entries.map((entry) => entry.split(sep).join('/')).sort();
    const found = await Promise.all(names.map((name) => this.find(commit, name)));
    return names.filter((_, i) => found[i] !== undefined);
  }

  /** The name of the blob a snapshot's file links to; empty for a copy. */
  async etagOf(path: string): Promise<string> {
    return basename(await readlink(path).catch(() => ''));
  }

  /** Makes `snapshots/<commit>/<name>` show a blob: a relative link, or a copy where links cannot be made. */
  async show(commit: string, name: string, options: { etag: string; useSymlinks: boolean }): Promise<string> {
    const blob = this.blob(options.etag);
    const pointer = join(this.snapshot(commit), ...name.split('/'));
    const target = relative(dirname(pointer), blob);
    if (options.useSymlinks && (await readlink(pointer).catch(() => '')) === target) return pointer;
    await writing(pointer, async () => {
      await mkdir(dirname(pointer), { recursive: true });
      const temporary = `${pointer}.${randomUUID()}.tmp`;
      try {
        if (!options.useSymlinks || !(await tryLink(target, temporary))) await copyFile(blob, temporary);
        await rename(temporary, pointer);
      } finally {
        await rm(temporary, { force: true });
      }
    });
    return pointer;
  }

  /** Notes that the repository lacks these files, as Python does, so that later look-ups need no network. */
  async markAbsent(commit: string, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const path = join(this.folder, '.no_exist', commit, name);
      await writing(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, '', { flag: 'a' });
      });
    }
  }

  private async isAbsent(commit: string, name: string): Promise<boolean> {
    return (await stat(join(this.folder, '.no_exist', commit, name)).catch(() => undefined)) !== undefined;
  }

  /**
   * What keeps a snapshot from being used without the network, as phrases for a message; empty when it is complete:
   * `files` if given, else a configuration, one whole set of weights, and a vocabulary unless the repository has none.
   */
  async missing(commit: string, files?: readonly string[]): Promise<string[]> {
    const has = async (name: string): Promise<boolean> => (await this.find(commit, name)) !== undefined;
    const anyOf = async (names: readonly string[]): Promise<boolean> =>
      (await Promise.all(names.map(has))).includes(true);
    if (files) return (await Promise.all(files.map(async (name) => ((await has(name)) ? [] : [name])))).flat();
    const absent: string[] = [];
    if (!(await anyOf(CONFIG_FILES))) absent.push('config.json');
    const vocabularyKnownAbsent = (
      await Promise.all(VOCABULARY_FILES.map((name) => this.isAbsent(commit, name)))
    ).every(Boolean);
    if (!vocabularyKnownAbsent && !(await anyOf(VOCABULARY_FILES)))
      absent.push(`a vocabulary (${VOCABULARY_FILES.slice(0, 3).join(', ')})`);
    return [...absent, ...(await this.missingWeights(commit))];
  }

  private async missingWeights(commit: string): Promise<string[]> {
    let best: string[] = ['weights (model.safetensors, pytorch_model.bin)'];
    for (const name of ['model.safetensors', 'pytorch_model.bin']) if (await this.find(commit, name)) return [];
    for (const name of [SAFETENSORS_INDEX, PYTORCH_INDEX]) {
      const index = await this.find(commit, name);
      if (!index) continue;
      const shards = shardsOfIndex(await readFile(index.path, 'utf8'), index.path);
      const lost = (
        await Promise.all(shards.map(async (shard) => ((await this.find(commit, shard)) ? [] : [shard])))
      ).flat();
      if (lost.length === 0) return [];
      best = lost;
    }
    return (await this.hasTensorFlowWeights(commit)) ? [] : best;
  }

  private async hasTensorFlowWeights(commit: string): Promise<boolean> {
    const names = await readdir(this.snapshot(commit)).catch((): string[] => []);
    for (const name of names) {
      const stem = name.endsWith('.index') ? name.slice(0, -'.index'.length) : undefined;
      const parts = stem === undefined ? [] : names.filter((other) => other.startsWith(`${stem}.data-`));
      const count = Number(/-of-(\d{5})$/.exec(parts[0] ?? '')?.[1] ?? 0);
      if (count > 0 && parts.length === count) return true;
    }
    return false;
  }
}

/** The local folder of a snapshot that can be used as it is, if there is one. */
export async function findSnapshot(
  cache: RepositoryCache,
  reference: HubReference,
  files?: readonly string[],
): Promise<{ commit?: string; folder?: string; missing: string[] }> {
  const commit = await cache.commitOf(reference.revision);
  if (commit === undefined) return { missing: [`any copy of revision ${reference.revision}`] };
  const missing = await cache.missing(commit, files);
  return { commit, missing, ...(missing.length === 0 && { folder: cache.snapshot(commit) }) };
}

/** An ETag as a blob's name: without the weak mark and quotes. Throws `network` when it cannot be a file name. */
export function blobName(etag: string, source: string): string {
  const name = etag.replace(/^W\//, '').replace(/^"|"$/g, '');
  if (/^[\w-][\w.-]{0,199}$/.test(name) && isSafeRelativePath(name)) return name;
  throw new AlbertineError(
    'network',
    `${source} has an ETag that cannot name a file: ${JSON.stringify(etag.slice(0, 80))}`,
    { value: etag },
  );
}

async function tryLink(target: string, path: string): Promise<boolean> {
  try {
    await symlink(sep === '\\' ? target.replaceAll('/', '\\') : target, path, 'file');
    return true;
  } catch (error) {
    // Windows without developer mode, FAT, some network mounts.
    if (
      ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'EACCES'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      return false;
    throw error;
  }
}

/** Runs a write and turns a file system's refusal (no space, no permission) into `invalid_file` naming the path. */
export async function writing<T>(path: string, work: (path: string) => Promise<T>): Promise<T> {
  try {
    return await work(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (
      error instanceof AlbertineError ||
      !/^(ENOSPC|EACCES|EPERM|EROFS|EDQUOT|ENOTDIR|EISDIR|EEXIST|EIO|ENAMETOOLONG)$/.test(code)
    )
      throw error;
    throw new AlbertineError('invalid_file', `cannot write ${path}: ${(error as Error).message}`, {
      value: path,
      hint: 'Choose another cache with HF_HOME, HF_HUB_CACHE or the cacheFolder option',
      cause: error,
    });
  }
}
