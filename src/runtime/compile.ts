import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { concatenate } from '../core/protobuf.ts';
import { evaluateDim, formatShape, type Dim } from '../graph/dims.ts';
import { Graph, type ShapeInput, type Tensor } from '../graph/graph.ts';
import { writeOnnx, type OnnxSource } from '../graph/onnx/model.ts';
import { createSession } from './create-session.ts';
import { TRAINING_DEVICES, type Device, type TrainingDevice } from './devices.ts';
import { loadOrt, setWasmThreads, type Engine, type Ort, type OrtTensor } from './ort.ts';
import type { RunnableSession, SessionHost } from './sessions.ts';
import { DeviceTensor, HostTensor, int64, zeros, type RunTensor } from './tensor.ts';
import { defaultThreads } from './threads.ts';
import { STOP_OUTPUT, stopMessage, stopPrefix } from './uncopied.ts';

/** Options of {@link compile}. */
export interface CompileOptions {
  /**
   * Threads inside one operator. Default: see {@link defaultThreads}. On WebAssembly the first graph decides for all.
   */
  threads?: number;
  /** Where the graph runs. Default `cpu`. */
  device?: Device;
  /**
   * Lets the CPU run nodes for which the device has no kernel. Default true; with false, compiling throws
   * `runtime_failed` if there is one.
   */
  cpuFallback?: boolean;
  /**
   * Outputs that stay in the device's memory: every run must name a {@link DeviceTensor} in `into` for each. Default:
   * none.
   */
  deviceOutputs?: readonly string[];
  /** ONNX Runtime's graph optimisation level. Default `all`. */
  optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /**
   * Keeps freed blocks for the next run. Faster, but memory never shrinks and depends on the largest shape seen.
   * Default true.
   */
  arena?: boolean;
  /**
   * Lets the threads of a run that have nothing to do between two operators wait awake for 20 microseconds before they
   * sleep: a sixth faster for single texts. Between runs they sleep. Default true.
   */
  spinning?: boolean;
  /**
   * Packs constant weights for the matrix kernels when the session is created: faster runs, one more copy. Default
   * true.
   */
  prepack?: boolean;
  /** Makes and runs sessions elsewhere: see `openSessionThread`. Default: the thread that asks, which waits. */
  sessions?: SessionHost | undefined;
}

/** Options of {@link CompiledGraph.run}. */
export interface RunOptions {
  /** Tensors that receive outputs by name; the other outputs are freshly allocated. */
  into?: Readonly<Record<string, RunTensor>> | undefined;
  /** Sizes of named dimensions that no input has on its own, such as `batch` when inputs only have `batch*sequence`. */
  sizes?: Readonly<Record<string, number>>;
}

/** What {@link compile} hands to a {@link CompiledGraph}. */
interface CompiledParts {
  ort: Ort;
  engine: Engine;
  session: RunnableSession;
  writesInto: boolean;
  inputs: readonly Tensor[];
  outputs: Readonly<Record<string, Tensor>>;
  shapeInputs: readonly ShapeInput[];
  deviceOutputs: ReadonlySet<string>;
  stopMessage: string | undefined;
}

/** A graph that ONNX Runtime has compiled. Runs may overlap; dispose it to give its memory back. */
export class CompiledGraph implements Disposable {
  /** The inputs that a run must be given. */
  readonly inputs: readonly Tensor[];
  /** Names that a run may ask for. */
  readonly outputNames: readonly string[];
  /** What computes: native or WebAssembly. */
  readonly engine: Engine;
  private readonly ort: Ort;
  private readonly session: RunnableSession;
  /** Whether runs write to the tensors that they are given. */
  private readonly writesInto: boolean;
  private readonly outputs: Readonly<Record<string, Tensor>>;
  private readonly shapeInputs: readonly ShapeInput[];
  private readonly deviceOutputs: ReadonlySet<string>;
  /** What ends a run that copies no results, see {@link stopMessage}; undefined when they are copied. */
  private readonly stopMessage: string | undefined;
  private disposed = false;
  private activeRuns = 0;

