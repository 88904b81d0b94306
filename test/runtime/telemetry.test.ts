import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const TSX_API = join(dirname(createRequire(import.meta.url).resolve('tsx/package.json')), 'dist/esm/api/index.mjs');
const scratch = mkdtempSync(join(tmpdir(), 'albertine-telemetry-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Ran {
  stdout: string;
  stderr: string;
  status: number | null;
  left: string[];
  sockets: string[];
}

// The engine reports nothing where it takes the machine for one of these services, and these tests would see nothing.
const SERVICES = [
  'CI',
  'TF_BUILD',
  'GITHUB_ACTIONS',
  'GITLAB_CI',
  'CIRCLECI',
  'TRAVIS',
  'JENKINS_URL',
  'CODEBUILD_BUILD_ID',
  'BUILDKITE',
  'TEAMCITY_VERSION',
  'APPVEYOR',
  'BITBUCKET_BUILD_NUMBER',
];

/** Runs Node with an empty home and an empty temporary folder, and without what decides whether the engine reports. */
function run(
  name: string,
  argv: readonly string[],
  options: { trace?: boolean; env?: Record<string, string> } = {},
): Ran {
  const [home, temporary, trace] = ['home', 'tmp', 'trace'].map((part) => join(scratch, `${name}-${part}`));
  mkdirSync(home);
  mkdirSync(temporary);
  const unset = {
    ...Object.fromEntries(SERVICES.map((name) => [name, undefined])),
    NODE_OPTIONS: undefined,
    XDG_CACHE_HOME: undefined,
    ALBERTINE_ENGINE: undefined,
    ORT_DISABLE_TELEMETRY: undefined,
  };
  const env = {
    ...process.env,
    ...unset,
    HOME: home,
    TMPDIR: temporary,
    TSX_API,
    TSX_DISABLE_CACHE: '1',
    ...options.env,
  };
  const node = [process.execPath, '--import', 'tsx', ...argv];
  const [command, ...rest] = options.trace
    ? ['strace', '-f', '-qq', '-e', 'trace=socket,connect,sendto', '-o', trace, ...node]
    : node;
  const { stdout, stderr, status } = spawnSync(command, rest, { cwd: ROOT, encoding: 'utf8', timeout: 60_000, env });
  const left = [home, temporary].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name),
  );
  const sockets = options.trace
    ? readFileSync(trace, 'utf8')
        .split('\n')
        .filter((line) => /AF_INET6?\b/.test(line))
    : [];
  return { stdout, stderr, status, left, sockets };
}

const CHILD = join(import.meta.dirname, 'telemetry-child.ts');
const PLACES = [
  'main',
  'worker',
  'worker with an environment of its own',
  'worker of a worker',
  'worker that the main thread waits for',
  'fork',
];
const hasStrace = spawnSync('strace', ['-V']).status === 0;

describe('nothing is recorded or reported by the engine', () => {
  it.each(PLACES)('when it is first used in: %s', (place) => {
    const { stdout, stderr, status, left } = run(place.replaceAll(' ', '-'), [CHILD, place]);
    expect([stdout, status], stderr).toEqual(['1 vector, native\n', 0]);
    expect(left).toEqual([]);
  });

  it('by the command line', () => {
    const { stdout, stderr, left } = run('cli', [join(ROOT, 'src/cli/main.ts'), 'embed', 'a cat']);
    expect(stdout, stderr).toMatch(/"index":0/);
    expect(left).toEqual([]);
  });

  let tries = 0;
  // The engine writes from a thread of its own, which a process that ends soon may not wait for.
  it('unless the user says so: a value that is set stays', { retry: 2 }, () => {
    const { stdout, left } = run(`asked-for-${tries++}`, [CHILD, 'main'], { env: { ORT_DISABLE_TELEMETRY: '0' } });
    expect(stdout).toBe('1 vector, native\n');
    // What the engine does on its own; a release that writes nothing makes this file's other tests idle.
    if (process.platform === 'linux') expect(left).toContain('deviceid');
  });

  it.skipIf(!hasStrace)(`no internet socket is opened${hasStrace ? '' : ' (skipped: strace is not installed)'}`, () => {
    for (const [name, argv] of [
      ['traced-cli', [join(ROOT, 'src/cli/main.ts'), 'embed', 'a cat']],
      ['traced-worker', [CHILD, 'worker']],
    ] as const) {
      const { status, stderr, sockets } = run(name, argv, { trace: true });
      expect(status, stderr).toBe(0);
      expect(sockets).toEqual([]);
    }
  });
});
