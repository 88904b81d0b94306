import { AlbertineError } from '../core/errors.ts';
import type { CompiledGraph } from '../runtime/compile.ts';
import type { SessionHost } from '../runtime/sessions.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import {
  distanceTensor,
  embeddingTables,
  lookUpEmbeddings,
  maskTensors,
  validateBatch,
  type EmbeddingTables,
  type EncoderBatch,
  type MaskTensors,
} from './batch.ts';
import { groupOfDepth, validateConfig, type AlbertConfig } from './config.ts';
import type { EncoderOptions, Forward, ForwardRequest, ForwardResult } from './encoder-types.ts';
import { extensionFeeds, repeatedExtensionFeeds, type Extended } from './extension-inputs.ts';
import { headOf, type HeadName } from './heads.ts';
import {
  compileHead,
  compileLayers,
  compilePooler,
  compileProjection,
  compileRepeated,
  type LayerPlace,
  type LayerVariant,
} from './layer-graphs.ts';
import { QUANTIZATION_SITES, type QuantizationSite } from './network.ts';
import { layerPrefix, type Weights } from './parameters.ts';
import { depthScales, scaleInputs, staticScales, type SiteScales } from './site-scales.ts';

export type { EncoderInt8, EncoderOptions, Forward, ForwardRequest, ForwardResult } from './encoder-types.ts';

/**
 * Executed layers per compiled graph when only the last hidden state is wanted. Between two runs the caches go cold:
 * six layers in one run are 5-10 % faster for a single sentence. Compiling time grows with it, so large layers are
 * compiled one by one.
 */
const BLOCK_LAYERS = 6;
/** Bytes of one layer's attention and feed-forward weights up to which layers are compiled in blocks. */
const BLOCK_BYTES = 64 * 2 ** 20;

/**
 * The network on ONNX Runtime. Where all depths have the same weights it is one graph with a loop; else one compiled
 * layer (or a block of a few) per distinct set of weights, run as often as the depth asks for from here. Calls may
 * overlap; they are executed one after the other.
 */
export class AlbertEncoder implements Disposable {
  /** Shape of the network. */
  readonly config: AlbertConfig;
  private readonly options: EncoderOptions;
  private readonly weights: Weights;
  private readonly tables: EmbeddingTables;
  /** Layers; those of {@link AlbertEncoder.withAdapter} are the same. */
  private graphs: GraphCache = new Map();
  private readonly headGraphs: GraphCache = new Map();
  /** Executed layers per run where nothing between them is asked for. */
  private readonly blockLayers: number;
  /** Whether one depth, repeated, is the network. A device would bring every depth's result to the processor. */
  private readonly isRepeated: boolean;
  private readonly scales: SiteScales[] | undefined;
  private scratch: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  private queue: Promise<unknown> = Promise.resolve();
  private readonly pass: Forward;
  private disposed = false;
  private ownsGraphs = true;

  private constructor(config: AlbertConfig, weights: Weights, options: EncoderOptions) {
    this.config = validateConfig(config);
    const { device = 'cpu', int8 } = options;
    if (int8 && device !== 'cpu')
      throw new AlbertineError('unsupported', `int8 weights are computed on the processor, not by ${device}`, {
        value: device,
        hint: 'Use the device cpu, or run the checkpoint in f32: dequantize: true, or serve --dtype f32',
      });
    this.weights = weights;
    this.options = options;
    this.tables = embeddingTables(config, weights);
    this.scales = options.int8 && staticScales(this.config, options.int8);
    this.blockLayers = blockLayers(config, weights);
    this.isRepeated = device === 'cpu' && config.numHiddenGroups === 1 && config.numHiddenLayers > 1;
    const { wrapForward = (forward: Forward): Forward => forward } = options;
    this.pass = wrapForward((batch, request) => {
      const execute = (): Promise<ForwardResult> => this.execute(batch, this.requestedDepths(request.layers), request);
      // A thread of sessions has its own order, and gives results in memory of their own.
      return options.sessions ? execute() : this.exclusive(execute);
    });
  }

  /** Compiles the embedding projection and the layers. `weights` is kept and must not change. */
  static async create(config: AlbertConfig, weights: Weights, options: EncoderOptions = {}): Promise<AlbertEncoder> {
    const encoder = new AlbertEncoder(config, weights, options);
    if (encoder.isRepeated) {
      await encoder.repeatedGraph(false, {});
      return encoder;
    }
    const pending: Promise<CompiledGraph>[] = [
      encoder.graph('projection', () => compileProjection(config, weights, options)),
    ];
    for (let first = 0; first < encoder.executedLayers; first += encoder.blockLayers)
      pending.push(encoder.layerGraph(first, encoder.blockLayers, {}));
    await Promise.all(pending);
    return encoder;
  }

