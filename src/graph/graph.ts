import { AlbertineError } from '../core/errors.ts';
import { formatShape, type Dim, type Shape } from './dims.ts';

/** Element types a graph can hold. */
export type DataType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/**
 * What the graph is compiled for: `cpu` uses ONNX Runtime's fused operators; `onnx` and `webgpu` only those of the ONNX
 * standard; `float64` is of double precision (for checks; LayerNorm is decomposed, `gelu_erf` is not available).
 */
export type Target = 'cpu' | 'webgpu' | 'float64' | 'onnx';

/** Arrays that hold tensors' values. float16 is held as its bits in a `Uint16Array`. */
export type TypedArray =
  Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

/** A value in a graph. Immutable; created by {@link Graph} methods and by operators. */
export interface Tensor {
  /** The graph it belongs to. */
  readonly graph: Graph;
  /** Unique within the graph. */
  readonly name: string;
  /** Type of its elements. */
  readonly dtype: DataType;
  /** Its dimensions. */
  readonly shape: Shape;
  /** True when gradients flow through it: it is a differentiable input or is computed from one. */
  readonly differentiable: boolean;
}

/** An attribute of a node. Plain numbers are ONNX ints; `{ float }` marks a float. */
export type Attribute =
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly tensor: Constant }
  | { readonly graph: SubGraph };

/** One operation. Absent optional inputs are `undefined`. */
export interface GraphNode {
  /** ONNX's name of it, such as `MatMul`. */
  readonly operator: string;
  /** The operator set: ONNX's own, or ONNX Runtime's additions. */
  readonly domain: '' | 'com.microsoft';
  /** In the operator's order. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** In the operator's order. */
  readonly outputs: readonly Tensor[];
  /** By ONNX's names. */
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A value known when the graph is built. */
export interface Constant {
  /** Unique within the graph. */
  readonly name: string;
  /** Type of its elements. */
  readonly dtype: DataType;
  /** Its dimensions, all known. */
  readonly shape: readonly number[];
  /** Row-major; referenced, not copied. */
  readonly data: TypedArray;
  /** The values stand in a file, which the runtime maps instead of taking a copy; `data` is then empty. */
  readonly file?: FileRange;
}

/** Where raw little-endian values stand in a file on disk. */
export interface FileRange {
  /** Absolute path, free of symbolic links. */
  readonly path: string;
  /** First byte. */
  readonly offset: number;
  /** Number of bytes. */
  readonly byteLength: number;
}

/** A body for control-flow operators (used by the `.onnx` export's Loop). */
export interface SubGraph {
  /** Unique within the model. */
  readonly name: string;
  /** In execution order. */
  readonly nodes: readonly GraphNode[];
  /** What the operator passes in. */
  readonly inputs: readonly Tensor[];
  /** What it gets back. */
  readonly outputs: readonly Tensor[];
}

/**
 * Collects gradients during differentiation. A rule either adds a contribution, or takes over the running total:
 * `accumulate` lets a matrix product add to the total inside its own kernel instead of in a separate pass.
 */
export interface GradientSink {
  /** Adds `gradient` (shaped like `tensor`) to what has arrived for `tensor`; ignored if it is not differentiable. */
  add(tensor: Tensor, gradient: Tensor): void;
  /** Replaces the running total of `tensor` by `next(total)`; `total` is undefined when nothing has arrived. */
  accumulate(tensor: Tensor, next: (total: Tensor | undefined) => Tensor): void;
}

/** How gradients of an operator's output reach its inputs; `outputGradient` is shaped like the output. */
export type GradientRule = (outputGradient: Tensor, sink: GradientSink) => void;

interface TapeEntry {
  readonly output: Tensor;
  readonly rule: GradientRule;
}

/** Shape inputs that {@link Graph.shapeTensor} declared: the runtime fills them from the sizes it is given. */
export interface ShapeInput {
  /** The input, int64, `[dims.length]`. */
  readonly tensor: Tensor;
  /** What it holds. */
  readonly dims: Shape;
}

/** A graph under construction: inputs, constants, nodes in execution order, and the tape for differentiation. */
export class Graph {
  /** What the graph is built for; it decides which operators may be used. */
  readonly target: Target;
  /** The type of all real-valued tensors of this graph. */
  readonly floatType: 'float32' | 'float64';
  /** In execution order. */
  readonly nodes: GraphNode[] = [];
  /** In the order in which they were declared. */
  readonly inputs: Tensor[] = [];
  /** By name. */
  readonly constants = new Map<string, Constant>();
  /** Inputs that hold sizes; filled by the runtime. */
  readonly shapeInputs: ShapeInput[] = [];
  /** What {@link grad} walks back over, in execution order. */
  readonly tape: TapeEntry[] = [];
  /** Where nodes are appended: `nodes`, or the body being recorded. */
  private scope: GraphNode[] = this.nodes;
  private readonly cache = new Map<string, Tensor>();
  /** Names of all tensors; ONNX wants them unique within a model. */
  private readonly names = new Set<string>();
  private counter = 0;

