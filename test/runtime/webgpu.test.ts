import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
/** Where Debian's chromium keeps a Vulkan driver in software, with a loader of its own. */
const CHROMIUM = '/usr/lib/chromium';
const SWIFTSHADER = join(CHROMIUM, 'vk_swiftshader_icd.json');

type Environment = Record<string, string>;
/** The machine's own device first, then the software one. */
const ENVIRONMENTS: Environment[] = [{}, ...(existsSync(SWIFTSHADER) ? [{ VK_DRIVER_FILES: SWIFTSHADER, LD_LIBRARY_PATH: CHROMIUM }] : [])];

function run(task: string, environment: Environment): { ok: boolean; stdout: string; reason: string } {
  const child = spawnSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'webgpu-child.ts'), task], {
    cwd: ROOT, encoding: 'utf8', timeout: 170_000, env: { ...process.env, ...environment, ALBERTINE_ENGINE: 'native' },
  });
  const reason = /^AlbertineError: (.*)$/m.exec(child.stderr)?.[1] ?? child.stderr.split('\n').find((line) => line.includes('Error')) ?? String(child.signal ?? child.status);
  return { ok: child.status === 0, stdout: child.stdout, reason };
}

const probes = ENVIRONMENTS.map((environment) => ({ environment, ...run('probe', environment) }));
const usable = probes.find(({ ok }) => ok)?.environment;
const title = usable ? 'WebGPU without fallback to the CPU' : `WebGPU (skipped: no device. ${probes.map(({ reason }) => reason).join(' / ')}; Debian's chromium package has a software device)`;

describe.skipIf(!usable)(title, () => {
  it('runs a layer and all its gradients as the CPU does, to 1e-4', () => {
    const { ok, stdout, reason } = run('gelu_tanh', usable!);
    expect(ok, reason).toBe(true);
    const differences = JSON.parse(stdout) as Record<string, number>;
    expect(Object.keys(differences)).toHaveLength(18);
    for (const [name, difference] of Object.entries(differences)) expect(difference, name).toBeLessThan(1e-4);
  }, 180_000); // a software device compiles its shaders for about eight seconds on an idle machine

  it('refuses what the device has no kernel for', () => {
    expect(run('refuse', usable!).stdout).toMatch(/rejected the graph: .*fallback to CPU EP has been explicitly disabled/);
  });
});
