import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawTexts, Reservoir, writeTexts, type TextPart } from '../../recipes/sentences.ts';
import { createRandom } from '../../src/core/random.ts';

let folder: string;
let parts: TextPart[];

/** Paragraph `p` is "P<p> s0. P<p> s1. ...", so that a text tells where it is from. */
const english = (p: number): string =>
  Array.from({ length: 2 + (p % 4) }, (_, s) => `Paragraph ${p} has sentence ${s}.`).join(' ');
const chinese = (p: number): string => Array.from({ length: 2 + (p % 4) }, (_, s) => `第${p}段的第${s}句话。`).join('');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sentences-'));
  const write = async (name: string, lines: string[]): Promise<string> => {
    await writeFile(join(folder, name), `${lines.join('\n\n')}\n`);
    return join(folder, name);
  };
  const count = (make: (p: number) => string) => Array.from({ length: 300 }, (_, p) => make(p));
  parts = [
    { path: await write('en.txt', count(english)), language: 'en', weight: 1 },
    { path: await write('zh.txt', count(chinese)), language: 'zh', weight: 1 },
  ];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LANGUAGES = {
  en: { sentences: 100, pairs: 80, characters: [10, 200] as const },
  zh: { sentences: 50, pairs: 40, characters: [5, 60] as const },
};

describe('texts for contrastive training', () => {
  it('are as many as asked for, within the limits, each once, and the same for the same seed', async () => {
    const drawn = await drawTexts(parts, { languages: LANGUAGES, seed: 3 });
    for (const [
      language,
      {
        sentences,
        pairs,
        characters: [least, most],
      },
    ] of Object.entries(LANGUAGES)) {
      const found = drawn.get(language)!;
      expect([found.sentences.length, found.pairs.length]).toEqual([sentences, pairs]);
      expect(new Set(found.sentences.map(({ text }) => text)).size).toBe(sentences);
      for (const { text } of found.sentences) expect(text.length >= least && text.length <= most).toBe(true);
    }
    expect(await drawTexts(parts, { languages: LANGUAGES, seed: 3 })).toEqual(drawn);
    expect(await drawTexts(parts, { languages: LANGUAGES, seed: 4 })).not.toEqual(drawn);
  });

  it('pairs are adjacent spans of one paragraph, of one or two sentences', async () => {
    const drawn = await drawTexts(parts, { languages: LANGUAGES, seed: 1 });
    for (const { text, pair } of drawn.get('en')!.pairs) {
      const paragraph = english(Number(/^Paragraph (\d+)/.exec(text)![1]));
      expect(paragraph).toContain(`${text} ${pair}`);
      for (const span of [text, pair!]) expect(span.match(/\./g)!.length).toBeLessThanOrEqual(2);
    }
    for (const { text, pair } of drawn.get('zh')!.pairs)
      expect(chinese(Number(/^第(\d+)段/.exec(text)![1]))).toContain(`${text}${pair}`);
    const places = drawn.get('en')!.pairs.map(({ text }) => text.match(/\./g)!.length);
    expect(new Set(places)).toEqual(new Set([1, 2]));
  });

  it('files have the languages in turn', async () => {
    const drawn = await drawTexts(parts, { languages: LANGUAGES, seed: 1 });
    const rows = await writeTexts(
      folder,
      'pairs',
      new Map([...drawn].map(([language, { pairs }]) => [language, pairs])),
    );
    const lines = (await readFile(join(folder, 'pairs.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(rows).toEqual({ en: 80, zh: 40 });
    expect(lines.slice(0, 60).filter(({ language }) => language === 'zh').length).toBe(20);
    expect(Object.keys(lines[0])).toEqual(['text', 'pair', 'language']);
  });

  it('a weight of three gives three times the chance', () => {
    const reservoir = new Reservoir(2000, createRandom(1));
    for (let i = 0; i < 20000; i++) reservoir.offer(i % 2 === 0 ? 3 : 1, () => ({ text: `${i}` }));
    const heavy = reservoir.take().filter(({ text }) => Number(text) % 2 === 0).length;
    // Expected 1,478 of 2,000 (less than 1,500, because what was taken is not put back); standard deviation below 22.
    expect(Math.abs(heavy - 1478)).toBeLessThan(90);
  });

  it('a reservoir of nothing is empty, and equal texts are taken once', () => {
    const none = new Reservoir(0, createRandom(1));
    for (let i = 0; i < 3000; i++) none.offer(1, () => ({ text: 'a' }));
    expect(none.take()).toEqual([]);
    const few = new Reservoir(10, createRandom(1));
    for (let i = 0; i < 3000; i++) few.offer(1, () => ({ text: `${i % 4}` }));
    expect(
      few
        .take()
        .map(({ text }) => text)
        .sort(),
    ).toEqual(['0', '1', '2', '3']);
  });
});
