import { AlbertineError, wrongOption } from '../../core/errors.ts';
import type { Arena, ArenaKind } from '../arena.ts';
import { createKernels } from './kernels.ts';

/** What an optimiser must remember between steps besides the parameters. */
export interface OptimizerState {
  /** Names the algorithm that wrote the state. */
  name: string;
  /** One array per parameter and moment, keyed `<moment>/<parameter>`; live views into the arena, not copies. */
  arrays: Map<string, Float32Array>;
  /** Constants that shaped the moments; a resumed run should have the same. */
  scalars: Record<string, number>;
}

/** Updates the parameters of an {@link Arena} from its gradients. */
export interface Optimizer {
  /** `adamw`, `lamb` or `sgd`. */
  readonly name: string;
  /**
   * Applies one update in place. `stepNumber` counts applied updates from 1 (bias correction needs it); skipped steps
   * do not count. Every gradient is first multiplied by `gradientScale`: the clipping factor, and 1/n after n summed
   * micro-batches. **The gradients are consumed**: afterwards they hold scratch values, so zero or overwrite them
   * before the next accumulation.
   */
  step(stepNumber: number, learningRate: number, gradientScale: number): void;
  /** Moments and constants, to be written to a checkpoint. */
  state(): OptimizerState;
  /**
   * Takes over the moments of a checkpoint. Throws `weights_mismatch` naming what is missing, misshapen or of another
   * algorithm.
   */
  restore(state: OptimizerState): void;
}

/** Constants shared by AdamW and LAMB. */
export interface AdamOptions {
  /** Decay of the first moment. Default 0.9. */
  beta1?: number;
  /** Decay of the second moment. Default 0.999. */
  beta2?: number;
  /** Added to the root of the second moment. Default 1e-8 for AdamW, 1e-6 for LAMB. */
  epsilon?: number;
  /** Decoupled weight decay, not applied to slots with `decay: false`. Default 0.01. */
  weightDecay?: number;
  /** Divides the moments by `1 - beta^t`. */
  biasCorrection?: boolean;
}

/** Fills in defaults and checks ranges. Throws `invalid_argument` naming the option. */
export function resolveAdamOptions(
  options: AdamOptions,
  defaults: { epsilon: number; biasCorrection: boolean },
): Required<AdamOptions> {
  const resolved = { beta1: 0.9, beta2: 0.999, weightDecay: 0.01, ...defaults, ...definedOnly(options) };
  requireInRange('beta1', resolved.beta1, resolved.beta1 >= 0 && resolved.beta1 < 1, 'in [0, 1)');
  requireInRange('beta2', resolved.beta2, resolved.beta2 >= 0 && resolved.beta2 < 1, 'in [0, 1)');
  requireInRange('epsilon', resolved.epsilon, resolved.epsilon > 0, 'positive');
  requireInRange(
    'weightDecay',
    resolved.weightDecay,
    resolved.weightDecay >= 0 && Number.isFinite(resolved.weightDecay),
    '>= 0',
  );
  return resolved;
}

/** Throws `invalid_argument` saying that `name` must be `rule` unless `valid`. */
export function requireInRange(name: string, value: unknown, valid: boolean, rule: string): void {
  if (!valid) throw wrongOption(name, rule, { value });
}

function definedOnly<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Reciprocals of the bias corrections at step `t` (Kingma and Ba 2015, algorithm 1), or 1 when switched off. */
export function biasCorrections(
  { beta1, beta2, biasCorrection }: Required<AdamOptions>,
  stepNumber: number,
): { correction1: number; correction2: number } {
  if (!biasCorrection) return { correction1: 1, correction2: 1 };
  return { correction1: 1 / (1 - beta1 ** stepNumber), correction2: 1 / Math.sqrt(1 - beta2 ** stepNumber) };
}

/** State over the arena's buffers of the given kinds. */
export function arenaState(
  arena: Arena,
  name: string,
  kinds: readonly ArenaKind[],
  scalars: Record<string, number>,
): OptimizerState {
  const arrays = new Map<string, Float32Array>();
  for (const kind of kinds)
    for (const slot of arena.slots) arrays.set(`${kind}/${slot.name}`, arena.view(slot.name, kind));
  return { name, arrays, scalars };
}

/** Copies a saved state into the arrays of `current`; see {@link Optimizer.restore}. */
export function restoreState(current: OptimizerState, saved: OptimizerState): void {
  if (saved.name !== current.name) {
    throw new AlbertineError(
      'weights_mismatch',
      `the optimiser is ${current.name} but the saved state is of ${saved.name}`,
      { value: saved.name },
    );
  }
  const problems = [...current.arrays].flatMap(([key, target]) => {
    const source = saved.arrays.get(key);
    if (!source) return [`${key} is missing`];
    return source.length === target.length ? [] : [`${key} has ${source.length} elements instead of ${target.length}`];
  });
  if (problems.length > 0) {
    throw new AlbertineError(
      'weights_mismatch',
      `the optimiser state does not fit the parameters: ${problems.join('; ')}`,
      { value: problems },
    );
  }
  for (const [key, target] of current.arrays) target.set(saved.arrays.get(key)!);
}

/**
 * 2-norm of all gradients of an arena, accumulated in float64.
 * Not finite exactly when some gradient is NaN or infinite: check with `Number.isFinite` before stepping.
 */
export function globalNorm(arena: Arena): number {
  return Math.sqrt(createKernels(arena).sumOfSquares({ start: 0, end: arena.length }));
}

/**
 * Factor that brings a gradient of norm `norm` down to `maxNorm`; 1 when it is not above, or when `maxNorm` is 0 (no
 * clipping).
 */
export function clipScale(norm: number, maxNorm: number): number {
  requireInRange('maxNorm', maxNorm, maxNorm >= 0, '>= 0');
  return maxNorm > 0 && norm > maxNorm ? maxNorm / norm : 1;
}
