import { AlbertineError } from '../core/errors.ts';
import { distanceTensor, maskTensors, validateBatch, type EncoderBatch } from '../model/batch.ts';
import { groupOfDepth, type AlbertConfig } from '../model/config.ts';
import { embeddingParameters, layerParameters, layerPrefix, type ParameterSpec } from '../model/parameters.ts';
import { HostTensor, type RunTensor } from '../runtime/tensor.ts';
import type { Arena } from './arena.ts';
import type { Buffers } from './buffers.ts';
import { HostDevice, type TrainingDevice } from './device.ts';
import { WebGpuDevice } from './device-webgpu.ts';
import { DropoutMasks, type DropoutSource, type MaskPosition } from './dropout.ts';
import { EMBEDDING_TABLES } from './embeddings.ts';
import { CompiledHead, hiddenAt, type HeadDefinition, type HeadResults } from './head.ts';
import { extensionName } from '../model/extension.ts';
import { PREFIXED_KEYS } from '../model/network.ts';
import { buildLayer, buildProjection, shareStages } from './layerwise-stages.ts';
import { isShortProduct } from './short-products.ts';
import { Stage, type SavedActivations, type StageParameters } from './stage.ts';

import type { LayerwiseOptions, StepHooks, StepPosition, BatchShape, TrainingBatch } from './layerwise-options.ts';

export type {
  SaveActivations,
  LayerwiseOptions,
  StepHooks,
  StepPosition,
  BatchShape,
  TrainingBatch,
} from './layerwise-options.ts';

/**
 * Forward and backward passes of an ALBERT for training, over weights in an {@link Arena}. One compiled layer serves
 * all depths and groups: weights are inputs of its graph, and gradients of shared weights add up in place. With
 * `device: 'webgpu'`, call `device.upload()` first, and `device.download()` before the arena is read.
 */
export class LayerwiseNetwork implements Disposable {
  /** Shape of the network. */
  readonly config: AlbertConfig;
  /** Its head. */
  readonly head: CompiledHead;
  /** Where weights and gradients live: the arena itself, or the device that `options.device` names. */
  readonly device: TrainingDevice;
  private readonly options: LayerwiseOptions;
  private readonly training: Stages;
  /** Without dropout masks; the same as `training` when the config has no dropout. */
  private readonly evaluation: Stages;
  private readonly masks: DropoutSource;
  private readonly projectionParameters: StageParameters;
  /** Of every executed layer. */
  private readonly layerParameterSets: StageParameters[];
  private readonly headParameterSet: StageParameters;
  private readonly trainable: ReadonlySet<string>;
  private readonly buffers: Buffers;

  constructor(config: AlbertConfig, arena: Arena, head: HeadDefinition, options: LayerwiseOptions = {}) {
    this.config = config;
    this.options = options;
    this.device =
      options.device === 'webgpu' ? new WebGpuDevice(config, arena, options) : new HostDevice(config, arena);
    this.buffers = this.device.buffers;
    this.trainable = new Set(arena.slots.map(({ name }) => name));
    const projectionSpecs = embeddingParameters(config).filter(({ name }) => !EMBEDDING_TABLES.has(name));
    this.projectionParameters = this.bind(projectionSpecs, '');
    this.headParameterSet = this.bind(head.parameters, '');
    const prefixes = Array.from(
      { length: config.numHiddenGroups * config.innerGroupNum },
      (_, i) => `${layerPrefix(Math.floor(i / config.innerGroupNum), i % config.innerGroupNum)}.`,
    );
    const ownSets = prefixes.map((prefix) => this.bind(layerParameters(config), prefix));
    this.layerParameterSets = Array.from({ length: this.executedLayers }, (_, layer) =>
      this.extend(ownSets[this.stageIndex(layer)], layer),
    );
    const extended = (options.extension?.parameters ?? [])
      .filter((parameter) => this.trainable.has(extensionName(config, parameter, 0)))
      .map(({ name }) => name);
    const layerTrainable = prefixes.map(
      (prefix) =>
        new Set([
          ...layerParameters(config).flatMap(({ name }) => (this.trainable.has(prefix + name) ? [name] : [])),
          ...extended,
        ]),
    );
    const { target } = this.device;
    const createStages = (stageConfig: AlbertConfig): Stages => {
      const projection = (threads?: number): Stage =>
        new Stage(
          { build: (graph) => buildProjection(graph, stageConfig, projectionSpecs, this.trainable) },
          { ...options, ...(threads && { threads }) },
          target,
        );
      return {
        projection: projection(),
        shortProjection: projection(1),
        layers: shareStages(
          layerTrainable,
          (trainable) =>
            new Stage({ build: (graph) => buildLayer(graph, stageConfig, { trainable, ...options }) }, options, target),
        ),
      };
    };
    const dropout = config.hiddenDropoutProb > 0 || config.attentionProbsDropoutProb > 0;
    this.training = createStages(config);
    this.evaluation = dropout
      ? createStages({ ...config, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 })
      : this.training;
    if (this.device.name !== 'cpu' && head.depths?.length)
      throw new AlbertineError('unsupported', 'heads that read other depths than the last train on the CPU only', {
        value: head.depths,
      });
    this.masks = options.dropout ?? new DropoutMasks(config, options.seed ?? 0, this.device.hostBuffers);
    this.head = new CompiledHead(head, {
      hiddenSize: config.hiddenSize,
      trainable: this.trainable,
      dropout: config.classifierDropoutProb > 0,
      options,
      target,
    });
  }

