import { describe, expect, it } from 'vitest';
import { CHILD_TIMEOUT, findDevice, runChild } from '../runtime/webgpu-process.ts';

const { usable, reason: missing } = findDevice();

describe.skipIf(!usable)(usable ? 'training on WebGPU' : `training on WebGPU (${missing})`, () => {
  it(
    'pretrains as PyTorch does in float64, to 1e-6, and as the CPU does',
    () => {
      const { ok, stdout, reason } = runChild('training/webgpu-child.ts', ['lamb-pretraining', '3'], usable!);
      expect(ok, reason).toBe(true);
      const { loss, norm, weights } = JSON.parse(stdout) as Record<string, number>;
      expect(loss).toBeLessThan(1e-6);
      expect(norm).toBeLessThan(1e-6);
      expect(weights).toBeLessThan(1e-5);
    },
    CHILD_TIMEOUT,
  );
});
