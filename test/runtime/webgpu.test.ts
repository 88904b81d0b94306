import { describe, expect, it } from 'vitest';
import { loadModel } from '../../src/loaded/load-node.ts';
import { quantizeModel } from '../../src/loaded/quantize-model.ts';
import { CHILD_TIMEOUT, findDevice, runChild } from './webgpu-process.ts';

const { usable, reason: missing } = findDevice();
const run = (task: string) => runChild('runtime/webgpu-child.ts', [task], usable!);

describe.skipIf(!usable)(usable ? 'WebGPU without fallback to the CPU' : `WebGPU (${missing})`, () => {
  it(
    'runs a layer and all its gradients as the CPU does, to 1e-4',
    () => {
      const { ok, stdout, reason } = run('gelu_tanh');
      expect(ok, reason).toBe(true);
      const differences = JSON.parse(stdout) as Record<string, number>;
      expect(Object.keys(differences)).toHaveLength(18);
      for (const [name, difference] of Object.entries(differences)) expect(difference, name).toBeLessThan(1e-4);
    },
    CHILD_TIMEOUT,
  );

  it(
    'gives the vectors and logits of a model as the CPU does, to 1e-4',
    () => {
      const { ok, stdout, reason } = run('embed');
      expect(ok, reason).toBe(true);
      for (const difference of JSON.parse(stdout) as number[]) expect(difference).toBeLessThan(1e-4);
    },
    CHILD_TIMEOUT,
  );

  it(
    'refuses what the device has no kernel for',
    () => {
      expect(run('refuse').stdout).toMatch(/rejected the graph: .*fallback to CPU EP has been explicitly disabled/);
    },
    CHILD_TIMEOUT,
  );

  it(
    'keeps outputs on the device, adds to them in place and copies them back',
    () => {
      const { ok, stdout, reason } = run('keep');
      expect(ok, reason).toBe(true);
      expect(JSON.parse(stdout)).toEqual({
        value: [5, 8],
        errors: [
          'a device tensor of shape [2] is read before it was written',
          'output sum stays on the device and needs a DeviceTensor',
          'output norm comes to the host and cannot be put into a DeviceTensor',
          'a device tensor of shape [2] is read before it was written',
        ],
      });
    },
    CHILD_TIMEOUT,
  );
});

describe('a machine without a graphics driver', () => {
  it(
    'is told what WebGPU needs',
    () => {
      // A driver list without drivers hides those that the machine has.
      const { stdout } = runChild('runtime/webgpu-child.ts', ['missing'], { VK_DRIVER_FILES: '/nonexistent.json' });
      expect(stdout).toMatch(/^runtime_unavailable no WebGPU device was found\. On Linux it needs the Vulkan loader/);
    },
    CHILD_TIMEOUT,
  );
});

describe('a device that this system does not have', () => {
  const absent = { linux: ['coreml', 'dml'], darwin: ['cuda', 'dml'], win32: ['cuda', 'coreml'] } as const;
  it.each(absent[process.platform as keyof typeof absent] ?? [])('%s is said to be absent', async (device) => {
    await expect(loadModel(undefined, { device })).rejects.toMatchObject({
      code: 'runtime_unavailable',
      message: expect.stringMatching(/^no (CoreML|DirectML|CUDA) device was found\. It (is part of|needs)/),
    });
  });

  it('is not asked for int8', async () => {
    using model = await loadModel();
    const { int8 } = await quantizeModel(model);
    await expect(loadModel(undefined, { device: 'webgpu', int8 })).rejects.toMatchObject({ code: 'unsupported' });
  });
});