  constructor(target: Target = 'cpu') {
    this.target = target;
    this.floatType = target === 'float64' ? 'float64' : 'float32';
  }

  /** True when ONNX Runtime's own (`com.microsoft`) CPU operators may be used. */
  get fused(): boolean {
    return this.target === 'cpu';
  }

  /**
   * Declares an input. `differentiable` defaults to false; integer inputs are never differentiable.
   * Throws `invalid_argument` when the name is taken.
   */
  input(name: string, shape: Shape, options: { dtype?: DataType; differentiable?: boolean } = {}): Tensor {
    const dtype = options.dtype ?? this.floatType;
    if (options.differentiable && dtype !== this.floatType) {
      throw new AlbertineError('invalid_argument', `input ${name} of type ${dtype} cannot be differentiable`, {
        value: dtype,
      });
    }
    this.claimName('input', name);
    const tensor = this.tensor(name, shape, dtype, options.differentiable ?? false);
    this.inputs.push(tensor);
    return tensor;
  }

  /**
   * Embeds values. `data` is referenced, not copied, and must not change until the graph has been compiled.
   * Throws `shape_mismatch` when it does not fill the shape, `invalid_argument` when a given name is taken.
   */
  constant(data: TypedArray, shape: readonly number[], options: { dtype?: DataType; name?: string } = {}): Tensor {
    const dtype = options.dtype ?? dataTypeOf(data);
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size)
      throw new AlbertineError(
        'shape_mismatch',
        `a constant of shape ${formatShape(shape)} needs ${size} values, got ${data.length}`,
        { value: shape },
      );
    if (options.name !== undefined) this.claimName('constant', options.name);
    const name = options.name ?? this.freshName('constant');
    this.constants.set(name, { name, dtype, shape, data });
    return this.tensor(name, shape, dtype, false);
  }

  /**
   * Embeds float32 values that stand in a file; see {@link Constant.file}. Only for graphs that are compiled, not
   * exported.
   */
  fileConstant(file: FileRange, shape: readonly number[], name: string): Tensor {
    this.constants.set(name, { name, dtype: 'float32', shape, data: new Float32Array(0), file });
    return this.tensor(name, shape, 'float32', false);
  }

  /** A real constant of shape `[]`, or filled with one value over `shape`. Equal requests share one tensor. */
  real(value: number, shape: readonly number[] = []): Tensor {
    return this.cached(`real ${value} ${shape.join()}`, () => {
      const size = shape.reduce((a, b) => a * b, 1);
      const data = this.floatType === 'float64' ? new Float64Array(size) : new Float32Array(size);
      return this.constant(data.fill(value), shape);
    });
  }

  /** An int64 vector constant. Equal requests share one tensor. */
  integers(values: readonly number[]): Tensor {
    return this.cached(`integers ${values.join()}`, () =>
      this.constant(BigInt64Array.from(values, BigInt), [values.length]),
    );
  }

  /** An int64 scalar constant. */
  integer(value: number): Tensor {
    return this.cached(`integer ${value}`, () => this.constant(BigInt64Array.of(BigInt(value)), []));
  }

  /**
   * A shape as an int64 tensor: a constant when at most one dimension is symbolic (written as -1, so only for Reshape),
   * otherwise an extra graph input that the runtime fills in (for the `onnx` target, read from the graph's inputs).
   */
  shapeTensor(shape: Shape): Tensor {
    const symbolic = shape.filter((dim) => typeof dim === 'string').length;
    if (symbolic <= 1) return this.integers(shape.map((dim) => (typeof dim === 'string' ? -1 : dim)));
    return this.runtimeShape(shape);
  }

  /** The actual sizes of `shape` as an int64 tensor, never with -1. */
  runtimeShape(shape: Shape): Tensor {
    return this.cached(`shape ${shape.join()}`, () =>
      this.target === 'onnx' ? this.outsideBodies(() => this.measuredShape(shape)) : this.declaredShape(shape),
    );
  }

  /** Appends a node and returns its outputs. Differentiability is decided by {@link differentiable}. */
  node(
    operator: string,
    inputs: readonly (Tensor | undefined)[],
    outputs: readonly { shape: Shape; dtype?: DataType }[],
    options: NodeOptions = {},
  ): Tensor[] {
    const tensors = outputs.map(({ shape, dtype }) =>
      this.tensor(this.freshName(operator), shape, dtype ?? this.floatType, false),
    );
    this.scope.push({
      operator,
      domain: options.domain ?? '',
      inputs,
      outputs: tensors,
      attributes: options.attributes ?? {},
    });
    return tensors;
  }

  /** {@link node} for the common case of one output. */
  apply(
    operator: string,
    inputs: readonly (Tensor | undefined)[],
    shape: Shape,
    options: NodeOptions & { dtype?: DataType } = {},
  ): Tensor {
    return this.node(operator, inputs, [{ shape, ...(options.dtype && { dtype: options.dtype }) }], options)[0];
  }

