import { AlbertineError } from '../core/errors.ts';
import type { CompiledGraph, CompileOptions } from '../runtime/compile.ts';
import { float32, HostTensor } from '../runtime/tensor.ts';
import { distanceTensor, embeddingTables, lookUpEmbeddings, maskTensors, validateBatch, type EmbeddingTables, type EncoderBatch, type MaskTensors } from './batch.ts';
import { groupOfDepth, validateConfig, type AlbertConfig } from './config.ts';
import { compileLayer, compileLinearHead, compileMaskedLmHead, compilePooler, compileProjection, type LayerInt8, type LayerVariant } from './layer-graphs.ts';
import { QUANTIZATION_SITES, type QuantizationSite } from './network.ts';
import type { Weights } from './parameters.ts';
import { activationScale, needsCalibration, siteInputs, type ActivationQuantization, type Calibration } from './quantize.ts';

/** int8 weights of every layer; the float weights of their dense layers are then not needed. */
export interface EncoderInt8 {
  /** `layers[group * innerGroupNum + inner]` by dense name. */
  layers: LayerInt8['dense'][];
  activations: ActivationQuantization;
  /** Ranges of every executed layer; `static` and `mixed` need them, the others ignore them. */
  calibration?: Calibration | undefined;
}

/** Options of {@link AlbertEncoder.create}. */
export interface EncoderOptions extends CompileOptions {
  int8?: EncoderInt8 | undefined;
}

/** What to return besides the last hidden state. */
export interface ForwardRequest {
  /** Hidden states to return: 0 is the mapped embeddings, d the output of depth d. Default: only the last. */
  layers?: readonly number[] | 'all';
  /** Returns attention probabilities of every executed layer. Default false. */
  attentions?: boolean;
  /** Called with the inputs of the dense layers of every executed layer (calibration). */
  onSites?: (layer: number, sites: Record<QuantizationSite, Float32Array>) => void;
}

/** Result of {@link AlbertEncoder.forward}; arrays are row-major and owned by the caller. */
export interface ForwardResult {
  /** `[batch, sequence, hidden]` of the last depth asked for. */
  lastHiddenState: Float32Array;
  /** Hidden states asked for, by depth: `[batch, sequence, hidden]`. */
  hiddenStates: Map<number, Float32Array>;
  /** Per executed layer `[batch, heads, query, key]`; empty unless asked for. */
  attentions: Float32Array[];
}

/** Heads that turn hidden states into logits. */
export type OutputHead = 'predictions' | 'sop_classifier.classifier' | 'classifier' | 'qa_outputs';

/**
 * The network on ONNX Runtime: one compiled layer per distinct set of weights, run `numHiddenLayers` times from here.
 * Calls may overlap; they are executed one after the other.
 */
export class AlbertEncoder implements Disposable {
  readonly config: AlbertConfig;
  private readonly options: EncoderOptions;
  private readonly weights: Weights;
  private readonly tables: EmbeddingTables;
  private readonly graphs = new Map<string, Promise<CompiledGraph>>();
  private readonly scales: Record<string, HostTensor>[] | undefined;
  private scratch: [Float32Array, Float32Array] = [new Float32Array(0), new Float32Array(0)];
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  private constructor(config: AlbertConfig, weights: Weights, options: EncoderOptions) {
    this.config = validateConfig(config);
    this.weights = weights;
    this.options = options;
    this.tables = embeddingTables(config, weights);
    this.scales = options.int8 && staticScales(this.config, options.int8);
  }

  /** Compiles the embedding projection and the layers. `weights` is kept and must not change. */
  static async create(config: AlbertConfig, weights: Weights, options: EncoderOptions = {}): Promise<AlbertEncoder> {
    const encoder = new AlbertEncoder(config, weights, options);
    const pending: Promise<CompiledGraph>[] = [encoder.graph('projection', () => compileProjection(config, weights, options))];
    for (let i = 0; i < config.numHiddenGroups * config.innerGroupNum; i++) pending.push(encoder.layerGraph(i, {}));
    await Promise.all(pending);
    return encoder;
  }

  /** Hidden states of a batch. Throws `shape_mismatch`, `invalid_argument` or `text_too_long` for a bad batch. */
  forward(batch: EncoderBatch, request: ForwardRequest = {}): Promise<ForwardResult> {
    validateBatch(this.config, batch);
    const depths = this.requestedDepths(request.layers);
    return this.exclusive(() => this.execute(batch, depths, request));
  }

