import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AlbertineError } from '../../src/core/errors.ts';
import type { CliIo } from '../../src/cli/terminal/io.ts';
import { runCli } from '../../src/cli/program.ts';

/** Sixty-eight words, pieces and characters: enough for the texts of these tests. */
const VOCABULARY =
  `[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat on mat and ran fast slow red blue house tree sun moon star train bread soup garden
##s ##ing ##ed ##er ##ly ##t i you he she we they is was are not no yes good bad big small one two three . , ! ? ' - 猫 狗 好 不 天 地 人 我 你 的`.split(
    /\s+/,
  );

/** What a command wrote, and how it ended. */
export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A folder for one test file, removed by `remove`. */
export function temporaryFolder(): { path: (name: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'albertine-cli-'));
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs the command line in this process. */
export async function run(
  argv: string[],
  options: {
    signal?: AbortSignal;
    onStdout?: (text: string) => void;
    env?: Record<string, string>;
    tty?: boolean;
  } = {},
): Promise<CliResult> {
  const result: CliResult = { code: -1, stdout: '', stderr: '' };
  const io: CliIo = {
    stdout: {
      write: async (text) => {
        result.stdout += text;
        options.onStdout?.(text);
      },
      columns: 100,
    },
    stderr: { write: (text) => void (result.stderr += text), isTTY: options.tty ?? false, columns: 100 },
    env: options.env ?? {},
    signal: options.signal ?? new AbortController().signal,
  };
  result.code = await runCli(argv, io);
  return result;
}

/** Runs a command that is interrupted when a file has so many lines; what it said. */
export async function interrupted(argv: string[], file: string, lines: number): Promise<string> {
  const controller = new AbortController();
  const watch = setInterval(() => {
    const written = existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
    if (written >= lines) controller.abort(new AlbertineError('interrupted', 'interrupted'));
  }, 5);
  const { code, stderr } = await run(argv, { signal: controller.signal });
  clearInterval(watch);
  if (code !== 130) throw new Error(`it ended with ${code}: ${stderr}`);
  return stderr;
}

/** Writes the vocabulary file and returns its path. */
export function writeVocabulary(path: string): string {
  writeFileSync(path, `${VOCABULARY.join('\n')}\n`);
  return path;
}

/** An untrained nano checkpoint made by `init`; returns its folder. */
export async function makeModel(folder: ReturnType<typeof temporaryFolder>, name = 'model', seed = 1): Promise<string> {
  const vocabulary = writeVocabulary(folder.path('vocab.txt'));
  const { code, stderr } = await run([
    'init',
    '--preset',
    'nano',
    '--tokenizer',
    vocabulary,
    '--output',
    folder.path(name),
    '--seed',
    String(seed),
  ]);
  if (code !== 0) throw new Error(stderr);
  return folder.path(name);
}

/** Records of a JSONL text. */
export function records(text: string): Record<string, unknown>[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** Content of a JSON file. */
export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
}
