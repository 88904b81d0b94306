import type { Span } from '../../metrics/entities.ts';

/** The tags of a tagger: `O`, and for each label `B-` and `I-`, in the order of its outputs. */
export interface TagSet {
  tags: readonly string[];
  /** For each tag its label (empty for O), and whether it continues an entity. */
  labels: readonly string[];
  continues: readonly boolean[];
}

/** Reads names of outputs as tags. */
export function tagSet(tags: readonly string[]): TagSet {
  const match = tags.map((tag) => /^([BI])[-_](.+)$/.exec(tag));
  return {
    tags, continues: match.map((found) => found?.[1] === 'I'),
    // A bare name stands for a whole entity: neighbours with the same one belong together.
    labels: tags.map((tag, i) => match[i]?.[2] ?? (tag === 'O' || tag === 'LABEL_0' ? '' : tag)),
  };
}

/** Whether `next` may follow `before`; `before` is undefined at the beginning. */
function mayFollow({ labels, continues }: TagSet, before: number | undefined, next: number): boolean {
  return !continues[next] || (before !== undefined && labels[before] === labels[next]);
}

/** The best sequence of tags that is one: no entity is continued that was not begun. `scores: [words, tags]` are logarithms of probabilities. */
export function bestPath(scores: readonly Float32Array[], set: TagSet): number[] {
  const width = set.tags.length;
  let totals = new Float64Array(width);
  const back: Int32Array[] = [];
  scores.forEach((row, word) => {
    const next = new Float64Array(width).fill(-Infinity);
    const from = new Int32Array(width);
    for (let tag = 0; tag < width; tag++) {
      if (word === 0) {
        if (mayFollow(set, undefined, tag)) next[tag] = row[tag];
        continue;
      }
      for (let before = 0; before < width; before++) {
        const total = totals[before] + row[tag];
        if (total > next[tag] && mayFollow(set, before, tag)) [next[tag], from[tag]] = [total, before];
      }
    }
    totals = next;
    back.push(from);
  });
  if (scores.length === 0) return [];
  const path = [totals.indexOf(Math.max(...totals))];
  for (let word = scores.length - 1; word > 0; word--) path.unshift(back[word][path[0]]);
  return path;
}

/** The best tag of every word by itself among those that may follow the one before. */
export function greedyPath(scores: readonly Float32Array[], set: TagSet): number[] {
  const path: number[] = [];
  for (const row of scores) {
    let best = -1;
    for (let tag = 0; tag < row.length; tag++) if ((best < 0 || row[tag] > row[best]) && mayFollow(set, path.at(-1), tag)) best = tag;
    path.push(best);
  }
  return path;
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
