import { join } from 'node:path';
import { AlbertineError, type ProgressListener } from '../src/index.ts';
import { openRecordWriter, readTexts } from '../src/data/index.ts';
import { createRandom, type Random } from '../src/core/random.ts';
import { SentenceSplitter } from '../src/training/pretraining/sentences.ts';

/** A text, or two that belong together, with where they are from. */
export interface Drawn {
  text: string;
  pair?: string;
}

/**
 * A uniform (or weighted) sample of fixed size from a stream of unknown length: every item draws a key,
 * `-log(u) / weight`, and the smallest keys stay (Efraimidis & Spirakis 2006). Equal texts are taken once.
 */
export class Reservoir {
  offered = 0;
  duplicates = 0;
  private readonly size: number;
  private readonly random: Random;
  private items: { key: number; item: Drawn }[] = [];
  private limit = Infinity;

  constructor(size: number, random: Random) {
    this.size = size;
    this.random = random;
  }

  /** Offers an item that is made only if it has a chance to stay. */
  offer(weight: number, make: () => Drawn): void {
    this.offered++;
    const key = -Math.log(1 - this.random.uniform()) / weight;
    if (key >= this.limit || this.size === 0) return;
    this.items.push({ key, item: make() });
    if (this.items.length >= 2 * this.size + 1000) this.cut();
  }

  /** The sample in random order; smaller than asked for where there was not enough. */
  take(): Drawn[] {
    this.cut();
    return this.items.map(({ item }) => item);
  }

  /** Keeps the smallest keys; what comes later must be smaller than the largest of them. */
  private cut(): void {
    const seen = new Set<string>();
    this.items.sort((a, b) => a.key - b.key);
    this.items = this.items
      .filter(({ item }) => {
        const text = `${item.text}\n${item.pair ?? ''}`;
        if (seen.has(text)) {
          this.duplicates++;
          return false;
        }
        seen.add(text);
        return true;
      })
      .slice(0, this.size);
    if (this.size > 0 && this.items.length === this.size) this.limit = this.items.at(-1)!.key;
  }
}

/** What {@link drawTexts} reads. */
export interface TextPart {
  path: string;
  /** BCP 47 tag. */
  language: string;
  /** Chance of its texts beside those of other parts of the language. */
  weight: number;
}

/** Limits and seed of {@link drawTexts}. */
export interface DrawOptions {
  /** Texts of each kind, and their least and most UTF-16 units, by language. */
  languages: Readonly<Record<string, { sentences: number; pairs: number; characters: readonly [number, number] }>>;
  seed: number;
  onProgress?: ProgressListener;
  signal?: AbortSignal;
}

/** What {@link drawTexts} drew from a language. */
export interface DrawnTexts {
  sentences: Drawn[];
  pairs: Drawn[];
  counts: { paragraphs: number; sentencesSeen: number; pairsSeen: number; duplicates: number };
}

/**
 * Draws sentences and neighbouring pairs from text files of a paragraph a line. A pair is two adjacent spans of one
 * paragraph, of one or two sentences each; a paragraph gives at most one. Memory is that of the sample. Equal files,
 * options and seed give equal texts.
 */
export async function drawTexts(
  parts: readonly TextPart[],
  { languages, seed, onProgress, signal }: DrawOptions,
): Promise<Map<string, DrawnTexts>> {
  const drawn = new Map<string, DrawnTexts>();
  for (const [
    index,
    [
      language,
      {
        sentences,
        pairs,
        characters: [least, most],
      },
    ],
  ] of Object.entries(languages).entries()) {
    const [singles, doubles] = [
      new Reservoir(sentences, createRandom(seed * 1000 + 2 * index)),
      new Reservoir(pairs, createRandom(seed * 1000 + 2 * index + 1)),
    ];
    const random = createRandom(seed * 1000 + 500 + index);
    const splitter = new SentenceSplitter(language);
    const fits = (text: string): boolean => text.length >= least && text.length <= most;
    let paragraphs = 0;
    for (const { path, weight } of parts.filter((part) => part.language === language)) {
      for await (const { text } of readTexts(path)) {
        if (text.trim() === '') continue;
        if (++paragraphs % 1000 === 0) {
          if (signal?.aborted)
            throw new AlbertineError('interrupted', 'drawing sentences was interrupted', {
              value: signal.reason,
              hint: 'It begins again the next time',
            });
          onProgress?.({ stage: `drawing sentences (${language})`, done: paragraphs, unit: 'paragraphs', rate: 0 });
        }
        const ranges = sentenceRanges(text, splitter);
        for (const [start, end] of ranges)
          if (end - start >= least && end - start <= most)
            singles.offer(weight, () => ({ text: copied(text.slice(start, end)) }));
        const pair = neighbours(text, ranges, random, fits);
        if (pair) doubles.offer(weight, () => ({ text: copied(pair.text), pair: copied(pair.pair) }));
      }
    }
    const counts = {
      paragraphs,
      sentencesSeen: singles.offered,
      pairsSeen: doubles.offered,
      duplicates: singles.duplicates + doubles.duplicates,
    };
    drawn.set(language, { sentences: singles.take(), pairs: doubles.take(), counts });
  }
  return drawn;
}

/** A string of its own: a slice would keep the whole paragraph in memory. */
function copied(slice: string): string {
  return Buffer.from(slice, 'utf16le').toString('utf16le');
}

/** Start and end of the sentences in a paragraph, spaces around them left out. */
function sentenceRanges(text: string, splitter: SentenceSplitter): Range[] {
  let last = 0;
  return splitter.ends(text).map((end) => {
    const start = last + text.slice(last).search(/\S/);
    last = end;
    return [start, end];
  });
}

type Range = readonly [start: number, end: number];

/**
 * Two adjacent spans of one or two sentences, at a random place; undefined when those chosen do not fit. The draws are
 * the same whatever fits.
 */
function neighbours(
  text: string,
  ranges: readonly Range[],
  random: Random,
  fits: (text: string) => boolean,
): Required<Drawn> | undefined {
  if (ranges.length < 2) return undefined;
  const boundary = 1 + random.integer(ranges.length - 1);
  const [before, after] = [1 + random.integer(2), 1 + random.integer(2)];
  const first = text.slice(ranges[Math.max(0, boundary - before)][0], ranges[boundary - 1][1]);
  const second = text.slice(ranges[boundary][0], ranges[Math.min(ranges.length, boundary + after) - 1][1]);
  return fits(first) && fits(second) && first !== second ? { text: first, pair: second } : undefined;
}

/**
 * Writes texts of all languages to one JSONL file, languages in turn, so that every part of the file has all of them.
 * Returns rows by language.
 */
export async function writeTexts(
  folder: string,
  name: string,
  texts: ReadonlyMap<string, readonly Drawn[]>,
): Promise<Record<string, number>> {
  const writer = await openRecordWriter(join(folder, `${name}.jsonl`));
  const longest = Math.max(0, ...[...texts.values()].map(({ length }) => length));
  for (let row = 0; row < longest; row++) {
    for (const [language, list] of texts) {
      // A short list is spread over the length of the longest.
      const [from, to] = [Math.floor((row * list.length) / longest), Math.floor(((row + 1) * list.length) / longest)];
      if (to > from) await writer.write({ ...list[from], language });
    }
  }
  await writer.close();
  return Object.fromEntries([...texts].map(([language, { length }]) => [language, length]));
}
