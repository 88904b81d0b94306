import type { Arena, ArenaKind } from '../arena.ts';
import {
  assembleModule,
  doWhile,
  f32x4Add,
  f32x4Div,
  f32x4Mul,
  f32x4Splat,
  f32x4Sqrt,
  f32x4Sub,
  f64Add,
  f64x2Add,
  f64x2Lane,
  f64x2Mul,
  f64x2PromoteHigh,
  f64x2PromoteLow,
  get,
  i32Add,
  i32Const,
  i32LessUnsigned,
  set,
  v128Load,
  v128Store,
  type Code,
  type ValueType,
  type WasmFunction,
} from './assembler.ts';
import type { MomentConstants, OptimizerKernels, Span } from './kernels.ts';
import { instantiateWasm } from './wasm.ts';

/** Bytes that one iteration of a kernel advances: four float32 lanes. */
const VECTOR_BYTES = 16;

interface Declaration {
  /** Byte addresses, advanced by the loop; the first one is compared with `end`. */
  pointers: readonly string[];
  /** float32 parameters, available in the body as vectors of four equal lanes. */
  constants: readonly string[];
  /** Further vectors, zero at the start. */
  locals: readonly string[];
  results: ValueType[];
}

/** Instructions by the names of a {@link Declaration}. */
interface Scope {
  load(pointer: string): Code;
  store(pointer: string, value: Code): Code;
  read(name: string): Code;
  assign(name: string, value: Code): Code;
}

/**
 * A function `name(...pointers, end, ...constants)` that runs `iteration` for every four elements and then `result`.
 */
function elementLoop(
  name: string,
  declared: Declaration,
  iteration: (scope: Scope) => Code,
  result: (scope: Scope) => Code = () => [],
): WasmFunction {
  const { pointers, constants, locals } = declared;
  const parameters = [...pointers, 'end', ...constants.map((constant) => `scalar ${constant}`)];
  const all = [...parameters, ...constants, ...locals];
  const index = (local: string): number => {
    const found = all.indexOf(local);
    if (found === -1) throw new RangeError(`kernel ${name} has no local ${local}`);
    return found;
  };
  const scope: Scope = {
    load: (pointer) => v128Load(get(index(pointer))),
    store: (pointer, value) => v128Store(get(index(pointer)), value),
    read: (local) => get(index(local)),
    assign: (local, value) => set(index(local), value),
  };
  const splats = constants.flatMap((constant) => scope.assign(constant, f32x4Splat(scope.read(`scalar ${constant}`))));
  const advance = pointers.flatMap((pointer) =>
    scope.assign(pointer, i32Add(scope.read(pointer), i32Const(VECTOR_BYTES))),
  );
  return {
    name,
    parameters: [...pointers.map(() => 'i32' as const), 'i32', ...constants.map(() => 'f32' as const)],
    results: declared.results,
    locals: [...constants, ...locals].map(() => 'v128' as const),
    body: [
      ...splats,
      ...doWhile([...iteration(scope), ...advance], i32LessUnsigned(scope.read(pointers[0]), scope.read('end'))),
      ...result(scope),
    ],
  };
}

/** Adds the squares of the vector in local `name` to the float64 sums `low` (lanes 0, 1) and `high` (lanes 2, 3). */
function addSquares({ read, assign }: Scope, name: string, low: string, high: string): Code {
  return [
    ...assign('wide', f64x2PromoteLow(read(name))),
    ...assign(low, f64x2Add(read(low), f64x2Mul(read('wide'), read('wide')))),
    ...assign('wide', f64x2PromoteHigh(read(name))),
    ...assign(high, f64x2Add(read(high), f64x2Mul(read('wide'), read('wide')))),
  ];
}

/** `(lane 0 + lane 2) + (lane 1 + lane 3)`, the order of the plain kernel. */
function totalOf({ read }: Scope, low: string, high: string): Code {
  return f64Add(
    f64Add(f64x2Lane(read(low), 0), f64x2Lane(read(high), 0)),
    f64Add(f64x2Lane(read(low), 1), f64x2Lane(read(high), 1)),
  );
}

const MOMENT_POINTERS = ['values', 'gradients', 'firstMoment', 'secondMoment'] as const;
const MOMENT_CONSTANTS = ['beta1', 'gain1', 'beta2', 'gain2', 'gradientScale', 'correction2', 'epsilon'] as const;
const MOMENT_LOCALS = ['g', 'm', 'v', 'denominator'] as const;

/** Updates both moments in memory; leaves the new first moment in `m` and the update's denominator in `denominator`. */
function updateMoments({ load, store, read, assign }: Scope): Code {
  return [
    ...assign('g', f32x4Mul(load('gradients'), read('gradientScale'))),
    ...assign('m', f32x4Add(f32x4Mul(load('firstMoment'), read('beta1')), f32x4Mul(read('g'), read('gain1')))),
    ...assign(
      'v',
      f32x4Add(f32x4Mul(load('secondMoment'), read('beta2')), f32x4Mul(f32x4Mul(read('g'), read('g')), read('gain2'))),
    ),
    ...store('firstMoment', read('m')),
    ...store('secondMoment', read('v')),
    ...assign('denominator', f32x4Add(f32x4Mul(f32x4Sqrt(read('v')), read('correction2')), read('epsilon'))),
  ];
}

