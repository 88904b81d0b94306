import { groupOfDepth, headSize, type AlbertConfig } from '../../src/model/config.ts';
import { layerPrefix } from '../../src/model/parameters.ts';
import {
  ACTIVATION_FUNCTIONS,
  add,
  layerNorm,
  linear,
  mapMatrix,
  maskedSoftmax,
  type Matrix,
  type ReferenceWeight,
} from './reference-math.ts';

/**
 * ALBERT (Lan et al. 2019, arXiv 1909.11942) in plain float64 loops: slow, and meant to be checked by reading.
 * It shares nothing with the compiled network but the names of configs and weights. See README.md for the fine print.
 */

/** Weights by canonical name; the package's `Weights` fit. */
export type ReferenceWeights = ReadonlyMap<string, ReferenceWeight>;

/** One padded batch; every array is [batch][sequence]. */
export interface ReferenceBatch {
  inputIds: number[][];
  /** True or 1 where a token may be attended to. Default: everywhere. */
  attentionMask?: (boolean | number)[][];
  /** Default: all 0. */
  tokenTypeIds?: number[][];
  /** Default: 0, 1, 2 ... in every row. Ignored by relative position types. */
  positionIds?: number[][];
}

/** Dropout of one inner layer. Values are factors: 0, or `1 / (1 - p)`. */
export interface LayerDropout {
  /** [batch, heads, sequence, sequence] */
  attentionProbs?: ArrayLike<number>;
  /** [batch, sequence, hidden], before the residual is added. */
  attentionOutput?: ArrayLike<number>;
  /** [batch, sequence, hidden], before the residual is added. Google's code drops here, Hugging Face's does not. */
  ffnOutput?: ArrayLike<number>;
}

/** Explicit dropout for a whole pass; an absent site drops nothing. */
export interface DropoutMasks {
  /** [batch, sequence, embedding], after the layer norm. */
  embeddings?: ArrayLike<number>;
  /** One entry per executed inner layer: index `depth * innerGroupNum + inner`. */
  layers?: LayerDropout[];
  /** Input of `classifier`: [batch, hidden] for sequence, [batch, sequence, hidden] for token classification. */
  classifier?: ArrayLike<number>;
  /** Input of the sentence-order classifier, [batch, hidden]. Google's code has none here. */
  sop?: ArrayLike<number>;
}

export interface ReferenceOptions {
  dropoutMasks?: DropoutMasks;
  /**
   * What `classifier.weight` classifies. Default `sequence`; `token` fills `tokenLogits` instead of `classifierLogits`.
   */
  classifier?: 'sequence' | 'token';
}

/** Everything the pass computes; row-major float64. */
export interface ReferenceOutput {
  /** Index 0: after the embedding mapping; then one per depth (a whole group pass). Each [batch, sequence, hidden]. */
  hiddenStates: Float64Array[];
  /** One per executed inner layer, before dropout. Each [batch, heads, sequence, sequence]. */
  attentions: Float64Array[];
  /** [batch, hidden]; absent without pooler weights. */
  pooled?: Float64Array;
  /** [batch, sequence, vocabulary] */
  mlmLogits?: Float64Array;
  /** [batch, 2] */
  sopLogits?: Float64Array;
  /** [batch, labels] */
  classifierLogits?: Float64Array;
  /** [batch, sequence, labels] */
  tokenLogits?: Float64Array;
  /** [batch, sequence, 2]: start and end scores. */
  qaLogits?: Float64Array;
}

interface Pass {
  config: AlbertConfig;
  weights: ReferenceWeights;
  batchSize: number;
  length: number;
  /** [batch][key] */
  visible: boolean[][];
}

/** Runs the network. Heads are computed when their weights are there. */
export function referenceForward(
  config: AlbertConfig,
  weights: ReferenceWeights,
  batch: ReferenceBatch,
  options: ReferenceOptions = {},
): ReferenceOutput {
  const batchSize = batch.inputIds.length;
  const length = batch.inputIds[0].length;
  const visible = batch.inputIds.map((row, b) =>
    row.map((_id, s) => (batch.attentionMask ? Boolean(batch.attentionMask[b][s]) : true)),
  );
  const pass: Pass = { config, weights, batchSize, length, visible };
  const masks = options.dropoutMasks ?? {};

  const embedded = dropped(embed(pass, batch), masks.embeddings);
  let hidden = dense(pass, embedded, 'albert.encoder.embedding_hidden_mapping_in');
  const hiddenStates = [hidden.data];
  const attentions: Float64Array[] = [];
  for (let depth = 0; depth < config.numHiddenLayers; depth++) {
    for (let inner = 0; inner < config.innerGroupNum; inner++) {
      const layer = runLayer(
        pass,
        hidden,
        layerPrefix(groupOfDepth(config, depth), inner),
        masks.layers?.[attentions.length] ?? {},
      );
      hidden = layer.output;
      attentions.push(layer.probabilities);
    }
    hiddenStates.push(hidden.data);
  }
  return { hiddenStates, attentions, ...runHeads(pass, hidden, options) };
}

