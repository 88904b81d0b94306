import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FileSource } from '../../../src/core/files.ts';
import { collatePretraining, countTargets } from '../../../src/training/pretraining/collate.ts';
import type { PretrainingExample } from '../../../src/training/pretraining/example.ts';
import { PretrainingStream, type PretrainingStreamOptions } from '../../../src/training/pretraining/stream.ts';
import { buildToyShards, temporaryFolder, toyText, toyTokenizer } from './fixtures.ts';

const folder = temporaryFolder();
const tokenizer = toyTokenizer();
const { cls, sep, pad, mask } = tokenizer.special;
const texts = { one: { text: toyText(150, 1) }, two: { text: toyText(60, 2), weight: 0.5 } };
let files: FileSource;
beforeAll(async () => {
  files = await buildToyShards(folder, texts);
});
afterAll(() => folder.remove());

const open = (options: Partial<PretrainingStreamOptions> = {}, folders = [files]): Promise<PretrainingStream> =>
  PretrainingStream.open(folders, { tokenizer, maxLength: 48, poolBlocks: 16, ...options });

/** The example's ids before masking. */
function unmasked({ inputIds, maskedPositions, maskedLabels }: PretrainingExample): Int32Array {
  const ids = inputIds.slice();
  maskedPositions.forEach((position, i) => (ids[position] = maskedLabels[i]));
  return ids;
}

async function epochOf(stream: PretrainingStream, epoch: number): Promise<PretrainingExample[]> {
  const examples: PretrainingExample[] = [];
  for await (const example of stream.epoch(epoch)) examples.push(example);
  return examples;
}

const textKey = (example: PretrainingExample): string => unmasked(example).join(' ');

describe('examples', () => {
  it('are [CLS] A [SEP] B [SEP], or one segment, no longer than asked', async () => {
    for (const example of await (await open()).take(500)) {
      const ids = [...unmasked(example)];
      const { secondStart, pairLabel, maskedPositions } = example;
      expect(ids.length).toBeLessThanOrEqual(48);
      expect(ids[0]).toBe(cls);
      expect(ids.at(-1)).toBe(sep);
      expect(ids[secondStart - 1]).toBe(sep);
      expect(secondStart === ids.length).toBe(pairLabel === undefined);
      expect(ids.filter((id) => id === sep).length).toBe(pairLabel === undefined ? 1 : 2);
      expect([...maskedPositions].every((position) => ids[position] !== cls && ids[position] !== sep)).toBe(true);
      expect(maskedPositions.length).toBeGreaterThan(0);
    }
  });

  it('sop: both segments are of one document, in its order exactly when the label is 0', async () => {
    const sequences = Object.values(texts)
      .flatMap(({ text }) => text.split('\n\n'))
      .map((document) => ` ${[...document.split('\n').flatMap((line) => [...tokenizer.encodeIds(line)])].join(' ')} `);
    let pairs = 0;
    for (const example of await (await open({ shortSequenceProbability: 0 })).take(400)) {
      if (example.pairLabel === undefined || example.truncatedTokens > 0) continue;
      pairs++;
      const ids = unmasked(example);
      const [first, second] = [
        ids.subarray(1, example.secondStart - 1).join(' '),
        ids.subarray(example.secondStart, -1).join(' '),
      ];
      const joined = example.pairLabel === 0 ? ` ${first} ${second} ` : ` ${second} ${first} `;
      expect(sequences.some((sequence) => sequence.includes(joined))).toBe(true);
    }
    expect(pairs).toBeGreaterThan(50);
  });

  it('none: an epoch of unshuffled examples is the corpus, token by token', async () => {
    const examples = await epochOf(await open({ objective: 'none', shuffle: false }), 0);
    const ids = examples.flatMap((example) => [...unmasked(example).subarray(1, -1)]);
    expect(ids).toEqual(
      Object.values(texts).flatMap(({ text }) => text.split('\n').flatMap((line) => [...tokenizer.encodeIds(line)])),
    );
  });

  it('nsp: half of the pairs have a second segment from elsewhere', async () => {
    const labels = (await (await open({ objective: 'nsp' })).take(3000)).flatMap(({ pairLabel }) =>
      pairLabel === undefined ? [] : [pairLabel],
    );
    expect(Math.abs(labels.filter(Boolean).length / labels.length - 0.5)).toBeLessThan(
      4 * Math.sqrt(0.25 / labels.length),
    );
  });
});

