import { constants, fstat, type Stats } from 'node:fs';
import { chmod, copyFile, lstat, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { AlbertineError } from './errors.ts';
import { makeFolder } from './files-node.ts';
import { isAlive, lockTarget, type Lock } from './lock-node.ts';
import { explainingSystemErrors } from './system-errors.ts';

/** Options of {@link OutputFile.claim}. */
export interface ClaimOptions {
  /** Files and folders that are read; the output must be none of them. */
  inputs?: readonly (string | undefined)[];
  /** Endings of files that go with the output, such as `.meta.json`. */
  companions?: readonly string[];
}

/**
 * Where a result is written until it is complete: `reviews.npy` in `reviews.partial.npy`, so that it can be read by its
 * ending.
 */
export function partialPath(path: string): string {
  const name = basename(path);
  const dot = name.lastIndexOf('.');
  return join(dirname(path), dot > 0 ? `${name.slice(0, dot)}.partial${name.slice(dot)}` : `${name}.partial`);
}

/**
 * A file that is written under another name and takes its own when it is complete, so that at any moment, also when the
 * process is killed, either the old complete file or the new one is there. It is locked meanwhile. Devices and pipes
 * are written as they are.
 */
export class OutputFile {
  /** Where to write until {@link OutputFile.commit}. */
  readonly partial: string;
  /** The file itself, links followed. */
  readonly target: string;
  private readonly companions: readonly string[];
  private readonly lock: Lock | undefined;
  private ended = false;
  /** The partial file began as a copy of the complete one. */
  private isCopy = false;

  private constructor(
    target: string,
    { partial, companions, lock }: { partial: string; companions: readonly string[]; lock: Lock | undefined },
  ) {
    this.target = target;
    this.partial = partial;
    this.companions = companions;
    this.lock = lock;
  }

  /**
   * Makes the folder and locks the output. Throws `invalid_argument` where it is an input, as `lockTarget` does, and
   * what the file system refuses.
   */
  static async claim(path: string, { inputs = [], companions = [] }: ClaimOptions = {}): Promise<OutputFile> {
    return await explainingSystemErrors(path, async () => {
      const target = await followLinks(resolve(path));
      const info = await stat(target).catch(() => undefined);
      if (info?.isDirectory())
        throw new AlbertineError('invalid_argument', `cannot open ${path}: it is a folder, not a file`, {
          value: path,
          hint: 'Give the path of a file',
        });
      // A pipe or a device cannot be replaced.
      if (info && !info.isFile()) return new OutputFile(path, { partial: path, companions, lock: undefined });
      const partial = partialPath(target);
      const written = [target, partial].flatMap((file) => [file, ...companions.map((ending) => file + ending)]);
      for (const file of written) await requireSeparate(file, inputs, path);
      await makeFolder(dirname(target));
      const output = new OutputFile(target, { partial, companions, lock: await lockTarget(target) });
      await removeLeftovers(dirname(target), basename(target));
      await output.finishCommit();
      return output;
    });
  }

  /** What is there already: the complete file, and records of a run that did not come to its end. */
  async found(): Promise<{ complete: boolean; partial: boolean }> {
    const isFile = this.partial !== this.target;
    return {
      complete: isFile && (await exists(this.target)),
      partial: isFile && ((await sizeOf(this.partial)) ?? 0) > 0,
    };
  }

  /**
   * Prepares going on after an interruption: with the partial file, or else with a copy of the complete one. False
   * where there is neither.
   */
  async resume(): Promise<boolean> {
    if (await exists(this.partial)) return true;
    if (this.partial === this.target || !(await exists(this.target))) return false;
    // First what tells how the records were made: a copy that is torn off can then be continued like any other.
    for (const ending of this.companions)
      if (await exists(this.target + ending)) await copyFile(this.target + ending, this.partial + ending);
    await copyFile(this.target, this.partial, constants.COPYFILE_FICLONE);
    this.isCopy = true;
    return true;
  }

  /**
   * The file that {@link OutputFile.resume} goes on with: the partial one, or the complete one that it is a copy of.
   */
  get origin(): string {
    return this.isCopy ? this.target : this.partial;
  }

  /** Puts the complete file in its place and lets go of it. Safe to call twice. */
  async commit(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    try {
      if (this.partial !== this.target) await this.replace();
    } finally {
      await this.lock?.release();
    }
  }

  /**
   * Ends without a complete file: what is written is kept for {@link OutputFile.resume}, or removed. Safe to call
   * twice, and after `commit`.
   */
  async abandon({ keep }: { keep: boolean }): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    try {
      const isWorthKeeping = keep && !(this.isCopy && (await sizeOf(this.partial)) === (await sizeOf(this.target)));
      if (!isWorthKeeping && this.partial !== this.target)
        for (const ending of ['', ...this.companions]) await rm(this.partial + ending, { force: true });
    } finally {
      await this.lock?.release();
    }
  }

  private async replace(): Promise<void> {
    const before = await stat(this.target).catch(() => undefined);
    if (before) await chmod(this.partial, before.mode & 0o777).catch(() => undefined);
    // The old companions must not vouch for the new file if this process dies here; the next claim puts the new ones in
    // place.
    for (const ending of this.companions) await rm(this.target + ending, { force: true });
    await rename(this.partial, this.target);
    await this.finishCommit();
  }

  private async finishCommit(): Promise<void> {
    if ((await exists(this.partial)) || !(await exists(this.target))) return;
    for (const ending of this.companions)
      if (await exists(this.partial + ending)) await rename(this.partial + ending, this.target + ending);
  }
}