  /** Pooled output `[batch, hidden]` of a last hidden state `[batch, sequence, hidden]`. */
  async pool(lastHiddenState: Float32Array, batchSize: number): Promise<Float32Array> {
    if (!this.weights.has('albert.pooler.weight')) throw new AlbertineError('weights_mismatch', 'this checkpoint has no pooler', { hint: 'Use cls or mean pooling.' });
    const { hiddenSize } = this.config;
    const first = new Float32Array(batchSize * hiddenSize);
    const stride = lastHiddenState.length / batchSize;
    for (let row = 0; row < batchSize; row++) first.set(lastHiddenState.subarray(row * stride, row * stride + hiddenSize), row * hiddenSize);
    const graph = await this.graph('pooler', () => compilePooler(this.config, this.weights, this.options));
    const { pooled } = await graph.run({ firstTokens: float32([batchSize, hiddenSize], first) });
    return pooled.data as Float32Array;
  }

  /** Logits of a head for selected vectors `[rows, hidden]`: `[rows, vocabSize]` or `[rows, labels]`. */
  async logits(head: OutputHead, vectors: Float32Array): Promise<Float32Array> {
    const rows = vectors.length / this.config.hiddenSize;
    if (!this.weights.has(head === 'predictions' ? 'predictions.dense.weight' : `${head}.weight`)) {
      throw new AlbertineError('weights_mismatch', `this checkpoint has no ${head} head`, { value: head });
    }
    const graph = await this.graph(head, () => (head === 'predictions'
      ? compileMaskedLmHead(this.config, this.weights, this.options)
      : compileLinearHead(this.config, this.weights, head, this.options)));
    const { logits } = await graph.run({ [head === 'predictions' ? 'selected' : 'x']: float32([rows, this.config.hiddenSize], vectors) });
    return logits.data as Float32Array;
  }

  /** Releases the compiled graphs. Later calls throw `disposed`. */
  [Symbol.dispose](): void {
    this.disposed = true;
    for (const graph of this.graphs.values()) void graph.then((compiled) => compiled[Symbol.dispose](), () => undefined);
    this.graphs.clear();
  }

  private requestedDepths(layers: readonly number[] | 'all' = []): Set<number> {
    const { numHiddenLayers } = this.config;
    const depths = layers === 'all' ? Array.from({ length: numHiddenLayers + 1 }, (_, depth) => depth) : layers;
    for (const depth of depths) {
      if (!Number.isInteger(depth) || depth < 0 || depth > numHiddenLayers) throw new AlbertineError('invalid_argument', `layer must be in 0..${numHiddenLayers}, got ${depth}`, { value: depth });
    }
    return new Set(depths.length > 0 ? depths : [numHiddenLayers]);
  }

  private async execute(batch: EncoderBatch, depths: Set<number>, request: ForwardRequest): Promise<ForwardResult> {
    const { config } = this;
    const tokens = batch.batchSize * batch.sequenceLength;
    const masks = maskTensors(batch);
    const variant: LayerVariant = { emptyRows: masks.visible !== undefined, attentions: request.attentions ?? false, sites: request.onSites !== undefined };
    const result: ForwardResult = { lastHiddenState: new Float32Array(0), hiddenStates: new Map(), attentions: [] };
    const deepest = Math.max(...depths);
    let hidden = await this.project(batch, depths.has(0) ? new Float32Array(tokens * config.hiddenSize) : this.buffer(0, tokens));
    if (depths.has(0)) result.hiddenStates.set(0, hidden.data as Float32Array);
    const sizes = { batch: batch.batchSize, sequence: batch.sequenceLength };
    const shared = this.sharedFeeds(masks, batch.sequenceLength);
    for (let depth = 0; depth < deepest; depth++) {
      for (let inner = 0; inner < config.innerGroupNum; inner++) {
        const executed = depth * config.innerGroupNum + inner;
        const keep = depths.has(depth + 1) && inner === config.innerGroupNum - 1;
        const data = keep ? new Float32Array(tokens * config.hiddenSize) : this.buffer((executed + 1) % 2, tokens);
        const graph = await this.layerGraph(groupOfDepth(config, depth) * config.innerGroupNum + inner, variant);
        const output = float32([tokens, config.hiddenSize], data);
        const outputs = await graph.run({ hidden, ...shared, ...this.scales?.[executed] }, { into: { output }, sizes });
        if (request.attentions) result.attentions.push(outputs['probabilities'].data as Float32Array);
        request.onSites?.(executed, Object.fromEntries(QUANTIZATION_SITES.map((site) => [site, outputs[site]?.data])) as Record<QuantizationSite, Float32Array>);
        hidden = output;
        if (keep) result.hiddenStates.set(depth + 1, data);
      }
    }
    result.lastHiddenState = result.hiddenStates.get(deepest)!;
    return result;
  }

