import type { Target } from '../graph/graph.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { float32, type RunTensor } from '../runtime/tensor.ts';
import type { Arena } from './arena.ts';
import { BufferPool, type Buffers } from './buffers.ts';
import { HostEmbeddings, type Embeddings } from './embeddings.ts';
import { globalNorm, type Optimizer } from './optimizers/optimizer.ts';
import type { UpdateStep } from './optimizers/update-graph.ts';

/**
 * Where the parameters, gradients, moments and activations of a network live while it is trained, and where its graphs
 * run.
 */
export interface TrainingDevice extends Disposable {
  readonly name: 'cpu' | 'webgpu';
  /** What graphs are built for. */
  readonly target: Target;
  /** Buffers of activations and of their gradients. */
  readonly buffers: Buffers;
  /** Buffers of what is made on the host in a step, such as dropout masks. */
  readonly hostBuffers: BufferPool;
  readonly embeddings: Embeddings;
  /** The values of a parameter, or its running gradient, for any graph to read and write. */
  parameter(spec: ParameterSpec, kind: 'values' | 'gradients'): RunTensor;
  /** Makes the arena's values and moments those of the device; needed whenever the arena was loaded. */
  upload(): Promise<void>;
  /**
   * Makes the device's values and moments those of the arena, or the values alone; needed before they are read there.
   */
  download(what?: 'all' | 'values'): Promise<void>;
  zeroGradients(): Promise<void>;
  /** 2-norm of all gradients; not finite if one of them is not. */
  gradientNorm(): Promise<number>;
  /** Applies one update of `optimizer`, whose constants count. The gradients are consumed. */
  update(optimizer: Optimizer, step: UpdateStep): Promise<void>;
}

/** The processor: everything is in the arena itself, so nothing is copied. */
export class HostDevice implements TrainingDevice {
  readonly name = 'cpu';
  readonly target = 'cpu';
  readonly buffers = new BufferPool();
  readonly hostBuffers = this.buffers;
  readonly embeddings: Embeddings;
  private readonly arena: Arena;

  constructor(config: AlbertConfig, arena: Arena) {
    this.arena = arena;
    this.embeddings = new HostEmbeddings(config, arena, this.buffers);
  }

  parameter({ name, shape }: ParameterSpec, kind: 'values' | 'gradients'): RunTensor {
    return float32(shape, this.arena.view(name, kind));
  }

  async upload(): Promise<void> {}

  async download(): Promise<void> {}

  async zeroGradients(): Promise<void> {
    this.arena.zeroGradients();
  }

  async gradientNorm(): Promise<number> {
    return globalNorm(this.arena);
  }

  async update(optimizer: Optimizer, { stepNumber, learningRate, gradientScale }: UpdateStep): Promise<void> {
    optimizer.step(stepNumber, learningRate, gradientScale);
  }

  [Symbol.dispose](): void {}
}
