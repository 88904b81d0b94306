import { AlbertineError } from '../core/errors.ts';
import { evaluateDim, formatShape } from '../graph/dims.ts';
import type { Graph, ShapeInput, Tensor } from '../graph/graph.ts';
import { writeOnnx, type OnnxSource } from '../graph/onnx/model.ts';
import { loadOrt, type Engine, type Ort, type OrtSession, type OrtTensor } from './ort.ts';
import { HostTensor, int64 } from './tensor.ts';
import { defaultThreads } from './threads.ts';

/** Options of {@link compile}. */
export interface CompileOptions {
  /** Threads inside one operator. Default: see {@link defaultThreads}. */
  threads?: number;
  /** Where the graph runs. Default `cpu`. */
  device?: 'cpu' | 'webgpu';
  /** ONNX Runtime's graph optimisation level. Default `all`. */
  optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /**
   * Keeps freed blocks for the next run. Faster, but memory never shrinks and depends on the largest shape seen.
   * Default true.
   */
  arena?: boolean;
  /** Lets idle worker threads spin instead of sleeping: lower latency alone, ruinous with several sessions. Default false. */
  spinning?: boolean;
  /** Packs constant weights for the matrix kernels when the session is created: faster runs, one more copy. Default true. */
  prepack?: boolean;
}

/** Options of {@link CompiledGraph.run}. */
export interface RunOptions {
  /** Tensors that receive outputs by name; the other outputs are freshly allocated. */
  into?: Readonly<Record<string, HostTensor>>;
  /** Sizes of named dimensions that no input has on its own, such as `batch` when inputs only have `batch*sequence`. */
  sizes?: Readonly<Record<string, number>>;
}

/** A graph that ONNX Runtime has compiled. Runs may overlap; dispose it to give its memory back. */
export class CompiledGraph implements Disposable {
  readonly inputs: readonly Tensor[];
  readonly outputNames: readonly string[];
  readonly engine: Engine;
  private readonly ort: Ort;
  private session: OrtSession | undefined;
  private readonly shapeInputs: readonly ShapeInput[];

  /** @internal */
  constructor(parts: { ort: Ort; engine: Engine; session: OrtSession; inputs: readonly Tensor[]; outputNames: readonly string[]; shapeInputs: readonly ShapeInput[] }) {
    this.ort = parts.ort;
    this.engine = parts.engine;
    this.session = parts.session;
    this.outputNames = parts.outputNames;
    const derived = new Set(parts.shapeInputs.map(({ tensor }) => tensor));
    this.inputs = parts.inputs.filter((input) => !derived.has(input));
    this.shapeInputs = parts.shapeInputs;
  }

  /**
   * Runs the graph. `feeds` needs a tensor for every name in `inputs` (others are ignored).
   * Throws `shape_mismatch` naming the input, `runtime_failed` for errors of ONNX Runtime, `disposed` after disposal.
   */
  async run(feeds: Readonly<Record<string, HostTensor>>, options: RunOptions = {}): Promise<Record<string, HostTensor>> {
    if (!this.session) throw new AlbertineError('disposed', 'this compiled graph has been disposed');
    const { into = {} } = options;
    const native = this.nativeFeeds(feeds, options.sizes);
    const fetches: Record<string, OrtTensor | null> = {};
    for (const name of this.outputNames) fetches[name] = into[name]?.toNative(this.ort) ?? null;
    let results: Record<string, OrtTensor>;
    try {
      results = (await this.session.run(native, fetches)) as Record<string, OrtTensor>;
    } catch (cause) {
      throw new AlbertineError('runtime_failed', `ONNX Runtime failed: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`, { cause });
    }
    const outputs: Record<string, HostTensor> = {};
    for (const name of this.outputNames) outputs[name] = into[name] ?? HostTensor.fromNative(results[name]);
    return outputs;
  }

  [Symbol.dispose](): void {
    const session = this.session;
    this.session = undefined;
    void session?.release();
  }

  private nativeFeeds(feeds: Readonly<Record<string, HostTensor>>, sizes: Readonly<Record<string, number>> = {}): Record<string, OrtTensor> {
    const bindings = new Map<string, number>(Object.entries(sizes));
    const native: Record<string, OrtTensor> = {};
    for (const input of this.inputs) {
      const tensor = feeds[input.name];
      if (!tensor) throw new AlbertineError('shape_mismatch', `input ${input.name} is missing`, { value: Object.keys(feeds) });
      bindDims(input, tensor, bindings);
      native[input.name] = tensor.toNative(this.ort);
    }
    for (const { tensor, dims } of this.shapeInputs) {
      native[tensor.name] = int64([dims.length], dims.map((dim) => evaluateDim(dim, bindings))).toNative(this.ort);
    }
    return native;
  }
}

/** Checks a tensor against its declaration and records the sizes of single named dimensions. */
function bindDims(input: Tensor, tensor: HostTensor, bindings: Map<string, number>): void {
  const mismatch = (): never => {
    throw new AlbertineError('shape_mismatch', `input ${input.name} must be ${input.dtype} ${formatShape(input.shape)}, got ${tensor.dtype} ${formatShape(tensor.shape)}`, { value: tensor.shape });
  };
  if (tensor.dtype !== input.dtype || tensor.shape.length !== input.shape.length) mismatch();
  input.shape.forEach((dim, axis) => {
    const size = tensor.shape[axis];
    if (typeof dim === 'number') {
      if (dim !== size) mismatch();
    } else if (!dim.includes('*')) {
      if ((bindings.get(dim) ?? size) !== size) mismatch();
      bindings.set(dim, size);
    }
  });
}

/**
 * Compiles what `outputs` need. All tensors must belong to one graph; `nodes` and `inputs` restrict it to a part,
 * see {@link OnnxSource}.
 */
export async function compile(source: OnnxSource, options: CompileOptions = {}): Promise<CompiledGraph> {
  const graph: Graph = Object.values(source.outputs)[0].graph;
  const { ort, engine } = await loadOrt();
  const model = writeOnnx(graph, source);
  const bytes = concatenate(model.chunks, model.byteLength);
  const session = await createSession(ort, bytes, options);
  const needed = new Set(model.inputs);
  const shapeInputs = graph.shapeInputs.filter(({ tensor }) => needed.has(tensor));
  return new CompiledGraph({ ort, engine, session, inputs: model.inputs, outputNames: Object.keys(source.outputs), shapeInputs });
}

async function createSession(ort: Ort, bytes: Uint8Array, options: CompileOptions): Promise<OrtSession> {
  const { threads = defaultThreads(), device = 'cpu', optimization = 'all', arena = true, spinning = false, prepack = true } = options;
  try {
    return await ort.InferenceSession.create(bytes, {
      executionProviders: device === 'webgpu' ? ['webgpu'] : ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: optimization,
      // A memory pattern is planned and kept for every distinct shape; real texts have thousands.
      enableMemPattern: false,
      enableCpuMemArena: arena,
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: spinning ? '1' : '0' }, disable_prepacking: prepack ? '0' : '1' } },
    });
  } catch (cause) {
    throw new AlbertineError('runtime_failed', `ONNX Runtime rejected the graph: ${cause instanceof Error ? cause.message.slice(0, 500) : String(cause)}`, { cause });
  }
}

function concatenate(chunks: readonly Uint8Array[], byteLength: number): Uint8Array {
  const all = new Uint8Array(byteLength);
  let position = 0;
  for (const chunk of chunks) {
    all.set(chunk, position);
    position += chunk.byteLength;
  }
  return all;
}