  /** Where its sessions run, if not on the thread that asks; for what else is computed with its weights. */
  get sessions(): SessionHost | undefined {
    return this.options.sessions;
  }

  /** Hidden states of a batch. Throws `shape_mismatch`, `invalid_argument` or `text_too_long` for a bad batch. */
  forward(batch: EncoderBatch, request: ForwardRequest = {}): Promise<ForwardResult> {
    validateBatch(this.config, batch);
    this.requestedDepths(request.layers);
    return this.pass(batch, request);
  }

  /** Pooled output `[batch, hidden]` of a last hidden state `[batch, sequence, hidden]`. */
  async pool(lastHiddenState: Float32Array, batchSize: number): Promise<Float32Array> {
    if (!this.weights.has('albert.pooler.weight'))
      throw new AlbertineError('weights_mismatch', 'this checkpoint has no pooler', {
        hint: 'Use cls or mean pooling.',
      });
    const { hiddenSize } = this.config;
    const first = new Float32Array(batchSize * hiddenSize);
    const stride = lastHiddenState.length / batchSize;
    for (let row = 0; row < batchSize; row++)
      first.set(lastHiddenState.subarray(row * stride, row * stride + hiddenSize), row * hiddenSize);
    const create = (): Promise<CompiledGraph> => compilePooler(this.config, this.weights, this.options);
    const graph = await this.graph('pooler', create, this.headGraphs);
    const { pooled } = await graph.run({ firstTokens: float32([batchSize, hiddenSize], first) });
    return pooled.data as Float32Array;
  }

  /**
   * Logits of a head for the vectors that it reads, `[rows, hidden]`: `[rows, outputs]`. Throws `weights_mismatch`
   * where the checkpoint lacks it.
   */
  async logits(head: HeadName, vectors: Float32Array): Promise<Float32Array> {
    const rows = vectors.length / this.config.hiddenSize;
    if (!this.weights.has(headOf(head).marker))
      throw new AlbertineError('weights_mismatch', `this checkpoint has no ${head} head`, { value: head });
    const create = (): Promise<CompiledGraph> => compileHead(this.config, this.weights, head, this.options);
    const graph = await this.graph(head, create, this.headGraphs);
    const { logits } = await graph.run({ x: float32([rows, this.config.hiddenSize], vectors) });
    return logits.data as Float32Array;
  }

  /**
   * This network with adapters in its layers, and with heads (and pooler) of its own. Its layers are compiled once for
   * all adapters of a kind and live as long as this encoder: dispose the others first.
   */
  withAdapter(extended: Extended, heads: Weights, options: Pick<EncoderOptions, 'wrapForward'> = {}): AlbertEncoder {
    const adapted = new AlbertEncoder(this.config, new Map([...this.weights, ...heads]), {
      ...this.options,
      ...options,
      extended,
    });
    adapted.graphs = this.graphs;
    adapted.ownsGraphs = false;
    return adapted;
  }

  /** Releases the compiled graphs. Later calls throw `disposed`. */
  [Symbol.dispose](): void {
    this.disposed = true;
    for (const graphs of this.ownsGraphs ? [this.graphs, this.headGraphs] : [this.headGraphs]) {
      for (const graph of graphs.values())
        void graph.then(
          (compiled) => compiled[Symbol.dispose](),
          () => undefined,
        );
      graphs.clear();
    }
  }

  private requestedDepths(layers: readonly number[] | 'all' = []): Set<number> {
    const { numHiddenLayers } = this.config;
    const depths = layers === 'all' ? Array.from({ length: numHiddenLayers + 1 }, (_, depth) => depth) : layers;
    for (const depth of depths) {
      if (!Number.isInteger(depth) || depth < 0 || depth > numHiddenLayers)
        throw new AlbertineError('invalid_argument', `layer must be in 0..${numHiddenLayers}, got ${depth}`, {
          value: depth,
        });
    }
    return new Set(depths.length > 0 ? depths : [numHiddenLayers]);
  }

  private async execute(batch: EncoderBatch, depths: Set<number>, request: ForwardRequest): Promise<ForwardResult> {
    const masks = maskTensors(batch);
    const pass: Pass = {
      batch,
      depths,
      variant: {
        emptyRows: masks.visible !== undefined,
        attentions: request.attentions ?? false,
        sites: request.onSites !== undefined,
        causal: batch.causalFrom !== undefined,
      },
      shared: this.sharedFeeds(masks, batch.sequenceLength),
      sizes: { batch: batch.batchSize, sequence: batch.sequenceLength },
    };
    const result: ForwardResult = { lastHiddenState: new Float32Array(0), hiddenStates: new Map(), attentions: [] };
    if (this.isRepeated && !pass.variant.attentions && !pass.variant.sites) await this.repeatDepths(pass, result);
    else await this.executeLayers(pass, { result, onSites: request.onSites });
    result.lastHiddenState = result.hiddenStates.get(Math.max(...depths))!;
    return result;
  }

