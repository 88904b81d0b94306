import { requireNotInterrupted } from '../core/interrupt.ts';
import { requireOneOf } from '../core/errors.ts';
import { bucketWithin, planBatches } from '../data/batches.ts';
import { embeddingTables } from '../model/batch.ts';
import { normalizeVector, poolWords } from '../model/pooling.ts';
import { countUnknown, type Encoding } from '../tokenizer/tokenizer.ts';
import { padBatch, type EmbeddedText } from './embed.ts';
import { planEmbedding, type EmbeddingModel, type EmbedOptions, type EmbedPlan } from './embed-plan.ts';
import { requireFiniteResult } from './finite-results.ts';
import { tooLong } from './text-windows.ts';

/** Options of {@link embedTokens}; pooling, window combination and prompts do not apply. */
export interface TokenEmbeddingOptions extends Omit<
  EmbedOptions,
  'pooling' | 'windowCombination' | 'segments' | 'dimensions' | 'normalize' | 'prompt'
> {
  /** Scales vectors to length 1. Default false. */
  normalize?: boolean;
  /** One vector per `token`, or per `word` (the mean of its tokens; special tokens are left out). Default `token`. */
  unit?: 'token' | 'word';
  /** Includes `[CLS]` and `[SEP]` with offsets -1. Default true. */
  includeSpecialTokens?: boolean;
}

/** One token or word with its vector. */
export interface TokenEmbedding {
  /** The vocabulary piece, or the word as it stands in the text. */
  token: string;
  /** Vocabulary id; absent for words. */
  id?: number;
  /** UTF-16 range in the text; -1 for special tokens. */
  start: number;
  /** End of that range, exclusive; -1 for special tokens. */
  end: number;
  /** Its vector. */
  embedding: Float32Array;
}

/** The tokens of one text. */
export interface TokenEmbeddings extends EmbeddedText {
  /** In the order of the text. */
  tokens: TokenEmbedding[];
}

interface Window {
  text: number;
  encoding: Encoding;
  ids: Int32Array;
}

/**
 * Contextual vectors of every token. Long texts are read in windows; a token that lies in two windows is taken from the
 * earlier one, and special tokens are given once per text ([CLS] of the first window, [SEP] of the last).
 */
export async function embedTokens(
  model: EmbeddingModel,
  texts: readonly string[],
  options: TokenEmbeddingOptions = {},
): Promise<TokenEmbeddings[]> {
  const unit = requireOneOf('unit', options.unit ?? 'token', ['token', 'word']);
  // A Normalize module is about texts.
  const plan = planEmbedding(model, { normalize: false, ...options });
  const windows = texts.flatMap((text, index) =>
    encodeText(model, text, plan).map((encoding): Window => ({ text: index, encoding, ids: encoding.ids })),
  );
  const vectors = await tokenVectors(model, windows, { plan, signal: options.signal });
  return texts.map((text, index) => {
    const own = windows.flatMap((window, i) =>
      window.text === index ? [{ encoding: window.encoding, vectors: vectors[i] }] : [],
    );
    const all = joinWindows(own, plan);
    const counts = {
      tokenCount: countTokens(
        own.map(({ encoding }) => encoding),
        all,
      ),
      windows: own.length,
      truncatedTokens: own[0].encoding.truncatedTokens,
    };
    for (const { vector } of all.entries)
      requireFiniteResult(vector, { what: 'vector', index, text, weights: model.weights });
    const tokens =
      unit === 'token'
        ? listTokens(all, { special: options.includeSpecialTokens ?? true, normalize: plan.normalize })
        : listWords(text, all, plan);
    const unknownTokens = countUnknown(
      model.tokenizer,
      Int32Array.from(all.entries, ({ id }) => id),
    );
    return { ...counts, ...(unknownTokens > 0 && { unknownTokens }), tokens };
  });
}

function encodeText(model: EmbeddingModel, text: string, plan: EmbedPlan): Encoding[] {
  const { longText, maxLength, stride } = plan.window;
  if (longText === 'window') return model.tokenizer.encodeWindows(text, { maxLength, stride });
  const encoding = model.tokenizer.encode(text, { maxLength });
  if (longText === 'error' && encoding.truncatedTokens > 0)
    throw tooLong(encoding.ids.length - 2 + encoding.truncatedTokens, maxLength - 2);
  return [encoding];
}

