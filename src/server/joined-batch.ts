import type { EncoderBatch } from '../model/batch.ts';
import type { ForwardResult } from '../model/encoder.ts';

/** Rows and length of a batch. */
export type BatchSize = Pick<EncoderBatch, 'batchSize' | 'sequenceLength'>;

/** Batches one below the other, padded to the longest. */
export function joinBatches(batches: readonly EncoderBatch[]): EncoderBatch {
  if (batches.length === 1) return batches[0];
  const { batchSize, sequenceLength } = sizeOf(batches);
  const inputIds = new Int32Array(batchSize * sequenceLength);
  const tokenTypeIds = new Int32Array(inputIds.length);
  const attentionMask = new Uint8Array(inputIds.length);
  let row = 0;
  for (const batch of batches) {
    const length = batch.sequenceLength;
    for (let own = 0; own < batch.batchSize; own++, row++) {
      const [from, to] = [own * length, row * sequenceLength];
      for (let i = 0; i < length; i++) {
        inputIds[to + i] = batch.inputIds[from + i];
        if (batch.tokenTypeIds) tokenTypeIds[to + i] = batch.tokenTypeIds[from + i];
        attentionMask[to + i] = !batch.attentionMask || batch.attentionMask[from + i] ? 1 : 0;
      }
    }
  }
  return { batchSize, sequenceLength, inputIds, tokenTypeIds, attentionMask };
}

/** Its tokens, padding included. */
export const tokensOf = ({ batchSize, sequenceLength }: BatchSize): number => batchSize * sequenceLength;

/** What batches are together. */
export const sizeOf = (batches: readonly BatchSize[]): BatchSize => ({
  batchSize: batches.reduce((sum, batch) => sum + batch.batchSize, 0),
  sequenceLength: Math.max(...batches.map((batch) => batch.sequenceLength)),
});

/** Tokens that stand for nothing. */
export function paddingOf({ attentionMask }: EncoderBatch): number {
  let padding = 0;
  for (let i = 0; attentionMask && i < attentionMask.length; i++) if (!attentionMask[i]) padding++;
  return padding;
}

/** The results of each batch of {@link joinBatches}, without the padding that joining has added. */
export function splitResult(result: ForwardResult, batches: readonly BatchSize[]): ForwardResult[] {
  if (batches.length === 1) return [result];
  const all = sizeOf(batches);
  let first = 0;
  return batches.map((own) => {
    const from = first;
    first += own.batchSize;
    const states = (values: Float32Array): Float32Array => ownStates(values, { own, from, all });
    return {
      lastHiddenState: states(result.lastHiddenState),
      hiddenStates: new Map([...result.hiddenStates].map(([depth, values]) => [depth, states(values)])),
      // Batches of which these are asked for have one length.
      attentions: result.attentions.map((values) => rows(values, { own, from, all })),
    };
  });
}

interface Part {
  own: BatchSize;
  /** Row at which it begins. */
  from: number;
  all: BatchSize;
}

/** A view of the rows of a batch. */
function rows(values: Float32Array, { own, from, all }: Part): Float32Array {
  const width = values.length / all.batchSize;
  return values.subarray(from * width, (from + own.batchSize) * width);
}

/** Hidden states `[rows, own length, hidden]` of `[rows, length, hidden]`. */
function ownStates(values: Float32Array, part: Part): Float32Array {
  const { own, all } = part;
  const padded = rows(values, part);
  if (own.sequenceLength === all.sequenceLength) return padded;
  const width = values.length / all.batchSize; // length * hidden
  const used = (width / all.sequenceLength) * own.sequenceLength;
  if (own.batchSize === 1) return padded.subarray(0, used);
  const states = new Float32Array(own.batchSize * used);
  for (let row = 0; row < own.batchSize; row++)
    states.set(padded.subarray(row * width, row * width + used), row * used);
  return states;
}