describe('order', () => {
  it('is that of the seed, differs between epochs, and moves examples over the whole corpus', async () => {
    const keys = async (seed: number, epoch: number): Promise<string[]> =>
      (await epochOf(await open({ seed, objective: 'none' }), epoch)).map(textKey);
    expect(await keys(1, 0)).toEqual(await keys(1, 0));
    expect(await keys(1, 0)).not.toEqual(await keys(2, 0));
    expect(await keys(1, 0)).not.toEqual(await keys(1, 1));
    // Of the examples of the first tenth of an epoch, most were not in the first tenth of the corpus.
    const original = (
      await epochOf(
        await open({ shuffle: false, objective: 'none', shortSequenceProbability: 0, weights: { two: 1 } }),
        0,
      )
    ).map(textKey);
    const shuffled = (
      await epochOf(await open({ objective: 'none', shortSequenceProbability: 0, weights: { two: 1 } }), 0)
    ).map(textKey);
    expect([...shuffled].sort()).toEqual([...original].sort());
    const tenth = Math.floor(original.length / 10);
    const early = new Set(original.slice(0, tenth));
    expect(shuffled.slice(0, tenth).filter((key) => early.has(key)).length).toBeLessThan(tenth / 2);
  });

  it('take and epoch give the same examples; the next epoch follows', async () => {
    const stream = await open();
    const [first, second] = [await epochOf(stream, 0), await epochOf(stream, 1)];
    const taken = await stream.take(first.length + 10);
    expect(taken).toEqual([...first, ...second.slice(0, 10)]);
  });

  it('goes on exactly from every state', async () => {
    const expected = await (await open()).take(600);
    for (const position of [0, 1, 37, 200, 449]) {
      const stream = await open();
      await stream.take(position);
      const state = JSON.parse(JSON.stringify(stream.state())) as ReturnType<PretrainingStream['state']>;
      expect(state.examples).toBe(position);
      const resumed = await open();
      resumed.resume(state);
      expect(await resumed.take(600 - position)).toEqual(expected.slice(position));
    }
  });

  it('goes on at the next pool with another length, and refuses another order', async () => {
    const stream = await open();
    await stream.take(3);
    const state = stream.state();
    const longer = await open({ maxLength: 64 });
    longer.resume(state);
    expect(longer.state()).toMatchObject({ epoch: 0, pool: 1, index: 0, examples: 3 });
    await longer.take(2);
    for (const options of [{ seed: 1 }, { poolBlocks: 8 }, { weights: { two: 1 } }]) {
      const other = await open(options);
      expect(() => other.resume(state)).toThrow(/cannot go on from this state/);
    }
  });

  it('weighs sources by passes or by shares', async () => {
    const tokens = async (options: Partial<PretrainingStreamOptions>): Promise<number> => {
      const stream = await open({ objective: 'none', ...options });
      let [two, all] = [0, 0];
      for (let epoch = 0; epoch < 4; epoch++) {
        for await (const { source, inputIds } of stream.epoch(epoch)) {
          all += inputIds.length - 2;
          two += source === 'two' ? inputIds.length - 2 : 0;
        }
      }
      expect(stream.sources.find(({ name }) => name === 'two')?.share ?? 0).toBeCloseTo(two / all, 1);
      return two / all;
    };
    expect(await tokens({ shares: { one: 1, two: 1 } })).toBeCloseTo(0.5, 1);
    expect(await tokens({ shares: { one: 1, two: 3 } })).toBeCloseTo(0.75, 1);
    expect(await tokens({ weights: { two: 0 } })).toBe(0);
    const halved = await tokens({});
    const whole = await tokens({ weights: { two: 1 } });
    expect(halved / (1 - halved)).toBeCloseTo(whole / (1 - whole) / 2, 1);
  });

  it('masks anew at each visit, or always alike', async () => {
    const masksOf = async (masks: 'dynamic' | 'static'): Promise<Map<string, string>[]> => {
      const stream = await open({
        masking: { masks },
        objective: 'none',
        weights: { two: 1 },
        shortSequenceProbability: 0,
      });
      return Promise.all(
        [0, 1].map(
          async (epoch) =>
            new Map((await epochOf(stream, epoch)).map((example) => [textKey(example), example.inputIds.join(' ')])),
        ),
      );
    };
    const [before, after] = await masksOf('static');
    expect(after).toEqual(new Map([...after.keys()].map((key) => [key, before.get(key)])));
    const [first, second] = await masksOf('dynamic');
    expect([...second].filter(([key, value]) => first.get(key) === value).length).toBeLessThan(second.size / 10);
  });

  it('refuses wrong options by name', async () => {
    await expect(open({ maxLength: 500 })).rejects.toThrow(/maxLength must be at most the 128 tokens of a block/);
    await expect(open({ weights: { three: 1 } })).rejects.toThrow(/there is no source three; there are one, two/);
    await expect(open({ weights: { one: 0, two: 0 } })).rejects.toThrow(/no source with tokens/);
    await expect(open({ weights: { one: 1 }, shares: { one: 1 } })).rejects.toThrow(/not both/);
    await expect(open({}, [files, files])).rejects.toThrow(/two sources are called one/);
  });
});

