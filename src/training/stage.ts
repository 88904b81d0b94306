import { evaluateDim } from '../graph/dims.ts';
import { backward } from '../graph/autodiff.ts';
import { Graph, type GraphNode, type Target, type Tensor } from '../graph/graph.ts';
import { liveNodes } from '../graph/onnx/model.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import type { RunTensor } from '../runtime/tensor.ts';
import type { Buffers } from './buffers.ts';
import { planRecomputation, type RecomputationPlan } from './recompute.ts';

/**
 * A part of a network that is compiled once and run, forwards and backwards, any number of times with different
 * weights.
 */
export interface StageDefinition {
  /** Builds the forward part on a fresh graph. */
  build(graph: Graph): StageTensors;
}

/** The tensors of a stage that its users refer to. */
export interface StageTensors {
  /** The activation that enters; its gradient leaves in the backward pass. */
  input: Tensor;
  output: Tensor;
  /** Weights, declared as graph inputs; those with `differentiable` receive gradients. */
  parameters: ReadonlyMap<string, Tensor>;
}

/** Weights and their running gradients for one run of a stage, by the stage's own parameter names. */
export interface StageParameters {
  values: Readonly<Record<string, RunTensor>>;
  /** Absent for frozen parameters. */
  gradients: Readonly<Record<string, RunTensor>>;
}

/** One run of a stage: weights, where the result goes, and sizes of named dimensions. */
export interface StageRun {
  parameters: StageParameters;
  output: RunTensor;
  sizes: Record<string, number>;
}

/** What the backward pass needs from the forward pass. */
export type SavedActivations = Readonly<Record<string, RunTensor>>;

const INPUT_GRADIENT = 'gradient(input)';
const OUTPUT_GRADIENT = 'gradient(output)';
const totalName = (parameter: string): string => `total(${parameter})`;
const sumName = (parameter: string): string => `sum(${parameter})`;

/**
 * Compiles and runs a stage. Gradients of parameters are added in place to the running totals: the same memory is given
 * to ONNX Runtime as the addend and as the result (a test guards that this equals adding out of place, bit for bit). On
 * a device everything that enters and leaves stays in its memory, and totals are replaced.
 */
export class Stage implements Disposable {
  private readonly graph: Graph;
  private readonly tensors: StageTensors;
  private readonly options: CompileOptions;
  /** Nodes of the forward pass; all later ones belong to the backward pass. */
  private readonly forwardNodes: readonly GraphNode[];
  private readonly gradientOutputs: Record<string, Tensor>;
  /** What a forward pass that keeps hands to the backward pass, and what that computes again. */
  private readonly plan: RecomputationPlan;
  private readonly compiled = new Map<string, Promise<CompiledGraph>>();

  constructor(definition: StageDefinition, options: CompileOptions, target: Target = 'cpu') {
    this.options = options;
    this.graph = new Graph(target);
    this.tensors = definition.build(this.graph);
    this.forwardNodes = [...this.graph.nodes];
    this.gradientOutputs = this.differentiate();
    this.plan = this.planRecomputation();
  }

  /** Runs forwards into `output`. */
  async forward(feeds: Readonly<Record<string, RunTensor>>, { parameters, output, sizes }: StageRun): Promise<void> {
    const graph = await this.compile('forward', () => ({
      outputs: { output: this.tensors.output },
      nodes: this.forwardNodes,
    }));
    await graph.run({ ...feeds, ...parameters.values }, { into: { output }, sizes });
  }

  /** Runs forwards into `output` and returns what the backward pass needs, in buffers of `slot`. */
  async forwardKeeping(
    feeds: Readonly<Record<string, RunTensor>>,
    { parameters, output, sizes, pool, slot }: StageRun & { pool: Buffers; slot: string },
  ): Promise<SavedActivations> {
    const kept = this.allocateSaved(pool, slot, sizes);
    const graph = await this.compile('forward keeping', () => {
      const saved = Object.fromEntries(this.plan.saved.map((tensor) => [tensor.name, tensor]));
      return { outputs: { output: this.tensors.output, ...saved }, nodes: this.forwardNodes };
    });
    await graph.run({ ...feeds, ...parameters.values }, { into: { output, ...kept }, sizes });
    return { ...kept, [this.tensors.output.name]: output };
  }