  private async project(batch: EncoderBatch, out: Float32Array): Promise<HostTensor> {
    const tokens = batch.batchSize * batch.sequenceLength;
    const embedded = new Float32Array(tokens * this.config.embeddingSize);
    lookUpEmbeddings(this.config, this.tables, batch, embedded);
    const graph = await this.graph('projection', () => compileProjection(this.config, this.weights, this.options));
    const hidden = float32([tokens, this.config.hiddenSize], out);
    await graph.run({ embedded: float32([tokens, this.config.embeddingSize], embedded) }, { into: { hidden } });
    return hidden;
  }

  private sharedFeeds(masks: MaskTensors, sequenceLength: number): Record<string, HostTensor> {
    return {
      attentionBias: masks.attentionBias,
      ...(masks.visible && { visible: masks.visible }),
      ...(this.config.positionEmbeddingType !== 'absolute' && { distances: distanceTensor(this.config, sequenceLength) }),
    };
  }

  /** One of two scratch buffers that layers write to in turn; grown to the largest batch seen. */
  private buffer(which: number, tokens: number): Float32Array {
    const size = tokens * this.config.hiddenSize;
    if (this.scratch[which].length < size) this.scratch[which] = new Float32Array(size);
    return this.scratch[which].subarray(0, size);
  }

  private layerGraph(index: number, variant: LayerVariant): Promise<CompiledGraph> {
    const { innerGroupNum } = this.config;
    const { int8 } = this.options;
    const key = ['layer', index, ...Object.entries(variant).flatMap(([name, on]) => (on ? [name] : []))].join(' ');
    const at = {
      group: Math.floor(index / innerGroupNum),
      layer: index % innerGroupNum,
      int8: int8 && { dense: int8.layers[index], activations: int8.activations },
    };
    return this.graph(key, () => compileLayer(this.config, this.weights, at, { ...this.options, variant }));
  }

  private graph(key: string, create: () => Promise<CompiledGraph>): Promise<CompiledGraph> {
    if (this.disposed) throw new AlbertineError('disposed', 'this model has been disposed');
    let graph = this.graphs.get(key);
    if (!graph) {
      graph = create();
      this.graphs.set(key, graph);
    }
    return graph;
  }

  /** Runs one task after the other: the scratch buffers are shared, and two runs at once would only fight for the cores. */
  private exclusive<T>(task: () => Promise<T>): Promise<T> {
    const next = this.queue.then(task);
    this.queue = next.catch(() => undefined);
    return next;
  }
}

function staticScales(config: AlbertConfig, { activations, calibration }: EncoderInt8): Record<string, HostTensor>[] | undefined {
  if (!needsCalibration(activations)) return undefined;
  const executed = config.numHiddenLayers * config.innerGroupNum;
  if (calibration?.length !== executed) {
    throw new AlbertineError('invalid_argument', `${activations} int8 activations need calibrated ranges of ${executed} layers, got ${calibration?.length ?? 'none'}`, { value: calibration });
  }
  return calibration.map((sites) => scaleInputs(sites));
}

function scaleInputs(sites: Calibration[number]): Record<string, HostTensor> {
  const feeds: Record<string, HostTensor> = {};
  for (const site of QUANTIZATION_SITES) {
    const { scale, zeroPoint } = activationScale(sites[site]);
    const names = siteInputs(site);
    feeds[names.scale] = float32([], Float32Array.of(scale));
    feeds[names.zeroPoint] = new HostTensor('uint8', [], Uint8Array.of(zeroPoint));
  }
  return feeds;
}