/** Token vectors `[tokens, width]` of every window. */
async function tokenVectors(
  model: EmbeddingModel,
  windows: readonly Window[],
  { plan, signal }: { plan: EmbedPlan; signal: AbortSignal | undefined },
): Promise<Float32Array[]> {
  const result = new Array<Float32Array>(windows.length);
  const { hiddenSize } = model.config;
  for (const batch of planBatches(
    windows.map(({ ids }) => ids.length),
    { tokenBudget: plan.batchTokens, bucket: bucketWithin(model.config.maxPositionEmbeddings) },
  )) {
    requireNotInterrupted(signal, 'embedding was interrupted');
    const chosen = batch.map((index) => windows[index].ids);
    if (plan.layers === 'static') {
      const { word } = embeddingTables(model.config, model.weights);
      batch.forEach((index) => (result[index] = gatherRows(word, windows[index].ids, plan.pooledWidth)));
      continue;
    }
    const input = padBatch(chosen, model);
    const { hiddenStates } = await model.encoder.forward(input, { layers: plan.layers });
    const layers = plan.layers.map((depth) => hiddenStates.get(depth)!);
    batch.forEach((index, row) => {
      const start = row * input.sequenceLength * hiddenSize;
      result[index] = combineLayers(
        layers.map((layer) => layer.subarray(start, start + windows[index].ids.length * hiddenSize)),
        plan,
        hiddenSize,
      );
    });
  }
  return result;
}

function gatherRows(table: Float32Array, ids: Int32Array, width: number): Float32Array {
  const rows = new Float32Array(ids.length * width);
  ids.forEach((id, i) => rows.set(table.subarray(id * width, (id + 1) * width), i * width));
  return rows;
}

function combineLayers(layers: Float32Array[], plan: EmbedPlan, hiddenSize: number): Float32Array {
  if (layers.length === 1) return layers[0].slice();
  const tokens = layers[0].length / hiddenSize;
  const out = new Float32Array(tokens * plan.pooledWidth);
  layers.forEach((layer, l) => {
    for (let token = 0; token < tokens; token++) {
      for (let i = 0; i < hiddenSize; i++) {
        const value = layer[token * hiddenSize + i];
        if (plan.combination === 'concat') out[token * plan.pooledWidth + l * hiddenSize + i] = value;
        else out[token * hiddenSize + i] += value / layers.length;
      }
    }
  });
  return out;
}

interface JoinedTokens {
  entries: { token: string; id: number; wordId: number | null; offset: [number, number]; vector: Float32Array }[];
}

/**
 * All tokens of a text once: text tokens beyond the end of the previous window, [CLS] of the first and [SEP] of the
 * last.
 */
function joinWindows(windows: readonly { encoding: Encoding; vectors: Float32Array }[], plan: EmbedPlan): JoinedTokens {
  const width = plan.pooledWidth;
  const step = plan.window.maxLength - 2 - plan.window.stride; // text tokens from one window's start to the next one's
  const entries: JoinedTokens['entries'] = [];
  let covered = 0;
  windows.forEach(({ encoding, vectors }, w) => {
    let position = 0;
    const firstText = w * step;
    encoding.ids.forEach((id, i) => {
      const special = encoding.specialTokensMask[i] === 1;
      const isFirst = i === 0;
      const keep = special ? (isFirst ? w === 0 : w === windows.length - 1) : firstText + position >= covered;
      if (!special) position++;
      if (keep)
        entries.push({
          token: encoding.tokens[i],
          id,
          wordId: encoding.wordIds[i],
          offset: encoding.offsets[i],
          vector: vectors.subarray(i * width, (i + 1) * width),
        });
    });
    covered = firstText + position;
  });
  return { entries };
}

function countTokens(encodings: readonly Encoding[], all: JoinedTokens): number {
  return all.entries.filter(({ offset }) => offset[0] >= 0).length + encodings[0].truncatedTokens;
}

function listTokens({ entries }: JoinedTokens, options: { special: boolean; normalize: boolean }): TokenEmbedding[] {
  return entries.flatMap(({ token, id, offset: [start, end], vector }) => {
    if (start < 0 && !options.special) return [];
    return [{ token, id, start, end, embedding: options.normalize ? normalizeVector(vector) : vector }];
  });
}

function listWords(text: string, { entries }: JoinedTokens, plan: EmbedPlan): TokenEmbedding[] {
  const width = plan.pooledWidth;
  const vectors = new Float32Array(entries.length * width);
  entries.forEach(({ vector }, i) => vectors.set(vector, i * width));
  const words = poolWords(
    { wordIds: entries.map(({ wordId }) => wordId), offsets: entries.map(({ offset }) => offset) },
    vectors,
    width,
  );
  return words.map(({ start, end, vector }) => ({
    token: text.slice(start, end),
    start,
    end,
    embedding: plan.normalize ? normalizeVector(vector) : vector,
  }));
}
