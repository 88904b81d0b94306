import { Graph, type Tensor } from '../graph/graph.ts';
import { rawGemm } from '../graph/operators/matmul.ts';
import { compile, type CompiledGraph } from './compile.ts';
import { HostTensor } from './tensor.ts';

/** Sizes of a product: `[rows, columns]` times `[columns, outputs]`. */
interface Sizes {
  rows: number;
  columns: number;
  outputs: number;
}

/**
 * Dense matrix products in float64 on ONNX Runtime, whose kernels are far faster than loops: 8 times for one output and
 * 40 times for 77 on one thread of an AMD EPYC (10,000 x 384). Dispose it to give its memory back.
 */
export class DenseProductGraphs implements Disposable {
  private readonly plain: CompiledGraph;
  private readonly transposed: CompiledGraph;

  private constructor(plain: CompiledGraph, transposed: CompiledGraph) {
    this.plain = plain;
    this.transposed = transposed;
  }

  /** Compiles the two products. */
  static async create(options: { threads?: number } = {}): Promise<DenseProductGraphs> {
    return new DenseProductGraphs(await product(false, options), await product(true, options));
  }

  /** `a · b`: `[rows, outputs]`. */
  async multiply(a: Float64Array, b: Float64Array, { rows, columns, outputs }: Sizes): Promise<Float64Array> {
    return run(this.plain, matrix(a, [rows, columns]), matrix(b, [columns, outputs]));
  }

  /** `aᵀ · e` for `e` of `[rows, outputs]`: `[columns, outputs]`. */
  async multiplyTransposed(a: Float64Array, e: Float64Array, { rows, columns, outputs }: Sizes): Promise<Float64Array> {
    return run(this.transposed, matrix(a, [rows, columns]), matrix(e, [rows, outputs]));
  }

  /** Frees the compiled graphs. */
  [Symbol.dispose](): void {
    this.plain[Symbol.dispose]();
    this.transposed[Symbol.dispose]();
  }
}

const matrix = (values: Float64Array, shape: [number, number]): HostTensor => new HostTensor('float64', shape, values);

async function run(graph: CompiledGraph, a: HostTensor, b: HostTensor): Promise<Float64Array> {
  return (await graph.run({ a, b })).y.data as Float64Array;
}

async function product(transpose: boolean, { threads }: { threads?: number }): Promise<CompiledGraph> {
  const graph = new Graph('float64');
  const a = graph.input('a', ['rows', 'columns']);
  const b = graph.input('b', [transpose ? 'rows' : 'columns', 'outputs']);
  const y: Tensor = rawGemm(a, b, undefined, { a: transpose });
  return compile({ outputs: { y } }, { arena: false, ...(threads !== undefined && { threads }) });
}
