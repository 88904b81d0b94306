import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { pick } from '../../core/pick.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import type { Device } from '../../runtime/devices.ts';
import { FOLDERS } from '../../tasks/registry.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';

/** How a command opens models. */
export interface OpenFlags {
  threads?: number | undefined;
  device?: Device | undefined;
  quiet?: boolean | undefined;
}

/**
 * Loads a model for a command: downloads with progress if it is a hub id, and prints what the user should know about
 * it.
 */
export async function openModel(
  io: CliIo,
  model: string | undefined,
  options: OpenFlags & { dequantize?: boolean } = {},
): Promise<NodeAlbert> {
  if (model !== undefined) requireCheckpoint(model);
  const { loadModel } = await import('../../loaded/load-node.ts');
  const bar = createProgressBar(io, options);
  const loaded = await loadModel(model, {
    onProgress: bar.update,
    signal: io.signal,
    ...pick(options, ['threads', 'device', 'dequantize']),
  }).finally(() => bar.finish());
  for (const note of loaded.notes) io.stderr.write(`note: ${note}\n`);
  return loaded;
}

/** Throws `invalid_argument` for a folder that `evaluate`, `predict` and `robustness` open and that holds no network by itself. */
function requireCheckpoint(model: string): void {
  const folder = FOLDERS.find(({ marker }) => existsSync(join(model, marker)));
  if (folder && !existsSync(join(model, 'config.json')))
    throw new AlbertineError('invalid_argument', `${model} is ${folder.noun}, which this command does not take`, {
      value: model,
      hint: `evaluate, predict and robustness do${existsSync(join(model, 'encoder')) ? `; the model that gives its vectors is ${join(model, 'encoder')}` : ''}`,
    });
}

/** The files of a model: its folder on disk, after downloading if it is a hub id. */
export async function openModelFiles(
  io: CliIo,
  model: string | undefined,
  options: { quiet?: boolean } = {},
): Promise<FileSource> {
  const { openModelFolder } = await import('../../checkpoint/adapter-folder-node.ts');
  return openModelFolder(await resolveModelFolder(io, model, options), (base) => resolveModelFolder(io, base, options));
}

/** The folder on disk of a model, downloaded with progress if it is a hub id. */
export async function resolveModelFolder(
  io: CliIo,
  model: string | undefined,
  options: { quiet?: boolean } = {},
): Promise<string> {
  const { BUILT_IN_MODEL, shippedModelFolder } = await import('../../loaded/load-node.ts');
  const name = model ?? BUILT_IN_MODEL;
  requireCheckpoint(name);
  const shipped = shippedModelFolder(name);
  if (shipped !== undefined) return shipped;
  const { resolveModel } = await import('../../checkpoint/hub-node.ts');
  const bar = createProgressBar(io, options);
  return resolveModel(name, { onProgress: bar.update, signal: io.signal }).finally(() => bar.finish());
}

/**
 * A tokeniser from a model (folder or hub id) or from its file alone: `*.model`, `vocab.txt` (any `*.txt`),
 * `tokenizer.json`.
 */
export async function openTokenizer(io: CliIo, source: string | undefined): Promise<Tokenizer> {
  const { loadTokenizer } = await import('../../tokenizer/load.ts');
  if (source !== undefined && (await stat(source).catch(() => undefined))?.isFile()) {
    const { memoryFiles } = await import('../../core/files-memory.ts');
    return loadTokenizer(memoryFiles({ [tokenizerFileName(source)]: await readFile(source) }, source));
  }
  return loadTokenizer(await openModelFiles(io, source));
}

/** The name under which `loadTokenizer` recognises a file that the user named directly. */
function tokenizerFileName(path: string): string {
  if (path.endsWith('.model')) return 'spiece.model';
  if (path.endsWith('.txt')) return 'vocab.txt';
  if (path.endsWith('.json')) return 'tokenizer.json';
  throw new AlbertineError(
    'tokenizer_not_found',
    `${basename(path)} is not a tokeniser: expected *.model, *.txt (a WordPiece vocabulary) or tokenizer.json`,
    { value: path },
  );
}