function weight(pass: Pass, name: string): ReferenceWeight {
  const found = pass.weights.get(name);
  if (!found) throw new Error(`reference: there is no weight ${name}`);
  return found;
}

function dense(pass: Pass, x: Matrix, name: string): Matrix {
  return linear(x, weight(pass, `${name}.weight`), weight(pass, `${name}.bias`));
}

function norm(pass: Pass, x: Matrix, name: string): Matrix {
  return layerNorm(x, weight(pass, `${name}.weight`), weight(pass, `${name}.bias`), pass.config.layerNormEps);
}

function dropped(x: Matrix, factors: ArrayLike<number> | undefined): Matrix {
  if (!factors) return x;
  if (factors.length !== x.data.length)
    throw new Error(`dropout: ${factors.length} factors for ${x.data.length} values`);
  return mapMatrix(x, (value, i) => value * factors[i]);
}

/** Layer norm of word + token type (+ absolute position) embeddings: [batch * sequence, embedding]. */
function embed(pass: Pass, batch: ReferenceBatch): Matrix {
  const { config, batchSize, length } = pass;
  const size = config.embeddingSize;
  const table = (kind: string) => weight(pass, `albert.embeddings.${kind}_embeddings.weight`);
  const sum: Matrix = { rows: batchSize * length, columns: size, data: new Float64Array(batchSize * length * size) };
  const addRow = (embeddings: ReferenceWeight, index: number, position: number): void => {
    if (!(index >= 0 && index < embeddings.shape[0]))
      throw new Error(`reference: index ${index} is outside a table of ${embeddings.shape[0]} rows`);
    for (let i = 0; i < size; i++) sum.data[position * size + i] += embeddings.data[index * size + i];
  };
  for (let b = 0; b < batchSize; b++) {
    for (let s = 0; s < length; s++) {
      addRow(table('word'), batch.inputIds[b][s], b * length + s);
      addRow(table('token_type'), batch.tokenTypeIds?.[b][s] ?? 0, b * length + s);
      if (config.positionEmbeddingType === 'absolute')
        addRow(table('position'), batch.positionIds?.[b][s] ?? s, b * length + s);
    }
  }
  return norm(pass, sum, 'albert.embeddings.LayerNorm');
}

/** Post-norm transformer layer: attention, residual, norm; feed-forward, residual, norm. */
function runLayer(
  pass: Pass,
  x: Matrix,
  prefix: string,
  masks: LayerDropout,
): { output: Matrix; probabilities: Float64Array } {
  const { context, probabilities } = attend(pass, x, `${prefix}.attention`, masks.attentionProbs);
  const projected = dropped(dense(pass, context, `${prefix}.attention.dense`), masks.attentionOutput);
  const attended = norm(pass, add(x, projected), `${prefix}.attention.LayerNorm`);
  const inner = mapMatrix(dense(pass, attended, `${prefix}.ffn`), ACTIVATION_FUNCTIONS[pass.config.hiddenAct]);
  const fed = dropped(dense(pass, inner, `${prefix}.ffn_output`), masks.ffnOutput);
  return { output: norm(pass, add(attended, fed), `${prefix}.full_layer_layer_norm`), probabilities };
}

/**
 * Multi-head attention before its output projection; `probabilities` are [batch, heads, query, key] without dropout.
 */
