import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
/** Where Debian's chromium keeps a Vulkan driver in software, with a loader of its own. */
const CHROMIUM = '/usr/lib/chromium';
const SWIFTSHADER = join(CHROMIUM, 'vk_swiftshader_icd.json');

/** Variables that choose a Vulkan driver; it is chosen when a process starts. */
export type Environment = Record<string, string>;
/** The machine's own device first, then the software one. */
const ENVIRONMENTS: Environment[] = [
  {},
  ...(existsSync(SWIFTSHADER) ? [{ VK_DRIVER_FILES: SWIFTSHADER, LD_LIBRARY_PATH: CHROMIUM }] : []),
];

/**
 * How long a child may take. A software device compiles its shaders for about ten seconds of processor time, and tests
 * share the processor.
 */
export const CHILD_TIMEOUT = 400_000;

/** Runs a TypeScript file below test/ in a process of its own. */
export function runChild(
  script: string,
  args: readonly string[],
  environment: Environment,
): { ok: boolean; stdout: string; reason: string } {
  const child = spawnSync(process.execPath, ['--import', 'tsx', join(ROOT, 'test', script), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: CHILD_TIMEOUT - 10_000,
    env: { ...process.env, ...environment, ALBERTINE_ENGINE: 'native' },
  });
  const reason =
    /^AlbertineError: (.*)$/m.exec(child.stderr)?.[1] ??
    child.stderr.split('\n').find((line) => line.includes('Error')) ??
    String(child.signal ?? child.status);
  return { ok: child.status === 0, stdout: child.stdout, reason };
}

/** The environment in which this machine has a WebGPU device, or why it has none. */
export function findDevice(): { usable?: Environment; reason: string } {
  const reasons: string[] = [];
  for (const environment of ENVIRONMENTS) {
    const { ok, reason } = runChild('runtime/webgpu-child.ts', ['probe'], environment);
    if (ok) return { usable: environment, reason: '' };
    reasons.push(reason);
  }
  return { reason: `skipped: no device. ${reasons.join(' / ')}; Debian's chromium package has a software device` };
}
