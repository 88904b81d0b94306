import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import {
  packDocument,
  type ExamplePlan,
  type PairObjective,
  type SegmentedDocument,
  type TokenRange,
} from '../../../src/training/pretraining/segments.ts';

const lengthsArbitrary = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 });
const settings = {
  lengths: lengthsArbitrary,
  maxLength: fc.integer({ min: 8, max: 96 }),
  short: fc.constantFrom(0, 0.1, 1),
  seed: fc.nat(),
};

function documentOf(lengths: number[], start = 0, block = 0): SegmentedDocument {
  let end = start;
  return { block, start, segmentEnds: lengths.map((length) => (end += length)) };
}

function pack(
  lengths: number[],
  options: { objective: PairObjective; maxLength: number; short?: number; seed: number },
): ExamplePlan[] {
  const { objective, maxLength, short = 0.1, seed } = options;
  const other = documentOf([5, 9, 20, 7], 0, 1);
  return packDocument(documentOf(lengths, 3), {
    objective,
    maxLength,
    shortSequenceProbability: short,
    random: createRandom(seed),
    otherDocument: () => other,
  });
}

const size = ({ start, end }: TokenRange): number => end - start;
/** The pair in document order. */
const ordered = ({ first, second }: ExamplePlan): TokenRange[] =>
  second ? [first, second].sort((a, b) => a.start - b.start) : [first];