describe('batches', () => {
  it('pad examples and weigh targets over the whole step', async () => {
    const examples = await (await open()).take(12);
    const targets = countTargets(examples);
    const batches = [examples.slice(0, 5), examples.slice(5)].map((part) =>
      collatePretraining(part, { padId: pad, targets, sentencePair: true }),
    );
    const sum = (name: string): number =>
      batches.reduce(
        (total, { headFeeds }) => total + (headFeeds[name].data as Float32Array).reduce((a, b) => a + b, 0),
        0,
      );
    expect(sum('maskedWeights')).toBeCloseTo(1, 5);
    expect(sum('pairWeights')).toBeCloseTo(1, 5);
    for (const [index, batch] of batches.entries()) {
      const { sequenceLength, headFeeds, inputIds, tokenTypeIds, attentionMask } = batch;
      const part = index === 0 ? examples.slice(0, 5) : examples.slice(5);
      let target = 0;
      part.forEach((example, row) => {
        const start = row * sequenceLength;
        for (let i = 0; i < sequenceLength; i++) {
          expect(inputIds[start + i]).toBe(example.inputIds[i] ?? pad);
          expect(attentionMask![start + i]).toBe(Number(i < example.inputIds.length));
          expect(tokenTypeIds![start + i]).toBe(Number(i >= example.secondStart && i < example.inputIds.length));
        }
        example.maskedPositions.forEach((position, i) => {
          expect(headFeeds['maskedPositions'].data[target]).toBe(BigInt(start + position));
          expect(headFeeds['maskedLabels'].data[target]).toBe(BigInt(example.maskedLabels[i]));
          expect((headFeeds['maskedWeights'].data as Float32Array)[target++]).toBeCloseTo(1 / targets.masked, 6);
        });
        expect(headFeeds['firstTokens'].data[row]).toBe(BigInt(start));
        expect(headFeeds['pairLabels'].data[row]).toBe(BigInt(example.pairLabel ?? 0));
        expect((headFeeds['pairWeights'].data as Float32Array)[row] > 0).toBe(example.pairLabel !== undefined);
      });
      expect(
        [...(headFeeds['maskedWeights'].data as Float32Array).subarray(target)].every((weight) => weight === 0),
      ).toBe(true);
      expect(batch.headSizes).toEqual({ masked: headFeeds['maskedPositions'].data.length });
    }
  });

  it('take fixed lengths, and leave the pair out without its head', async () => {
    const examples = await (await open({ masking: { maskShare: 1, randomShare: 0 } })).take(3);
    const batch = collatePretraining(examples, {
      padId: pad,
      targets: countTargets(examples),
      sentencePair: false,
      sequenceLength: 48,
      maskedLength: 40,
    });
    expect([batch.sequenceLength, batch.headSizes]).toEqual([48, { masked: 40 }]);
    expect(Object.keys(batch.headFeeds)).toEqual(['maskedPositions', 'maskedLabels', 'maskedWeights']);
    expect([...(batch.inputIds as Int32Array)].filter((id) => id === mask).length).toBe(countTargets(examples).masked);
    expect(() =>
      collatePretraining(examples, {
        padId: pad,
        targets: { masked: 1, pairs: 1 },
        sentencePair: true,
        sequenceLength: 8,
      }),
    ).toThrow(/sequenceLength must be at least/);
    expect(() => collatePretraining([], { padId: pad, targets: { masked: 1, pairs: 1 }, sentencePair: true })).toThrow(
      /at least one example/,
    );
  });
});
