import { AlbertineError } from '../../core/errors.ts';
import { Graph, type Target, type Tensor } from '../../graph/graph.ts';
import {
  compare,
  rawAdd,
  rawDivide,
  rawMultiply,
  rawSubtract,
  rawUnary,
  where,
} from '../../graph/operators/elementwise.ts';
import { rawSum } from '../../graph/operators/reduce.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../../runtime/compile.ts';
import { float32, type HostTensor, type RunTensor } from '../../runtime/tensor.ts';
import type { ArenaSlot } from '../arena.ts';
import { biasCorrections, type Optimizer } from './optimizer.ts';

/** One application of an update; see {@link Optimizer.step}. */
export interface UpdateStep {
  stepNumber: number;
  learningRate: number;
  gradientScale: number;
}

type MomentKind = 'firstMoment' | 'secondMoment';
type UpdatedKind = 'values' | MomentKind;

/**
 * What an update reads of one parameter, and replaces except for the gradient. Moments that the rule lacks may be
 * absent.
 */
export type ParameterState<T = RunTensor> = Record<'values' | 'gradients', T> & Partial<Record<MomentKind, T>>;

/** An optimiser's arithmetic as graph operators. */
export interface UpdateRule {
  readonly moments: readonly MomentKind[];
  /**
   * Appends the update of one parameter; `scalar` declares what {@link UpdateRule.scalars} feeds. `adapt` is LAMB's
   * rescaling.
   */
  build(
    state: ParameterState<Tensor>,
    scalar: (name: string) => Tensor,
    adapt: boolean,
  ): Partial<Record<UpdatedKind, Tensor>>;
  /** Numbers that change between steps and between parameters. */
  scalars(step: UpdateStep, slot: Pick<ArenaSlot, 'decay' | 'learningRateScale'>): Record<string, number>;
}

/** The rule of a host optimiser, with its constants. Throws `unsupported` for an algorithm without one. */
export function updateRule(optimizer: Optimizer): UpdateRule {
  const { scalars } = optimizer.state();
  switch (optimizer.name) {
    case 'adamw':
      return adamwRule(scalars as unknown as AdamConstants);
    case 'lamb':
      return lambRule(scalars as unknown as AdamConstants);
    case 'sgd':
      return sgdRule(scalars as unknown as SgdConstants);
    default:
      throw new AlbertineError('unsupported', `there is no update graph for ${optimizer.name}`, {
        value: optimizer.name,
      });
  }
}

/** The constants of `adamw.ts` and `lamb.ts`; `biasCorrection` is 0 or 1. */
interface AdamConstants {
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  biasCorrection: number;
}
/** The constants of `sgd.ts`; `nesterov` is 0 or 1. */
interface SgdConstants {
  momentum: number;
  nesterov: number;
  weightDecay: number;
}

/** `p = keep p - rate m / (sqrt(v) correction2 + epsilon)`, as {@link OptimizerKernels.adamw} orders it. */
function adamwRule(constants: AdamConstants): UpdateRule {
  return {
    moments: ['firstMoment', 'secondMoment'],
    build(state, scalar) {
      const { first, second, denominator } = updateMoments(state, scalar, constants);
      const change = rawDivide(rawMultiply(first, scalar('rate')), denominator);
      return {
        values: rawSubtract(rawMultiply(state.values, scalar('keep')), change),
        firstMoment: first,
        secondMoment: second,
      };
    },
    scalars({ stepNumber, learningRate, gradientScale }, { decay, learningRateScale }) {
      const { correction1, correction2 } = corrections(constants, stepNumber);
      const rate = learningRate * learningRateScale;
      return {
        gradientScale,
        correction2,
        rate: rate * correction1,
        keep: 1 - rate * (decay ? constants.weightDecay : 0),
      };
    },
  };
}

/**
 * `u = correction1 m / (sqrt(v) correction2 + epsilon) + weightDecay p`, then `p -= rate ratio u` with the ratio only
 * where `adapt`.
 */
function lambRule(constants: AdamConstants): UpdateRule {
  return {
    moments: ['firstMoment', 'secondMoment'],
    build(state, scalar, adapt) {
      const { first, second, denominator } = updateMoments(state, scalar, constants);
      const { values } = state;
      const direction = rawAdd(
        rawDivide(rawMultiply(first, scalar('correction1')), denominator),
        rawMultiply(values, scalar('weightDecay')),
      );
      const rate = adapt ? rawMultiply(scalar('rate'), trustRatio(values, direction)) : scalar('rate');
      return { values: rawSubtract(values, rawMultiply(direction, rate)), firstMoment: first, secondMoment: second };
    },
    scalars({ stepNumber, learningRate, gradientScale }, { decay, learningRateScale }) {
      return {
        gradientScale,
        ...corrections(constants, stepNumber),
        rate: learningRate * learningRateScale,
        weightDecay: decay ? constants.weightDecay : 0,
      };
    },
  };
}

