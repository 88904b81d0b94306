import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Albert } from '../../src/loaded/albert.ts';
import { openSmallModel, SMALL_CONFIG } from './model.ts';

const TEXTS = [
  'the cat sat on the mat.',
  'a dog',
  'red sun, blue moon!',
  '猫好不好',
  'the red house and the blue tree ran fast and slow',
  'a',
  '',
];
const LONG = Array.from({ length: 40 }, (_, i) => ['cat', 'dog', 'tree', 'moon', 'sun'][i % 5]).join(' ');
const width = SMALL_CONFIG.hiddenSize;
let model: Albert;
beforeAll(async () => {
  model = await openSmallModel();
});
afterAll(() => model[Symbol.dispose]());

/** Token vectors of one text from the encoder itself, without padding. */
async function tokenVectors(text: string, layer = SMALL_CONFIG.numHiddenLayers): Promise<Float32Array[]> {
  const { ids } = model.tokenizer.encode(text);
  const { hiddenStates } = await model.encoder.forward(
    { batchSize: 1, sequenceLength: ids.length, inputIds: ids },
    { layers: [layer] },
  );
  const data = hiddenStates.get(layer)!;
  return Array.from(ids, (_, i) => data.slice(i * width, (i + 1) * width));
}
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-6): void => {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i] - expected[i])).toBeLessThan(tolerance);
};
const average = (vectors: Float32Array[], weights = vectors.map(() => 1)): number[] => {
  const total = weights.reduce((a, b) => a + b, 0);
  return Array.from(
    { length: vectors[0].length },
    (_, i) => vectors.reduce((sum, vector, row) => sum + weights[row] * vector[i], 0) / total,
  );
};

describe('pooling', () => {
  it.each(TEXTS)('of %j follows its definition', async (text) => {
    const tokens = await tokenVectors(text);
    const embed = async (pooling: 'mean' | 'cls' | 'max' | 'mean_sqrt' | 'weighted' | 'pooler') =>
      (await model.embed([text], { pooling })).row(0);
    close(await embed('mean'), average(tokens));
    close(await embed('cls'), tokens[0]);
    close(
      await embed('max'),
      average(tokens).map((_, i) => Math.max(...tokens.map((token) => token[i]))),
    );
    close(
      await embed('mean_sqrt'),
      average(tokens).map((value) => value * Math.sqrt(tokens.length)),
    );
    close(
      await embed('weighted'),
      average(
        tokens,
        tokens.map((_, i) => i + 1),
      ),
    );
    close(await embed('pooler'), await model.encoder.pool(tokens[0], 1));
  });

  it('reads, averages and joins layers, counted from either end', async () => {
    const [second, last] = [await tokenVectors(TEXTS[0], 2), await tokenVectors(TEXTS[0], 3)];
    close((await model.embed([TEXTS[0]], { layers: [2] })).row(0), average(second));
    close((await model.embed([TEXTS[0]], { layers: [-2, -1] })).row(0), average([...second, ...last]));
    const joined = await model.embed([TEXTS[0]], { layers: [2, 3], layerCombination: 'concat' });
    expect(joined.dimensions).toBe(2 * width);
    close(joined.row(0), [...average(second), ...average(last)]);
  });

  it('takes the embedding table alone with layers static', async () => {
    const { ids } = model.tokenizer.encode(TEXTS[0]);
    const table = model.weights.get('albert.embeddings.word_embeddings.weight')!.data;
    const result = await model.embed([TEXTS[0]], { layers: 'static' });
    close(result.row(0), average(Array.from(ids, (id) => table.slice(id * 16, (id + 1) * 16))));
  });

  it('normalises and cuts', async () => {
    const full = (await model.embed([TEXTS[0]])).row(0);
    const length = (vector: ArrayLike<number>): number => Math.hypot(...Array.from(vector));
    expect(length((await model.embed([TEXTS[0]], { normalize: true })).row(0))).toBeCloseTo(1, 6);
    const cut = await model.embed([TEXTS[0]], { dimensions: 8 });
    close(
      cut.row(0),
      full.slice(0, 8).map((value) => value / length(full.slice(0, 8))),
    );
  });
});

describe('batches', () => {
  it('give the same bits whatever else is in them, and keep the order', async () => {
    const together = await model.embed([...TEXTS, LONG]);
    const backwards = await model.embed([LONG, ...[...TEXTS].reverse()], { batchTokens: 16 });
    for (const [row, text] of [...TEXTS, LONG].entries()) {
      const alone = await model.embed([text]);
      expect(together.row(row)).toEqual(alone.row(0));
      expect(backwards.row(TEXTS.length - row)).toEqual(alone.row(0));
    }
  });

  it('stream the same rows with counts', async () => {
    const matrix = await model.embed([...TEXTS, LONG]);
    const rows = [];
    for await (const row of model.embedStream([...TEXTS, LONG], { lookAhead: 3 })) rows.push(row);
    expect(rows.map(({ index }) => index)).toEqual(rows.map((_, i) => i));
    rows.forEach((row) => expect(row.embedding).toEqual(matrix.row(row.index)));
    expect(rows.map(({ tokenCount, windows }) => [tokenCount, windows])).toEqual(
      matrix.texts.map(({ tokenCount, windows }) => [tokenCount, windows]),
    );
  });

  it('read a stream only as fast as it is consumed', async () => {
    let read = 0;
    function* source(): Generator<string> {
      for (;;) {
        read++;
        yield 'a cat';
      }
    }
    let taken = 0;
    for await (const row of model.embedStream(source(), { lookAhead: 10 })) if (row.index >= 0 && ++taken === 15) break;
    expect(read).toBeLessThanOrEqual(30);
  });
});

