import { describe, expect, it } from 'vitest';
import { weightsFingerprint } from '../../src/checkpoint/fingerprint.ts';
import { initialiseWeights, normalQuantile } from '../../src/checkpoint/initialise.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { presetConfig } from '../../src/model/presets.ts';

const config = presetConfig('nano');

describe('normalQuantile', () => {
  it.each([
    [0.5, 0],
    [0.6, 0.2533471031],
    [0.925, 1.4395314709],
    [0.975, 1.9599639845],
    [0.9772498681, 2],
    [0.001, -3.0902323062],
  ])('of %d is %d', (probability, quantile) => {
    expect(Math.abs(normalQuantile(probability) - quantile)).toBeLessThan(5e-7);
  });
});

describe('initialiseWeights', () => {
  it('draws from the truncated normal distribution', () => {
    const { data } = initialiseWeights(config, 3).get('albert.embeddings.word_embeddings.weight')!;
    const scaled = [...data].map((value) => value / config.initializerRange);
    const mean = scaled.reduce((a, b) => a + b, 0) / scaled.length;
    const variance = scaled.reduce((sum, value) => sum + (value - mean) ** 2, 0) / scaled.length;
    // Of a normal distribution cut at two deviations: variance 0.7737; 64,000 draws.
    expect(Math.abs(mean)).toBeLessThan(0.015);
    expect(Math.abs(variance - 0.7737)).toBeLessThan(0.02);
    expect(Math.max(...scaled.map(Math.abs))).toBeLessThanOrEqual(2.000001);
    expect(scaled.filter((value) => Math.abs(value) < 1).length / scaled.length).toBeCloseTo(0.6827 / 0.9545, 2);
  });

  it('sets biases to 0 and LayerNorm to 1 and 0', () => {
    for (const [name, { data }] of initialiseWeights(config, 3, { heads: ['maskedLm'] })) {
      if (/bias$/.test(name))
        expect(
          data.every((value) => value === 0),
          name,
        ).toBe(true);
      else if (/(LayerNorm|layer_norm)\.weight$/.test(name))
        expect(
          data.every((value) => value === 1),
          name,
        ).toBe(true);
      else
        expect(
          data.some((value) => value !== 0),
          name,
        ).toBe(true);
    }
  });

  it('depends on the seed, and on nothing else in the model', () => {
    const plain = initialiseWeights(config, 3);
    const withHead = initialiseWeights({ ...config, numHiddenLayers: 7 }, 3, {
      heads: ['sequenceClassification'],
      numLabels: 5,
    });
    for (const [name, weight] of plain) expect(withHead.get(name)).toEqual(weight);
    expect(withHead.get('classifier.weight')!.shape).toEqual([5, 64]);
    expect(initialiseWeights(config, 4).get('albert.pooler.weight')).not.toEqual(plain.get('albert.pooler.weight'));
  });
});

describe('weightsFingerprint', () => {
  const weights = initialiseWeights(config, 3);

  it('is the same on every machine, and whatever the order', async () => {
    expect(await weightsFingerprint(new Map([['a', { shape: [2, 2], data: Float32Array.of(1, 2, 3, -0) }]]))).toBe(
      'ff303fb33416a935',
    );
    expect(await weightsFingerprint(new Map([...weights].reverse()))).toBe(await weightsFingerprint(weights));
  });

  it('notices one bit, one name, one shape, two values exchanged', async () => {
    const base: Weights = new Map([['a', { shape: [4, 25], data: Float32Array.from({ length: 100 }, (_, i) => i) }]]);
    const variants: Weights[] = [
      base,
      new Map([['b', base.get('a')!]]),
      new Map([['a', { ...base.get('a')!, shape: [25, 4] }]]),
    ];
    for (let i = 0; i < 100; i++) {
      const data = base.get('a')!.data.slice();
      new Uint32Array(data.buffer)[i] ^= 1 << (i % 32);
      variants.push(new Map([['a', { shape: [4, 25], data }]]));
      if (i < 99) {
        const swapped = base.get('a')!.data.slice();
        [swapped[i], swapped[99]] = [swapped[99], swapped[i]];
        variants.push(new Map([['a', { shape: [4, 25], data: swapped }]]));
      }
    }
    const hashes = await Promise.all(variants.map(weightsFingerprint));
    expect(new Set(hashes).size).toBe(variants.length);
    expect(hashes.every((hash) => /^[0-9a-f]{16}$/.test(hash))).toBe(true);
  });

  it('samples tensors of more than a megabyte: first and last values, and whatever changes everywhere', async () => {
    const large = Float32Array.from({ length: (1 << 18) + 1 }, (_, i) => i);
    const hash = (data: Float32Array): Promise<string> =>
      weightsFingerprint(new Map([['a', { shape: [data.length], data }]]));
    const changes: ((data: Float32Array) => void)[] = [
      (data) => {
        data[0] += 1;
      },
      (data) => {
        data[data.length - 1] += 1;
      },
      (data) => {
        for (let i = 0; i < data.length; i++) data[i] += 1;
      },
      (data) => data.reverse(),
    ];
    const hashes = [await hash(large), await hash(large.subarray(1)), await hash(large.slice(0, 1 << 18))];
    for (const change of changes) {
      const data = large.slice();
      change(data);
      hashes.push(await hash(data));
    }
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(await hash(large.slice())).toBe(hashes[0]);
  });
});
