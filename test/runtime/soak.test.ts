import { describe, expect, it } from 'vitest';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { exampleBatch, exampleModel } from './example-model.ts';

const BATCHES = 36;
const LENGTHS = 60;
const MEBIBYTE = 2 ** 20;

describe('memory over many shapes', () => {
  it('stays flat over 2,100 distinct (batch, sequence) shapes', async () => {
    const { config, weights } = exampleModel();
    using encoder = await AlbertEncoder.create(config, weights, { threads: 1 });
    // Every shape once, in an order in which neighbours differ much: 1,277 has no factor in common with the number of
    // shapes.
    const count = BATCHES * LENGTHS;
    const shapes = Array.from({ length: count }, (_, i) => (i * 1277) % count).map(
      (i) => [1 + (i % BATCHES), 1 + Math.floor(i / BATCHES)] as const,
    );
    expect(new Set(shapes.map(String)).size).toBe(count);
    // The arena keeps the largest block it needed, so the largest shape belongs to the warm-up.
    await encoder.forward(exampleBatch(BATCHES, LENGTHS));
    const warmUp = 720;
    let baseline = 0;
    for (const [index, [batch, length]] of shapes.entries()) {
      if (index === warmUp) baseline = process.memoryUsage.rss();
      await encoder.forward(exampleBatch(batch, length));
    }
    // Alone, the resident set does not grow at all from here; the bound leaves room for garbage that is not collected
    // yet.
    expect((process.memoryUsage.rss() - baseline) / MEBIBYTE).toBeLessThan(24);
  });
});
