import type { Arena } from '../arena.ts';
import { simdKernels } from './kernels-simd.ts';

/** Half-open range of elements in the arena's buffers; both ends are multiples of 4. */
export interface Span {
  start: number;
  end: number;
}

/** Constants of the Adam moments for one step. All arithmetic is float32. */
export interface MomentConstants {
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Factor on every gradient: clipping, accumulation. */
  gradientScale: number;
  /** `1 / (1 - beta1^t)`, or 1 without bias correction. */
  correction1: number;
  /** `1 / sqrt(1 - beta2^t)`, or 1 without bias correction. */
  correction2: number;
}

/** Squared 2-norms, accumulated in float64. */
export interface SquaredNorms {
  values: number;
  update: number;
}

/** The inner loops of the optimisers, over spans of one arena. */
export interface OptimizerKernels {
  readonly name: 'simd' | 'plain';
  /** Sum of squares of the gradients, accumulated in float64; not finite if and only if a gradient is not. */
  sumOfSquares(span: Span): number;
  /**
   * One AdamW step: `m = beta1 m + (1 - beta1) g`, `v = beta2 v + (1 - beta2) g²`,
   * `p = p (1 - learningRate decay) - learningRate correction1 m / (sqrt(v) correction2 + epsilon)`.
   */
  adamw(span: Span, constants: MomentConstants, rates: { learningRate: number; weightDecay: number }): void;
  /**
   * First half of a LAMB step: moments as above, and the gradients replaced by the update direction
   * `u = correction1 m / (sqrt(v) correction2 + epsilon) + weightDecay p`. Returns ‖p‖² and ‖u‖².
   */
  lambDirection(span: Span, constants: MomentConstants, weightDecay: number): SquaredNorms;
  /** Second half: `p -= scale × gradients`. */
  subtractScaled(span: Span, scale: number): void;
}

/**
 * The fastest kernels available for `arena`: WASM SIMD when its buffers lie in WASM memory and the engine has SIMD,
 * plain TypeScript otherwise. Both round after every operation in the same order, so their results are bitwise equal.
 */
export function createKernels(arena: Arena): OptimizerKernels {
  const kernels = kernelsOf.get(arena) ?? simdKernels(arena) ?? plainKernels(arena);
  kernelsOf.set(arena, kernels);
  return kernels;
}

/** Instantiating a module takes longer than a small step, so each arena keeps its kernels. */
const kernelsOf = new WeakMap<Arena, OptimizerKernels>();

/** The kernels in plain TypeScript, for engines without WASM SIMD and as the oracle of the SIMD ones. */
export function plainKernels(arena: Arena): OptimizerKernels {
  const buffer = (kind: 'values' | 'gradients' | 'firstMoment' | 'secondMoment') => arena.buffer(kind);
  return {
    name: 'plain',
    sumOfSquares: (span) => sumOfSquares(buffer('gradients'), span),
    adamw: (span, constants, { learningRate, weightDecay }) => {
      const [values, first] = [buffer('values'), buffer('firstMoment')];
      const step = fround(learningRate * constants.correction1);
      const keep = fround(1 - learningRate * weightDecay);
      for (const chunk of chunksOf(span)) {
        const denominators = updateMoments(arena, chunk, constants);
        for (let i = chunk.start; i < chunk.end; i++) {
          values[i] = fround(
            fround(values[i] * keep) - fround(fround(first[i] * step) / denominators[i - chunk.start]),
          );
        }
      }
    },
    lambDirection: (span, constants, weightDecay) => {
      const [values, gradients, first] = [buffer('values'), buffer('gradients'), buffer('firstMoment')];
      const [correction, decay] = [fround(constants.correction1), fround(weightDecay)];
      for (const chunk of chunksOf(span)) {
        const denominators = updateMoments(arena, chunk, constants);
        for (let i = chunk.start; i < chunk.end; i++) {
          gradients[i] = fround(
            fround(fround(first[i] * correction) / denominators[i - chunk.start]) + fround(values[i] * decay),
          );
        }
      }
      return { values: sumOfSquares(values, span), update: sumOfSquares(gradients, span) };
    },
    subtractScaled: ({ start, end }, scale) => {
      const [values, gradients] = [buffer('values'), buffer('gradients')];
      const factor = fround(scale);
      for (let i = start; i < end; i++) values[i] = fround(values[i] - fround(gradients[i] * factor));
    },
  };
}

const { fround } = Math;

/** Elements whose denominators are kept at once; they should stay in the first-level cache. */
const CHUNK = 2048;
const denominatorsOfChunk = new Float32Array(CHUNK);

function* chunksOf({ start, end }: Span): Generator<Span> {
  for (let from = start; from < end; from += CHUNK) yield { start: from, end: Math.min(end, from + CHUNK) };
}

/** Updates both moments of a chunk; returns the denominators of its updates, valid until the next call. */
function updateMoments(arena: Arena, { start, end }: Span, constants: MomentConstants): Float32Array {
  const gradients = arena.buffer('gradients');
  const first = arena.buffer('firstMoment');
  const second = arena.buffer('secondMoment');
  const [beta1, beta2] = [fround(constants.beta1), fround(constants.beta2)];
  const [gain1, gain2] = [fround(1 - constants.beta1), fround(1 - constants.beta2)];
  const [scale, epsilon, correction2] = [
    fround(constants.gradientScale),
    fround(constants.epsilon),
    fround(constants.correction2),
  ];
  for (let i = start; i < end; i++) {
    const g = fround(gradients[i] * scale);
    first[i] = fround(fround(first[i] * beta1) + fround(g * gain1));
    second[i] = fround(fround(second[i] * beta2) + fround(fround(g * g) * gain2));
    denominatorsOfChunk[i - start] = fround(fround(fround(Math.sqrt(second[i])) * correction2) + epsilon);
  }
  return denominatorsOfChunk;
}

/** Four float64 partial sums, one per lane, as the SIMD kernel keeps them. */
function sumOfSquares(values: Float32Array, { start, end }: Span): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = start; i < end; i += 4) {
    a += values[i] * values[i];
    b += values[i + 1] * values[i + 1];
    c += values[i + 2] * values[i + 2];
    d += values[i + 3] * values[i + 3];
  }
  return a + c + (b + d);
}