  /** Every run goes on to the next depth asked for; the first begins with the embeddings. */
  private async repeatDepths({ batch, depths, variant, shared, sizes }: Pass, result: ForwardResult): Promise<void> {
    const { extended } = this.options;
    const tokens = batch.batchSize * batch.sequenceLength;
    const place = (): HostTensor | undefined => this.place({ tokens, keep: true, turn: 0 });
    let hidden = depths.has(0) ? await this.project(batch, place()) : undefined;
    if (hidden) result.hiddenStates.set(0, hidden.data as Float32Array);
    let from = 0;
    for (const depth of [...depths].filter((asked) => asked > 0).sort((a, b) => a - b)) {
      const graph = await this.repeatedGraph(hidden !== undefined, variant);
      const feeds = {
        ...(hidden ? { hidden } : { embedded: this.embed(batch) }),
        depths: int64([], [depth - from]),
        ...shared,
        ...(this.scales && depthScales(this.scales, this.config.innerGroupNum, { from, to: depth })),
        ...(extended && repeatedExtensionFeeds(this.config, extended, { from, to: depth })),
      };
      const output = place();
      hidden = (await graph.run(feeds, { into: output && { output }, sizes }))['output'];
      result.hiddenStates.set(depth, hidden.data as Float32Array);
      from = depth;
    }
  }

  private async executeLayers(
    { batch, depths, variant, shared, sizes }: Pass,
    { result, onSites }: { result: ForwardResult; onSites: ForwardRequest['onSites'] },
  ): Promise<void> {
    const { config } = this;
    const tokens = batch.batchSize * batch.sequenceLength;
    const deepest = Math.max(...depths);
    let hidden = await this.project(batch, this.place({ tokens, keep: depths.has(0), turn: 0 }));
    if (depths.has(0)) result.hiddenStates.set(0, hidden.data as Float32Array);
    const onlyLast = depths.size === 1 && deepest === config.numHiddenLayers && !variant.attentions && !variant.sites;
    const step = onlyLast ? this.blockLayers : 1;
    for (let first = 0; first < deepest * config.innerGroupNum; first += step) {
      const done = first + step;
      const depth =
        done % config.innerGroupNum === 0 && depths.has(done / config.innerGroupNum)
          ? done / config.innerGroupNum
          : undefined;
      const output = this.place({ tokens, keep: depth !== undefined, turn: (done / step) % 2 });
      const graph = await this.layerGraph(first, step, variant);
      const outputs = await graph.run(
        { hidden, ...shared, ...this.layerFeeds(first, step) },
        { into: output && { output }, sizes },
      );
      if (variant.attentions) result.attentions.push(outputs['probabilities'].data as Float32Array);
      onSites?.(
        first,
        Object.fromEntries(QUANTIZATION_SITES.map((site) => [site, outputs[site]?.data])) as Record<
          QuantizationSite,
          Float32Array
        >,
      );
      hidden = outputs['output'];
      if (depth !== undefined) result.hiddenStates.set(depth, hidden.data as Float32Array);
    }
  }

  private embed(batch: EncoderBatch): HostTensor {
    const { embeddingSize } = this.config;
    const tokens = batch.batchSize * batch.sequenceLength;
    const embedded = new Float32Array(tokens * embeddingSize);
    lookUpEmbeddings(this.config, this.tables, batch, embedded);
    return float32([tokens, embeddingSize], embedded);
  }

  private async project(batch: EncoderBatch, into: HostTensor | undefined): Promise<HostTensor> {
    const graph = await this.graph('projection', () => compileProjection(this.config, this.weights, this.options));
    const { hidden } = await graph.run({ embedded: this.embed(batch) }, { into: into && { hidden: into } });
    return hidden;
  }

  private sharedFeeds(masks: MaskTensors, sequenceLength: number): Record<string, HostTensor> {
    return {
      attentionBias: masks.attentionBias,
      ...(masks.visible && { visible: masks.visible }),
      ...(this.config.positionEmbeddingType !== 'absolute' && {
        distances: distanceTensor(this.config, sequenceLength),
      }),
    };
  }

