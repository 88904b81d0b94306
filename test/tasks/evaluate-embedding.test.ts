import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Albert } from '../../src/loaded/albert.ts';
import type { EmbeddingMatrix } from '../../src/loaded/embed.ts';
import { evaluateEmbedding } from '../../src/tasks/embedding/evaluate-node.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evaluate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Embeds a text as the vector that it spells, such as "1 0 2". */
const spelling = {
  embed: (texts: readonly string[]) => {
    const rows = texts.map((text) => Float32Array.from(text.split(' '), Number));
    const matrix: Partial<EmbeddingMatrix> = {
      rows: rows.length,
      row: (index) => rows[index],
      pooling: 'mean',
      texts: [],
    };
    return Promise.resolve(matrix as EmbeddingMatrix);
  },
} as unknown as Albert;

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

describe('evaluateEmbedding', () => {
  it('correlates cosines with scores', async () => {
    // Cosines 1, 0.71, 0, -1 with scores in that order, and with two of them exchanged: 1 - 6 (1 + 1) / (4 (16 - 1)) =
    // 0.8.
    const rows = (scores: number[]): string =>
      ['1 0,2 0', '1 0,1 1', '1 0,0 3', '1 0,-1 0'].map((pair, i) => `${pair},${scores[i]}\n`).join('');
    const options = { textField: '0', pairField: '1', scoreField: '2', header: false };
    expect(await evaluateEmbedding(spelling, await file('right.csv', rows([5, 4, 2, 0])), options)).toMatchObject({
      rows: 4,
      spearman: 1,
      pooling: 'mean',
      skippedRows: 0,
    });
    const exact = await evaluateEmbedding(spelling, await file('exact.csv', rows([1, Math.SQRT1_2, 0, -1])), options);
    expect(exact.pearson).toBeCloseTo(1, 7);
    expect(
      (await evaluateEmbedding(spelling, await file('swapped.csv', rows([4, 5, 2, 0])), options)).spearman,
    ).toBeCloseTo(0.8, 12);
    const bad = await file('bad.csv', '1 0,1 0,\n1 0,0 1,3\n');
    await expect(evaluateEmbedding(spelling, bad, options)).rejects.toMatchObject({
      code: 'invalid_data',
      message: expect.stringMatching(/row 1: field "2" must be a number, got ""/) as string,
    });
    expect(await evaluateEmbedding(spelling, bad, { ...options, onError: 'skip' })).toMatchObject({
      rows: 1,
      skippedRows: 1,
    });
  });
});