  /** @internal */
  constructor(parts: CompiledParts) {
    this.ort = parts.ort;
    this.engine = parts.engine;
    this.session = parts.session;
    this.writesInto = parts.writesInto;
    this.outputs = parts.outputs;
    this.outputNames = Object.keys(parts.outputs);
    const derived = new Set(parts.shapeInputs.map(({ tensor }) => tensor));
    this.inputs = parts.inputs.filter((input) => !derived.has(input));
    this.shapeInputs = parts.shapeInputs;
    this.deviceOutputs = parts.deviceOutputs;
    this.stopMessage = parts.stopMessage;
  }

  /**
   * Runs the graph. `feeds` needs a tensor for every name in `inputs` (others are ignored). Returns the outputs in host
   * memory. Throws `shape_mismatch` naming the input or output, `invalid_argument` for an unknown output,
   * `runtime_failed` for errors of ONNX Runtime, `disposed` after disposal.
   */
  async run(feeds: Readonly<Record<string, RunTensor>>, options: RunOptions = {}): Promise<Record<string, HostTensor>> {
    if (this.disposed) throw new AlbertineError('disposed', 'this compiled graph has been disposed');
    const { into = {} } = options;
    const bindings = new Map<string, number>(Object.entries(options.sizes ?? {}));
    const native = this.nativeFeeds(feeds, bindings);
    this.checkInto(into, bindings);
    const uncopied = this.stopMessage !== undefined && byteLength(into) >= UNCOPIED_MINIMUM_BYTES;
    const targets = uncopied ? this.places(into, bindings) : into;
    const fetches: Record<string, OrtTensor | null> = {};
    for (const name of this.outputNames) {
      const target = targets[name];
      fetches[name] = this.writesInto && target instanceof HostTensor ? target.toNative(this.ort) : null;
    }
    const stops = uncopied && Object.values(fetches).every((fetch) => fetch !== null);
    const results = await this.runSession(native, stops ? { [STOP_OUTPUT]: null, ...fetches } : fetches);
    const outputs: Record<string, HostTensor> = {};
    for (const name of this.outputNames) {
      const target = targets[name];
      if (target instanceof DeviceTensor) {
        target.replace(results[name]);
        continue;
      }
      if (target && !this.writesInto) target.copyFrom(HostTensor.fromNative(results[name]));
      outputs[name] = target ?? HostTensor.fromNative(results[name]);
    }
    return outputs;
  }

  /** Frees the session, after the runs that are under way have finished. */
  [Symbol.dispose](): void {
    if (this.disposed) return;
    this.disposed = true;
    if (this.activeRuns === 0) void this.session.release();
  }