  /**
   * Forward and backward pass of one micro-batch; adds to the gradients of {@link LayerwiseNetwork.device} and returns
   * the head's results.
   */
  async accumulate(batch: TrainingBatch, at: StepPosition, hooks: StepHooks = {}): Promise<HeadResults> {
    const run = await this.prepare(batch, at);
    if (hooks.embeddingShift) addInto(run.embedded, hooks.embeddingShift);
    const saved = await this.forwardKeeping(run);
    const { sizes, tokens } = run;
    const { hiddenSize, embeddingSize } = this.config;
    const executed = this.executedLayers;
    let gradient = this.buffers.tensor('gradient 0', [tokens, hiddenSize]);
    const depthGradients = new Map(
      (this.head.definition.depths ?? []).map((depth) => [
        depth,
        this.buffers.tensor(`gradient of depth ${depth}`, [tokens, hiddenSize]),
      ]),
    );
    const headFeeds = {
      hidden: this.hidden(executed, tokens),
      ...this.depthFeeds((layer) => this.hidden(layer, tokens)),
      ...batch.headFeeds,
      ...this.masks.classifier(run.at!, this.head.definition.maskRows),
    };
    const results = await this.head.train(headFeeds, {
      parameters: this.headParameterSet,
      hiddenGradient: gradient,
      depthGradients,
      sizes: { ...sizes, ...batch.headSizes },
    });
    const addDepth = (layer: number): void => {
      const more = depthGradients.get(layer / this.config.innerGroupNum);
      if (more) addInto(gradient, (more as HostTensor).data as Float32Array);
    };
    addDepth(executed);
    for (let layer = executed - 1; layer >= 0; layer--) {
      const index = this.stageIndex(layer);
      const inputGradient = this.buffers.tensor(`gradient ${(executed - layer) % 2}`, [tokens, hiddenSize]);
      const activations = saved.layers[layer] ?? (await this.keepLayer(run, layer, RECOMPUTED));
      await this.training.layers[index].backward(this.layerFeeds(run, layer), {
        parameters: this.layerParameterSets[layer],
        saved: activations,
        outputGradient: gradient,
        inputGradient,
        sizes,
      });
      gradient = inputGradient;
      addDepth(layer);
    }
    const embeddedGradient = this.buffers.tensor('gradient embedded', [tokens, embeddingSize]);
    const feeds = { embedded: run.embedded, ...this.masks.embedding(run.at!) };
    await this.projectionOf(this.training, tokens).backward(feeds, {
      parameters: this.projectionParameters,
      saved: saved.projection,
      outputGradient: gradient,
      inputGradient: embeddedGradient,
      sizes,
    });
    if (hooks.onEmbeddingGradient) hooks.onEmbeddingGradient(hostData(embeddedGradient));
    await this.device.embeddings.scatter(batch, embeddedGradient);
    return results;
  }

