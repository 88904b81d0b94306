import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/* A server whose bundler took albertine's code into its own file, away from the models and the engine. */
const root = resolve(import.meta.dirname, '../..');
const project = realpathSync(mkdtempSync(join(tmpdir(), 'albertine-server-')));
afterAll(() => rmSync(project, { recursive: true }));

beforeAll(async () => {
  mkdirSync(join(project, 'node_modules'));
  for (const [name, target] of [
    ['albertine', root],
    ['onnxruntime-node', join(root, 'node_modules/onnxruntime-node')],
  ] as const)
    symlinkSync(target, join(project, 'node_modules', name));
  writeFileSync(
    join(project, 'server.js'),
    "import { Albert } from 'albertine';\nimport { loadOrt } from 'albertine/runtime';\nconst model = await Albert.load();\nconsole.log((await model.embed(['a'])).rows, (await loadOrt()).engine);\n",
  );
  await build({
    absWorkingDir: project,
    entryPoints: ['server.js'],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: 'build/deep/server.mjs',
    external: ['onnxruntime-node'],
    logLevel: 'silent',
  });
});

const run = (cwd: string): { stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(project, 'build/deep/server.mjs')], { cwd, encoding: 'utf8' });

describe('a bundled server', () => {
  it('finds the engine, and the built-in model where the program has the package', () => {
    const { stdout, stderr } = run(project);
    expect(stdout, stderr).toBe('1 native\n');
  });

  it('says where it looked and what to do where the package is not', () => {
    const { stderr } = run(tmpdir());
    expect(stderr).toContain(
      `the model albertine-nano-en-zh is not where the package should be: looked for ${join(project, 'models/albertine-nano-en-zh')}. A bundler that takes this code`,
    );
    expect(stderr).toContain("serverExternalPackages: ['albertine']");
    expect(stderr).toContain("code: 'file_not_found'");
  });
});