  private async runSession(
    native: Record<string, OrtTensor>,
    fetches: Record<string, OrtTensor | null>,
  ): Promise<Readonly<Record<string, OrtTensor>>> {
    this.activeRuns++;
    try {
      return await this.session.run(native, fetches);
    } catch (cause) {
      if (STOP_OUTPUT in fetches && cause instanceof Error && cause.message === this.stopMessage) return {};
      if (cause instanceof AlbertineError) throw cause;
      throw new AlbertineError(
        'runtime_failed',
        `ONNX Runtime failed: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
        { cause },
      );
    } finally {
      this.activeRuns--;
      if (this.disposed && this.activeRuns === 0) void this.session.release();
    }
  }

  /** Where outputs go: `into`, and new tensors for the others as far as their size is known beforehand. */
  private places(
    into: Readonly<Record<string, RunTensor>>,
    bindings: ReadonlyMap<string, number>,
  ): Readonly<Record<string, RunTensor>> {
    const places = { ...into };
    for (const [name, { dtype, shape }] of Object.entries(this.outputs)) {
      if (places[name] || this.deviceOutputs.has(name)) continue;
      const sizes = shape.map((dim) => sizeIfBound(dim, bindings));
      // A tensor without values has no memory to be written to.
      if (sizes.every((size) => size !== undefined && size > 0)) places[name] = zeros(dtype, sizes as number[]);
    }
    return places;
  }

  private nativeFeeds(
    feeds: Readonly<Record<string, RunTensor>>,
    bindings: Map<string, number>,
  ): Record<string, OrtTensor> {
    const native: Record<string, OrtTensor> = {};
    for (const input of this.inputs) {
      const tensor = feeds[input.name];
      if (!tensor)
        throw new AlbertineError('shape_mismatch', `input ${input.name} is missing`, { value: Object.keys(feeds) });
      bindNames(input, tensor, bindings);
      native[input.name] = tensor.toNative(this.ort);
    }
    // Products such as batch*sequence can be checked only now that all names are bound.
    for (const input of this.inputs) checkShape(`input ${input.name}`, input, { tensor: feeds[input.name], bindings });
    for (const { tensor, dims } of this.shapeInputs) {
      native[tensor.name] = int64(
        [dims.length],
        dims.map((dim) => this.sizeOf(dim, bindings)),
      ).toNative(this.ort);
    }
    return native;
  }

  private sizeOf(dim: Dim, bindings: ReadonlyMap<string, number>): number {
    const size = sizeIfBound(dim, bindings);
    if (size === undefined)
      throw new AlbertineError('shape_mismatch', `the size of dimension ${dim} is unknown`, {
        value: dim,
        hint: 'Pass it in sizes.',
      });
    return size;
  }

  private checkInto(into: Readonly<Record<string, RunTensor>>, bindings: ReadonlyMap<string, number>): void {
    for (const [name, tensor] of Object.entries(into)) {
      if (!Object.hasOwn(this.outputs, name))
        throw new AlbertineError(
          'invalid_argument',
          `there is no output ${name}, only ${this.outputNames.join(', ')}`,
          { value: name },
        );
      checkShape(`output ${name}`, this.outputs[name], { tensor, bindings });
    }
    const misplaced = this.outputNames.find(
      (name) => this.deviceOutputs.has(name) !== into[name] instanceof DeviceTensor,
    );
    if (misplaced !== undefined) {
      const expected = this.deviceOutputs.has(misplaced)
        ? 'stays on the device and needs a DeviceTensor'
        : 'comes to the host and cannot be put into a DeviceTensor';
      throw new AlbertineError('invalid_argument', `output ${misplaced} ${expected}`, { value: misplaced });
    }
  }
}

/** From here on the copy that {@link STOP_OUTPUT} saves costs more than its error. */
const UNCOPIED_MINIMUM_BYTES = 65_536;

/** Bytes of those tensors that lie in host memory. */
function byteLength(tensors: Readonly<Record<string, RunTensor>>): number {
  return Object.values(tensors).reduce(
    (total, tensor) => total + (tensor instanceof HostTensor ? tensor.data.byteLength : 0),
    0,
  );
}

/** Checks type and rank, and records the sizes of single named dimensions. */
function bindNames(input: Tensor, tensor: RunTensor, bindings: Map<string, number>): void {
  if (tensor.dtype !== input.dtype || tensor.shape.length !== input.shape.length)
    throw mismatch(`input ${input.name}`, input, { tensor, bindings });
  input.shape.forEach((dim, axis) => {
    if (typeof dim === 'string' && !dim.includes('*') && !bindings.has(dim)) bindings.set(dim, tensor.shape[axis]);
  });
}

/** Throws `shape_mismatch` unless a tensor has the declared type and every size that is known. */
function checkShape(
  subject: string,
  declared: Tensor,
  given: { tensor: RunTensor; bindings: ReadonlyMap<string, number> },
): void {
  const { tensor, bindings } = given;
  const fits =
    tensor.dtype === declared.dtype &&
    tensor.shape.length === declared.shape.length &&
    declared.shape.every((dim, axis) => (sizeIfBound(dim, bindings) ?? tensor.shape[axis]) === tensor.shape[axis]);
  if (!fits) throw mismatch(subject, declared, given);
}

function mismatch(
  subject: string,
  declared: Tensor,
  given: { tensor: RunTensor; bindings: ReadonlyMap<string, number> },
): AlbertineError {
  const { tensor, bindings } = given;
  const known = [...new Set(declared.shape.flatMap((dim) => (typeof dim === 'string' ? [dim] : [])))].flatMap((dim) => {
    const size = sizeIfBound(dim, bindings);
    return size === undefined ? [] : [`${dim} is ${size}`];
  });
  const where = known.length > 0 ? ` where ${known.join(' and ')}` : '';
  const message = `${subject} must be ${declared.dtype} ${formatShape(declared.shape)}${where}, got ${tensor.dtype} ${formatShape(tensor.shape)}`;
  return new AlbertineError('shape_mismatch', message, { value: tensor.shape });
}

/** The size of a dimension, or undefined while one of its names has no value. */
function sizeIfBound(dim: Dim, bindings: ReadonlyMap<string, number>): number | undefined {
  const isBound =
    typeof dim === 'number' || dim.split('*').every((part) => bindings.has(part) || !Number.isNaN(Number(part)));
  return isBound ? evaluateDim(dim, bindings) : undefined;
}

/**
 * Compiles what `outputs` need. All tensors must belong to one graph; `nodes` and `inputs` restrict it to a part,
 * see {@link OnnxSource}.
 */
export async function compile(source: OnnxSource, options: CompileOptions = {}): Promise<CompiledGraph> {
  const graph: Graph = Object.values(source.outputs)[0].graph;
  const { ort, engine } = await loadOrt();
  const model = writeOnnx(graph, source);
  const { device = 'cpu' } = options;
  if (engine === 'wasm' && device !== 'cpu')
    throw new AlbertineError('runtime_unavailable', `the device ${device} needs the native engine`, {
      value: engine,
      hint: 'Install onnxruntime-node, and do not set ALBERTINE_ENGINE=wasm.',
    });
  if (engine === 'wasm') setWasmThreads(ort, options.threads ?? defaultThreads());
  if (options.sessions && options.deviceOutputs)
    throw new AlbertineError(
      'invalid_argument',
      'outputs that stay on a device cannot cross threads: leave out sessions',
      {
        value: options.deviceOutputs,
        option: 'sessions',
      },
    );
  // The WebAssembly engine does not write to tensors that it is given (it leaves them as they are), and another thread
  // cannot: results are copied.
  const writesInto = engine === 'native' && !options.sessions;
  const stop = writesInto && device === 'cpu' ? await stopMessage(ort) : undefined;
  const bytes = concatenate([...(stop === undefined ? [] : stopPrefix()), ...model.chunks]);
  const session = await createSession(ort, bytes, { ...options, weightFolder: weightFolder(graph) });
  const needed = new Set(model.inputs);
  const shapeInputs = graph.shapeInputs.filter(({ tensor }) => needed.has(tensor));
  return new CompiledGraph({
    ort,
    engine,
    session,
    writesInto,
    inputs: model.inputs,
    outputs: { ...source.outputs },
    shapeInputs,
    deviceOutputs: new Set(options.deviceOutputs),
    stopMessage: stop,
  });
}

/** Throws as {@link probeDevice} does, and for a device that networks are not trained on. */
export async function requireDevice(device: TrainingDevice): Promise<void> {
  await probeDevice(requireOneOf('device', device, TRAINING_DEVICES));
}

/** Compiles a graph of one node for `device`: throws `runtime_unavailable` before anything costly has begun. */
export async function probeDevice(device: Device): Promise<void> {
  if (device === 'cpu') return;
  const x = new Graph('webgpu').input('x', ['n']);
  (await compile({ outputs: { y: x.graph.apply('Neg', [x], x.shape) } }, { device }))[Symbol.dispose]();
}

/** The folder of the files that hold constants of a graph; the runtime resolves all of them against one folder. */
function weightFolder(graph: Graph): string | undefined {
  const folders = new Set(
    [...graph.constants.values()].flatMap(({ file }) => (file ? [file.path.slice(0, file.path.lastIndexOf('/'))] : [])),
  );
  if (folders.size > 1)
    throw new AlbertineError('unsupported', 'weights of one graph must lie in one folder', { value: [...folders] });
  return [...folders][0];
}
