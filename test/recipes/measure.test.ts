import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retrievalOf } from '../../recipes/measure.ts';
import type { Albert, EmbeddingMatrix } from '../../src/index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'measure-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Embeds a text as the vector that it spells, such as "1 0 2". */
const spelling: Pick<Albert, 'embed'> = {
  embed: (texts) => {
    const rows = texts.map((text) => Float32Array.from(text.split(' '), Number));
    const matrix: Pick<EmbeddingMatrix, 'rows' | 'row'> = { rows: rows.length, row: (index) => rows[index] };
    return Promise.resolve(matrix as EmbeddingMatrix);
  },
};

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

describe('figures of a released model', () => {
  it('retrieval looks among the texts of one language, and a tie is no hit', async () => {
    const pair = (text: string, other: string, language: string): string =>
      `${JSON.stringify({ text, pair: other, language })}\n`;
    // en: the first two find theirs, the third is nearer to the second. zh: both answers are the same vector.
    const path = await file(
      'pairs.jsonl',
      [
        pair('1 0 0', '1 0 0', 'en'),
        pair('0 1 0', '0 1 0.1', 'en'),
        pair('0 1 0.2', '0 0 1', 'en'),
        pair('1 0 0', '1 1 0', 'zh'),
        pair('0 1 0', '1 1 0', 'zh'),
      ].join(''),
    );
    expect(await retrievalOf(spelling, path)).toEqual({
      en: { pairs: 3, accuracy: 2 / 3 },
      zh: { pairs: 2, accuracy: 0 },
    });
  });
});