describe('packing of documents', () => {
  it.each(['sop', 'none'] as const)('%s: no token is lost or duplicated beyond the counted truncation', (objective) => {
    fc.assert(
      fc.property(fc.record(settings), ({ lengths, maxLength, short, seed }) => {
        const plans = pack(lengths, { objective, maxLength, short, seed });
        const ranges = plans.flatMap(ordered);
        // In document order, without overlap.
        for (let i = 1; i < ranges.length; i++) expect(ranges[i].start).toBeGreaterThanOrEqual(ranges[i - 1].end);
        const used = ranges.reduce((sum, range) => sum + size(range), 0);
        const truncated = plans.reduce((sum, plan) => sum + plan.truncatedTokens, 0);
        expect(used + truncated).toBe(lengths.reduce((a, b) => a + b, 0));
        if (objective === 'none') expect(truncated).toBe(0);
      }),
    );
  });

  it('nsp: the document itself is covered once, and other documents only in pairs labelled so', () => {
    fc.assert(
      fc.property(fc.record(settings), ({ lengths, maxLength, short, seed }) => {
        const plans = pack(lengths, { objective: 'nsp', maxLength, short, seed });
        const own = plans.flatMap((plan) => [plan.first, ...(plan.second?.block === 0 ? [plan.second] : [])]);
        for (let i = 1; i < own.length; i++) expect(own[i].start).toBeGreaterThanOrEqual(own[i - 1].end);
        const truncated = plans.reduce((sum, plan) => sum + plan.truncatedTokens, 0);
        expect(own.reduce((sum, range) => sum + size(range), 0) + truncated).toBe(lengths.reduce((a, b) => a + b, 0));
        for (const { second, pairLabel } of plans)
          expect(second === undefined ? undefined : Number(second.block === 1)).toBe(pairLabel);
      }),
    );
  });

  it.each(['sop', 'nsp', 'none'] as const)('%s: examples fit the length and have no empty segment', (objective) => {
    fc.assert(
      fc.property(fc.record(settings), ({ lengths, maxLength, short, seed }) => {
        for (const { first, second } of pack(lengths, { objective, maxLength, short, seed })) {
          expect(size(first)).toBeGreaterThan(0);
          if (second) expect(size(second)).toBeGreaterThan(0);
          expect(size(first) + (second ? size(second) + 3 : 2)).toBeLessThanOrEqual(maxLength);
        }
      }),
    );
  });

  it('one segment gives no pair and no label, whatever the objective', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), settings.maxLength, fc.nat(), (length, maxLength, seed) => {
        for (const objective of ['sop', 'nsp', 'none'] as const) {
          const plans = pack([length], { objective, maxLength, seed });
          expect(plans.every((plan) => plan.second === undefined && plan.pairLabel === undefined)).toBe(true);
          expect(plans.reduce((sum, plan) => sum + size(plan.first), 0)).toBe(length);
        }
      }),
    );
  });

  it('sop: swapping changes nothing but the order', () => {
    const forced = (seed: number, coin: number): ReturnType<typeof createRandom> => {
      const random = createRandom(seed);
      return {
        ...random,
        uniform: () => {
          random.uniform();
          return coin;
        },
      };
    };
    fc.assert(
      fc.property(lengthsArbitrary, settings.maxLength, fc.nat(), (lengths, maxLength, seed) => {
        // The same coin also says from which end a pair is cut, so that the contents are compared where nothing is cut,
        // and the lengths everywhere.
        const run = (coin: number): ExamplePlan[] =>
          packDocument(documentOf(lengths), {
            objective: 'sop',
            maxLength,
            shortSequenceProbability: 0,
            random: forced(seed, coin),
          });
        const [swapped, straight] = [run(0.4999), run(0.5)];
        expect(swapped.length).toBe(straight.length);
        swapped.forEach((plan, i) => {
          if (!plan.second) return expect(straight[i]).toEqual(plan);
          expect(plan.pairLabel).toBe(1);
          expect(straight[i].pairLabel).toBe(0);
          expect(plan.first.start).toBeGreaterThanOrEqual(plan.second.end);
          expect([size(plan.first), size(plan.second)]).toEqual([size(straight[i].second!), size(straight[i].first)]);
          if (plan.truncatedTokens === 0)
            expect([plan.first, plan.second]).toEqual([straight[i].second, straight[i].first]);
          expect(straight[i].first.end).toBeLessThanOrEqual(straight[i].second!.start);
        });
      }),
    );
  });

  it('sop: both orders are equally frequent, and neither lengths nor position tell them', () => {
    const random = createRandom(5);
    let [pairs, swapped, firstLonger, swappedAndFirstLonger] = [0, 0, 0, 0];
    for (let seed = 0; seed < 3000; seed++) {
      const lengths = Array.from({ length: 20 }, () => 5 + random.integer(30));
      for (const { first, second, pairLabel } of pack(lengths, { objective: 'sop', maxLength: 64, seed })) {
        if (!second || size(first) === size(second)) continue;
        pairs++;
        swapped += pairLabel!;
        const longer = Number(size(first) > size(second));
        firstLonger += longer;
        swappedAndFirstLonger += longer * pairLabel!;
      }
    }
    const deviation = 4 * Math.sqrt(0.25 / pairs);
    expect(pairs).toBeGreaterThan(8000);
    expect(Math.abs(swapped / pairs - 0.5)).toBeLessThan(deviation);
    // Among pairs whose first segment is longer, swapped ones: what a classifier by length could reach.
    expect(Math.abs(swappedAndFirstLonger / firstLonger - 0.5)).toBeLessThan(0.03);
  });

  it('nsp: random and real second segments are equally frequent', () => {
    let [pairs, others] = [0, 0];
    for (let seed = 0; seed < 3000; seed++) {
      for (const { pairLabel } of pack([12, 7, 20, 9, 14, 6, 11, 10, 8, 17], {
        objective: 'nsp',
        maxLength: 48,
        seed,
      })) {
        if (pairLabel === undefined) continue;
        pairs++;
        others += pairLabel;
      }
    }
    expect(Math.abs(others / pairs - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / pairs));
  });

  it('none: examples are full, and begin with a segment where that costs little', () => {
    // Sentences of real lengths: about 35 tokens. The last example of a document has what is left, so documents are
    // long.
    const random = createRandom(7);
    const figures = (maxLength: number): { fill: number; whole: number } => {
      let [tokens, examples, whole] = [0, 0, 0];
      for (let seed = 0; seed < 50; seed++) {
        const lengths = Array.from({ length: 200 }, () => 5 + random.integer(61));
        const starts = new Set(documentOf(lengths, 3).segmentEnds as number[]).add(3);
        for (const { first } of pack(lengths, { objective: 'none', maxLength, short: 0, seed })) {
          tokens += size(first) + 2;
          whole += Number(starts.has(first.start));
          examples++;
        }
      }
      return { fill: tokens / (examples * maxLength), whole: whole / examples };
    };
    expect(figures(64).fill).toBeGreaterThan(0.97);
    expect(figures(128).fill).toBeGreaterThan(0.95);
    expect(figures(512).fill).toBeGreaterThan(0.92);
    expect(figures(512).whole).toBeGreaterThan(0.95);
  });

  it('none: every example but the last of a document fills seven eighths, whatever the segments', () => {
    fc.assert(
      fc.property(fc.record(settings), ({ lengths, maxLength, seed }) => {
        const sizes = pack(lengths, { objective: 'none', maxLength, short: 0, seed }).map(({ first }) => size(first));
        // The last two share what is left.
        for (const length of sizes.slice(0, -2)) expect(length).toBeGreaterThanOrEqual(((maxLength - 2) * 7) / 8);
      }),
    );
  });

  it('none: cuts in the middle what needs two examples, and nothing where two whole parts fit', () => {
    const sizes = (lengths: number[]): number[] =>
      pack(lengths, { objective: 'none', maxLength: 64, short: 0, seed: 1 }).map(({ first }) => size(first));
    expect(sizes([63])).toEqual([32, 31]);
    expect(sizes([40, 30])).toEqual([40, 30]);
    expect(sizes([5, 65])).toEqual([35, 35]);
    expect(sizes([58, 60])).toEqual([58, 60]);
    expect(sizes([40, 30, 60])).toEqual([62, 8, 60]);
  });

  it('packs a share of documents to shorter lengths', () => {
    const lengths = Array.from({ length: 200 }, () => 3);
    const longest = (seed: number, short: number): number =>
      Math.max(...pack(lengths, { objective: 'none', maxLength: 100, short, seed }).map(({ first }) => size(first)));
    const seeds = Array.from({ length: 1000 }, (_, seed) => seed);
    expect(seeds.every((seed) => longest(seed, 0) >= 96)).toBe(true);
    const share = seeds.filter((seed) => longest(seed, 0.1) < 96).length / seeds.length;
    expect(share).toBeGreaterThan(0.06);
    expect(share).toBeLessThan(0.13);
  });
});
