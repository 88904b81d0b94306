import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Permutation } from '../../../src/training/pretraining/permutation.ts';
import { EpochSchedule } from '../../../src/training/pretraining/schedule.ts';

describe('permutation', () => {
  it('is one, for every size and seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), fc.integer(), (size, seed) => {
        const permutation = new Permutation(size, seed);
        const images = new Set(Array.from({ length: size }, (_, i) => permutation.at(i)));
        expect(images.size).toBe(size);
        expect(Math.max(...images)).toBe(size - 1);
      }),
    );
  });

  it('sends a position anywhere with equal probability', () => {
    const counts = new Array<number>(10).fill(0);
    for (let seed = 0; seed < 20_000; seed++) counts[Math.floor(new Permutation(1000, seed).at(17) / 100)]++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(4 * Math.sqrt(2000 * 0.9));
  });

  it('mixes neighbours: distances are those of independent positions', () => {
    const size = 100_000;
    const permutation = new Permutation(size, 5);
    let total = 0;
    for (let i = 0; i < 20_000; i++) total += Math.abs(permutation.at(i + 1) - permutation.at(i));
    // The mean distance of two uniform points is a third.
    expect(total / 20_000 / size).toBeCloseTo(1 / 3, 2);
  });

  it('reaches 2^31', () => {
    const permutation = new Permutation(2 ** 31, 9);
    const images = Array.from({ length: 1000 }, (_, i) => permutation.at(2 ** 31 - 1 - i));
    expect(new Set(images).size).toBe(1000);
    expect(images.every((image) => Number.isInteger(image) && image >= 0 && image < 2 ** 31)).toBe(true);
  });
});

describe('schedule of blocks', () => {
  const visits = (sources: { blocks: number; passes: number }[], epoch: number, shuffle = true): string[] => {
    const schedule = new EpochSchedule(sources, { seed: 3, epoch, shuffle });
    return Array.from({ length: schedule.size }, (_, i) => {
      const { source, block, pass } = schedule.visit(i);
      return `${source} ${block} ${pass}`;
    });
  };

  it('passes over every source as often as its weight says, no block twice before all have come', () => {
    const sources = [
      { blocks: 40, passes: 1 },
      { blocks: 30, passes: 0.3 },
      { blocks: 7, passes: 2.5 },
    ];
    const all = Array.from({ length: 20 }, (_, epoch) => visits(sources, epoch)).flat();
    expect(new Set(all).size).toBe(all.length);
    for (const [index, { blocks, passes }] of sources.entries()) {
      const own = all.filter((visit) => visit.startsWith(`${index} `));
      expect(own.length).toBe(Math.floor(blocks * passes * 20));
      const counts = new Map<string, number>();
      for (const visit of own) counts.set(visit.split(' ')[1], (counts.get(visit.split(' ')[1]) ?? 0) + 1);
      expect(counts.size).toBe(blocks);
      expect(Math.max(...counts.values()) - Math.min(...counts.values())).toBeLessThanOrEqual(1);
    }
  });

  it('is another order in every epoch, and the same one for equal seeds', () => {
    const sources = [{ blocks: 50, passes: 1 }];
    const blocks = (epoch: number): string[] => visits(sources, epoch).map((visit) => visit.split(' ')[1]);
    expect(blocks(0)).toEqual(blocks(0));
    expect(blocks(0)).not.toEqual(blocks(1));
    expect(blocks(0).sort()).toEqual(blocks(1).sort());
  });

  it('without shuffling gives every block once, in order', () => {
    expect(
      visits(
        [
          { blocks: 3, passes: 0.1 },
          { blocks: 2, passes: 5 },
        ],
        0,
        false,
      ),
    ).toEqual(['0 0 0', '0 1 0', '0 2 0', '1 0 0', '1 1 0']);
  });
});
