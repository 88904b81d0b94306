import { Graph } from '../graph/graph.ts';
import { rawUnary } from '../graph/operators/elementwise.ts';
import { compile, type CompiledGraph, type CompileOptions } from './compile.ts';
import type { DeviceTensor, HostTensor } from './tensor.ts';

/**
 * Copies tensors between host and device. ONNX Runtime's own download of a device tensor ends the process in Node
 * (1.30), so both directions are runs of a graph that copies its input; there is one graph for every direction and
 * number of axes.
 */
export class DeviceTransfer implements Disposable {
  private readonly options: CompileOptions;
  private readonly compiled = new Map<string, Promise<CompiledGraph>>();

  /** `options` name the device. */
  constructor(options: CompileOptions) {
    this.options = options;
  }

  /** Puts a copy of host values into a device tensor of the same type and shape. */
  async upload(from: HostTensor, into: DeviceTensor): Promise<void> {
    await (await this.graph('upload', from.shape.length)).run({ x: from }, { into: { y: into } });
  }

  /** Copies a device tensor's values into a host tensor of the same type and shape. */
  async download(from: DeviceTensor, into: HostTensor): Promise<void> {
    await (await this.graph('download', from.shape.length)).run({ x: from }, { into: { y: into } });
  }

  [Symbol.dispose](): void {
    for (const graph of this.compiled.values())
      void graph.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
    this.compiled.clear();
  }

  private graph(direction: 'upload' | 'download', rank: number): Promise<CompiledGraph> {
    const key = `${direction} ${rank}`;
    let graph = this.compiled.get(key);
    if (!graph) {
      const x = new Graph('webgpu').input(
        'x',
        Array.from({ length: rank }, (_, axis) => `axis${axis}`),
      );
      graph = compile(
        { outputs: { y: rawUnary('Identity', x) } },
        { ...this.options, ...(direction === 'upload' && { deviceOutputs: ['y'] }) },
      );
      this.compiled.set(key, graph);
    }
    return graph;
  }
}
