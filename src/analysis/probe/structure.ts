import { countOf } from '../../core/count.ts';
import { createRandom, mixSeed, shuffle, type Random } from '../../core/random.ts';
import { segmentWords, type Range } from '../../tasks/tag/words.ts';
import { SentenceSplitter } from '../../training/pretraining/sentences.ts';
import { drawRows, inParts, PROBE_LIMIT, TRAIN_SHARE, type ProbeRow, type ProbeTask } from './task.ts';

/** Probes that are made from any raw text, in the manner of SentEval (Conneau et al. 2018). */
export const STRUCTURE_PROBES = ['length', 'wordContent', 'swap', 'swapPlace', 'sentenceOrder'] as const;
/** One of {@link STRUCTURE_PROBES}. */
export type StructureProbe = (typeof STRUCTURE_PROBES)[number];

/** Options of {@link structureTasks}. */
export interface StructureOptions {
  /** Where the texts come from, for the report. */
  source: string;
  /** Of drawing and of exchanged words. Default 1. */
  seed?: number;
  /** Default: all that the texts have enough for. */
  probes?: readonly StructureProbe[];
  /** Rows to learn from at most; those of the other parts are in proportion. Default 10,000. */
  limit?: number;
}

/** Words of sentences that are taken. */
const [SHORTEST, LONGEST] = [5, 50];
const LENGTH_BINS = 6;
/** Words whose presence is asked for, and sentences that each must be in, and may be in. */
const CONTENT_WORDS = 50;
const [FEWEST_SENTENCES, MOST_SENTENCES] = [25, 100];
/** Rows that a probe must have to be made. */
const FEWEST_ROWS = 100;
const PLACES = ['early', 'middle', 'late'];

interface Sentence {
  text: string;
  /** Letters, digits and Chinese characters; marks left out. */
  words: readonly Range[];
}

/** Tasks of structure, and what could not be made of the texts. */
export interface StructureTasks {
  /** A row each. */
  tasks: ProbeTask[];
  /** What a reader should know. */
  notes: string[];
}

/**
 * Tasks whose labels come from the texts themselves: `length`, number of words in bins; `wordContent`, which of 50 words
 * of middling frequency is in it; `swap`, whether two neighbouring words were exchanged; `swapPlace`, in which third of
 * the sentence they were; `sentenceOrder`, whether two neighbouring sentences of a text are in their order. Words of
 * Chinese are characters. A probe that the texts have too little for is left out, and the notes say so.
 */
export function structureTasks(texts: readonly string[], options: StructureOptions): StructureTasks {
  const { source, seed = 1, probes = STRUCTURE_PROBES, limit = PROBE_LIMIT } = options;
  const splitter = new SentenceSplitter();
  const split = [...new Set(texts)].map((text) => sentencesOf(text, splitter));
  const all = [...new Map(split.flat().map((sentence) => [sentence.text, sentence])).values()];
  const fitting = all.filter(({ words }) => words.length >= SHORTEST && words.length <= LONGEST);
  const notes: string[] = [];
  if (fitting.length < all.length)
    notes.push(
      `${source}: ${countOf(all.length - fitting.length, 'sentence')} of ${all.length.toLocaleString('en-US')} left out, of fewer than ${SHORTEST} or more than ${LONGEST} words`,
    );
  const makers: Record<StructureProbe, (random: Random) => Made> = {
    length: () => lengths(fitting),
    wordContent: (random) => wordContent(fitting, random),
    swap: (random) => swaps(fitting, random),
    swapPlace: (random) => swapPlaces(fitting, random),
    sentenceOrder: (random) => sentenceOrder(split, random),
  };
  const tasks: ProbeTask[] = [];
  for (const name of probes) {
    const { rows: all, labels, note } = makers[name](createRandom(mixSeed(seed, STRUCTURE_PROBES.indexOf(name))));
    const rows = drawRows(all, Math.round(limit / TRAIN_SHARE), mixSeed(seed, 100));
    if (all.length < FEWEST_ROWS || labels.length < 2) {
      notes.push(`${source}: no probe ${name}, ${countOf(all.length, 'row')} of at least ${FEWEST_ROWS}`);
      continue;
    }
    const drawn =
      rows.length < all.length ? [`${rows.length.toLocaleString('en-US')} of ${countOf(all.length, 'row')} drawn`] : [];
    const parts = inParts({ train: rows }, seed);
    tasks.push({ name, kind: 'classify', source, labels, parts, notes: [note, ...drawn] });
  }
  return { tasks, notes };
}

interface Made {
  rows: ProbeRow[];
  labels: string[];
  note: string;
}

const isWord = /[\p{L}\p{N}]/u;

function sentencesOf(text: string, splitter: SentenceSplitter): Sentence[] {
  let from = 0;
  return splitter.ends(text).map((end) => {
    const own = text.slice(from, end).trim();
    from = end;
    return { text: own, words: segmentWords(own).filter(([start, stop]) => isWord.test(own.slice(start, stop))) };
  });
}