  /**
   * Records the nodes that `build` appends as a body for a control-flow operator, instead of appending them to this
   * graph. `build` gets the body's inputs and returns its outputs, which must be made by nodes inside; it may read
   * outer tensors.
   */
  subGraph(
    name: string,
    inputs: readonly { shape: Shape; dtype?: DataType }[],
    build: (inputs: Tensor[]) => Tensor[],
  ): SubGraph {
    const tensors = inputs.map(({ shape, dtype }) =>
      this.tensor(this.freshName(`${name}_input`), shape, dtype ?? this.floatType, false),
    );
    const nodes: GraphNode[] = [];
    return { name, nodes, inputs: tensors, outputs: this.withScope(nodes, () => build(tensors)) };
  }

  /**
   * Attaches a gradient rule to `output` if any of `inputs` is differentiable, and returns the tensor to use from then
   * on.
   */
  differentiable(output: Tensor, inputs: readonly (Tensor | undefined)[], rule: GradientRule): Tensor {
    if (!inputs.some((input) => input?.differentiable)) return output;
    (output as { differentiable: boolean }).differentiable = true;
    this.tape.push({ output, rule });
    return output;
  }

  private tensor(name: string, shape: Shape, dtype: DataType, differentiable: boolean): Tensor {
    return { graph: this, name, dtype, shape, differentiable };
  }

  private freshName(prefix: string): string {
    let name: string;
    do name = `${prefix}_${this.counter++}`;
    while (this.names.has(name));
    this.names.add(name);
    return name;
  }

  private claimName(kind: string, name: string): void {
    if (this.names.has(name))
      throw new AlbertineError('invalid_argument', `${kind} ${name}: a tensor of this name exists already`, {
        value: name,
      });
    this.names.add(name);
  }

  /** The tensor of a key, made once. */
  cached(key: string, create: () => Tensor): Tensor {
    const found = this.cache.get(key);
    if (found) return found;
    const tensor = create();
    this.cache.set(key, tensor);
    return tensor;
  }

  private withScope<T>(nodes: GraphNode[], build: () => T): T {
    const outer = this.scope;
    this.scope = nodes;
    try {
      return build();
    } finally {
      this.scope = outer;
    }
  }

  /**
   * For values that depend on the graph's inputs alone: inside a body they would be invisible to later users outside.
   */
  private outsideBodies<T>(build: () => T): T {
    return this.withScope(this.nodes, build);
  }

  private declaredShape(shape: Shape): Tensor {
    const tensor = this.input(`shape(${shape.join()})`, [shape.length], { dtype: 'int64' });
    this.shapeInputs.push({ tensor, dims: shape });
    return tensor;
  }

  private measuredShape(shape: Shape): Tensor {
    const parts = shape.map((dim) => (typeof dim === 'number' ? this.integers([dim]) : this.measuredDim(dim)));
    return this.apply('Concat', parts, [shape.length], { dtype: 'int64', attributes: { axis: 0 } });
  }

  /** The size of a dimension as an int64 tensor of shape `[1]`, read from the graph's inputs. */
  private measuredDim(dim: string): Tensor {
    return this.cached(`dim ${dim}`, () => {
      for (const input of this.inputs) {
        const axis = input.shape.indexOf(dim);
        if (axis >= 0)
          return this.apply('Shape', [input], [1], { dtype: 'int64', attributes: { start: axis, end: axis + 1 } });
      }
      const factors = dim.split('*');
      if (factors.length === 1)
        throw new AlbertineError('shape_mismatch', `no input has dimension ${dim}`, { value: dim });
      const sizes = factors.map((factor) =>
        Number.isNaN(Number(factor)) ? this.measuredDim(factor) : this.integers([Number(factor)]),
      );
      return sizes.reduce((product, size) => this.apply('Mul', [product, size], [1], { dtype: 'int64' }));
    });
  }
}

/** Options of {@link Graph.node}. */
export interface NodeOptions {
  /** The operator set; default ONNX's own. */
  domain?: '' | 'com.microsoft';
  /** By ONNX's names. */
  attributes?: Record<string, Attribute>;
}

function dataTypeOf(data: TypedArray): DataType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint16Array) return 'float16';
  return 'uint8';
}

/** Size of a graph that mixes tensors of several graphs is undefined; this throws early instead. */
export function graphOf(...tensors: (Tensor | undefined)[]): Graph {
  const graph = tensors.find((tensor) => tensor !== undefined)!.graph;
  for (const tensor of tensors) {
    if (tensor && tensor.graph !== graph)
      throw new AlbertineError('invalid_argument', `tensor ${tensor.name} belongs to another graph`, {
        value: tensor.name,
      });
  }
  return graph;
}

/** The last dimension of a shape. */
export function lastDim(tensor: Tensor): Dim {
  return tensor.shape[tensor.shape.length - 1];
}
