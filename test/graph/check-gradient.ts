import { expect } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { backward } from '../../src/graph/autodiff.ts';
import { evaluateDim, type Dim, type Shape } from '../../src/graph/dims.ts';
import { Graph, type Target, type Tensor } from '../../src/graph/graph.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../../src/runtime/compile.ts';
import { HostTensor } from '../../src/runtime/tensor.ts';

/** Which values an input gets: signs and ranges that keep away from kinks and poles, or given integers. */
export type Values = 'normal' | 'positive' | 'awayFromZero' | 'mask' | readonly number[];

/** One input of an operator under test. Real inputs are differentiable unless `constant`. */
export interface InputSpec {
  shape: Shape;
  values?: Values;
  integer?: boolean;
  constant?: boolean;
}

/** An operator with inputs. Named dimensions take the sizes of `SIZES`. */
export interface GradientCase {
  inputs: Readonly<Record<string, InputSpec>>;
  /** `dim` turns a named dimension into its size in the variant without symbols. */
  build(inputs: Readonly<Record<string, Tensor>>, dim: (dim: Dim) => Dim): Tensor;
}

/**
 * Sizes of the named dimensions; all different, and different from the fixed sizes that the cases use, so that mix-ups
 * show.
 */
export const SIZES = { batch: 2, sequence: 3, rows: 5, count: 6 } as const;
const BINDINGS = new Map<string, number>(Object.entries(SIZES));
const STEP = 1e-5;

function valuesOf(kind: Values, size: number, seed: number): Float64Array {
  if (typeof kind !== 'string') return Float64Array.from(kind);
  const random = createRandom(seed);
  return Float64Array.from({ length: size }, () => {
    if (kind === 'mask') return random.uniform() < 0.3 ? 0 : 1 / 0.7;
    if (kind === 'normal') return random.normal();
    const magnitude = 0.3 + 1.5 * random.uniform();
    return kind === 'positive' || random.uniform() < 0.5 ? magnitude : -magnitude;
  });
}

/** A case on one target: its output `y`, and the gradients of `sum(y * seed)` for a random `seed`. */
export interface Differentiated extends Disposable {
  feeds: Record<string, HostTensor>;
  /** Names of the inputs that have gradients. */
  differentiable: string[];
  graph: CompiledGraph;
}

/** Builds and compiles a case with random values (the same on every target). */
export async function differentiate(
  test: GradientCase,
  target: Target,
  options: CompileOptions & { fixed?: boolean } = {},
): Promise<Differentiated> {
  const graph = new Graph(target);
  const dim = (value: Dim): Dim => (options.fixed ? evaluateDim(value, BINDINGS) : value);
  const tensors: Record<string, Tensor> = {};
  const feeds: Record<string, HostTensor> = {};
  Object.entries(test.inputs).forEach(([name, spec], index) => {
    const shape = spec.shape.map((size) => evaluateDim(size, BINDINGS));
    const values = valuesOf(
      spec.values ?? 'normal',
      shape.reduce((a, b) => a * b, 1),
      100 + index,
    );
    tensors[name] = graph.input(
      name,
      spec.shape.map(dim),
      spec.integer ? { dtype: 'int64' } : { differentiable: !spec.constant },
    );
    feeds[name] = spec.integer
      ? new HostTensor('int64', shape, BigInt64Array.from(values, BigInt))
      : real(graph.floatType, shape, values);
  });
  const y = test.build(tensors, dim);
  const seed = graph.input('seed', y.shape);
  const shape = y.shape.map((size) => evaluateDim(size, BINDINGS));
  feeds['seed'] = real(
    graph.floatType,
    shape,
    valuesOf(
      'normal',
      shape.reduce((a, b) => a * b, 1),
      99,
    ),
  );
  const gradients = backward([[y, seed]]);
  const differentiable = Object.keys(tensors).filter((name) => tensors[name].differentiable);
  const outputs: Record<string, Tensor> = { output: y };
  for (const name of differentiable) outputs[`gradient(${name})`] = gradients.get(tensors[name])!;
  const compiled = await compile({ outputs }, { threads: 1, ...options });
  return { feeds, differentiable, graph: compiled, [Symbol.dispose]: () => compiled[Symbol.dispose]() };
}

function real(dtype: 'float32' | 'float64', shape: readonly number[], values: Float64Array): HostTensor {
  return new HostTensor(dtype, shape, dtype === 'float64' ? values : Float32Array.from(values));
}

/** Runs a differentiated case on its own values. */
export async function gradientsOf(test: Differentiated): Promise<Map<string, Float64Array>> {
  const outputs = await test.graph.run(test.feeds, { sizes: SIZES });
  return new Map(
    test.differentiable.map((name) => [name, Float64Array.from(outputs[`gradient(${name})`].data as Float64Array)]),
  );
}

/** Central differences of `sum(y * seed)` with respect to one input. */
async function centralDifferences(test: Differentiated, name: string): Promise<Float64Array> {
  const { data } = test.feeds[name] as { data: Float64Array };
  const seed = test.feeds['seed'].data as Float64Array;
  const evaluate = async (): Promise<number> => {
    const y = (await test.graph.run(test.feeds, { sizes: SIZES }))['output'].data as Float64Array;
    return y.reduce((total, value, i) => total + value * seed[i], 0);
  };
  const slopes = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    data[i] = value + STEP;
    const above = await evaluate();
    data[i] = value - STEP;
    slopes[i] = (above - (await evaluate())) / (2 * STEP);
    data[i] = value;
  }
  return slopes;
}

/** ||actual - expected|| / max(||expected||, floor): the floor is for gradients that are zero in exact arithmetic. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>, floor = 1): number {
  expect(actual.length).toBe(expected.length);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i] - expected[i]) ** 2;
    size += expected[i] ** 2;
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(size), floor);
}

/** Asserts that every gradient of a case equals central differences in double precision, and returns the gradients. */
export async function checkGradient(
  test: GradientCase,
  options: { fixed?: boolean; tolerance?: number } = {},
): Promise<Map<string, Float64Array>> {
  using differentiated = await differentiate(test, 'float64', options);
  const gradients = await gradientsOf(differentiated);
  expect(gradients.size).toBeGreaterThan(0);
  for (const [name, gradient] of gradients) {
    const error = relativeError(gradient, await centralDifferences(differentiated, name));
    expect(error, `gradient of ${name}`).toBeLessThan(options.tolerance ?? 1e-8);
  }
  return gradients;
}
