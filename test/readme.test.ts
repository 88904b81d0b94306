import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { run } from './cli/support.ts';

/*
 * The code blocks of the two READMEs, and those of docs/embedding.md and docs/tasks that are marked. A comment on the
 * line before a block says what becomes of it:
 *   <!-- file: reviews.csv -->   is written to that file
 *   <!-- run -->                 is run: `npx albertine ...` commands (sh) or a module (ts)
 *   <!-- output -->              is what the block before it prints, numbers and texts aside; a line `...` stands for any lines
 *   <!-- output, any order -->   the same, where the order of lines depends on the model
 *   <!-- by hand: why -->        is not run here
 */
const root = resolve(import.meta.dirname, '..');
const source = join(root, 'src');

interface Block {
  file: string;
  action: string;
  language: string;
  code: string;
  line: number;
}

function readBlocks(file: string): Block[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:^<!-- (.+) -->\n)?^```(\w+)\n([\s\S]*?)\n```$/gm)].map((match) => ({
    file,
    action: match[1] ?? 'none',
    language: match[2],
    code: match[3],
    line: text.slice(0, match.index).split('\n').length,
  }));
}

/** Words of a shell line: blanks separate, quotes hold together, `#` starts a comment. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const [word] of line.matchAll(/"[^"]*"|'[^']*'|#.*|[^\s"']+/g)) {
    if (word.startsWith('#')) break;
    words.push(/^["']/.test(word) ? word.slice(1, -1) : word);
  }
  return words;
}

/** What a block prints on standard output. */
async function runShell(code: string): Promise<string> {
  let printed = '';
  for (const line of code.replace(/\\\n\s*/g, '').split('\n')) {
    const [npx, name, ...argv] = shellWords(line);
    if (npx === undefined) continue;
    expect([npx, name], line).toEqual(['npx', 'albertine']);
    const { code: exit, stdout, stderr } = await run(argv);
    expect(exit, `${line}\n${stderr}`).toBe(0);
    printed += stdout;
  }
  return printed;
}

/** Runs a module in which the package's name stands for its sources. */
async function runModule(code: string, file: string): Promise<string> {
  const local = code.replace(
    /from 'albertine(?:\/(\w+))?'/g,
    (_whole, entry: string | undefined) =>
      `from '${pathToFileURL(join(source, entry === undefined ? 'index.ts' : `${entry}/index.ts`)).href}'`,
  );
  writeFileSync(file, local);
  const printed: string[] = [];
  const log = vi
    .spyOn(console, 'log')
    .mockImplementation((...values: unknown[]) => void printed.push(format(...values)));
  try {
    await import(file);
  } finally {
    log.mockRestore();
  }
  return printed.join('\n');
}

/** Keys and types of a JSON value; arrays by their first entry. */
function jsonShape(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [jsonShape(value[0])];
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([key, inner]) => [key, jsonShape(inner)]);
  return typeof value;
}

/**
 * Whether a printed line has the form of the one shown: JSON by keys and types, other text with any numbers and hashes.
 */