  /** Forward pass without dropout and without gradients: loss and results of the head. */
  async evaluate(batch: TrainingBatch): Promise<HeadResults> {
    const run = await this.prepare(batch);
    const { sizes, tokens } = run;
    // Two buffers in turns, as nothing is kept for a backward pass; what the head reads has its own.
    const read = new Set((this.head.definition.depths ?? []).map((depth) => depth * this.config.innerGroupNum));
    const hidden = (layer: number): RunTensor =>
      read.has(layer)
        ? this.buffers.tensor(`read ${layer}`, [tokens, this.config.hiddenSize])
        : this.hidden(layer % 2, tokens);
    await this.projectionOf(this.evaluation, tokens).forward(
      { embedded: run.embedded },
      { parameters: this.projectionParameters, output: hidden(0), sizes },
    );
    for (let layer = 0; layer < this.executedLayers; layer++) {
      const index = this.stageIndex(layer);
      await this.evaluation.layers[index].forward(
        { hidden: hidden(layer), ...run.shared },
        { parameters: this.layerParameterSets[layer], output: hidden(layer + 1), sizes },
      );
    }
    const feeds = { hidden: hidden(this.executedLayers), ...this.depthFeeds(hidden), ...batch.headFeeds };
    return this.head.evaluate(feeds, { parameters: this.headParameterSet, sizes: { ...sizes, ...batch.headSizes } });
  }

  /** Bytes of activations and gradients that a micro-batch of this shape needs, besides the arena. An upper bound. */
  activationBytes({ batchSize, sequenceLength }: BatchShape): number {
    // The hidden states of all depths, two gradients and those of depths that the head reads, what every kept depth
    // holds, and one depth at work.
    const hidden =
      4 *
      batchSize *
      sequenceLength *
      this.config.hiddenSize *
      (this.executedLayers + 3 + (this.head.definition.depths?.length ?? 0));
    const { kept, whole } = this.training.layers[0].bytes(this.sizesOf({ batchSize, sequenceLength }));
    return hidden + this.keptLayers * kept + whole;
  }

