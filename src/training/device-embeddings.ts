import { Graph, type Tensor } from '../graph/graph.ts';
import { rawAdd } from '../graph/operators/elementwise.ts';
import { rawGather } from '../graph/operators/shape.ts';
import type { EncoderBatch } from '../model/batch.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { ParameterSpec } from '../model/parameters.ts';
import { compile, type CompiledGraph, type CompileOptions } from '../runtime/compile.ts';
import { int64, type HostTensor, type RunTensor } from '../runtime/tensor.ts';
import type { Arena } from './arena.ts';
import type { Buffers } from './buffers.ts';
import { ROW_OF, trainedTables, usedTables, type Embeddings } from './embeddings.ts';

/** Tables in a device's memory: only token ids travel to it. */
export class DeviceEmbeddings implements Embeddings {
  private readonly config: AlbertConfig;
  private readonly used: readonly ParameterSpec[];
  private readonly trained: readonly ParameterSpec[];
  private readonly parameter: (spec: ParameterSpec, kind: 'values' | 'gradients') => RunTensor;
  private readonly buffers: Buffers;
  private readonly options: CompileOptions;
  private compiledLookUp: Promise<CompiledGraph> | undefined;
  private compiledScatter: Promise<CompiledGraph> | undefined;

  constructor(
    config: AlbertConfig,
    arena: Arena,
    parts: { parameter: DeviceEmbeddings['parameter']; buffers: Buffers; options: CompileOptions },
  ) {
    this.config = config;
    this.used = usedTables(config);
    this.trained = trainedTables(config, arena);
    this.parameter = parts.parameter;
    this.buffers = parts.buffers;
    this.options = parts.options;
  }

  async lookUp(batch: EncoderBatch): Promise<RunTensor> {
    this.compiledLookUp ??= compile(
      { outputs: { embedded: this.buildLookUp() } },
      { ...this.options, deviceOutputs: ['embedded'] },
    );
    const embedded = this.buffers.tensor('embedded', [
      batch.batchSize * batch.sequenceLength,
      this.config.embeddingSize,
    ]);
    const feeds: Record<string, RunTensor> = {};
    for (const spec of this.used) {
      feeds[spec.name] = this.parameter(spec, 'values');
      feeds[rowsName(spec)] = rowNumbers(this.config, batch, { table: spec.name, shape: [embedded.shape[0]] });
    }
    await (await this.compiledLookUp).run(feeds, { into: { embedded } });
    return embedded;
  }

  async scatter(batch: EncoderBatch, gradient: RunTensor): Promise<void> {
    if (this.trained.length === 0) return;
    this.compiledScatter ??= compile(
      { outputs: this.buildScatter() },
      { ...this.options, deviceOutputs: this.trained.map(sumName) },
    );
    const feeds: Record<string, RunTensor> = { gradient };
    const into: Record<string, RunTensor> = {};
    for (const spec of this.trained) {
      feeds[spec.name] = into[sumName(spec)] = this.parameter(spec, 'gradients');
      feeds[rowsName(spec)] = rowNumbers(this.config, batch, { table: spec.name, shape: [gradient.shape[0], 1] });
    }
    await (await this.compiledScatter).run(feeds, { into });
  }

  [Symbol.dispose](): void {
    for (const graph of [this.compiledLookUp, this.compiledScatter])
      void graph?.then(
        (compiled) => compiled[Symbol.dispose](),
        () => undefined,
      );
  }

  /** In the order of the host's lookup: word, token type, position. */
  private buildLookUp(): Tensor {
    const graph = new Graph('webgpu');
    const rows = new Map(
      this.used.map((spec) => [
        spec.name,
        rawGather(graph.input(spec.name, spec.shape), graph.input(rowsName(spec), ['tokens'], { dtype: 'int64' })),
      ]),
    ); // [tokens, embedding]
    const order = [...rows.keys()].sort((a, b) => Number(a.includes('position')) - Number(b.includes('position')));
    return order.map((name) => rows.get(name)!).reduce(rawAdd);
  }

  /**
   * ScatterND, which on this device adds atomically: equal rows all count, but the order of their sum, so its last
   * digits, may vary from run to run. (On the CPU it loses additions, see `scatterAdd`.)
   */
  private buildScatter(): Record<string, Tensor> {
    const graph = new Graph('webgpu');
    const gradient = graph.input('gradient', ['tokens', this.config.embeddingSize]);
    return Object.fromEntries(
      this.trained.map((spec) => {
        const rows = graph.input(rowsName(spec), ['tokens', 1], { dtype: 'int64' });
        return [
          sumName(spec),
          graph.apply('ScatterND', [graph.input(spec.name, spec.shape), rows, gradient], spec.shape, {
            attributes: { reduction: 'add' },
          }),
        ];
      }),
    );
  }
}

const rowsName = ({ name }: ParameterSpec): string => `rows(${name})`;
const sumName = ({ name }: ParameterSpec): string => `sum(${name})`;

function rowNumbers(
  config: AlbertConfig,
  batch: EncoderBatch,
  { table, shape }: { table: string; shape: readonly number[] },
): HostTensor {
  return int64(
    shape,
    Array.from({ length: shape[0] }, (_, token) => ROW_OF[table](batch, token, config)),
  );
}
