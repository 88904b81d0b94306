import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/*
 * The types as a user's compiler sees them: a project beside this one with the packed files and what they depend on,
 * strict, the default `lib`, no `skipLibCheck`, and no types of Node unless a dependency brings them.
 */
const root = resolve(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'albertine-types-'));
afterAll(() => rmSync(project, { recursive: true }));

const COMPILERS = {
  oldest: join(import.meta.dirname, 'compilers/node_modules/typescript-oldest/bin/tsc'),
  ours: join(root, 'node_modules/typescript/bin/tsc'),
  newest: join(import.meta.dirname, 'compilers/node_modules/typescript-newest/bin/tsc'),
};

beforeAll(() => {
  const npm = (...args: string[]): string =>
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  if (!existsSync(join(root, 'dist/cjs/index.js'))) npm('run', 'build');
  const packed = npm('pack', '--ignore-scripts', '--silent', '--pack-destination', project).trim();
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'albertine'), { recursive: true });
  execFileSync('tar', [
    '-xzf',
    join(project, packed),
    '-C',
    join(modules, 'albertine'),
    '--strip-components=1',
    '--exclude=*.safetensors',
  ]);
  for (const name of [
    'hyparquet',
    'hyparquet-compressors',
    'hyparquet-writer',
    'onnxruntime-common',
    'onnxruntime-node',
    'onnxruntime-web',
  ])
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  for (const extension of ['ts', 'mts', 'cts'])
    copyFileSync(join(import.meta.dirname, 'consumer.ts'), join(project, `consumer.${extension}`));
}, 120_000);

/** The compiler's complaints. */
function compile(compiler: string, files: string[], options: string[]): string {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, '--noEmit', '--strict', '--preserveSymlinks', ...options, ...files],
    { cwd: project, encoding: 'utf8' },
  );
  return stdout + stderr;
}

describe.each(Object.entries(COMPILERS))('types with the %s TypeScript', (name, compiler) => {
  const missing = existsSync(compiler) ? '' : ` (skipped: npm install --prefix test/package/compilers)`;

  it.skipIf(missing)(`compile in Node's resolution, as ES module and as CommonJS${missing}`, () => {
    expect(
      compile(compiler, ['consumer.mts', 'consumer.cts'], ['--module', 'nodenext', '--moduleResolution', 'nodenext']),
    ).toBe('');
  });

  it.skipIf(missing)(`compile in a bundler's resolution${missing}`, () => {
    // The target is named because TypeScript 5's default is the language of 2009, which has no iterators.
    const target = name === 'oldest' ? ['--target', 'es2015'] : [];
    expect(compile(compiler, ['consumer.ts'], ['--module', 'esnext', '--moduleResolution', 'bundler', ...target])).toBe(
      '',
    );
  });
});

describe('the package by other checks', () => {
  it('resolves for every kind of importer, says @arethetypeswrong/cli', () => {
    const { stdout, status } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js'), '--pack', root, '--profile', 'node16'],
      { cwd: root, encoding: 'utf8', env: { ...process.env, npm_config_ignore_scripts: 'true' } },
    );
    expect(status, stdout).toBe(0);
  });

  it.skipIf(!process.features.require_module)(
    `is required from CommonJS as the very module that import gives${process.features.require_module ? '' : ' (skipped: this Node has no require of ES modules)'}`,
    () => {
      const script =
        "import('albertine').then((esm) => console.log(require('albertine').Albert === esm.Albert, typeof require('albertine/graph').Graph))";
      expect(
        execFileSync(process.execPath, ['--input-type=commonjs', '-e', script], { cwd: root, encoding: 'utf8' }).trim(),
      ).toBe('true function');
    },
  );
});
