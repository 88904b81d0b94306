import { AlbertineError } from '../../core/errors.ts';
import { multiply } from '../../graph/operators/elementwise.ts';
import { sumAll } from '../../graph/operators/shape.ts';
import type { Albert } from '../../loaded/albert.ts';
import { padPieces } from '../../model/batch.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { HEADS, headParameters } from '../../model/heads.ts';
import { extensionParameters } from '../../model/extension.ts';
import { encoderParameters, poolerParameters } from '../../model/parameters.ts';
import { float32, int64 } from '../../runtime/tensor.ts';
import { createArena } from '../../training/arena.ts';
import type { HeadDefinition } from '../../training/head.ts';
import { pooledFirstTokens } from '../../training/heads.ts';
import { LayerwiseNetwork } from '../../training/layerwise.ts';
import type { Piece } from '../../training/units.ts';
import type { GradientPoint, GradientValue } from './model.ts';

/** Tokens of a forward and backward pass, all rows together. */
const BATCH_TOKENS = 1024;

/** Some parameter has to be trained in a network for training; the smallest one there is costs nothing. */
const TRAINED = 'classifier.bias';

/**
 * Gradients of a classifier's logits with respect to the word embeddings, by the network that trains: dropout is off,
 * weights are frozen, and the "loss" is the sum of the logits that are asked for. It holds a copy of the weights.
 */
export class LogitGradients implements Disposable {
  private readonly network: LayerwiseNetwork;
  private readonly config: AlbertConfig;
  private readonly outputs: number;
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(network: LayerwiseNetwork, config: AlbertConfig, outputs: number) {
    this.network = network;
    this.config = config;
    this.outputs = outputs;
  }

  /** Of a classifier with f32 weights. Throws `unsupported` for int8. */
  static of(model: Albert, outputs: number, { threads }: { threads?: number | undefined } = {}): LogitGradients {
    if (model.loaded.int8)
      throw new AlbertineError('unsupported', 'int8 weights have no gradients', {
        value: model.checkpoint.location,
        hint: 'Load the model with dequantize: true, or explain it by occlusion',
      });
    const config: AlbertConfig = {
      ...model.config,
      hiddenDropoutProb: 0,
      attentionProbsDropoutProb: 0,
      classifierDropoutProb: 0,
    };
    const head = logitsHead(config, outputs);
    const extended = model.checkpoint.adapter?.extended;
    const own = extended ? extensionParameters(config, extended.extension) : [];
    const specs = [
      ...new Map([...encoderParameters(config), ...head.parameters, ...own].map((spec) => [spec.name, spec])).values(),
    ];
    const frozen = specs.map(({ name }) => name).filter((name) => name !== TRAINED);
    const arena = createArena(specs, 2, { frozen });
    arena.load(extended ? new Map([...model.weights, ...extended.weights]) : model.weights);
    return new this(
      new LayerwiseNetwork(config, arena, head, {
        sessions: model.encoder.sessions,
        ...(threads && { threads }),
        ...(extended && { extension: extended.extension }),
      }),
      config,
      outputs,
    );
  }

  /**
   * Gradients of one piece at several points, computed a few at a time; `onBatch` is awaited after each few, and told
   * how many they were. Calls may overlap: they wait for each other.
   */
  at(
    piece: Piece,
    points: readonly GradientPoint[],
    onBatch?: (points: number) => Promise<void>,
  ): Promise<GradientValue[]> {
    const next = this.queue.then(() => this.run(piece, points, onBatch));
    this.queue = next.catch(() => undefined);
    return next;
  }

  private async run(
    piece: Piece,
    points: readonly GradientPoint[],
    onBatch?: (points: number) => Promise<void>,
  ): Promise<GradientValue[]> {
    const rows = Math.max(1, Math.floor(BATCH_TOKENS / piece.ids.length));
    const values: GradientValue[] = [];
    for (let first = 0; first < points.length; first += rows) {
      const some = points.slice(first, first + rows);
      values.push(...(await this.batch(piece, some)));
      await onBatch?.(some.length);
    }
    return values;
  }

  private async batch(piece: Piece, points: readonly GradientPoint[]): Promise<GradientValue[]> {
    const { outputs } = this;
    const length = piece.ids.length;
    const size = length * this.config.embeddingSize;
    const shift = new Float32Array(points.length * size);
    const chosen = new Float32Array(points.length * outputs);
    points.forEach((point, row) => {
      if (point.shift) shift.set(point.shift, row * size);
      chosen[row * outputs + point.output] = 1;
    });
    const batch = {
      ...padPieces(
        points.map(() => piece),
        { sequenceLength: length, padTokenId: this.config.padTokenId },
      ),
      headFeeds: {
        firstTokens: int64(
          [points.length],
          points.map((_, row) => row * length),
        ),
        chosen: float32([points.length, outputs], chosen),
      },
    };
    let gradient = new Float32Array(0);
    const { logits } = await this.network.accumulate(
      batch,
      { step: 0, microBatch: 0 },
      { embeddingShift: shift, onEmbeddingGradient: (values) => (gradient = values.slice()) },
    );
    return points.map(({ output }, row) => ({
      logit: (logits.data as Float32Array)[row * outputs + output],
      gradient: gradient.subarray(row * size, (row + 1) * size),
    }));
  }

  /** Frees the native memory. */
  [Symbol.dispose](): void {
    this.network[Symbol.dispose]();
  }
}

/** A classifier whose "loss" is the sum of the logits that the input `chosen`, `[batch, outputs]`, is 1 for. */
function logitsHead(config: AlbertConfig, outputs: number): HeadDefinition {
  return {
    parameters: [...poolerParameters(config), ...headParameters(config, 'sequenceClassification', outputs)],
    build(graph, hidden, parameter) {
      const pooled = pooledFirstTokens(graph, hidden, parameter);
      const logits = HEADS.sequenceClassification.logits(config, parameter, pooled); // [batch, outputs]
      return {
        loss: sumAll(multiply(logits, graph.input('chosen', ['batch', outputs]))),
        outputs: { logits },
      };
    },
  };
}
