import { AlbertineError, requireInteger } from '../core/errors.ts';
import { requireNotInterrupted } from '../core/interrupt.ts';
import { option, prose } from '../core/prose.ts';
import { ProgressMeter } from '../core/progress.ts';
import { bucketWithin, planBatches } from '../data/batches.ts';
import { embeddingTables, padPieces, type PaddedBatch } from '../model/batch.ts';
import { cutDimensions, normalizeVector, poolRow, type Pooling } from '../model/pooling.ts';
import { requireFiniteResult } from './finite-results.ts';
import { splitIds, splitText, type TextWindows } from './text-windows.ts';

import {
  embeddingFingerprint,
  planEmbedding,
  type EmbeddingModel,
  type EmbedOptions,
  type EmbedPlan,
} from './embed-plan.ts';

/** What happened to one text. */
export interface EmbeddedText {
  /** Tokens without special tokens. */
  tokenCount: number;
  /** Windows the text was cut into; 1 where it fits. */
  windows: number;
  /** Tokens that were cut off and read by nothing; 0 unless `longText` is `truncate`. */
  truncatedTokens: number;
  /** Tokens that stand for what the vocabulary does not have; absent where there are none. */
  unknownTokens?: number;
}

/** Embeddings of several texts in input order: one row a text in a single array. */
export interface EmbeddingMatrix {
  /** Row-major `[rows, dimensions]`. */
  data: Float32Array;
  /** Number of texts. */
  rows: number;
  /** Numbers a vector. */
  dimensions: number;
  /** Per row. */
  texts: EmbeddedText[];
  /** How token vectors became one. */
  pooling: Pooling;
  /** Identifies model, tokeniser, layers, pooling and precision: vectors are comparable only where it is equal. */
  fingerprint: string;
  /** A view of one row. */
  row(index: number): Float32Array;
}

/**
 * Embeds texts that fit in memory; see {@link EmbedOptions}. Equal texts are computed once. Throws `not_finite` naming
 * a text whose vector has NaN or infinity.
 */
export async function embedTexts(
  model: EmbeddingModel,
  texts: readonly string[],
  options: EmbedOptions = {},
): Promise<EmbeddingMatrix> {
  const plan = planEmbedding(model, options);
  const unique = new Map<string, number>();
  const order = texts.map((text) => {
    const known = unique.get(text) ?? unique.size;
    unique.set(text, known);
    return known;
  });
  const split = [...unique.keys()].map((text) => splitText(model.tokenizer, plan.prompt + text, plan.window));
  return await embedInOrder(model, split, { plan, options, order, textOf: (row) => texts[row] });
}

/**
 * The same of texts that are tokenised already: ids of this model's tokeniser, without special tokens, which are added.
 * A prompt is not put before them. Throws `invalid_argument` for an id that the vocabulary does not have.
 */
export async function embedIds(
  model: EmbeddingModel,
  texts: readonly ArrayLike<number>[],
  options: Omit<EmbedOptions, 'prompt'> = {},
): Promise<EmbeddingMatrix> {
  const plan = { ...planEmbedding(model, options), prompt: '' };
  const { vocabSize } = model.config;
  const split = texts.map((ids, row) => {
    const wrong = Array.from(ids).findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabSize);
    if (wrong >= 0)
      throw new AlbertineError('invalid_argument', `text ${row}: there is no token ${ids[wrong]}`, {
        value: ids[wrong],
        hint: `Ids are those of this model's own tokeniser, from 0 to ${vocabSize - 1}; send texts if they are another's`,
      });
    return splitIds(model.tokenizer, Int32Array.from(ids), plan.window);
  });
  const order = texts.map((_, row) => row);
  const textOf = (row: number): string => model.tokenizer.decode(Array.from(texts[row]));
  return await embedInOrder(model, split, { plan, options, order, textOf });
}

/** Embeds different texts; row `i` of the result is that of text `order[i]`. */
async function embedInOrder(
  model: EmbeddingModel,
  split: readonly TextWindows[],
  how: { plan: EmbedPlan; options: EmbedOptions; order: readonly number[]; textOf: (row: number) => string },
): Promise<EmbeddingMatrix> {
  const { plan, options, order, textOf } = how;
  const rows = order.length;
  const vectors = await embedSplit(model, split, { plan, ...options });
  const vectorOf = (from: number): Float32Array =>
    vectors.subarray(from * plan.dimensions, (from + 1) * plan.dimensions);
  order.forEach((from, index) => {
    requireFiniteResult(vectorOf(from), { what: 'vector', index, text: textOf(index), weights: model.weights });
  });
  const data = new Float32Array(rows * plan.dimensions);
  order.forEach((from, row) => data.set(vectorOf(from), row * plan.dimensions));
  return {
    data,
    rows,
    dimensions: plan.dimensions,
    texts: order.map((from) => {
      const { tokenCount, windows, truncatedTokens, unknownTokens } = split[from];
      return { tokenCount, windows: windows.length, truncatedTokens, ...(unknownTokens > 0 && { unknownTokens }) };
    }),
    pooling: plan.pooling,
    fingerprint: embeddingFingerprint(model, plan),
    row: (index) => {
      requireInteger('the row', index, { min: 0, max: rows - 1 });
      return data.subarray(index * plan.dimensions, (index + 1) * plan.dimensions);
    },
  };
}

