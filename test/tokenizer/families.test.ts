import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { loadTokenizer, type Tokenizer } from '../../src/tokenizer/index.ts';

const ROOT = join(import.meta.dirname, '../oracle/goldens/bert');

interface Tokens {
  texts: string[];
  ids: number[][];
  pairs: [string, string][];
  pairIds: number[][];
  pairTypes: number[][];
  truncatedPairs: number[][];
}

const tokensOf = (family: string): Tokens =>
  JSON.parse(readFileSync(join(ROOT, family, 'tokens.json'), 'utf8')) as Tokens;
const ownFiles = async (family: string): Promise<Tokenizer> =>
  loadTokenizer(await openFolder(join(ROOT, family, 'model')));
const jsonAlone = (family: string): Promise<Tokenizer> =>
  loadTokenizer(memoryFiles({ 'tokenizer.json': readFileSync(join(ROOT, family, 'tokenizer.json')) }));

describe.each(['bert', 'xlm-roberta'])('the tokeniser of %s against Hugging Face', (family) => {
  it.each([
    ['its own files', ownFiles],
    ['tokenizer.json', jsonAlone],
  ] as const)('%s: the same ids', async (_, load) => {
    const tokenizer = await load(family);
    const { texts, ids, pairs, pairIds, pairTypes, truncatedPairs } = tokensOf(family);
    expect(texts.length).toBeGreaterThan(200);
    texts.forEach((text, i) => expect([text, [...tokenizer.encode(text).ids]]).toEqual([text, ids[i]]));
    texts.forEach((text, i) => expect([text, [...tokenizer.encodeIds(text)]]).toEqual([text, ids[i].slice(1, -1)]));
    pairs.forEach(([text, pair], i) => {
      const encoded = tokenizer.encode(text, { pair });
      expect([text, pair, [...encoded.ids], [...encoded.typeIds]]).toEqual([text, pair, pairIds[i], pairTypes[i]]);
      expect([
        text,
        pair,
        [
          ...tokenizer.encode(text, {
            pair,
            maxLength: tokenizer.encode(text).ids.length + 6,
            truncation: 'only_second',
          }).ids,
        ],
      ]).toEqual([text, pair, truncatedPairs[i]]);
    });
  });
});
