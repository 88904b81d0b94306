import { AlbertineError } from '../core/errors.ts';
import { float32, int64, type HostTensor } from '../runtime/tensor.ts';
import { firstPosition, type AlbertConfig } from './config.ts';
import type { Weights } from './parameters.ts';

/** A rectangle of tokens; all arrays are row-major `[batchSize, sequenceLength]`. */
export interface EncoderBatch {
  /** Texts. */
  batchSize: number;
  /** Tokens a text, padding included. */
  sequenceLength: number;
  /** Token ids. */
  inputIds: ArrayLike<number>;
  /** Truthy for visible tokens. Default: all visible. */
  attentionMask?: ArrayLike<number | boolean> | undefined;
  /** Default: all 0. */
  tokenTypeIds?: ArrayLike<number> | undefined;
  /** Default: 0, 1, 2 ... in every row. The first token of a text is 0 in every family. */
  positionIds?: ArrayLike<number> | undefined;
  /**
   * `[batchSize]`: from this place of a row on, a token sees only itself and what stands before it, as in a language
   * model; those before it see each other and nothing later (UniLM, Dong et al. 2019). 0: causal throughout. Default:
   * every token sees every token.
   */
  causalFrom?: ArrayLike<number> | undefined;
}

/** A rectangle made by {@link padPieces}. */
export interface PaddedBatch extends EncoderBatch {
  inputIds: Int32Array;
  tokenTypeIds: Int32Array;
  attentionMask: Uint8Array;
}

/**
 * Tokenised texts of different lengths as a rectangle, padded at the end to the longest unless a length is given; types
 * are 0 where there are none.
 */
export function padPieces(
  pieces: readonly { readonly ids: Int32Array; readonly typeIds?: Int32Array }[],
  {
    sequenceLength = pieces.reduce((longest, { ids }) => Math.max(longest, ids.length), 0),
    padTokenId,
  }: { sequenceLength?: number; padTokenId: number },
): PaddedBatch {
  const size = pieces.length * sequenceLength;
  const batch = {
    batchSize: pieces.length,
    sequenceLength,
    inputIds: new Int32Array(size).fill(padTokenId),
    tokenTypeIds: new Int32Array(size),
    attentionMask: new Uint8Array(size),
  };
  pieces.forEach(({ ids, typeIds }, row) => {
    const start = row * sequenceLength;
    batch.inputIds.set(ids, start);
    if (typeIds) batch.tokenTypeIds.set(typeIds, start);
    batch.attentionMask.fill(1, start, start + ids.length);
  });
  return batch;
}

/**
 * Added to the scores of hidden keys: far below any score, so that their probability is exactly 0, and never infinite.
 */
const HIDDEN = -1e30;

/** The mask in the forms the layer graph takes. */
export interface MaskTensors {
  attentionBias: HostTensor;
  /** Present only when some row has no visible token. */
  visible?: HostTensor;
}

/** Checks lengths and id ranges; throws `shape_mismatch` or `invalid_argument` naming the position. */
export function validateBatch(config: AlbertConfig, batch: EncoderBatch): void {
  const size = batch.batchSize * batch.sequenceLength;
  const arrays = {
    inputIds: batch.inputIds,
    attentionMask: batch.attentionMask,
    tokenTypeIds: batch.tokenTypeIds,
    positionIds: batch.positionIds,
  };
  for (const [name, values] of Object.entries(arrays)) {
    if (values && values.length !== size)
      throw new AlbertineError(
        'shape_mismatch',
        `${name} must have ${batch.batchSize} x ${batch.sequenceLength} = ${size} entries, got ${values.length}`,
        { value: values.length },
      );
  }
  if (batch.causalFrom && batch.causalFrom.length !== batch.batchSize)
    throw new AlbertineError(
      'shape_mismatch',
      `causalFrom must have an entry for each of ${batch.batchSize} rows, got ${batch.causalFrom.length}`,
      { value: batch.causalFrom.length },
    );
  const limits = {
    inputIds: config.vocabSize,
    tokenTypeIds: config.typeVocabSize,
    positionIds: config.maxPositionEmbeddings,
  };
  for (const [name, limit] of Object.entries(limits)) {
    const values = arrays[name as keyof typeof limits];
    for (let i = 0; values && i < size; i++) {
      if (!(values[i] >= 0 && values[i] < limit))
        throw new AlbertineError('invalid_argument', `${name}[${i}] must be in [0, ${limit}), got ${values[i]}`, {
          value: values[i],
        });
    }
  }
  if (!batch.positionIds && batch.sequenceLength > config.maxPositionEmbeddings) {
    throw new AlbertineError(
      'text_too_long',
      `${batch.sequenceLength} tokens exceed the model's ${config.maxPositionEmbeddings} positions`,
      { value: batch.sequenceLength, hint: 'Truncate or split the text into windows.' },
    );
  }
}

