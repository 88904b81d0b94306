/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Graphs of `albertine/graph` on ONNX Runtime: compiling, running, tensors, threads.
 *
 * @packageDocumentation
 */
export { compile, CompiledGraph, requireDevice, type CompileOptions, type RunOptions } from './compile.ts';
export { DEVICES, type Device, type TrainingDevice } from './devices.ts';
export { loadOrt, setWasmFile, type Engine, type LoadedOrt } from './ort.ts';
export { DeviceTensor, float32, HostTensor, int64, zeros, type RunTensor } from './tensor.ts';
export { defaultThreads } from './threads.ts';