  /** Frees the native memory of graphs and device; the arena stays. */
  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
    for (const { projection, shortProjection, layers } of [this.training, this.evaluation])
      for (const stage of new Set([projection, shortProjection, ...layers])) stage[Symbol.dispose]();
    this.head[Symbol.dispose]();
  }

  private bind(specs: readonly ParameterSpec[], prefix: string): StageParameters {
    const tensors = (kind: 'values' | 'gradients') =>
      Object.fromEntries(
        specs
          .filter(({ name }) => kind === 'values' || this.trainable.has(prefix + name))
          .map(({ name, shape }) => [name, this.device.parameter({ name: prefix + name, shape }, kind)]),
      );
    return { values: tensors('values'), gradients: tensors('gradients') };
  }

  /** A layer's parameters with those of its extension. */
  private extend(own: StageParameters, layer: number): StageParameters {
    const values: Record<string, RunTensor> = {};
    const gradients: Record<string, RunTensor> = {};
    for (const parameter of this.options.extension?.parameters ?? []) {
      const spec = { name: extensionName(this.config, parameter, layer), shape: parameter.shape };
      values[parameter.name] = this.device.parameter(spec, 'values');
      if (this.trainable.has(spec.name)) gradients[parameter.name] = this.device.parameter(spec, 'gradients');
    }
    return { values: { ...own.values, ...values }, gradients: { ...own.gradients, ...gradients } };
  }

  /** Hidden states that the head reads besides the last; `hidden` gives the one that enters an executed layer. */
  private depthFeeds(hidden: (layer: number) => RunTensor): Record<string, RunTensor> {
    return Object.fromEntries(
      (this.head.definition.depths ?? []).map((depth) => [hiddenAt(depth), hidden(depth * this.config.innerGroupNum)]),
    );
  }

  private stageIndex(executed: number): number {
    const { innerGroupNum } = this.config;
    return groupOfDepth(this.config, Math.floor(executed / innerGroupNum)) * innerGroupNum + (executed % innerGroupNum);
  }

  private projectionOf({ projection, shortProjection }: Stages, tokens: number): Stage {
    return this.options.device !== 'webgpu' && isShortProduct(tokens, this.config) ? shortProjection : projection;
  }

  private sizesOf({ batchSize, sequenceLength }: BatchShape): Run['sizes'] {
    const prefix = this.options.extension?.prefix?.length;
    return {
      batch: batchSize,
      sequence: sequenceLength,
      ...(prefix !== undefined && { [PREFIXED_KEYS]: prefix + sequenceLength }),
    };
  }

  private hidden(layer: number, tokens: number): RunTensor {
    return this.buffers.tensor(`hidden ${layer}`, [tokens, this.config.hiddenSize]);
  }

  /** Checks the batch, looks up its embeddings and makes the feeds that all layers share. */
  private async prepare(batch: EncoderBatch, at?: StepPosition): Promise<Run> {
    validateBatch(this.config, batch);
    const { causal = false } = this.options;
    if (causal !== (batch.causalFrom !== undefined))
      throw new AlbertineError(
        'invalid_argument',
        causal
          ? 'a causal network needs causalFrom in every batch'
          : 'causalFrom needs a network that is made with causal: true',
        { value: batch.causalFrom },
      );
    const sizes = this.sizesOf(batch);
    const tokens = batch.batchSize * batch.sequenceLength;
    const distances =
      this.config.positionEmbeddingType === 'absolute' ? undefined : distanceTensor(this.config, batch.sequenceLength);
    const { attentionBias, visible } = maskTensors(batch);
    if (visible)
      throw new AlbertineError('invalid_data', 'a training batch has a row without any visible token', {
        hint: 'Leave empty rows out.',
      });
    const shared = { attentionBias, ...(distances && { distances }) };
    const embedded = await this.device.embeddings.lookUp(batch);
    return { sizes, tokens, embedded, shared, ...(at && { at: { ...at, ...sizes } }) };
  }

  /** Runs all stages up to the last hidden state and keeps what the backward pass needs. */
  private async forwardKeeping(run: Run): Promise<Saved> {
    const { sizes, tokens } = run;
    const feeds = { embedded: run.embedded, ...this.masks.embedding(run.at!) };
    const to = {
      parameters: this.projectionParameters,
      output: this.hidden(0, tokens),
      sizes,
      pool: this.buffers,
      slot: 'projection',
    };
    const projection = await this.projectionOf(this.training, tokens).forwardKeeping(feeds, to);
    const layers: Saved['layers'] = [];
    for (let layer = 0; layer < this.executedLayers; layer++) {
      const kept = layer < this.keptLayers;
      const activations = await this.keepLayer(run, layer, kept ? `layer ${layer}` : RECOMPUTED);
      layers.push(kept ? activations : undefined);
    }
    return { projection, layers };
  }

  /** Runs one layer of the forward pass; what its backward pass needs stays in the buffers of `slot`. */
  private keepLayer(run: Run, layer: number, slot: string): Promise<SavedActivations> {
    const index = this.stageIndex(layer);
    const to = {
      parameters: this.layerParameterSets[layer],
      output: this.hidden(layer + 1, run.tokens),
      sizes: run.sizes,
      pool: this.buffers,
      slot,
    };
    return this.training.layers[index].forwardKeeping(this.layerFeeds(run, layer), to);
  }

  /** Dropout masks are made again for the backward pass: hashing costs less than keeping them for all layers. */
  private layerFeeds(run: Run, layer: number): Record<string, RunTensor> {
    return { hidden: this.hidden(layer, run.tokens), ...run.shared, ...this.masks.layer(run.at!, layer) };
  }

  private get executedLayers(): number {
    return this.config.numHiddenLayers * this.config.innerGroupNum;
  }

  private get keptLayers(): number {
    const { saveActivations = 'all' } = this.options;
    return saveActivations === 'all'
      ? this.executedLayers
      : saveActivations === 'none'
        ? 0
        : Math.min(saveActivations, this.executedLayers);
  }
}

/** The stages of a network; entries of `layers` with the same trainable weights are one object. */
interface Stages {
  projection: Stage;
  /** The same on one thread, see {@link isShortProduct}. */
  shortProjection: Stage;
  layers: Stage[];
}

/** What a forward pass kept; of layers that the backward pass runs again, nothing. */
interface Saved {
  projection: SavedActivations;
  layers: (SavedActivations | undefined)[];
}

/** Buffers of the layer that is being run again: all layers that are not kept share them. */
const RECOMPUTED = 'recomputed';

interface Run {
  sizes: { batch: number; sequence: number } & Record<string, number>;
  tokens: number;
  embedded: RunTensor;
  shared: Record<string, HostTensor>;
  /** Absent in evaluation. */
  at?: MaskPosition;
}

function hostData(tensor: RunTensor): Float32Array {
  if (!(tensor instanceof HostTensor))
    throw new AlbertineError('unsupported', 'the embeddings of a step can be seen and shifted on the CPU only');
  return tensor.data as Float32Array;
}

function addInto(tensor: RunTensor, more: Float32Array): void {
  const data = hostData(tensor);
  if (more.length !== data.length)
    throw new AlbertineError('shape_mismatch', `there are ${data.length} values to be shifted, got ${more.length}`, {
      value: more.length,
    });
  for (let i = 0; i < data.length; i++) data[i] += more[i];
}
