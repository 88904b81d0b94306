import type { Random } from '../../core/random.ts';

/** Second loss beside the masked language model: sentence order (ALBERT), next sentence (BERT), or none. */
export type PairObjective = 'sop' | 'nsp' | 'none';

/** Tokens `[start, end)` of a block. */
export interface TokenRange {
  block: number;
  start: number;
  end: number;
}

/** An example before its tokens are looked up. */
export interface ExamplePlan {
  first: TokenRange;
  second?: TokenRange;
  /**
   * `sop`: 1 when the segments were swapped; `nsp`: 1 when the second is from another document. Absent without a pair.
   */
  pairLabel?: 0 | 1;
  /** Tokens of this document that were cut off to fit the length. */
  truncatedTokens: number;
}

/**
 * A document (or the part of one that is in a block): where it starts and where its segments end, as positions in the
 * block.
 */
export interface SegmentedDocument {
  block: number;
  start: number;
  /** Ascending, at least one. */
  segmentEnds: ArrayLike<number>;
}

/** Options of {@link packDocument}. */
export interface PackOptions {
  objective: PairObjective;
  /** Tokens of an example, special ones included. */
  maxLength: number;
  /**
   * Share of documents packed to a random shorter length, at which fine-tuning will use the model. ALBERT: 0.1, RoBERTa
   * (`none`): 0.
   */
  shortSequenceProbability: number;
  random: Random;
  /** `nsp`: some document other than the given one, or undefined when there is none. */
  otherDocument?: (document: SegmentedDocument, random: Random) => SegmentedDocument | undefined;
}

/**
 * Packs a document into examples as ALBERT's `create_pretraining_data.py` does: segments are added up to the target
 * length, then divided at a random segment boundary into A and B. What differs, on purpose:
 * - one segment alone gives no pair and no pair label (the original takes B from a random document and labels it
 *   "swapped", which leaks the answer); if it is too long it is divided into several examples instead of being cut off;
 * - A ends near a token drawn at random, not at a boundary drawn at random, so that neither segment tends to be the
 *   longer one;
 * - a pair is cut to length before it is swapped, and equal lengths are cut at random, so that swapping changes nothing
 *   but the order;
 * - `none` has no pair that must consist of whole segments: see {@link packSingles}.
 * With `sop` and `none` every token is in exactly one example or counted in `truncatedTokens`; `nsp` uses tokens of
 * other documents besides.
 */
export function packDocument(document: SegmentedDocument, options: PackOptions): ExamplePlan[] {
  const { random, maxLength, objective, shortSequenceProbability } = options;
  const special = objective === 'none' ? 2 : 3;
  const room = maxLength - special;
  const target = random.uniform() < shortSequenceProbability ? 2 + random.integer(room - 1) : room;
  return objective === 'none' ? packSingles(document, target, room) : packPairs(document, target, options);
}

/** Share of the length that `none` leaves free rather than cut a segment. */
const MOST_FREE = 1 / 8;

/**
 * Examples without pairs, from one document each (RoBERTa's DOC-SENTENCES, Liu et al. 2019, section 4.2): whole
 * segments as long as they fit. Where they leave more than an eighth of the length free and the rest of the document
 * needs more than one further example, the next segment is cut and goes on in the next example: short lengths, which
 * hold a sentence or two, are filled as long ones are, and long ones hardly cut. A rest for two examples is halved, so
 * that no crumb is left for the last one. A document packed to a shorter length keeps its segments whole. No token is
 * lost.
 */
function packSingles({ block, start, segmentEnds }: SegmentedDocument, target: number, room: number): ExamplePlan[] {
  const plans: ExamplePlan[] = [];
  const last = segmentEnds[segmentEnds.length - 1];
  let from = start;
  let segment = 0;
  while (from < last) {
    let end = from;
    while (segment < segmentEnds.length && segmentEnds[segment] - from <= target) end = segmentEnds[segment++];
    if (target < room) {
      if (end === from) end = segmentEnds[segment++];
      plans.push(...windows({ block, start: from, end }, room));
    } else {
      const rest = last - from;
      if (last - end > room && room - (end - from) > room * MOST_FREE)
        end = from + (rest <= 2 * room ? Math.ceil(rest / 2) : room);
      plans.push({ first: { block, start: from, end }, truncatedTokens: 0 });
    }
    from = end;
  }
  return plans;
}

