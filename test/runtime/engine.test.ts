import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { exampleBatch, exampleModel } from './example-model.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Report {
  engine: string;
  fallbackReason?: string;
  last: number[];
  first: number[];
}

/** Node options after which importing any of `packages` fails as if it were not installed. */
function without(packages: readonly string[]): string[] {
  const hook = `export async function resolve(specifier, context, next) {
    const name = specifier.replace('#', '');
    if (${JSON.stringify(packages)}.includes(name)) throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' });
    return next(specifier, context);
  }`;
  const url = `data:text/javascript,${encodeURIComponent(hook)}`;
  return [
    '--import',
    `data:text/javascript,${encodeURIComponent(`import { register } from 'node:module'; register(${JSON.stringify(url)});`)}`,
  ];
}

function run(options: { missing?: string[]; engine?: string; threads?: number }): {
  report?: Report;
  stderr: string;
  status: number | null;
} {
  const environment: Record<string, string | undefined> = { ...process.env, ALBERTINE_ENGINE: options.engine };
  delete environment['NODE_OPTIONS'];
  const child = spawnSync(
    process.execPath,
    [
      '--import',
      'tsx',
      ...without(options.missing ?? []),
      join(import.meta.dirname, 'engine-child.ts'),
      String(options.threads ?? 1),
    ],
    {
      cwd: ROOT,
      encoding: 'utf8',
      timeout: 60_000,
      env: environment,
    },
  );
  return {
    ...(child.stdout && { report: JSON.parse(child.stdout) as Report }),
    stderr: child.stderr,
    status: child.status,
  };
}

async function expectedStates(): Promise<{ last: Float32Array; first: Float32Array }> {
  const { config, weights } = exampleModel();
  using encoder = await AlbertEncoder.create(config, weights, { threads: 1 });
  const { lastHiddenState, hiddenStates } = await encoder.forward(exampleBatch(2, 7), { layers: 'all' });
  return { last: lastHiddenState, first: hiddenStates.get(1)! };
}

const largestDifference = (a: readonly number[], b: Float32Array): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

describe('the engine', () => {
  it('is native where onnxruntime-node is installed', () => {
    const { report, stderr } = run({});
    expect(report).toMatchObject({ engine: 'native' });
    expect(stderr).not.toContain('WebAssembly');
  });

  it.each([1, 2])('runs an encoder on WebAssembly with %i threads and ends', async (threads) => {
    const { report, stderr, status } = run({ engine: 'wasm', threads });
    expect(status, stderr).toBe(0);
    expect(report).toMatchObject({ engine: 'wasm' });
    const expected = await expectedStates();
    expect(largestDifference(report!.last, expected.last)).toBeLessThan(1e-5);
    expect(largestDifference(report!.first, expected.first)).toBeLessThan(1e-5);
    expect(stderr).not.toContain('ALBERTINE_WASM');
  });

  it('falls back to WebAssembly with a warning that says why and what to do', async () => {
    const { report, stderr } = run({ missing: ['onnxruntime-node'] });
    expect(report).toMatchObject({ engine: 'wasm', fallbackReason: "Cannot find package 'onnxruntime-node'" });
    expect(largestDifference(report!.last, (await expectedStates()).last)).toBeLessThan(1e-5);
    expect(stderr).toMatch(
      /\[ALBERTINE_WASM\] Warning: onnxruntime-node cannot be loaded \(Cannot find package 'onnxruntime-node'\), so models run on WebAssembly/,
    );
    expect(stderr).toContain('ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node');
  });

  it('says what is missing when nothing loads', () => {
    const { status, stderr } = run({ missing: ['onnxruntime-node', 'onnxruntime-web'] });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(
      /onnxruntime-node cannot be loaded \(.*'onnxruntime-node'\), and onnxruntime-web cannot be loaded: .*'onnxruntime-web'\. Install it with: ONNXRUNTIME_NODE_INSTALL=skip/,
    );
    expect(stderr).toContain("code: 'runtime_unavailable'");
  });

  it('obeys ALBERTINE_ENGINE or refuses it', () => {
    expect(run({ engine: 'native', missing: ['onnxruntime-node'] }).stderr).toMatch(
      /onnxruntime-node cannot be loaded: Cannot find package/,
    );
    expect(run({ engine: 'cuda' }).stderr).toMatch(/ALBERTINE_ENGINE must be one of native, wasm, got "cuda"/);
  });
});
