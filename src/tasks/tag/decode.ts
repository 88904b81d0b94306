import { softmaxRow } from '../../core/softmax.ts';
import type { Span } from '../../metrics/entities.ts';

/** What a CRF has learned. */
export interface TagCrf {
  /** What a tag scores behind another, `[tag before, tag]` row by row. */
  transitions: Float32Array;
  /** What a tag scores at the beginning of a text. */
  start: Float32Array;
  /** What a tag scores at its end. */
  end: Float32Array;
}

/** The tags of a tagger: `O`, and for each label `B-` and `I-`, in the order of its outputs. */
export interface TagSet {
  tags: readonly string[];
  /** For each tag its label (empty for O), and whether it continues an entity. */
  labels: readonly string[];
  continues: readonly boolean[];
  /**
   * What a tag scores at the beginning, behind another (`[tag before * tags + tag]`) and at the end: 0 or what the CRF
   * says, and -Infinity where no valid sequence has it.
   */
  opening: Float64Array;
  between: Float64Array;
  closing: Float64Array;
}

/** Reads names of outputs as tags, with the transitions of a CRF if there is one. */
export function tagSet(tags: readonly string[], crf?: TagCrf): TagSet {
  const match = tags.map((tag) => /^([BI])[-_](.+)$/.exec(tag));
  const continues = match.map((found) => found?.[1] === 'I');
  // A bare name stands for a whole entity: neighbours with the same one belong together.
  const labels = tags.map((tag, i) => match[i]?.[2] ?? (tag === 'O' || tag === 'LABEL_0' ? '' : tag));
  const width = tags.length;
  return {
    tags,
    continues,
    labels,
    opening: Float64Array.from(tags, (_, tag) => (continues[tag] ? -Infinity : (crf?.start[tag] ?? 0))),
    between: Float64Array.from({ length: width * width }, (_, pair) =>
      continues[pair % width] && labels[pair % width] !== labels[Math.floor(pair / width)]
        ? -Infinity
        : (crf?.transitions[pair] ?? 0),
    ),
    closing: Float64Array.from(tags, (_, tag) => crf?.end[tag] ?? 0),
  };
}

/**
 * The best sequence of tags that is one: no entity is continued that was not begun. `scores: [words, tags]` are
 * logarithms of probabilities, or logits.
 */
export function bestPath(
  scores: readonly Float32Array[],
  { tags: { length: width }, opening, between, closing }: TagSet,
): number[] {
  if (scores.length === 0) return [];
  let totals = opening.map((score, tag) => score + scores[0][tag]);
  const back = scores.slice(1).map((row) => {
    const next = new Float64Array(width).fill(-Infinity);
    const from = new Int32Array(width);
    for (let tag = 0; tag < width; tag++) {
      for (let before = 0; before < width; before++) {
        const total = totals[before] + between[before * width + tag] + row[tag];
        if (total > next[tag]) [next[tag], from[tag]] = [total, before];
      }
    }
    totals = next;
    return from;
  });
  totals = totals.map((total, tag) => total + closing[tag]);
  const path = [totals.indexOf(Math.max(...totals))];
  for (const from of back.reverse()) path.push(from[path[path.length - 1]]);
  return path.reverse();
}

/** The best tag of every word by itself among those that may follow the one before. */
export function greedyPath(
  scores: readonly Float32Array[],
  { tags: { length: width }, opening, between }: TagSet,
): number[] {
  const path: number[] = [];
  for (const row of scores) {
    const before = path.at(-1);
    const total = (tag: number): number =>
      row[tag] + (before === undefined ? opening[tag] : between[before * width + tag]);
    let best = 0;
    for (let tag = 1; tag < width; tag++) if (total(tag) > total(best)) best = tag;
    path.push(best);
  }
  return path;
}

/**
 * How likely each tag is at each word, `[words, tags]`, when all of the sequence is looked at: the share of the valid
 * sequences that have it there, by the forward-backward algorithm (Rabiner 1989, "A tutorial on hidden Markov models").
 */
export function tagProbabilities(
  scores: readonly Float32Array[],
  { tags: { length: width }, opening, between, closing }: TagSet,
): Float32Array[] {
  const factors = between.map(Math.exp); // [tag before, tag]
  const turned = factors.map((_, pair) => factors[(pair % width) * width + Math.floor(pair / width)]);
  const forward: Float64Array[] = [];
  scores.forEach((row, word) => {
    const reached = word === 0 ? opening : summed(forward[word - 1], factors);
    forward.push(reached.map((score, tag) => score + row[tag]));
  });
  let ahead = closing;
  const found = forward.map((_, index) => {
    const word = forward.length - 1 - index;
    const [here, row] = [ahead, scores[word]];
    ahead = summed(
      here.map((score, tag) => score + row[tag]),
      turned,
    );
    return softmaxRow(forward[word].map((score, tag) => score + here[tag]));
  });
  return found.reverse();
}

/** For each tag the logarithm of the sum of `exp(scores[other]) * factors[other, tag]`. */
function summed(scores: Float64Array, factors: Float64Array): Float64Array {
  const width = scores.length;
  const best = Math.max(...scores);
  const sums = new Float64Array(width);
  for (let other = 0; other < width; other++) {
    const share = Math.exp(scores[other] - best);
    for (let tag = 0; tag < width; tag++) sums[tag] += share * factors[other * width + tag];
  }
  for (let tag = 0; tag < width; tag++) sums[tag] = best + Math.log(sums[tag]);
  return sums;
}

/** Entities of a sequence of tags, as word spans. */
export function spansOfPath(path: readonly number[], { labels, continues, tags }: TagSet): Span[] {
  const spans: Span[] = [];
  path.forEach((tag, word) => {
    const last = spans.at(-1);
    const isBare = !/^[BI][-_]/.test(tags[tag]);
    const goes = last?.end === word && last.label === labels[tag] && (continues[tag] || isBare);
    if (labels[tag] === '') return;
    if (goes) last.end = word + 1;
    else spans.push({ label: labels[tag], start: word, end: word + 1 });
  });
  return spans;
}
