import { Graph, type Tensor } from '../graph/graph.ts';
import { rawAdd } from '../graph/operators/elementwise.ts';
import { rawExpand } from '../graph/operators/reduce.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import { DeviceTransfer } from '../runtime/device-transfer.ts';
import { DeviceTensor, float32 } from '../runtime/tensor.ts';
import { ARENA_KINDS, type Arena, type ArenaKind } from './arena.ts';
import { BufferPool, DeviceBuffers } from './buffers.ts';
import type { TrainingDevice } from './device.ts';
import { DeviceEmbeddings } from './device-embeddings.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import {
  UpdateGraphs,
  sumOfSquares,
  updateRule,
  type ParameterState,
  type UpdateStep,
} from './optimizers/update-graph.ts';

/**
 * A graphics processor through ONNX Runtime's WebGPU provider. Parameters, gradients, moments and activations stay in
 * its memory; the arena on the host is a copy of the parameters and moments, as new as the last
 * {@link WebGpuDevice.download}.
 *
 * What travels in a step: to the device, token and position ids, masks, labels and a few numbers for every parameter;
 * from it, the head's results and one gradient norm.
 */
export class WebGpuDevice implements TrainingDevice {
  readonly name = 'webgpu';
  readonly target = 'webgpu';
  readonly buffers = new DeviceBuffers();
  readonly hostBuffers = new BufferPool();
  readonly embeddings: DeviceEmbeddings;
  private readonly arena: Arena;
  private readonly options: CompileOptions;
  private readonly transfer: DeviceTransfer;
  private readonly tensors = new Map<ArenaKind, Map<string, DeviceTensor>>();
  private zeroing: Promise<CompiledGraph> | undefined;
  private norm: Promise<CompiledGraph> | undefined;
  private updates: { optimizer: Optimizer; graphs: UpdateGraphs } | undefined;

  /**
   * The weights must have been loaded into `arena` before {@link WebGpuDevice.upload}, which comes before everything
   * else.
   */
  constructor(config: AlbertConfig, arena: Arena, options: CompileOptions) {
    this.arena = arena;
    this.options = { ...options, device: 'webgpu' };
    this.transfer = new DeviceTransfer(this.options);
    for (const kind of ARENA_KINDS) {
      const specs = arena.kinds.includes(kind) ? [...arena.slots, ...(kind === 'values' ? arena.frozen : [])] : [];
      this.tensors.set(kind, new Map(specs.map(({ name, shape }) => [name, new DeviceTensor('float32', shape)])));
    }
    this.embeddings = new DeviceEmbeddings(config, arena, {
      parameter: (spec, kind) => this.parameter(spec, kind),
      buffers: this.buffers,
      options: this.options,
    });
  }

  parameter({ name }: ParameterSpec, kind: ArenaKind): DeviceTensor {
    return this.tensors.get(kind)!.get(name)!;
  }

  async upload(): Promise<void> {
    for (const kind of ['values', 'firstMoment', 'secondMoment'] as const) {
      for (const [name, tensor] of this.tensors.get(kind)!)
        await this.transfer.upload(float32(tensor.shape, this.arena.view(name, kind)), tensor);
    }
    await this.zeroGradients();
  }

  async download(what: 'all' | 'values' = 'all'): Promise<void> {
    const kinds = what === 'all' ? (['values', 'firstMoment', 'secondMoment'] as const) : (['values'] as const);
    for (const kind of kinds) await this.downloadKind(kind);
  }

  /** Makes the device's gradients those of the arena; for checks. */
  async downloadGradients(): Promise<void> {
    await this.downloadKind('gradients');
  }

  async zeroGradients(): Promise<void> {
    this.zeroing ??= this.compileZeros();
    await (await this.zeroing).run({}, { into: this.gradients() });
  }

  async gradientNorm(): Promise<number> {
    this.norm ??= compile({ outputs: { squares: this.buildSquares() } }, this.options);
    const { squares } = await (await this.norm).run(this.gradients());
    return Math.sqrt((squares.data as Float32Array)[0]);
  }

  async update(optimizer: Optimizer, step: UpdateStep): Promise<void> {
    if (this.updates?.optimizer !== optimizer) {
      this.updates?.graphs[Symbol.dispose]();
      this.updates = { optimizer, graphs: new UpdateGraphs(updateRule(optimizer), 'webgpu', this.options) };
    }
    for (const slot of this.arena.slots) {
      const state = Object.fromEntries(this.arena.kinds.map((kind) => [kind, this.parameter(slot, kind)]));
      await this.updates.graphs.apply(slot, state as ParameterState, step);
    }
  }

  /** Frees the memory first: buffers must not outlive the last graph of the device. */
  [Symbol.dispose](): void {
    this.buffers[Symbol.dispose]();
    for (const tensors of this.tensors.values()) for (const tensor of tensors.values()) tensor[Symbol.dispose]();
    this.embeddings[Symbol.dispose]();
    this.transfer[Symbol.dispose]();
    this.updates?.graphs[Symbol.dispose]();
    for (const graph of [this.zeroing, this.norm])
      void graph?.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
  }

  private gradients(): Record<string, DeviceTensor> {
    return Object.fromEntries(this.tensors.get('gradients')!);
  }

  private async downloadKind(kind: ArenaKind): Promise<void> {
    for (const { name, shape } of this.arena.kinds.includes(kind) ? this.arena.slots : []) {
      await this.transfer.download(this.parameter({ name, shape }, kind), float32(shape, this.arena.view(name, kind)));
    }
  }

  /** Not optimised: folding would store all the zeros in the graph. */
  private compileZeros(): Promise<CompiledGraph> {
    const graph = new Graph('webgpu');
    const outputs = Object.fromEntries(
      this.arena.slots.map(({ name, shape }) => [
        name,
        rawExpand(
          graph.real(
            0,
            shape.map(() => 1),
          ),
          shape,
        ),
      ]),
    );
    return compile({ outputs }, { ...this.options, optimization: 'disabled', deviceOutputs: Object.keys(outputs) });
  }

  private buildSquares(): Tensor {
    const graph = new Graph('webgpu');
    return this.arena.slots.map(({ name, shape }) => sumOfSquares(graph.input(name, shape))).reduce(rawAdd);
  }
}
