import { Graph, type Target, type Tensor } from '../graph/graph.ts';
import { backward } from '../graph/autodiff.ts';
import { add } from '../graph/operators/elementwise.ts';
import type { ParameterLookup } from '../model/network.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import { float32, type HostTensor, type RunTensor } from '../runtime/tensor.ts';
import type { StageParameters } from './stage.ts';

/** What a head computes from the last hidden states. */
export interface HeadTensors {
  /** Scalar to be minimised; a weighted sum over this micro-batch, so that micro-batches add up to the batch's mean. */
  loss: Tensor;
  /** Further results by name: logits, parts of the loss. */
  outputs: Record<string, Tensor>;
}

/** What {@link HeadDefinition.build} is told. */
export interface HeadBuildOptions {
  /** True where there is a dropout mask before the head. */
  dropout: boolean;
  /** The hidden state of one of {@link HeadDefinition.depths}. */
  at(depth: number): Tensor;
}

/** The end of a network for training: from hidden states and targets to a loss. */
export interface HeadDefinition {
  /** Every weight it reads, the tied word embeddings included. */
  readonly parameters: readonly ParameterSpec[];
  /**
   * Hidden states that it reads besides the last: 0 is the mapped embeddings, d the output of depth d. Default none.
   */
  readonly depths?: readonly number[];
  /**
   * Builds it on `hidden: [batch*sequence, hiddenSize]`, and on those of {@link HeadDefinition.depths}, which
   * `at(depth)` gives; declares its own inputs for targets and positions, and with `dropout` an input `classifierMask`,
   * `[batch, hiddenSize]` or as {@link maskRows} says.
   */
  build(graph: Graph, hidden: Tensor, parameter: ParameterLookup, options: HeadBuildOptions): HeadTensors;
  /**
   * Rows of the dropout mask before the head: one a text (`texts`) or one a token (`[batch*sequence, hiddenSize]`).
   * Default `texts`.
   */
  readonly maskRows?: 'texts' | 'tokens';
  /**
   * Factors on the learning rate by name or prefix, for weights that have farther to go than the rest. Default: none.
   */
  readonly learningRateScales?: readonly (readonly [pattern: string, scale: number])[];
  /** Added to the loss in training, not in evaluation: see `withAddedLoss`. */
  addedLoss?(graph: Graph, tensors: HeadTensors): Tensor;
  /** True for feeds so few that the processor's work must not be divided. Default: never. */
  oneThread?(feeds: Readonly<Record<string, RunTensor>>): boolean;
}

/** Loss and further results of one run. */
export type HeadResults = Record<string, HostTensor>;

/** A head compiled for training (with gradients) and for evaluation (without). */
export class CompiledHead implements Disposable {
  /** What was compiled. */
  readonly definition: HeadDefinition;
  private readonly hiddenSize: number;
  private readonly trainable: ReadonlySet<string>;
  private readonly dropout: boolean;
  private readonly options: CompileOptions;
  private readonly target: Target;
  private readonly compiled = new Map<string, Promise<CompiledGraph>>();

  constructor(
    definition: HeadDefinition,
    parts: {
      hiddenSize: number;
      trainable: ReadonlySet<string>;
      dropout: boolean;
      options: CompileOptions;
      target?: Target;
    },
  ) {
    this.definition = definition;
    this.hiddenSize = parts.hiddenSize;
    this.trainable = parts.trainable;
    this.dropout = parts.dropout;
    this.options = parts.options;
    this.target = parts.target ?? 'cpu';
  }