function attend(
  pass: Pass,
  x: Matrix,
  prefix: string,
  factors: ArrayLike<number> | undefined,
): { context: Matrix; probabilities: Float64Array } {
  const { config, batchSize, length, visible } = pass;
  const heads = config.numAttentionHeads;
  const size = headSize(config);
  const [query, key, value] = ['query', 'key', 'value'].map((name) => dense(pass, x, `${prefix}.${name}`));
  const relative =
    config.positionEmbeddingType === 'absolute' ? undefined : weight(pass, `${prefix}.distance_embedding.weight`);
  const probabilities = new Float64Array(batchSize * heads * length * length);
  if (factors && factors.length !== probabilities.length)
    throw new Error(`dropout: ${factors.length} factors for ${probabilities.length} probabilities`);
  const context: Matrix = { rows: x.rows, columns: config.hiddenSize, data: new Float64Array(x.data.length) };
  const head = (matrix: Matrix, b: number, s: number, h: number) =>
    matrix.data.subarray((b * length + s) * config.hiddenSize + h * size).subarray(0, size);

  for (let b = 0; b < batchSize; b++) {
    for (let h = 0; h < heads; h++) {
      for (let l = 0; l < length; l++) {
        const scores = Array.from({ length }, (_, r) => {
          const content = dot(head(query, b, l, h), head(key, b, r, h)) / Math.sqrt(size);
          return (
            content +
            (relative
              ? relativeScore(config, relative, {
                  query: head(query, b, l, h),
                  key: head(key, b, r, h),
                  distance: l - r,
                })
              : 0)
          );
        });
        const start = ((b * heads + h) * length + l) * length;
        const output = head(context, b, l, h);
        maskedSoftmax(scores, visible[b]).forEach((probability, r) => {
          probabilities[start + r] = probability;
          const kept = probability * (factors ? factors[start + r] : 1);
          head(value, b, r, h).forEach((entry, i) => {
            output[i] += kept * entry;
          });
        });
      }
    }
  }
  return { context, probabilities };
}

/**
 * Relative position score of one query and key, `distance` being query minus key position (Shaw et al. 2018, arXiv
 * 1803.02155; `relative_key_query` is method 4 of Huang et al. 2020, arXiv 2009.13658). Not divided by sqrt(head
 * size), as in Hugging Face's AlbertAttention and unlike its BertSelfAttention.
 */
function relativeScore(
  config: AlbertConfig,
  table: ReferenceWeight,
  pair: { query: Float64Array; key: Float64Array; distance: number },
): number {
  const size = headSize(config);
  const row = pair.distance + config.maxPositionEmbeddings - 1;
  if (!(row >= 0 && row < table.shape[0])) throw new Error(`reference: distance ${pair.distance} is outside the table`);
  const embedding = table.data.subarray(row * size, (row + 1) * size);
  return (
    dot(pair.query, embedding) + (config.positionEmbeddingType === 'relative_key_query' ? dot(pair.key, embedding) : 0)
  );
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** The pooler and every head whose weights exist, on the last hidden state. */
function runHeads(
  pass: Pass,
  hidden: Matrix,
  options: ReferenceOptions,
): Omit<ReferenceOutput, 'hiddenStates' | 'attentions'> {
  const { config, weights } = pass;
  const masks = options.dropoutMasks ?? {};
  const output: Omit<ReferenceOutput, 'hiddenStates' | 'attentions'> = {};
  if (weights.has('predictions.dense.weight')) {
    const transformed = mapMatrix(dense(pass, hidden, 'predictions.dense'), ACTIVATION_FUNCTIONS[config.hiddenAct]);
    const normed = norm(pass, transformed, 'predictions.LayerNorm');
    output.mlmLogits = linear(
      normed,
      weight(pass, 'albert.embeddings.word_embeddings.weight'),
      weight(pass, 'predictions.bias'),
    ).data;
  }
  if (weights.has('qa_outputs.weight')) output.qaLogits = dense(pass, hidden, 'qa_outputs').data;
  if (weights.has('classifier.weight') && options.classifier === 'token')
    output.tokenLogits = dense(pass, dropped(hidden, masks.classifier), 'classifier').data;
  if (!weights.has('albert.pooler.weight')) return output;

  const first: Matrix = {
    rows: pass.batchSize,
    columns: config.hiddenSize,
    data: new Float64Array(pass.batchSize * config.hiddenSize),
  };
  for (let b = 0; b < pass.batchSize; b++) {
    const start = b * pass.length * config.hiddenSize;
    first.data.set(hidden.data.subarray(start, start + config.hiddenSize), b * config.hiddenSize);
  }
  const pooled = mapMatrix(dense(pass, first, 'albert.pooler'), Math.tanh);
  output.pooled = pooled.data;
  if (weights.has('sop_classifier.classifier.weight'))
    output.sopLogits = dense(pass, dropped(pooled, masks.sop), 'sop_classifier.classifier').data;
  if (weights.has('classifier.weight') && options.classifier !== 'token')
    output.classifierLogits = dense(pass, dropped(pooled, masks.classifier), 'classifier').data;
  return output;
}