/** Turns a mask into the score bias, `[batch, 1, 1 or query, key]`, and notices rows without any visible token. */
export function maskTensors(batch: EncoderBatch): MaskTensors {
  const { batchSize, sequenceLength, attentionMask } = batch;
  const bias = new Float32Array(batchSize * sequenceLength);
  let emptyRow = false;
  if (attentionMask) {
    for (let row = 0; row < batchSize; row++) {
      let visible = 0;
      for (let i = row * sequenceLength; i < (row + 1) * sequenceLength; i++) {
        if (attentionMask[i]) visible++;
        else bias[i] = HIDDEN;
      }
      emptyRow ||= visible === 0;
    }
  }
  const attentionBias = batch.causalFrom
    ? causalBias(bias, batch.causalFrom, sequenceLength)
    : float32([batchSize, 1, 1, sequenceLength], bias);
  return emptyRow
    ? {
        attentionBias,
        visible: float32(
          [bias.length, 1],
          bias.map((value) => (value === 0 ? 1 : 0)),
        ),
      }
    : { attentionBias };
}

/** A bias of its own for every query: `[batch, 1, query, key]`. */
function causalBias(bias: Float32Array, causalFrom: ArrayLike<number>, sequenceLength: number): HostTensor {
  const batchSize = causalFrom.length;
  const out = new Float32Array(batchSize * sequenceLength ** 2);
  for (let row = 0; row < batchSize; row++) {
    const keys = bias.subarray(row * sequenceLength, (row + 1) * sequenceLength);
    for (let query = 0; query < sequenceLength; query++) {
      const start = (row * sequenceLength + query) * sequenceLength;
      out.set(keys, start);
      out.fill(HIDDEN, start + Math.max(query + 1, Math.min(causalFrom[row], sequenceLength)), start + sequenceLength);
    }
  }
  return float32([batchSize, 1, sequenceLength, sequenceLength], out);
}

/** Rows of the distance table for relative positions: `query - key + max - 1`, as `[sequence, sequence]`. */
export function distanceTensor(config: AlbertConfig, sequenceLength: number): HostTensor {
  const rows = new BigInt64Array(sequenceLength * sequenceLength);
  for (let query = 0; query < sequenceLength; query++) {
    for (let key = 0; key < sequenceLength; key++)
      rows[query * sequenceLength + key] = BigInt(query - key + config.maxPositionEmbeddings - 1);
  }
  return int64([sequenceLength, sequenceLength], rows);
}

/**
 * Word + token-type (+ absolute position) embeddings of every token, `[batch*sequence, embeddingSize]`, written into
 * `out`. The lookup is done on the host: it needs no copy of the table in the runtime, and its gradient is a
 * scatter-add.
 */
export function lookUpEmbeddings(
  config: AlbertConfig,
  tables: EmbeddingTables,
  batch: EncoderBatch,
  out: Float32Array,
): void {
  const { embeddingSize: width } = config;
  const { word, position, tokenType } = tables;
  const tokens = batch.batchSize * batch.sequenceLength;
  const first = firstPosition(config);
  for (let token = 0; token < tokens; token++) {
    const wordStart = batch.inputIds[token] * width;
    const typeStart = (batch.tokenTypeIds ? batch.tokenTypeIds[token] : 0) * width;
    const positionStart =
      (first + (batch.positionIds ? batch.positionIds[token] : token % batch.sequenceLength)) * width;
    const start = token * width;
    if (position)
      for (let i = 0; i < width; i++)
        out[start + i] = word[wordStart + i] + tokenType[typeStart + i] + position[positionStart + i];
    else for (let i = 0; i < width; i++) out[start + i] = word[wordStart + i] + tokenType[typeStart + i];
  }
}

/** The three embedding tables; no position table with relative positions. */
export interface EmbeddingTables {
  word: Float32Array;
  position: Float32Array | undefined;
  tokenType: Float32Array;
}

/** Views of the embedding tables inside a set of weights. */
export function embeddingTables(config: AlbertConfig, weights: Weights): EmbeddingTables {
  const table = (name: string): Float32Array => weights.get(`albert.embeddings.${name}.weight`)!.data;
  return {
    word: table('word_embeddings'),
    // Hugging Face adds absolute positions only when the type is 'absolute'.
    position: config.positionEmbeddingType === 'absolute' ? table('position_embeddings') : undefined,
    tokenType: table('token_type_embeddings'),
  };
}
