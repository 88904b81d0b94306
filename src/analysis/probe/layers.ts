import type { EmbeddingModel } from '../../loaded/embed-plan.ts';
import { embedTexts } from '../../loaded/embed.ts';
import { embedTokens } from '../../loaded/embed-tokens.ts';
import type { Pooling } from '../../model/pooling.ts';
import type { ProbeKind } from './settings.ts';
import { countRows, type ProbeRow } from './task.ts';

/** How vectors of rows are made. */
export interface LayerOptions {
  /** Depths: 0 is the mapped embeddings. */
  layers: readonly number[];
  /** Of texts and pairs. */
  pooling: Exclude<Pooling, 'pooler'>;
  /** Of words: the vector of their first token, or the mean of all. */
  wordPooling: 'first' | 'mean';
  batchTokens?: number;
  signal?: AbortSignal;
  /** Told how many probe rows have their vectors. */
  onRows?: (rows: number) => void;
}

/** What probes of one layer see. */
export interface LayerVectors {
  layer: number;
  /** `[rows, dimensions]`; of pairs `|u - v|` beside `u * v` (Tai et al. 2015). */
  data: Float32Array;
  dimensions: number;
  /** Of pairs: cosine of their vectors, without anything learned. */
  cosines?: Float64Array;
}

/** Numbers that vectors of all layers may take at a time (1 GB); with more, the network is run again for the rest. */
const MOST_NUMBERS = 1 << 28;
/** Texts embedded at a time. */
const TEXTS_AT_A_TIME = 512;

/**
 * Vectors of every layer, from one pass through the network (of several where all layers would not fit in memory).
 * Each layer's are given back to memory when the next is asked for.
 */
export async function* layerVectors(
  model: EmbeddingModel,
  { kind, rows }: { kind: ProbeKind; rows: readonly ProbeRow[] },
  options: LayerOptions,
): AsyncGenerator<LayerVectors> {
  const width = model.config.hiddenSize;
  const vectors = countRows(rows) * (kind === 'similarity' ? 2 : 1);
  const together = Math.max(1, Math.floor(MOST_NUMBERS / (vectors * width)));
  for (let start = 0; start < options.layers.length; start += together) {
    const layers = options.layers.slice(start, start + together);
    const found = layers.map(() => new Float32Array(vectors * width));
    if (kind === 'tags') await wordVectors(model, rows, { ...options, layers, found });
    else await textVectors(model, textsOf(rows), { ...options, layers, found, rowsPerText: rows.length / vectors });
    for (const layer of layers) {
      const data = found.shift()!;
      yield kind === 'similarity' ? { layer, ...pairVectors(data, width) } : { layer, data, dimensions: width };
    }
  }
}

/** Texts, then the other texts of pairs. */
const textsOf = (rows: readonly ProbeRow[]): string[] => [
  ...rows.map(({ text }) => text),
  ...rows.flatMap(({ pair }) => pair ?? []),
];

interface Found {
  /** One a layer: `[vectors, width]`. */
  found: readonly Float32Array[];
}

async function textVectors(
  model: EmbeddingModel,
  texts: readonly string[],
  { layers, pooling, batchTokens, signal, onRows, found, rowsPerText }: LayerOptions & Found & { rowsPerText: number },
): Promise<void> {
  const width = model.config.hiddenSize;
  for (let start = 0; start < texts.length; start += TEXTS_AT_A_TIME) {
    const some = texts.slice(start, start + TEXTS_AT_A_TIME);
    const { data } = await embedTexts(model, some, {
      layers,
      layerCombination: 'concat',
      pooling,
      normalize: false,
      ...(batchTokens !== undefined && { batchTokens }),
      ...(signal && { signal }),
    }); // [texts, layers * width]
    some.forEach((_, i) => spread(data, i * layers.length * width, { at: (start + i) * width, width, found }));
    onRows?.(some.length * rowsPerText);
  }
}

async function wordVectors(
  model: EmbeddingModel,
  rows: readonly ProbeRow[],
  { layers, wordPooling, batchTokens, signal, onRows, found }: LayerOptions & Found,
): Promise<void> {
  const width = model.config.hiddenSize;
  const vector = new Float32Array(layers.length * width);
  let at = 0;
  // A vector a token and layer: fewer texts at a time.
  for (let start = 0; start < rows.length; start += TEXTS_AT_A_TIME / 8) {
    signal?.throwIfAborted();
    const some = rows.slice(start, start + TEXTS_AT_A_TIME / 8);
    const embedded = await embedTokens(
      model,
      some.map(({ text }) => text),
      {
        layers,
        layerCombination: 'concat',
        includeSpecialTokens: false,
        ...(batchTokens !== undefined && { batchTokens }),
      },
    );
    for (const [i, { words = [] }] of some.entries()) {
      const { tokens } = embedded[i];
      let first = 0;
      for (const [from, to] of words) {
        while (first < tokens.length && tokens[first].end <= from) first++;
        let last = first;
        while (last < tokens.length && tokens[last].start < to) last++;
        const own = tokens.slice(first, wordPooling === 'first' ? Math.min(last, first + 1) : last);
        vector.fill(0); // A word without a token has no vector.
        for (const { embedding } of own) embedding.forEach((value, k) => (vector[k] += value / own.length));
        spread(vector, 0, { at: at++ * width, width, found });
      }
    }
    onRows?.(countRows(some));
  }
}

/** Takes a concatenated vector apart, a part to each layer. */
function spread(from: Float32Array, start: number, { at, width, found }: { at: number; width: number } & Found): void {
  found.forEach((vectors, i) => vectors.set(from.subarray(start + i * width, start + (i + 1) * width), at));
}

/** `[2 * rows, width]`, first texts then second ones, as features of pairs `[rows, 2 * width]` with their cosines. */
function pairVectors(data: Float32Array, width: number): Omit<LayerVectors, 'layer'> {
  const rows = data.length / width / 2;
  const features = new Float32Array(rows * 2 * width);
  const cosines = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let [product, first, second] = [0, 0, 0];
    for (let k = 0; k < width; k++) {
      const [u, v] = [data[row * width + k], data[(rows + row) * width + k]];
      features[row * 2 * width + k] = Math.abs(u - v);
      features[(row * 2 + 1) * width + k] = u * v;
      product += u * v;
      first += u * u;
      second += v * v;
    }
    cosines[row] = first > 0 && second > 0 ? product / Math.sqrt(first * second) : 0;
  }
  return { data: features, dimensions: 2 * width, cosines };
}
