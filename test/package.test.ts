import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | Record<string, string | Record<string, string>>>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  engines: { node: string };
};

interface Packed {
  unpackedSize: number;
  files: { path: string; size: number }[];
}
let packed: Packed;

beforeAll(() => {
  const npm = (...args: string[]): string =>
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (!existsSync(join(root, 'dist/index.js'))) npm('run', 'build');
  const text = npm('pack', '--dry-run', '--json', '--ignore-scripts');
  const parsed = JSON.parse(text.slice(text.search(/[[{]/))) as Packed[] | Record<string, Packed>;
  packed = Object.values(parsed)[0];
}, 120_000);

describe('the published package', () => {
  it('depends on what was weighed, and nothing else', () => {
    expect(Object.keys(manifest.dependencies).sort()).toEqual([
      // `albertine serve`, which alone loads them.
      '@fastify/cors',
      '@fastify/rate-limit',
      // The files of the playground; @fastify/swagger-ui has it anyway.
      '@fastify/static',
      '@fastify/swagger',
      '@fastify/swagger-ui',
      '@fastify/type-provider-typebox',
      'commander',
      'fastify',
      // HTML with the positions of its text, for `albertine index`; loaded with the first HTML file.
      'htmlparser2',
      'hyparquet',
      'hyparquet-compressors',
      'hyparquet-writer',
      'ml-matrix',
      'onnxruntime-web',
      'prom-client',
      'typebox',
      // Text of PDFs (pdf.js in one file, without its canvas), for `albertine index`; loaded with the first PDF. Newer
      // versions want Node 22.
      'unpdf',
    ]);
    expect(Object.keys(manifest.optionalDependencies)).toEqual(['onnxruntime-node']);
    expect(manifest.engines.node).toBe('>=20.16');
  });

  it('has the build, the built-in model and the documents, and nothing of the sources or the tests', () => {
    const paths = packed.files.map(({ path }) => path);
    for (const needed of [
      'dist/index.js',
      'dist/index.d.ts',
      'dist/cli/main.js',
      'dist/playground/index.html',
      'models/albertine-nano-en-zh/README.zh-CN.md',
      'models/albertine-nano-en-zh/config.json',
      'models/albertine-nano-en-zh/model.safetensors',
      'README.md',
      'README.zh-CN.md',
      'CHANGELOG.md',
      'LICENSE',
    ]) {
      expect(paths).toContain(needed);
    }
    expect(
      paths.filter(
        (path) =>
          !/^(dist\/|models\/|docs\/|examples\/|README|FEATURES|CHANGELOG|CONTRIBUTING|LICENSE|THIRD_PARTY|package\.json)/.test(
            path,
          ) || path.endsWith('.tsbuildinfo'),
      ),
    ).toEqual([]);
    // The model is 10.7 MB of it.
    expect(packed.unpackedSize).toBeLessThan(18.7e6);
  });

  it('ends every export and binary at a file that is packed', () => {
    const paths = new Set(packed.files.map(({ path }) => `./${path}`));
    const targets = Object.values(manifest.exports).flatMap(function flatten(entry): string[] {
      return typeof entry === 'string' ? [entry] : Object.values(entry).flatMap(flatten);
    });
    for (const target of [...targets, ...Object.values(manifest.bin)]) expect(paths).toContain(target);
  });

  it('imports only what was built: TypeScript leaves some dynamic imports of .ts files as they are', () => {
    const scripts = packed.files.map(({ path }) => path).filter((path) => path.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(100);
    expect(
      scripts.filter((path) =>
        /\bimport\(?\s*['"][^'"]+\.ts['"]|from ['"][^'"]+\.ts['"]/.test(readFileSync(join(root, path), 'utf8')),
      ),
    ).toEqual([]);
  });

  it('can be imported by every name', async () => {
    const names = Object.keys(manifest.exports)
      .filter((name) => !name.endsWith('.json'))
      .map((name) => (name === '.' ? 'albertine' : `albertine/${name.slice(2)}`));
    const script = `for (const name of ${JSON.stringify(names)}) { const entry = await import(name); if (Object.keys(entry).length === 0) throw new Error(name + ' is empty'); } console.log('ok');`;
    // The package can import itself by name because it has exports.
    expect(
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: root, encoding: 'utf8' }).trim(),
    ).toBe('ok');
  });
});
