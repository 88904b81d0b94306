import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** A folder may import only from itself and from those before it in this list (see CONTRIBUTING.md). */
const ORDER = [
  'core',
  'study',
  'graph',
  'runtime',
  'tokenizer',
  'model',
  'checkpoint',
  'data',
  'metrics',
  'classical',
  'perturbation',
  'loaded',
  'training',
  'tasks',
  'tune',
  'analysis',
  'retrieval',
  'apps',
  'server',
  'cluster',
  'cli',
];
/** These know nothing of models; nothing of ours but core may be imported by them. */
const ONLY_CORE = ['study', 'graph', 'tokenizer', 'data', 'metrics', 'classical', 'perturbation'];

const root = resolve(import.meta.dirname, '../src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(root, name));

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const found: Import[] = [];
  for (const match of text.matchAll(/(?:^|\n)\s*(import|export)\s+(type\s+)?([^'";]*?from\s+)?['"](\.[^'"]+)['"]/g)) {
    found.push({ from: file, to: resolve(dirname(file), match[4]), typeOnly: match[2] !== undefined });
  }
  for (const match of text.matchAll(/import\(\s*['"](\.[^'"]+)['"]\s*\)/g))
    found.push({ from: file, to: resolve(dirname(file), match[1]), typeOnly: false });
  return found;
}

const imports = files.flatMap(importsOf);
const folder = (file: string) => relative(root, file).split('/')[0];
const isEntry = (file: string) => !relative(root, file).includes('/');

describe('import layers', () => {
  it('knows every folder', () => {
    const folders = new Set(files.filter((file) => !isEntry(file)).map(folder));
    expect([...folders].filter((name) => !ORDER.includes(name))).toEqual([]);
  });

  it('imports run one way', () => {
    const wrong = imports.filter(({ from, to }) => {
      if (isEntry(from)) return false;
      if (isEntry(to)) return true;
      const [a, b] = [folder(from), folder(to)];
      if (a === b) return false;
      return ORDER.indexOf(b) > ORDER.indexOf(a) || (ONLY_CORE.includes(a) && b !== 'core');
    });
    expect(wrong.map(({ from, to }) => `${relative(root, from)} -> ${relative(root, to)}`)).toEqual([]);
  });

  it('the package does not lean on what is beside it, nor recipes on benches and tests', () => {
    const recipes = readdirSync(resolve(root, '../recipes'))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => resolve(root, '../recipes', name));
    expect(recipes.length).toBeGreaterThan(0);
    const place = (file: string): string => relative(resolve(root, '..'), file).split('/')[0];
    const wrong = [...imports, ...recipes.flatMap(importsOf)].filter(
      ({ from, to }) => place(to) !== 'src' && place(to) !== place(from),
    );
    expect(wrong.map(({ from, to }) => `${relative(root, from)} -> ${relative(root, to)}`)).toEqual([]);
  });

  it('every relative import names an existing file', () => {
    const known = new Set(files);
    expect(
      imports
        .filter(({ to }) => !known.has(to))
        .map(({ from, to }) => `${relative(root, from)} -> ${relative(root, to)}`),
    ).toEqual([]);
  });

  it('has no cycle of value imports', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, typeOnly } of imports) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (file: string, path: string[]): void => {
      if (state.get(file) === 'done') return;
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].map((name) => relative(root, name)).join(' -> '));
        return;
      }
      state.set(file, 'open');
      for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
      state.set(file, 'done');
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});