/** Bins of about as many sentences each. */
function lengths(sentences: readonly Sentence[]): Made {
  const counts = sentences.map(({ words }) => words.length).sort((a, b) => a - b);
  const edges = new Set<number>();
  for (let bin = 1; bin < LENGTH_BINS; bin++) edges.add(counts[Math.floor((bin * counts.length) / LENGTH_BINS)]);
  const starts = [counts[0], ...[...edges].filter((edge) => edge > counts[0])];
  const labels = starts.map((start, i) => {
    const end = i + 1 < starts.length ? starts[i + 1] - 1 : counts[counts.length - 1];
    return start === end ? `${start}` : `${start}-${end}`;
  });
  const rows = sentences.map(({ text, words }) => ({
    text,
    target: starts.findLastIndex((start) => words.length >= start),
  }));
  return { rows, labels, note: `words of a sentence in ${countOf(labels.length, 'bin')}` };
}

/** Sentences that have exactly one of the words. */
function wordContent(sentences: readonly Sentence[], random: Random): Made {
  const types = sentences.map(
    ({ text, words }) => new Set(words.map(([start, end]) => text.slice(start, end).toLowerCase())),
  );
  const frequency = new Map<string, number>();
  for (const own of types) for (const type of own) frequency.set(type, (frequency.get(type) ?? 0) + 1);
  const targets = [...frequency]
    .filter(([, count]) => count >= FEWEST_SENTENCES)
    .sort(([a, n], [b, m]) => n - m || (a < b ? -1 : 1))
    .slice(0, CONTENT_WORDS)
    .map(([type]) => type)
    .sort();
  const taken = targets.map(() => 0);
  const rows: ProbeRow[] = [];
  const order = shuffle(
    sentences.map((_, i) => i),
    random,
  );
  for (const i of order) {
    const found = targets.flatMap((type, target) => (types[i].has(type) ? [target] : []));
    if (found.length !== 1 || taken[found[0]] === MOST_SENTENCES) continue;
    taken[found[0]]++;
    rows.push({ text: sentences[i].text, target: found[0] });
  }
  // A word that always stands beside another of them has no row.
  const labels = targets.filter((_, target) => taken[target] > 1);
  const kept = rows.filter(({ target }) => taken[target as number] > 1);
  return {
    rows: kept.map(({ text, target }) => ({ text, target: labels.indexOf(targets[target as number]) })),
    labels,
    note: `which of ${countOf(labels.length, 'word')} is in the sentence`,
  };
}

/** Places of words that can be exchanged with the next: different ones, only white space between; not the first word. */
function exchangeable({ text, words }: Sentence): number[] {
  const places: number[] = [];
  for (let i = 1; i + 1 < words.length; i++) {
    const [[start, end], [next, stop]] = [words[i], words[i + 1]];
    const different = text.slice(start, end).toLowerCase() !== text.slice(next, stop).toLowerCase();
    if (different && text.slice(end, next).trim() === '') places.push(i);
  }
  return places;
}

function exchanged({ text, words }: Sentence, place: number): string {
  const [[start, end], [next, stop]] = [words[place], words[place + 1]];
  return (
    text.slice(0, start) + text.slice(next, stop) + text.slice(end, next) + text.slice(start, end) + text.slice(stop)
  );
}

/** Every other sentence as it is, the rest with two neighbouring words exchanged. */
function swaps(sentences: readonly Sentence[], random: Random): Made {
  const usable = shuffle(
    sentences
      .map((sentence) => ({ sentence, places: exchangeable(sentence) }))
      .filter(({ places }) => places.length > 0),
    random,
  );
  const rows = usable.map(({ sentence, places }, i) => ({
    text: i % 2 === 0 ? sentence.text : exchanged(sentence, places[random.integer(places.length)]),
    target: i % 2,
  }));
  return { rows, labels: ['intact', 'swapped'], note: 'whether two neighbouring words were exchanged' };
}

/** The third of the sentence in which two neighbouring words were exchanged. */
function swapPlaces(sentences: readonly Sentence[], random: Random): Made {
  const rows = shuffle([...sentences], random).flatMap((sentence, i) => {
    const target = i % PLACES.length;
    const last = sentence.words.length - 1;
    const places = exchangeable(sentence).filter((place) => Math.floor((place * PLACES.length) / last) === target);
    return places.length === 0 ? [] : [{ text: exchanged(sentence, places[random.integer(places.length)]), target }];
  });
  return { rows, labels: PLACES, note: 'the third of the sentence in which two neighbouring words were exchanged' };
}

const JOINED = /[\p{Script=Han}\u3000-\u303f\uff00-\uffef”’]$/u;

/** Pairs of neighbouring sentences of a text, every other one the other way round. */
function sentenceOrder(split: readonly (readonly Sentence[])[], random: Random): Made {
  const pairs = split.flatMap((sentences) =>
    Array.from({ length: Math.floor(sentences.length / 2) }, (_, i) => [sentences[2 * i], sentences[2 * i + 1]]),
  );
  const usable = pairs.filter((pair) => pair.every(({ words }) => words.length > 1 && words.length <= LONGEST));
  const rows = shuffle(usable, random).map(([first, second], i) => {
    const order = i % 2 === 1 ? [first.text, second.text] : [second.text, first.text];
    return { text: order.join(JOINED.test(order[0]) ? '' : ' '), target: i % 2 };
  });
  return {
    rows,
    labels: ['exchanged', 'original'],
    note: 'whether two neighbouring sentences are in their order',
  };
}