  /**
   * Where a hidden state is written to: memory of its own if it is kept, else one of two scratch buffers in turn, grown
   * to the largest batch seen. Undefined where sessions bring memory of their own.
   */
  private place(hidden: { tokens: number; keep: boolean; turn: number }): HostTensor | undefined {
    if (this.options.sessions) return undefined;
    const { tokens, keep, turn } = hidden;
    const size = tokens * this.config.hiddenSize;
    if (!keep && this.scratch[turn].length < size) this.scratch[turn] = new Float32Array(size);
    const data = keep ? new Float32Array(size) : this.scratch[turn].subarray(0, size);
    return float32([tokens, this.config.hiddenSize], data);
  }

  private get executedLayers(): number {
    return this.config.numHiddenLayers * this.config.innerGroupNum;
  }

  /** The graph of `count` executed layers from `first` on; places with the same weights share one. */
  private layerGraph(first: number, count: number, variant: LayerVariant): Promise<CompiledGraph> {
    const { innerGroupNum } = this.config;
    const { int8 } = this.options;
    const places = Array.from({ length: count }, (_, i): LayerPlace => {
      const group = groupOfDepth(this.config, Math.floor((first + i) / innerGroupNum));
      const layer = (first + i) % innerGroupNum;
      return {
        group,
        layer,
        int8: int8 && { dense: int8.layers[group * innerGroupNum + layer], activations: int8.activations },
      };
    });
    const key = [
      'layers',
      ...places.map(({ group, layer }) => `${group}.${layer}`),
      ...Object.entries(variant).flatMap(([name, on]) => (on ? [name] : [])),
      ...(this.options.extended ? [this.options.extended.key] : []),
    ].join(' ');
    const { extended, ...options } = this.options;
    const extension = extended?.extension;
    return this.graph(key, () => compileLayers(this.config, this.weights, places, { ...options, variant, extension }));
  }

  private repeatedGraph(fromHidden: boolean, { emptyRows, causal }: LayerVariant): Promise<CompiledGraph> {
    const { config, weights, options } = this;
    const variant = { ...(emptyRows && { emptyRows }), ...(causal && { causal }) };
    const { extended } = options;
    const key = ['repeated', ...(fromHidden ? ['fromHidden'] : []), ...Object.keys(variant), extended?.key].join(' ');
    const int8 = options.int8?.layers.map((dense) => ({ dense, activations: options.int8!.activations }));
    const network = { int8, fromHidden, variant, extension: extended?.extension };
    return this.graph(key, () => compileRepeated(config, weights, network, options));
  }

  /** Static scales and adapters of `count` executed layers, by their place in the block. */
  private layerFeeds(first: number, count: number): Record<string, HostTensor> {
    const { extended } = this.options;
    const feeds: Record<string, HostTensor> = {};
    for (let index = 0; index < count; index++) {
      const layer = first + index;
      if (this.scales) Object.assign(feeds, scaleInputs(this.scales[layer], index));
      if (extended) Object.assign(feeds, extensionFeeds(this.config, extended, { index, layer }));
    }
    return feeds;
  }

  private graph(key: string, create: () => Promise<CompiledGraph>, graphs = this.graphs): Promise<CompiledGraph> {
    if (this.disposed) throw new AlbertineError('disposed', 'this model has been disposed');
    let graph = graphs.get(key);
    if (!graph) {
      graph = create();
      graphs.set(key, graph);
    }
    return graph;
  }

  /**
   * Runs one task after the other: the scratch buffers are shared, and two runs at once would only fight for the cores.
   */
  private exclusive<T>(task: () => Promise<T>): Promise<T> {
    const next = this.queue.then(task);
    this.queue = next.catch(() => undefined);
    return next;
  }
}

type GraphCache = Map<string, Promise<CompiledGraph>>;

/** What the runs of a pass share. */
interface Pass {
  batch: EncoderBatch;
  /** Depths whose hidden states are wanted. */
  depths: ReadonlySet<number>;
  variant: LayerVariant;
  shared: Record<string, HostTensor>;
  /** Sizes that no input has on its own. */
  sizes: Record<string, number>;
}

/** The largest divisor of the layers of a group up to {@link BLOCK_LAYERS}; 1 for large layers and uneven groups. */
function blockLayers(config: AlbertConfig, weights: Weights): number {
  const perGroup = (config.numHiddenLayers / config.numHiddenGroups) * config.innerGroupNum;
  const weight = weights.get(`${layerPrefix(0, 0)}.attention.query.weight`);
  const layerBytes = 4 * (4 * config.hiddenSize ** 2 + 2 * config.hiddenSize * config.intermediateSize);
  if (!Number.isInteger(perGroup) || layerBytes > BLOCK_BYTES || weight?.file) return 1;
  let block = Math.min(BLOCK_LAYERS, perGroup);
  while (perGroup % block !== 0) block--;
  return block;
}
