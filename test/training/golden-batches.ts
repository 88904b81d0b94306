import type { AlbertConfig } from '../../src/model/config.ts';
import { float32, int64, type HostTensor } from '../../src/runtime/tensor.ts';
import type { DropoutSource } from '../../src/training/dropout.ts';
import type { TrainingBatch } from '../../src/training/layerwise.ts';
import type { GoldenLabels } from '../oracle/goldens.ts';
import type { DropoutMasks, ReferenceBatch } from '../oracle/reference.ts';

const flatten = (rows: readonly ArrayLike<number | boolean>[] | undefined): number[] | undefined =>
  rows?.flatMap((row) => Array.from(row, Number));
/** Weights that make a sum the mean over labelled items, and labels with -100 replaced by 0. */
function meanOver(labels: readonly number[]): { labels: number[]; weights: Float32Array } {
  const count = labels.filter((label) => label >= 0).length;
  return {
    labels: labels.map((label) => Math.max(0, label)),
    weights: Float32Array.from(labels, (label) => (label >= 0 ? 1 / count : 0)),
  };
}

/** A golden batch in the trainer's form, with the feeds of our heads. */
export function goldenBatch(inputs: ReferenceBatch & GoldenLabels): TrainingBatch {
  const batchSize = inputs.inputIds.length;
  const sequenceLength = inputs.inputIds[0].length;
  const headFeeds: Record<string, HostTensor> = {
    firstTokens: int64(
      [batchSize],
      Array.from({ length: batchSize }, (_, row) => row * sequenceLength),
    ),
  };
  const headSizes: Record<string, number> = {};
  if (inputs.labels) {
    const { labels, weights } = meanOver(inputs.labels);
    headFeeds['labels'] = int64([batchSize], labels);
    headFeeds['rowWeights'] = float32([batchSize], weights);
  }
  if (inputs.tokenLabels) {
    const { labels, weights } = meanOver(inputs.tokenLabels.flat());
    headFeeds['labels'] = int64([labels.length], labels);
    headFeeds['rowWeights'] = float32([labels.length], weights);
  }
  if (inputs.startPositions && inputs.endPositions) {
    const oneHot = (positions: readonly number[]): HostTensor =>
      float32(
        [batchSize, sequenceLength],
        Float32Array.from({ length: batchSize * sequenceLength }, (_, i) =>
          Number(positions[Math.floor(i / sequenceLength)] === i % sequenceLength),
        ),
      );
    headFeeds['starts'] = oneHot(inputs.startPositions);
    headFeeds['ends'] = oneHot(inputs.endPositions);
    headFeeds['tokenBias'] = float32([batchSize, sequenceLength], new Float32Array(batchSize * sequenceLength));
    headFeeds['rowWeights'] = float32([batchSize], new Float32Array(batchSize).fill(1 / batchSize));
  }
  if (inputs.mlmLabels) {
    const positions = inputs.mlmLabels.flat().flatMap((label, position) => (label >= 0 ? [position] : []));
    headFeeds['maskedPositions'] = int64([positions.length], positions);
    headFeeds['maskedLabels'] = int64(
      [positions.length],
      positions.map((position) => inputs.mlmLabels!.flat()[position]),
    );
    headFeeds['maskedWeights'] = float32(
      [positions.length],
      new Float32Array(positions.length).fill(1 / positions.length),
    );
    headSizes['masked'] = positions.length;
  }
  if (inputs.sopLabels) {
    const { labels, weights } = meanOver(inputs.sopLabels);
    headFeeds['pairLabels'] = int64([batchSize], labels);
    headFeeds['pairWeights'] = float32([batchSize], weights);
  }
  return {
    batchSize,
    sequenceLength,
    inputIds: flatten(inputs.inputIds)!,
    attentionMask: flatten(inputs.attentionMask as ArrayLike<number>[] | undefined),
    tokenTypeIds: flatten(inputs.tokenTypeIds),
    positionIds: flatten(inputs.positionIds),
    headFeeds,
    headSizes,
  };
}

/** Golden dropout factors as a source; sites that the case leaves out drop nothing. */
export function goldenDropout(config: AlbertConfig, masks: DropoutMasks, head: 'classifier' | 'sop'): DropoutSource {
  const tensor = (shape: number[], values: ArrayLike<number> | undefined): HostTensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    return float32(shape, values ? Float32Array.from(values) : new Float32Array(size).fill(1));
  };
  return {
    embedding: (at): Record<string, HostTensor> =>
      config.hiddenDropoutProb > 0
        ? { embeddingMask: tensor([at.batch * at.sequence, config.embeddingSize], masks.embeddings) }
        : {},
    layer: (at, layer) => {
      const own = masks.layers?.[layer];
      const hidden = [at.batch * at.sequence, config.hiddenSize];
      return {
        ...(config.attentionProbsDropoutProb > 0 && {
          attentionMask: tensor([at.batch, config.numAttentionHeads, at.sequence, at.sequence], own?.attentionProbs),
        }),
        ...(config.hiddenDropoutProb > 0 && {
          attentionOutputMask: tensor(hidden, own?.attentionOutput),
          feedForwardMask: tensor(hidden, own?.ffnOutput),
        }),
      };
    },
    classifier: (at): Record<string, HostTensor> =>
      config.classifierDropoutProb > 0
        ? {
            classifierMask: tensor(
              [masks[head] ? masks[head].length / config.hiddenSize : at.batch, config.hiddenSize],
              masks[head],
            ),
          }
        : {},
  };
}
