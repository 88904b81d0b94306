import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { makeFolder } from '../../core/files-node.ts';
import { withLock } from '../../core/lock-node.ts';
import { OutputFile, requireSeparate } from '../../core/output-node.ts';
import { UsageError } from '../terminal/errors.ts';

/** What a command says of a file or a folder that it writes. */
export interface OutputUse {
  /** Files and folders that are read. */
  inputs?: readonly (string | undefined)[];
  overwrite?: boolean | undefined;
  /** Undefined where the command cannot continue an interrupted run. */
  resume?: boolean | undefined;
  /** The flag that names the output, for messages. Default `--output`. */
  flag?: string;
  /** Endings of files that go with the output. */
  companions?: readonly string[];
}

/** The sentence of every `--overwrite`. */
export const OVERWRITE = 'replace what is there already, when the new result is complete. Default: refuse';

/**
 * Claims the file that a command writes, before anything is loaded or opened: it is none of the inputs, nobody else
 * writes there, and what is there already is not replaced unless `overwrite` says so. The caller ends the claim.
 */
export async function claimOutput(
  path: string,
  { inputs, overwrite = false, resume, flag, companions }: OutputUse,
): Promise<OutputFile> {
  if (overwrite && resume)
    throw new UsageError('--resume continues an output, --overwrite replaces it: give one of them');
  const output = await OutputFile.claim(path, { ...(inputs && { inputs }), ...(companions && { companions }) });
  if (overwrite || resume) return output;
  const { complete, partial } = await output.found();
  if (!complete && !(partial && resume !== undefined)) return output;
  await output.abandon({ keep: true });
  if (partial && resume !== undefined) {
    throw new AlbertineError(
      'invalid_argument',
      `${path} was begun by a run that did not come to its end: ${output.partial}`,
      { value: path, hint: 'Continue it with --resume, or start again with --overwrite' },
    );
  }
  throw alreadyThere(path, 'exists already', flag);
}

/**
 * Runs `work`, which writes a folder or files below `path`: it is none of the inputs and holds none, and nobody else
 * writes there.
 */
export async function withClaimedFolder<T>(
  path: string,
  inputs: readonly (string | undefined)[],
  work: () => Promise<T>,
): Promise<T> {
  await requireSeparate(path, inputs);
  await makeFolder(dirname(resolve(path)));
  return await withLock(path, work);
}

/** Refuses to write over a folder that holds `file`, unless told to. */
export function requireNewFolder(
  folder: string,
  { overwrite, file, what }: { overwrite: boolean | undefined; file: string; what: string },
): void {
  if (!overwrite && existsSync(join(folder, file))) throw alreadyThere(folder, `holds ${what} already`);
}

function alreadyThere(path: string, reason: string, flag = '--output'): AlbertineError {
  return new AlbertineError('invalid_argument', `${path} ${reason}`, {
    value: path,
    hint: `Choose another ${flag}, or replace it with --overwrite`,
  });
}
