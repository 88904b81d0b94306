import { describe, expect, it } from 'vitest';
import type { EncoderBatch } from '../../src/model/batch.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { HEADS } from '../../src/model/heads.ts';
import { listCases, loadCase } from '../oracle/goldens.ts';
import type { ReferenceBatch } from '../oracle/reference.ts';

const TOLERANCE = 1e-4;

function toBatch(inputs: ReferenceBatch): EncoderBatch {
  const flat = (rows: ArrayLike<number | boolean>[] | undefined) =>
    rows && rows.flatMap((row) => Array.from(row, Number));
  return {
    batchSize: inputs.inputIds.length,
    sequenceLength: inputs.inputIds[0].length,
    inputIds: flat(inputs.inputIds)!,
    attentionMask: flat(inputs.attentionMask as ArrayLike<number>[] | undefined),
    tokenTypeIds: flat(inputs.tokenTypeIds),
    positionIds: flat(inputs.positionIds),
  };
}

function maxDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i] - expected[i]);
    if (!(difference <= largest)) largest = difference; // NaN must not pass
  }
  return largest;
}

describe('the encoder against PyTorch', () => {
  it.each(listCases())('%s', async (name) => {
    const { config, weights, inputs, outputs } = loadCase(name);
    const batch = toBatch(inputs);
    using encoder = await AlbertEncoder.create(config, weights, { threads: 1 });
    const result = await encoder.forward(batch, { layers: 'all', attentions: outputs.has('attentions.0') });
    for (let depth = 0; depth <= config.numHiddenLayers; depth++) {
      expect(
        maxDifference(result.hiddenStates.get(depth)!, outputs.get(`hiddenStates.${depth}`)!.data),
        `hidden state ${depth}`,
      ).toBeLessThan(TOLERANCE);
    }
    // Layer by layer (for attentions), depth by depth and in one run.
    expect((await encoder.forward(batch, { layers: 'all' })).hiddenStates).toEqual(result.hiddenStates);
    expect((await encoder.forward(batch)).lastHiddenState).toEqual(result.lastHiddenState);
    result.attentions.forEach((attention, layer) => {
      expect(maxDifference(attention, outputs.get(`attentions.${layer}`)!.data), `attention ${layer}`).toBeLessThan(
        TOLERANCE,
      );
    });
    const pooled = outputs.has('pooled') ? await encoder.pool(result.lastHiddenState, batch.batchSize) : undefined;
    if (pooled) expect(maxDifference(pooled, outputs.get('pooled')!.data)).toBeLessThan(TOLERANCE);
    const heads = {
      mlmLogits: 'maskedLm',
      sopLogits: 'sentenceOrder',
      classifierLogits: 'sequenceClassification',
      tokenLogits: 'tokenClassification',
      qaLogits: 'questionAnswering',
    } as const;
    for (const [output, head] of Object.entries(heads)) {
      if (!outputs.has(output)) continue;
      const logits = await encoder.logits(head, HEADS[head].reads === 'pooled' ? pooled! : result.lastHiddenState);
      expect(maxDifference(logits, outputs.get(output)!.data), output).toBeLessThan(TOLERANCE);
    }
  });
});