/** A stretch without a pair, in as few examples of equal length as hold it. */
function windows({ block, start, end }: TokenRange, room: number): ExamplePlan[] {
  const count = Math.ceil((end - start) / room);
  const cut = (i: number): number => start + Math.round(((end - start) * i) / count);
  return Array.from({ length: count }, (_, i) => ({
    first: { block, start: cut(i), end: cut(i + 1) },
    truncatedTokens: 0,
  }));
}

function packPairs(document: SegmentedDocument, target: number, options: PackOptions): ExamplePlan[] {
  const { block, start, segmentEnds } = document;
  const { random, maxLength } = options;
  const plans: ExamplePlan[] = [];
  const endOf = (segment: number): number => (segment < 0 ? start : segmentEnds[segment]);
  let from = 0;
  for (let i = 0; i < segmentEnds.length; i++) {
    if (i < segmentEnds.length - 1 && endOf(i) - endOf(from - 1) < target) continue;
    if (i === from) {
      plans.push(...windows({ block, start: endOf(from - 1), end: endOf(i) }, maxLength - 2));
    } else {
      const split = splitSegment(segmentEnds, { from, last: i, start: endOf(from - 1) }, random);
      const first = { block, start: endOf(from - 1), end: endOf(split) };
      const replacement =
        options.objective === 'nsp' && random.uniform() < 0.5
          ? segmentsOfOther(document, target - (first.end - first.start), options)
          : undefined;
      plans.push(
        pairPlan(first, replacement ?? { block, start: first.end, end: endOf(i) }, replacement !== undefined, options),
      );
      // Segments that a random second half replaced are used again.
      if (replacement) i = split;
    }
    from = i + 1;
  }
  return plans;
}

/**
 * The last segment of A: the one that ends nearest to a random token. A boundary drawn from all with equal probability
 * (as in the original) makes B longer on average, because the segment that reaches the target is a long one; lengths
 * alone would then tell 53.5 % of swapped pairs of 128 tokens.
 */
function splitSegment(
  segmentEnds: ArrayLike<number>,
  chunk: { from: number; last: number; start: number },
  random: Random,
): number {
  const { from, last, start } = chunk;
  const token = start + random.uniform() * (segmentEnds[last] - start);
  let split = from;
  while (split + 1 < last && Math.abs(segmentEnds[split + 1] - token) < Math.abs(segmentEnds[split] - token)) split++;
  return split;
}

function pairPlan(
  first: TokenRange,
  second: TokenRange,
  isOther: boolean,
  { objective, random, maxLength }: PackOptions,
): ExamplePlan {
  const before = first.end - first.start + (isOther ? 0 : second.end - second.start);
  truncatePair(first, second, maxLength - 3, random);
  const truncatedTokens = before - (first.end - first.start) - (isOther ? 0 : second.end - second.start);
  if (objective === 'nsp') return { first, second, pairLabel: isOther ? 1 : 0, truncatedTokens };
  return random.uniform() < 0.5
    ? { first: second, second: first, pairLabel: 1, truncatedTokens }
    : { first, second, pairLabel: 0, truncatedTokens };
}

/**
 * Cuts single tokens off the longer of two ranges, at a random end, until both fit; equal ones are chosen between at
 * random.
 */
function truncatePair(first: TokenRange, second: TokenRange, room: number, random: Random): void {
  for (;;) {
    const lengths = [first.end - first.start, second.end - second.start];
    if (lengths[0] + lengths[1] <= room) return;
    const longer = lengths[0] === lengths[1] ? random.integer(2) : Number(lengths[1] > lengths[0]);
    const range = longer === 0 ? first : second;
    if (random.uniform() < 0.5) range.start++;
    else range.end--;
  }
}

/** Segments from a random place of another document, at least `length` tokens of them if it has so many. */
function segmentsOfOther(
  document: SegmentedDocument,
  length: number,
  { random, otherDocument }: PackOptions,
): TokenRange | undefined {
  const other = otherDocument?.(document, random);
  if (!other) return undefined;
  const { block, start, segmentEnds } = other;
  const segment = random.integer(segmentEnds.length);
  const from = segment === 0 ? start : segmentEnds[segment - 1];
  let last = segment;
  while (last < segmentEnds.length - 1 && segmentEnds[last] - from < length) last++;
  return { block, start: from, end: segmentEnds[last] };
}
