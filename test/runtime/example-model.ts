import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import type { EncoderBatch } from '../../src/model/batch.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import type { Weights } from '../../src/model/parameters.ts';

/** A tiny untrained encoder, the same in every process. */
export function exampleModel(): { config: AlbertConfig; weights: Weights } {
  const config = {
    ...DEFAULT_CONFIG,
    vocabSize: 50,
    embeddingSize: 8,
    hiddenSize: 16,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 32,
    maxPositionEmbeddings: 64,
    initializerRange: 0.3,
    layerNormEps: 1e-6,
  };
  return { config, weights: initialiseWeights(config, 7) };
}

export function exampleBatch(batchSize: number, sequenceLength: number): EncoderBatch {
  return {
    batchSize,
    sequenceLength,
    inputIds: Array.from({ length: batchSize * sequenceLength }, (_, i) => (i * 7) % 50),
  };
}