function hasForm(shown: string, printed: string): boolean {
  if (shown.startsWith('{"'))
    return (
      JSON.stringify(jsonShape(JSON.parse(shown.replace(/,\s*\.\.\./g, '')))) ===
      JSON.stringify(jsonShape(parseOr(printed)))
    );
  const pattern = shown.split(/(=[0-9a-f]{16}\b|-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?|\s+|\.\.\.)/).map((part) => {
    if (/^=[0-9a-f]{16}$/.test(part)) return '=[0-9a-f]{16}';
    if (part === '...') return '.*';
    if (/^\s+$/.test(part)) return '\\s+';
    if (/^-?\d/.test(part)) return '-?\\d[\\d,]*(?:\\.\\d+)?(?:e-?\\d+)?';
    return part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  });
  return new RegExp(`^${pattern.join('')}$`).test(printed);
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The lines shown that nothing printed matches, and the lines printed that were not shown. */
function differences(shown: string, printed: string, anyOrder: boolean): string[] {
  const rest = printed.trimEnd().split('\n');
  const missing: string[] = [];
  let skipping = false;
  for (const line of shown.split('\n')) {
    if (line === '...') {
      skipping = true;
      continue;
    }
    const at = rest.findIndex((candidate) => hasForm(line.trimEnd(), candidate.trimEnd()));
    if (at < 0 || (at > 0 && !anyOrder && !skipping)) missing.push(`shown, not printed: ${line}`);
    else rest.splice(anyOrder ? at : 0, anyOrder ? 1 : at + 1);
    skipping = false;
  }
  return [
    ...missing,
    ...(skipping ? [] : rest.filter((line) => line.trim() !== '').map((line) => `printed, not shown: ${line}`)),
  ];
}

const withoutComments = ({ action, language, code }: Block): unknown => ({
  action: action.replace(/^by hand.*/, 'by hand'),
  language,
  code: code.replace(/\s*(?:\/\/|#) .*$/gm, ''),
});

describe('README', () => {
  const blocks = readBlocks('README.md');
  const translated = readBlocks('README.zh-CN.md');
  const folder = mkdtempSync(join(tmpdir(), 'albertine-readme-'));
  const home = process.cwd();
  beforeAll(() => process.chdir(folder));
  afterAll(() => {
    process.chdir(home);
    rmSync(folder, { recursive: true, force: true });
  });

  it('says of every block what becomes of it', () => {
    for (const { action, line } of [...blocks, ...translated])
      expect(action, `block at line ${line}`).toMatch(/^(file: \S+|run|output(, any order)?|by hand: .+)$/);
    expect(blocks.filter(({ action }) => action === 'run').length).toBeGreaterThan(3);
  });

  it('has the same blocks in both languages, comments aside; so has the guide', () => {
    expect(translated.map(withoutComments)).toEqual(blocks.map(withoutComments));
    expect(readBlocks('docs/guide.zh-CN.md').map(withoutComments)).toEqual(
      readBlocks('docs/guide.md').map(withoutComments),
    );
  });

  it('links to files that exist', () => {
    for (const file of [
      'README.md',
      'README.zh-CN.md',
      'CONTRIBUTING.md',
      'FEATURES.md',
      'docs/checkpoints.md',
      'docs/cluster.md',
      'docs/distillation.md',
      'docs/embedding.md',
      'docs/graph.md',
      'docs/guide.md',
      'docs/guide.zh-CN.md',
      'docs/keywords.md',
      'docs/pretraining.md',
      'docs/probe.md',
      'docs/robustness.md',
      'docs/explain.md',
      'docs/bias.md',
      'docs/score.md',
      'docs/tracking.md',
      'docs/training.md',
      'docs/troubleshooting.md',
      'docs/webgpu.md',
      'recipes/README.md',
      ...readdirSync(join(root, 'docs/tasks')).map((name) => `docs/tasks/${name}`),
    ]) {
      const links = [...readFileSync(join(root, file), 'utf8').matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)]
        .map(([, target]) => target)
        .filter((target) => !/^https?:/.test(target));
      expect(
        links.filter((target) => !existsSync(resolve(root, file, '..', target))),
        file,
      ).toEqual([]);
    }
  });

  let printed = '';
  const pages = [
    'docs/cluster.md',
    'docs/embedding.md',
    'docs/guide.md',
    'docs/keywords.md',
    'docs/probe.md',
    'docs/score.md',
    ...readdirSync(join(root, 'docs/tasks')).map((name) => `docs/tasks/${name}`),
  ];
  it.each(
    [...blocks, ...pages.flatMap(readBlocks).filter(({ action }) => action !== 'none')].map((block, index) => ({
      ...block,
      index,
    })),
  )('$file, line $line ($action)', async ({ action, language, code, index }) => {
    if (action.startsWith('file: ')) writeFileSync(join(folder, action.slice('file: '.length)), `${code}\n`);
    else if (action === 'run')
      printed = language === 'sh' ? await runShell(code) : await runModule(code, join(folder, `block-${index}.ts`));
    else if (action.startsWith('output'))
      expect(differences(code, printed, action.endsWith('any order')), printed).toEqual([]);
  });
});

describe('FEATURES', () => {
  it('counts its rows as they are', () => {
    const text = readFileSync(join(root, 'FEATURES.md'), 'utf8');
    const compared = text.slice(0, text.indexOf('## What no peer'));
    const rows = compared
      .split('\n')
      .filter((line) => /^\| .+ \| (\*\*done\*\*|partial|absent) \|/.test(line))
      .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$|\*/g, '')));
    const count = (state: string): number => rows.filter(([, own]) => own === state).length;
    expect(compared).toContain(
      `**${count('done')} of ${rows.length} done, ${count('partial')} partial, ${count('absent')} absent.**`,
    );
    const worth: Record<string, number> = { done: 1, partial: 0.5, absent: 0, yes: 1, partly: 0.5, '–': 0 };
    const share = (column: number): string => {
      const cells = rows.map((row) => row[column]).filter((cell) => cell in worth);
      return `${Math.round((100 * cells.reduce((sum, cell) => sum + worth[cell], 0)) / cells.length)} %`;
    };
    // Column 2 is the note; the peers follow it.
    expect(compared).toContain(`| **${share(1)}** | ${[3, 4, 5, 6, 7].map(share).join(' | ')} |`);
  });
});