function kernelFunctions(): WasmFunction[] {
  const sumOfSquares = elementLoop(
    'sumOfSquares',
    { pointers: ['gradients'], constants: [], locals: ['g', 'low', 'high', 'wide'], results: ['f64'] },
    (scope) => [...scope.assign('g', scope.load('gradients')), ...addSquares(scope, 'g', 'low', 'high')],
    (scope) => totalOf(scope, 'low', 'high'),
  );
  const adamw = elementLoop(
    'adamw',
    { pointers: MOMENT_POINTERS, constants: [...MOMENT_CONSTANTS, 'step', 'keep'], locals: MOMENT_LOCALS, results: [] },
    (scope) => {
      const { load, store, read } = scope;
      const change = f32x4Div(f32x4Mul(read('m'), read('step')), read('denominator'));
      return [...updateMoments(scope), ...store('values', f32x4Sub(f32x4Mul(load('values'), read('keep')), change))];
    },
  );
  const lambDirection = elementLoop(
    'lambDirection',
    {
      pointers: MOMENT_POINTERS,
      constants: [...MOMENT_CONSTANTS, 'correction1', 'weightDecay'],
      locals: [...MOMENT_LOCALS, 'p', 'u', 'wide', 'valuesLow', 'valuesHigh', 'updateLow', 'updateHigh'],
      results: ['f64', 'f64'],
    },
    (scope) => {
      const { load, store, read, assign } = scope;
      const adam = f32x4Div(f32x4Mul(read('m'), read('correction1')), read('denominator'));
      return [
        ...updateMoments(scope),
        ...assign('p', load('values')),
        ...assign('u', f32x4Add(adam, f32x4Mul(read('p'), read('weightDecay')))),
        ...store('gradients', read('u')),
        ...addSquares(scope, 'p', 'valuesLow', 'valuesHigh'),
        ...addSquares(scope, 'u', 'updateLow', 'updateHigh'),
      ];
    },
    (scope) => [...totalOf(scope, 'valuesLow', 'valuesHigh'), ...totalOf(scope, 'updateLow', 'updateHigh')],
  );
  const subtractScaled = elementLoop(
    'subtractScaled',
    { pointers: ['values', 'gradients'], constants: ['scale'], locals: [], results: [] },
    ({ load, store, read }) => store('values', f32x4Sub(load('values'), f32x4Mul(load('gradients'), read('scale')))),
  );
  return [sumOfSquares, adamw, lambDirection, subtractScaled];
}

let moduleBytes: Uint8Array | undefined;

/** WASM SIMD kernels over `arena`; undefined when its buffers are not in WASM memory or the engine lacks SIMD. */
export function simdKernels(arena: Arena): OptimizerKernels | undefined {
  if (!arena.memory) return undefined;
  moduleBytes ??= assembleModule(kernelFunctions());
  const exported = instantiateWasm(moduleBytes, arena.memory);
  if (!exported) return undefined;
  const wasm = exported as {
    sumOfSquares(...parameters: number[]): number;
    adamw(...parameters: number[]): void;
    lambDirection(...parameters: number[]): [number, number];
    subtractScaled(...parameters: number[]): void;
  };
  const address = (kind: ArenaKind, element: number): number =>
    arena.buffer(kind).byteOffset + element * Float32Array.BYTES_PER_ELEMENT;
  const pointers = (kinds: readonly ArenaKind[], { start, end }: Span): number[] => [
    ...kinds.map((kind) => address(kind, start)),
    address(kinds[0], end),
  ];
  const moments = ({ beta1, beta2, gradientScale, correction2, epsilon }: MomentConstants): number[] => [
    beta1,
    1 - beta1,
    beta2,
    1 - beta2,
    gradientScale,
    correction2,
    epsilon,
  ];
  // The loops run at least once, so empty spans are answered here.
  const empty = ({ start, end }: Span): boolean => start >= end;
  return {
    name: 'simd',
    sumOfSquares: (span) => (empty(span) ? 0 : wasm.sumOfSquares(...pointers(['gradients'], span))),
    adamw: (span, constants, { learningRate, weightDecay }) => {
      if (empty(span)) return;
      wasm.adamw(
        ...pointers(MOMENT_POINTERS, span),
        ...moments(constants),
        learningRate * constants.correction1,
        1 - learningRate * weightDecay,
      );
    },
    lambDirection: (span, constants, weightDecay) => {
      if (empty(span)) return { values: 0, update: 0 };
      const [values, update] = wasm.lambDirection(
        ...pointers(MOMENT_POINTERS, span),
        ...moments(constants),
        constants.correction1,
        weightDecay,
      );
      return { values, update };
    },
    subtractScaled: (span, scale) => {
      if (!empty(span)) wasm.subtractScaled(...pointers(['values', 'gradients'], span), scale);
    },
  };
}
