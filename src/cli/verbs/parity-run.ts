import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parityRecord, PARITY_TEXTS } from '../../loaded/parity-node.ts';
import type { CliIo } from '../terminal/io.ts';
import { resolveModelFolder } from '../streams/models.ts';

/** The line of the program that stands for the results of Node. */
const PLACE = /^CHECK = None.*$/m;

/** Runs `albertine parity`: prints `docs/parity.py` with what the folder gives here. */
export async function runParity(io: CliIo, model: string | undefined, texts: readonly string[]): Promise<void> {
  const folder = resolve(await resolveModelFolder(io, model));
  const record = await parityRecord(folder, texts.length > 0 ? texts : PARITY_TEXTS);
  // Two folders up both in src/cli and in dist/cli.
  const program = await readFile(new URL('../../../docs/parity.py', import.meta.url), 'utf8');
  // A JSON text written as a JSON string is a Python string, too.
  await io.stdout.write(program.replace(PLACE, () => `CHECK = json.loads(${asciiJson(JSON.stringify(record))})`));
}

/** A string literal of ASCII alone, whatever the encoding of the pipe. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