/** Pools all windows in length-sorted batches, then combines the windows of each text. */
async function embedSplit(
  model: EmbeddingModel,
  split: readonly TextWindows[],
  context: { plan: EmbedPlan } & EmbedOptions,
): Promise<Float32Array> {
  const { plan } = context;
  const windows = split.flatMap((text) => text.windows);
  const pooled = new Float32Array(windows.length * plan.pooledWidth);
  const meter = new ProgressMeter(context.onProgress, { stage: 'embedding', unit: 'windows', total: windows.length });
  for (const batch of planBatches(
    windows.map((ids) => ids.length),
    { tokenBudget: plan.batchTokens, bucket: bucketWithin(model.config.maxPositionEmbeddings) },
  )) {
    requireNotInterrupted(context.signal, 'embedding was interrupted');
    await poolBatch(model, plan, {
      windows: batch.map((index) => windows[index]),
      store: (row, vector) => pooled.set(vector, batch[row] * plan.pooledWidth),
    });
    meter.add(batch.length);
  }
  meter.finish();
  const result = new Float32Array(split.length * plan.dimensions);
  let next = 0;
  split.forEach((text, row) => {
    const vectors = text.windows.map((_, i) =>
      pooled.subarray((next + i) * plan.pooledWidth, (next + i + 1) * plan.pooledWidth),
    );
    next += text.windows.length;
    result.set(finish(plan, combineWindows(plan, text, vectors)), row * plan.dimensions);
  });
  return result;
}

/** Encodes one batch of windows of similar length and hands each pooled vector to `store`. */
async function poolBatch(
  model: EmbeddingModel,
  plan: EmbedPlan,
  batch: { windows: readonly Int32Array[]; store: (row: number, vector: Float32Array) => void },
): Promise<void> {
  const { windows, store } = batch;
  if (plan.layers === 'static') {
    const tables = embeddingTables(model.config, model.weights);
    windows.forEach((ids, row) => store(row, poolStatic(plan, ids, tables.word)));
    return;
  }
  const { hiddenSize } = model.config;
  const input = padBatch(windows, model);
  const result = await model.encoder.forward(input, { layers: plan.layers });
  if (plan.pooling === 'pooler') {
    const vectors = await model.encoder.pool(result.lastHiddenState, windows.length);
    windows.forEach((_, row) => store(row, vectors.subarray(row * hiddenSize, (row + 1) * hiddenSize)));
    return;
  }
  const pooling = plan.pooling;
  const vector = new Float32Array(plan.pooledWidth);
  const layer = new Float32Array(hiddenSize);
  windows.forEach((ids, row) => {
    vector.fill(0);
    (plan.layers as readonly number[]).forEach((depth, i) => {
      poolRow(
        pooling,
        result.hiddenStates.get(depth)!,
        { start: row * input.sequenceLength * hiddenSize, length: ids.length, width: hiddenSize },
        layer,
      );
      if (plan.combination === 'concat') vector.set(layer, i * hiddenSize);
      else for (let k = 0; k < hiddenSize; k++) vector[k] += layer[k] / plan.layers.length;
    });
    store(row, vector);
  });
}

function poolStatic(plan: EmbedPlan, ids: Int32Array, word: Float32Array): Float32Array {
  const width = plan.pooledWidth;
  const vectors = new Float32Array(ids.length * width);
  ids.forEach((id, token) => vectors.set(word.subarray(id * width, (id + 1) * width), token * width));
  const out = new Float32Array(width);
  poolRow(plan.pooling as Exclude<Pooling, 'pooler'>, vectors, { start: 0, length: ids.length, width }, out);
  return out;
}

/**
 * Pads windows to a common length. The length depends on each window alone (all share a bucket), never on its batch
 * mates.
 */
export function padBatch(
  windows: readonly Int32Array[],
  { config, tokenizer }: Pick<EmbeddingModel, 'config' | 'tokenizer'>,
): PaddedBatch {
  return padPieces(
    windows.map((ids) => ({ ids })),
    { padTokenId: tokenizer.special.pad >= 0 ? tokenizer.special.pad : config.padTokenId },
  );
}

function combineWindows(plan: EmbedPlan, text: TextWindows, vectors: readonly Float32Array[]): Float32Array {
  const width = plan.pooledWidth;
  if (plan.segments > 0) {
    if (vectors.length > plan.segments)
      throw new AlbertineError(
        'text_too_long',
        prose`the text has ${vectors.length} windows, ${option('segments')} allows ${plan.segments}`,
        { value: vectors.length, hint: prose`Raise ${option('segments')}, or use ${option('longText', 'truncate')}` },
      );
    const joined = new Float32Array(width * plan.segments);
    vectors.forEach((vector, i) => joined.set(vector, i * width));
    return joined;
  }
  if (vectors.length === 1) return vectors[0].slice();
  const combined = new Float32Array(width);
  if (plan.pooling === 'max') {
    for (let i = 0; i < width; i++)
      combined[i] = vectors.reduce((largest, vector) => Math.max(largest, vector[i]), -Infinity);
    return combined;
  }
  const total = text.windows.reduce((sum, ids) => sum + ids.length, 0);
  vectors.forEach((vector, window) => {
    const weight = text.windows[window].length / total;
    for (let i = 0; i < width; i++) combined[i] += weight * vector[i];
  });
  return combined;
}

function finish(plan: EmbedPlan, vector: Float32Array): Float32Array {
  if (plan.cut) return cutDimensions(vector, plan.dimensions);
  return plan.normalize ? normalizeVector(vector) : vector;
}