describe('long texts', () => {
  it('are read in windows weighted by their tokens', async () => {
    const { texts, data } = await model.embed([LONG]);
    expect(texts[0]).toEqual({ tokenCount: 40, windows: 2, truncatedTokens: 0 });
    const words = LONG.split(' ');
    const first = (await model.embed([words.slice(0, 30).join(' ')])).row(0);
    const second = (await model.embed([words.slice(30).join(' ')])).row(0);
    close(
      data,
      first.map((value, i) => (value * 32 + second[i] * 12) / 44),
    );
  });

  it('fill a model whose positions are no bucket length', async () => {
    using odd = await openSmallModel({ ...SMALL_CONFIG, maxPositionEmbeddings: 35 });
    expect((await odd.embed([LONG])).texts[0]).toMatchObject({ windows: 2 });
    expect((await odd.embedTokens([LONG]))[0].tokens).toHaveLength(42);
  });

  it('are joined by segments, cut, or refused', async () => {
    const joined = await model.embed([LONG, 'a'], { windowCombination: 'concat', segments: 3 });
    expect(joined.dimensions).toBe(3 * width);
    expect([...joined.row(0).slice(2 * width)].every((value) => value === 0)).toBe(true);
    expect([...joined.row(1).slice(width)].every((value) => value === 0)).toBe(true);
    await expect(model.embed([LONG], { windowCombination: 'concat', segments: 1 })).rejects.toMatchObject({
      code: 'text_too_long',
    });
    expect((await model.embed([LONG], { longText: 'truncate' })).texts[0]).toEqual({
      tokenCount: 40,
      windows: 1,
      truncatedTokens: 10,
    });
    await expect(model.embed([LONG], { longText: 'error' })).rejects.toMatchObject({
      code: 'text_too_long',
      value: 40,
    });
  });
});

describe('tokens and words', () => {
  it('have vectors with offsets into the text', async () => {
    const [result] = await model.embedTokens([TEXTS[0]]);
    const vectors = await tokenVectors(TEXTS[0]);
    expect(result.tokens.map(({ token }) => token)).toEqual(model.tokenizer.encode(TEXTS[0]).tokens);
    result.tokens.forEach(({ embedding }, i) => close(embedding, vectors[i]));
    expect(result.tokens[0]).toMatchObject({ token: '[CLS]', start: -1, end: -1 });
    const [bare] = await model.embedTokens([TEXTS[0]], { includeSpecialTokens: false });
    for (const { start, end, token } of bare.tokens) expect(TEXTS[0].slice(start, end)).toBe(token.replace('##', ''));
  });

  it('are given once for texts of several windows', async () => {
    for (const stride of [0, 7]) {
      const [result] = await model.embedTokens([LONG], { stride });
      expect(result.tokens.filter(({ start }) => start >= 0).map(({ start, end }) => LONG.slice(start, end))).toEqual(
        LONG.split(' '),
      );
      expect(result.tokens).toHaveLength(42);
      expect(result.tokenCount).toBe(40);
    }
  });

  it('are averaged over the pieces of a word', async () => {
    const [{ tokens }] = await model.embedTokens(['cats ran'], { unit: 'word' });
    const pieces = await tokenVectors('cats ran');
    expect(tokens.map(({ token, start, end }) => [token, start, end])).toEqual([
      ['cats', 0, 4],
      ['ran', 5, 8],
    ]);
    close(tokens[0].embedding, average([pieces[1], pieces[2]]));
  });
});

describe('options', () => {
  it.each([
    [{ layers: [4] }, 'invalid_argument'],
    [{ layers: [] }, 'invalid_argument'],
    [{ pooling: 'median' as 'mean' }, 'invalid_argument'],
    [{ pooling: 'pooler' as const, layers: [1] }, 'invalid_argument'],
    [{ dimensions: 33 }, 'invalid_argument'],
    [{ maxLength: 33 }, 'invalid_argument'],
    [{ stride: 30 }, 'invalid_argument'],
  ])('%j is refused', async (options, code) => {
    await expect(model.embed(['a'], options)).rejects.toMatchObject({ code });
  });

  it('that change vectors change the fingerprint', async () => {
    const prints = await Promise.all(
      [{}, { pooling: 'cls' as const }, { layers: [1] }, { normalize: true }, { dimensions: 8 }, { stride: 4 }].map(
        async (options) => (await model.embed(['a'], options)).fingerprint,
      ),
    );
    expect(new Set(prints).size).toBe(prints.length);
  });
});