/**
 * Throws `invalid_argument` where writing `output` would destroy one of `inputs`: the same file (through links too),
 * the same folder, or a folder that holds it. `named` is what the user called the output.
 */
export async function requireSeparate(
  output: string,
  inputs: readonly (string | undefined)[],
  named = output,
): Promise<void> {
  if (output === '-')
    throw new AlbertineError('invalid_argument', 'a folder cannot be written to standard output: - is no folder', {
      value: output,
      hint: 'Give the path of a folder',
    });
  const target = await followLinks(resolve(output));
  const written = await stat(target).catch(() => undefined);
  for (const input of inputs) {
    if (input === undefined) continue;
    // Standard input may be the very file.
    const isStdin = input === '-' || input === 'standard input';
    const read = isStdin ? await readStdin() : await stat(input).catch(() => undefined);
    if (!read) continue;
    const isSame = written !== undefined && written.dev === read.dev && written.ino === read.ino;
    const isHolder = !isStdin && written?.isDirectory() === true && isBelow(await realpath(input), target);
    if (!isSame && !isHolder) continue;
    const reason = isSame ? 'is also read' : 'holds what is read';
    throw new AlbertineError('invalid_argument', `the output ${named} ${reason}: ${input}`, {
      value: input,
      hint: 'Nothing was written. Choose another output',
    });
  }
}

/** The file that standard input reads; undefined for pipes and terminals. */
async function readStdin(): Promise<Stats | undefined> {
  const info = await promisify(fstat)(0).catch(() => undefined);
  return info?.isFile() ? info : undefined;
}

function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && resolve(folder, way) === path;
}

/** What unfinished writes of processes that are gone have left of a file or a folder. */
export async function removeLeftovers(folder: string, name: string): Promise<void> {
  const prefix = `.${name}.`;
  for (const entry of await readdir(folder).catch(() => [])) {
    const pid = entry.startsWith(prefix)
      ? /^(\d+)(?:\.[0-9a-f]{8})?\.tmp$/.exec(entry.slice(prefix.length))?.[1]
      : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(folder, entry), { recursive: true, force: true });
  }
}

/** The path with the folder's links and its own followed; what is not there yet stays as it is named. */
async function followLinks(path: string): Promise<string> {
  const real = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ELOOP') throw error;
    return undefined;
  });
  if (real !== undefined) return real;
  const link = (await lstat(path).catch(() => undefined))?.isSymbolicLink() === true ? await readlink(path) : undefined;
  if (link !== undefined) return await followLinks(resolve(dirname(path), link));
  const folder = dirname(path);
  return folder === path ? path : join(await followLinks(folder), basename(path));
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
