import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bm25 } from '../../src/classical/bm25.ts';
import { mixedTerms } from '../../src/classical/terms.ts';
import { createRandom } from '../../src/core/random.ts';
import { ByteBuffer, readPostings, readVarint, WORDS, writePosting } from '../../src/retrieval/words/postings.ts';
import { StoredWords } from '../../src/retrieval/words/postings-node.ts';
import { PostingsWriter } from '../../src/retrieval/words/postings-writer-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-words-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const random = createRandom(3);
const vocabulary = [
  ...Array.from({ length: 300 }, (_, i) => `word${i}`),
  ...'番茄在夏天需要很多阳光和水火车晚上九点离开站'.split(''),
  // Beyond the first plane, and before it in UTF-16 but not in UTF-8.
  ...['𠀀𠀁', 'ﬀ', 'Ω', 'é'],
];
/** Rare words late in the list, and many of the first. */
const word = (): string => vocabulary[Math.floor(vocabulary.length * random.uniform() ** 3)];
const texts = Array.from({ length: 400 }, (_, i) =>
  i % 50 === 7 ? '' : Array.from({ length: 1 + Math.floor(60 * random.uniform()) }, word).join(i % 3 === 0 ? '' : ' '),
);
const queries = ['word0 word299 番茄', '火车站 ﬀ Ω', '𠀀𠀁 é unknown', 'word7 word7 WORD7', '!?'];

describe('the file of words', () => {
  beforeAll(async () => {
    // Small runs, so that a term's postings come from several.
    const writer = new PostingsWriter(join(folder, WORDS), { runPostings: 700 });
    for (const text of texts) await writer.add(text);
    await writer.close();
  });

  it('gives the scores of BM25 in memory, bit for bit', async () => {
    await using words = (await StoredWords.open(folder, texts.length))!;
    const bm25 = new Bm25(texts, mixedTerms);
    for (const query of queries) {
      const { scores, bound } = await words.search(query);
      expect(scores).toEqual(bm25.scores(query));
      expect(bound).toBe(bm25.bound(query));
    }
    expect((await words.search('word0')).scores.filter((score) => score > 0).length).toBeGreaterThan(50);
    expect(readdirSync(folder)).toEqual([WORDS]);
  });

  it('is the same however many runs it is made of', async () => {
    const whole = join(folder, 'whole');
    const writer = new PostingsWriter(join(whole, WORDS));
    for (const text of texts) await writer.add(text);
    await writer.close();
    expect(readFileSync(join(whole, WORDS)).equals(readFileSync(join(folder, WORDS)))).toBe(true);
    rmSync(whole, { recursive: true });
  });

  it('is refused where it is not what was written, and passed over where another version wrote it', async () => {
    const bytes = readFileSync(join(folder, WORDS));
    await expect(StoredWords.open(folder, 7)).rejects.toThrow(
      /words\.bin and manifest\.json do not belong together: 400 chunks, and 7/,
    );
    const other = mkdtempSync(join(folder, 'other-'));
    const opened = async (content: Uint8Array): Promise<StoredWords | undefined> => {
      writeFileSync(join(other, WORDS), content);
      return await StoredWords.open(other, texts.length);
    };
    await expect(opened(bytes.subarray(0, -1))).rejects.toThrow(/not the bytes that were written/);
    const older = Buffer.from(bytes);
    older.writeDoubleLE(99, 8);
    expect(await opened(older)).toBeUndefined();
    const spoiled = Buffer.from(bytes);
    spoiled.fill(0xff, 64, 200);
    await using words = (await opened(spoiled))!;
    const first = mixedTerms(texts.join(' ')).sort()[0];
    await expect(words.search(first)).rejects.toThrow(/cannot be read/);
    rmSync(other, { recursive: true });
    expect(await StoredWords.open(join(folder, 'nothing'), 1)).toBeUndefined();
  });

  it('has numbers of any size', () => {
    const numbers = [0, 1, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 32, 2 ** 53 - 1];
    const bytes = new ByteBuffer();
    for (const number of numbers) bytes.varint(number);
    let at = 0;
    for (const number of numbers) {
      const [value, next] = readVarint(bytes.content, at);
      expect(value).toBe(number);
      at = next;
    }
    const postings = new ByteBuffer();
    const documents = [0, 1, 2 ** 31, 4_000_000_000];
    documents.forEach((document, i) =>
      writePosting(postings, { document, count: i + 1 }, i === 0 ? 0 : documents[i - 1]),
    );
    expect(readPostings(postings.content, { found: 4, documents: 2 ** 32 })).toEqual({
      documents: Uint32Array.from(documents),
      counts: Uint32Array.of(1, 2, 3, 4),
    });
  });
});