  /**
   * Loss, results and gradients: those of `hidden` and of other depths are written, those of parameters are added to
   * their totals.
   */
  async train(
    feeds: Readonly<Record<string, RunTensor>>,
    run: {
      parameters: StageParameters;
      hiddenGradient: RunTensor;
      depthGradients?: ReadonlyMap<number, RunTensor>;
      sizes: Record<string, number>;
    },
  ): Promise<HeadResults> {
    const { parameters, hiddenGradient, depthGradients = new Map<number, RunTensor>(), sizes } = run;
    const all: Record<string, RunTensor> = { ...feeds, ...parameters.values };
    const into: Record<string, RunTensor> = { 'gradient(hidden)': hiddenGradient };
    for (const [depth, gradient] of depthGradients) into[`gradient(${hiddenAt(depth)})`] = gradient;
    for (const [name, total] of Object.entries(parameters.gradients)) {
      all[`total(${name})`] = total;
      into[`sum(${name})`] = total;
    }
    return (await this.graph('train', feeds)).run(all, { into, sizes });
  }

  /** Loss and results only. */
  async evaluate(
    feeds: Readonly<Record<string, RunTensor>>,
    run: { parameters: StageParameters; sizes: Record<string, number> },
  ): Promise<HeadResults> {
    return (await this.graph('evaluate', feeds)).run({ ...feeds, ...run.parameters.values }, { sizes: run.sizes });
  }

  /** Frees the native memory. */
  [Symbol.dispose](): void {
    for (const graph of this.compiled.values())
      void graph.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
    this.compiled.clear();
  }

  private graph(mode: 'train' | 'evaluate', feeds: Readonly<Record<string, RunTensor>>): Promise<CompiledGraph> {
    const oneThread = this.options.device !== 'webgpu' && (this.definition.oneThread?.(feeds) ?? false);
    const key = oneThread ? `${mode} on one thread` : mode;
    let graph = this.compiled.get(key);
    if (!graph) {
      const outputs = this.build(mode);
      const gradients = Object.keys(outputs).filter((name) => name.startsWith('gradient(') || name.startsWith('sum('));
      graph = compile(
        { outputs },
        {
          ...this.options,
          ...(oneThread && { threads: 1 }),
          ...(this.options.device === 'webgpu' && { deviceOutputs: gradients }),
        },
      );
      this.compiled.set(key, graph);
    }
    return graph;
  }

  private build(mode: 'train' | 'evaluate'): Record<string, Tensor> {
    const training = mode === 'train';
    const graph = new Graph(this.target);
    const hidden = graph.input('hidden', ['batch*sequence', this.hiddenSize], { differentiable: training });
    const parameters = new Map(
      this.definition.parameters.map(({ name, shape }) => [
        name,
        graph.input(name, shape, { differentiable: training && this.trainable.has(name) }),
      ]),
    );
    const depths = new Map(
      (this.definition.depths ?? []).map((depth) => [
        depth,
        graph.input(hiddenAt(depth), hidden.shape, { differentiable: training }),
      ]),
    );
    const tensors = this.definition.build(graph, hidden, (name) => parameters.get(name)!, {
      dropout: training && this.dropout,
      at: (depth) => depths.get(depth)!,
    });
    const { outputs } = tensors;
    const loss =
      training && this.definition.addedLoss
        ? add(tensors.loss, this.definition.addedLoss(graph, tensors))
        : tensors.loss;
    const all: Record<string, Tensor> = { loss, ...outputs };
    if (!training) return all;
    const trained = [...parameters].filter(([, tensor]) => tensor.differentiable);
    const totals = new Map(trained.map(([name, tensor]) => [tensor, graph.input(`total(${name})`, tensor.shape)]));
    const gradients = backward([[loss, graph.real(1)]], totals);
    all['gradient(hidden)'] = gradients.get(hidden)!;
    for (const [depth, tensor] of depths) all[`gradient(${hiddenAt(depth)})`] = gradients.get(tensor)!;
    for (const [name, tensor] of trained) all[`sum(${name})`] = gradients.get(tensor)!;
    return all;
  }
}

/** Name of a head's input for the hidden state of a depth. */
export const hiddenAt = (depth: number): string => `hidden ${depth}`;

/** A float32 scalar. */
export const scalar = (value: number): HostTensor => float32([], Float32Array.of(value));
