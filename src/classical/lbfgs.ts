import { createPause } from '../core/interrupt.ts';
import type { MaybePromise } from './features.ts';

/** A function's value and gradient at a point. */
export interface Evaluated {
  loss: number;
  gradient: Float64Array;
}

/** Options of {@link minimise}. */
export interface MinimiseOptions {
  start: Float64Array;
  /** Default 500. */
  maxIterations?: number;
  /** Largest component of the gradient at which the minimum counts as found. Default 1e-6. */
  tolerance?: number;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

/** Steps whose curvature is remembered. */
const MEMORY = 10;
/** Share of the decrease that the slope promises which a step must reach (Armijo). */
const DECREASE = 1e-4;
const SMALLEST_STEP = 1e-8;

interface Step {
  s: Float64Array;
  y: Float64Array;
  rho: number;
}

/** Where a smooth convex function is smallest: L-BFGS (Liu and Nocedal 1989) with halved steps. */
export async function minimise(
  evaluate: (point: Float64Array) => MaybePromise<Evaluated>,
  { start, maxIterations = 500, tolerance = 1e-6, signal }: MinimiseOptions,
): Promise<Float64Array> {
  let point = start;
  let { loss, gradient } = await evaluate(point);
  const steps: Step[] = [];
  const pause = createPause(signal);
  for (let i = 0; i < maxIterations && largest(gradient) > tolerance; i++) {
    await pause();
    const direction = descent(gradient, steps);
    const slope = dot(direction, gradient);
    let size = steps.length === 0 ? Math.min(1, 1 / Math.sqrt(-slope)) : 1;
    let next = combine(point, direction, size);
    let found = await evaluate(next);
    while (found.loss > loss + DECREASE * size * slope && size > SMALLEST_STEP) {
      size /= 2;
      next = combine(point, direction, size);
      found = await evaluate(next);
    }
    if (found.loss >= loss) break;
    const [s, y] = [combine(next, point, -1), combine(found.gradient, gradient, -1)];
    const curvature = dot(s, y);
    if (curvature > 1e-12) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > MEMORY) steps.shift();
    point = next;
    ({ loss, gradient } = found);
  }
  return point;
}

/** The two loops (Nocedal and Wright, algorithm 7.4). */
function descent(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const q = Float64Array.from(gradient);
  const factors: number[] = [];
  for (const { s, y, rho } of steps.toReversed()) {
    factors.push(rho * dot(s, q));
    add(q, -factors.at(-1)!, y);
  }
  const last = steps.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  for (let i = 0; i < q.length; i++) q[i] *= scale;
  for (const { s, y, rho } of steps) add(q, factors.pop()! - rho * dot(y, q), s);
  for (let i = 0; i < q.length; i++) q[i] = -q[i];
  return q;
}

/** target += factor * source */
function add(target: Float64Array, factor: number, source: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] += factor * source[i];
}

function combine(a: Float64Array, b: Float64Array, factor: number): Float64Array {
  const sum = Float64Array.from(a);
  add(sum, factor, b);
  return sum;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
