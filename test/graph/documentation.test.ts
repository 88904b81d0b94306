import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const page = readFileSync(join(ROOT, 'docs/graph.md'), 'utf8');
const programs = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);

/** Runs a program of the page on the sources. Its types are none, so tsx is only needed for what it imports. */
function run(program: string): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'albertine-docs-'));
  try {
    const file = join(folder, 'program.mts');
    writeFileSync(
      file,
      program.replace(/'albertine(?:\/(\w+))?'/g, (_whole, entry: string | undefined) =>
        JSON.stringify(pathToFileURL(join(ROOT, 'src', entry ?? '', 'index.ts')).href),
      ),
    );
    const child = spawnSync(process.execPath, ['--import', 'tsx', file], {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(child.status, child.stderr).toBe(0);
    return child.stdout.trimEnd().split('\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What the page says that the programs print. */
const promised = [...page.matchAll(/^It prints (.*)/gm)].map(([, sentence]) =>
  [...sentence.matchAll(/`([^`]+)`/g)].map(([, line]) => line),
);

it('the programs in docs/graph.md print what the page says', () => {
  expect(programs).toHaveLength(3);
  expect(programs.map(run)).toEqual(promised);
});