  /** Runs backwards: writes the input's gradient and adds the parameters' gradients to their totals. */
  async backward(
    feeds: Readonly<Record<string, RunTensor>>,
    run: {
      parameters: StageParameters;
      saved: SavedActivations;
      outputGradient: RunTensor;
      inputGradient: RunTensor;
      sizes: Record<string, number>;
    },
  ): Promise<void> {
    const { parameters, saved, outputGradient, inputGradient, sizes } = run;
    const all: Record<string, RunTensor> = {
      ...feeds,
      ...parameters.values,
      ...saved,
      [OUTPUT_GRADIENT]: outputGradient,
    };
    const into: Record<string, RunTensor> = { [INPUT_GRADIENT]: inputGradient };
    for (const [name, total] of Object.entries(parameters.gradients)) {
      all[totalName(name)] = total;
      into[sumName(name)] = total;
    }
    const graph = await this.compile('backward', () => this.backwardSource());
    await graph.run(all, { into, sizes });
  }

  /**
   * Bytes that keeping one forward pass takes (`kept`), and those of all that a backward pass reads of it (`whole`),
   * for sizes such as `{ batch, sequence }`.
   */
  bytes(sizes: Record<string, number>): { kept: number; whole: number } {
    const bindings = new Map(Object.entries(sizes));
    const sum = (tensors: readonly Tensor[]): number =>
      tensors.reduce(
        (total, { shape }) =>
          total + 4 * shape.reduce<number>((product, dim) => product * evaluateDim(dim, bindings), 1),
        0,
      );
    const kept = sum(this.plan.saved);
    return { kept, whole: kept + sum(this.plan.nodes.flatMap(({ outputs }) => outputs)) };
  }

  [Symbol.dispose](): void {
    for (const graph of this.compiled.values())
      void graph.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
    this.compiled.clear();
  }

  private differentiate(): Record<string, Tensor> {
    const { input, output, parameters } = this.tensors;
    const seed = this.graph.input(OUTPUT_GRADIENT, output.shape);
    const trainable = [...parameters].filter(([, tensor]) => tensor.differentiable);
    const totals = new Map(
      trainable.map(([name, tensor]) => [tensor, this.graph.input(totalName(name), tensor.shape)]),
    );
    const gradients = backward([[output, seed]], totals);
    const outputs: Record<string, Tensor> = { [INPUT_GRADIENT]: gradients.get(input)! };
    for (const [name, tensor] of trainable) outputs[sumName(name)] = gradients.get(tensor)!;
    return outputs;
  }

  private planRecomputation(): RecomputationPlan {
    const { live } = liveNodes(this.graph.nodes.slice(this.forwardNodes.length), Object.values(this.gradientOutputs));
    const reads = new Set(live.flatMap((node) => node.inputs.filter((input) => input !== undefined)));
    return planRecomputation(this.forwardNodes, reads, new Set([this.tensors.output]));
  }

  private backwardSource(): Parameters<typeof compile>[0] {
    const inputs = [...this.graph.inputs, ...this.plan.saved, this.tensors.output];
    const nodes = [...this.plan.nodes, ...this.graph.nodes.slice(this.forwardNodes.length)];
    return { outputs: this.gradientOutputs, nodes, inputs };
  }

  private allocateSaved(pool: Buffers, slot: string, sizes: Record<string, number>): Record<string, RunTensor> {
    const bindings = new Map(Object.entries(sizes));
    return Object.fromEntries(
      this.plan.saved.map((tensor) => [
        tensor.name,
        pool.tensor(
          `${slot} ${tensor.name}`,
          tensor.shape.map((dim) => evaluateDim(dim, bindings)),
        ),
      ]),
    );
  }

  private compile(key: string, source: () => Parameters<typeof compile>[0]): Promise<CompiledGraph> {
    let graph = this.compiled.get(key);
    if (!graph) {
      const needed = source();
      graph = compile(needed, {
        ...this.options,
        ...(this.options.device === 'webgpu' && { deviceOutputs: Object.keys(needed.outputs) }),
      });
      this.compiled.set(key, graph);
    }
    return graph;
  }
}