/** `b = momentum b + g`, `p -= rate b`, or `rate (g + momentum b)` with Nesterov; `g` includes the weight decay. */
function sgdRule({ momentum, nesterov, weightDecay }: SgdConstants): UpdateRule {
  return {
    moments: momentum > 0 ? ['firstMoment'] : [],
    build(state, scalar) {
      const { values, gradients, firstMoment } = state;
      const { graph } = values;
      const g = rawAdd(rawMultiply(gradients, scalar('gradientScale')), rawMultiply(values, scalar('weightDecay')));
      if (!firstMoment) return { values: rawSubtract(values, rawMultiply(g, scalar('rate'))) };
      const velocity = rawAdd(rawMultiply(firstMoment, graph.real(momentum)), g);
      const direction = nesterov === 1 ? rawAdd(g, rawMultiply(velocity, graph.real(momentum))) : velocity;
      return { values: rawSubtract(values, rawMultiply(direction, scalar('rate'))), firstMoment: velocity };
    },
    scalars: ({ learningRate, gradientScale }, { decay, learningRateScale }) => ({
      gradientScale,
      rate: learningRate * learningRateScale,
      weightDecay: decay ? weightDecay : 0,
    }),
  };
}

const corrections = (constants: AdamConstants, stepNumber: number): { correction1: number; correction2: number } =>
  biasCorrections({ ...constants, biasCorrection: constants.biasCorrection === 1 }, stepNumber);

/** New moments and `sqrt(v) correction2 + epsilon`. */
function updateMoments(
  state: ParameterState<Tensor>,
  scalar: (name: string) => Tensor,
  { beta1, beta2, epsilon }: AdamConstants,
): { first: Tensor; second: Tensor; denominator: Tensor } {
  const { graph } = state.values;
  const blend = (old: Tensor, beta: number, fresh: Tensor): Tensor =>
    rawAdd(rawMultiply(old, graph.real(beta)), rawMultiply(fresh, graph.real(1 - beta)));
  const g = rawMultiply(state.gradients, scalar('gradientScale'));
  const first = blend(state.firstMoment!, beta1, g);
  const second = blend(state.secondMoment!, beta2, rawMultiply(g, g));
  return {
    first,
    second,
    denominator: rawAdd(rawMultiply(rawUnary('Sqrt', second), scalar('correction2')), graph.real(epsilon)),
  };
}

/** ‖values‖ / ‖update‖, or 1 where either is 0. */
function trustRatio(values: Tensor, update: Tensor): Tensor {
  const { graph } = values;
  const [v, u] = [sumOfSquares(values), sumOfSquares(update)];
  const isPositive = (x: Tensor): Tensor => compare('Greater', x, graph.real(0));
  return where(isPositive(v), where(isPositive(u), rawUnary('Sqrt', rawDivide(v, u)), graph.real(1)), graph.real(1));
}

/**
 * Sum of all squares as a scalar, axis by axis from the last: short sums in float32 keep more digits than one long one.
 */
export function sumOfSquares(x: Tensor): Tensor {
  let sum = rawMultiply(x, x);
  for (let axis = x.shape.length - 1; axis >= 0; axis--) sum = rawSum(sum, [axis], false);
  return sum;
}

const inputName = (kind: string): string => `old(${kind})`;

/**
 * An optimiser as compiled graphs, for parameters that live where only graphs reach them. One graph serves all
 * parameters with the same number of axes (LAMB needs a second one for those it does not rescale).
 */
export class UpdateGraphs implements Disposable {
  readonly rule: UpdateRule;
  private readonly target: Target;
  private readonly options: CompileOptions;
  private readonly compiled = new Map<string, Promise<CompiledGraph>>();

  constructor(rule: UpdateRule, target: Target, options: CompileOptions) {
    this.rule = rule;
    this.target = target;
    this.options = options;
  }

  /** Updates one parameter: `state` is read and then holds the new values and moments. The gradient is left alone. */
  async apply(
    slot: Pick<ArenaSlot, 'shape' | 'decay' | 'learningRateScale'>,
    state: ParameterState,
    step: UpdateStep,
  ): Promise<void> {
    const graph = await this.graph(slot.shape.length, slot.decay);
    const feeds: Record<string, RunTensor> = scalarTensors(this.rule.scalars(step, slot));
    for (const kind of ['values', 'gradients', ...this.rule.moments] as const) feeds[inputName(kind)] = state[kind]!;
    await graph.run(feeds, {
      into: Object.fromEntries(graph.outputNames.map((kind) => [kind, state[kind as UpdatedKind]!])),
    });
  }

  [Symbol.dispose](): void {
    for (const graph of this.compiled.values())
      void graph.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
    this.compiled.clear();
  }

  private graph(rank: number, adapt: boolean): Promise<CompiledGraph> {
    const key = `${rank} ${adapt}`;
    let compiled = this.compiled.get(key);
    if (!compiled) {
      const outputs = this.build(rank, adapt);
      compiled = compile(
        { outputs },
        { ...this.options, ...(this.target === 'webgpu' && { deviceOutputs: Object.keys(outputs) }) },
      );
      this.compiled.set(key, compiled);
    }
    return compiled;
  }

  private build(rank: number, adapt: boolean): Record<string, Tensor> {
    const graph = new Graph(this.target);
    const shape = Array.from({ length: rank }, (_, axis) => `axis${axis}`);
    const kinds = ['values', 'gradients', ...this.rule.moments] as const;
    const state = Object.fromEntries(
      kinds.map((kind) => [kind, graph.input(inputName(kind), shape)]),
    ) as ParameterState<Tensor>;
    const scalars = new Map<string, Tensor>();
    const scalar = (name: string): Tensor => {
      const known = scalars.get(name) ?? graph.input(name, []);
      scalars.set(name, known);
      return known;
    };
    return this.rule.build(state, scalar, adapt) as Record<string, Tensor>;
  }
}

function scalarTensors(scalars: Record<string, number>): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, float32([], Float32Array.of(value))]),
  );
}
