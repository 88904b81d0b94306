/**
 * Where graphs run: the processor, or a graphics processor through one of ONNX Runtime's providers. `onnxruntime-node`
 * brings WebGPU with it on every system, CoreML on macOS and DirectML (`dml`) on Windows; CUDA on Linux needs its own
 * libraries and those of the runtime's CUDA download.
 */
export type Device = (typeof DEVICES)[number];
/** Values of {@link Device}; the first is the default everywhere. */
export const DEVICES = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const;

/** Values of {@link TrainingDevice}. */
export const TRAINING_DEVICES = ['cpu', 'webgpu'] as const;
/** Where networks are trained. */
export type TrainingDevice = (typeof TRAINING_DEVICES)[number];

/** A {@link Device} that is not the processor. */
export type Accelerator = Exclude<Device, 'cpu'>;
/** As people call them. */
export const DEVICE_NAMES: Record<Accelerator, string> = {
  webgpu: 'WebGPU',
  cuda: 'CUDA',
  coreml: 'CoreML',
  dml: 'DirectML',
};
/** What they need. */
export const DEVICE_NEEDS: Record<Accelerator, string> = {
  webgpu:
    'On Linux it needs the Vulkan loader (Debian: libvulkan1) and the driver of a graphics processor, also without a display: vulkaninfo --summary must list it.',
  cuda: 'It needs Linux on x64, CUDA 12 with cuDNN 9, and the provider that npm install onnxruntime-node downloads where ONNXRUNTIME_NODE_INSTALL=cuda12 is set.',
  coreml: 'It is part of macOS.',
  dml: 'It is part of Windows.',
};
