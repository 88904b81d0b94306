import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeModel, temporaryFolder } from './cli/support.ts';

/** Runs every example on a tiny model and compares what it prints with the comment at its end. */
const folder = temporaryFolder();
const examples = join(import.meta.dirname, '../examples');
let model: string;
beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

/** Output that a comment announces; `exact` unless it says that something depends on the model. */
function announced(file: string): { lines: string[]; exact: boolean } {
  const [, remark, body] = /\/\*\nOutput([^\n]*)\n([\s\S]*?)\n\*\//.exec(readFileSync(join(examples, file), 'utf8'))!;
  return { lines: body.split('\n'), exact: remark === '' };
}

/** The form of a line: every number and hash is alike. */
const form = (line: string): string =>
  line.replace(/=[0-9a-f]{8,}/g, '=#').replace(/-?\d+(\.\d+)?/g, (number) => (number.includes('.') ? '#.#' : '#'));

describe('examples', () => {
  it.each(readdirSync(examples).filter((name) => name.endsWith('.ts')))('%s prints what it says', async (file) => {
    const printed: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
    const argv = process.argv;
    process.argv = [argv[0], file, model];
    try {
      await import(join(examples, file));
    } finally {
      process.argv = argv;
      log.mockRestore();
    }
    const { lines, exact } = announced(file);
    if (exact) expect(printed).toEqual(lines);
    // The model of this test is untrained, and may rank documents otherwise.
    else expect(printed.map(form).sort()).toEqual(lines.map(form).sort());
  });
});
