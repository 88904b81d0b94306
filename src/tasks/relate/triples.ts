import { isReversed, relationOf } from '../../metrics/relations.ts';
import type { TagOptions, Entity } from '../tag/task.ts';
import type { EntityTagger } from '../tag/tagger.ts';
import type { TextCounts } from '../task.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { RelationClassifier } from './classifier.ts';
import { markMentions, type Mention, type RelationInput, type RelationPrediction } from './task.ts';

/** Two entities and how the first is related to the second. */
export interface Triple {
  /** The first entity. */
  head: Mention & { text: string };
  /** Label of the relation. */
  relation: string;
  /** The second entity. */
  tail: Mention & { text: string };
  /** Probability of the relation, from 0 to 1. */
  score: number;
}

/** What was found in one text. */
export interface TextTriples extends TextCounts {
  /** All that the tagger found, related or not. */
  entities: Entity[];
  /** In the order of the text. */
  triples: Triple[];
  /**
   * Pairs of entities that were not asked, because they stand further apart than the classifier of relations reads at
   * once. Absent where there are none.
   */
  pairsTooFar?: number;
}

/**
 * Entities of texts by a tagger, and of all pairs of them in a text those that are related. Each pair is asked once, in
 * the order of the text; the label says which of the two comes first in the relation. Pairs that stand too far apart to
 * be read at once are not asked, but counted. What happened to a text is told as the tagger saw it.
 */
export async function findTriples(
  texts: readonly string[],
  { tagger, relations }: { tagger: EntityTagger; relations: RelationClassifier },
  options: TagOptions = {},
): Promise<TextTriples[]> {
  const tagged = await tagger.predict(texts, options);
  const asked = tagged.map(({ entities }, i) => pairsOf(texts[i], entities, relations));
  const found = tagged.map(({ entities, ...counts }, i): TextTriples => ({
    ...counts,
    entities,
    triples: [],
    ...(asked[i].pairsTooFar > 0 && { pairsTooFar: asked[i].pairsTooFar }),
  }));
  const places = asked.flatMap(({ pairs }, text) => pairs.map(({ shift }) => ({ text, shift })));
  let next = 0;
  for await (const answer of relations.predictStream(
    asked.flatMap(({ pairs }) => pairs.map(({ input }) => input)),
    options.batchTokens === undefined ? {} : { batchTokens: options.batchTokens },
  )) {
    const { text, shift } = places[next++];
    if (answer.label !== relations.none) found[text].triples.push(tripleOf(answer, shift));
  }
  return found;
}

/** The first of the two is that of the relation, and its positions are those in the whole text. */
function tripleOf({ label, score, head, tail }: RelationPrediction, shift: number): Triple {
  const [first, second] = [head, tail].map((mention) => ({
    ...mention,
    start: mention.start + shift,
    end: mention.end + shift,
  }));
  return isReversed(label)
    ? { head: second, relation: relationOf(label), tail: first, score }
    : { head: first, relation: relationOf(label), tail: second, score };
}

interface TextPairs {
  /** Of a long text the part around each pair, and where it begins. */
  pairs: { input: RelationInput; shift: number }[];
  pairsTooFar: number;
}

/** Pairs that are read at once, so that work grows with the length of a text and not with its square. */
function pairsOf(
  text: string,
  entities: readonly Entity[],
  { model: { tokenizer }, maxLength }: RelationClassifier,
): TextPairs {
  const room = maxLength - 2;
  const { offsets } = tokenizer.encode(text, { addSpecialTokens: false });
  // A mention may be of characters that the tokeniser drops.
  const firsts = entities
    .map(({ start }) => offsets.findIndex(([, end]) => end > start))
    .map((at) => (at < 0 ? offsets.length - 1 : at));
  const lasts = entities.map(({ end }) =>
    Math.max(
      0,
      offsets.findLastIndex(([start]) => start < end),
    ),
  );
  const pairs: TextPairs['pairs'] = [];
  let pairsTooFar = 0;
  entities.forEach((head, i) => {
    for (let j = i + 1; j < entities.length; j++) {
      const tail = entities[j];
      const [first, last] = [Math.min(firsts[i], firsts[j]), Math.max(lasts[i], lasts[j])];
      if (last - first >= room || !fits(tokenizer, { text, head, tail }, room)) {
        pairsTooFar++;
        continue;
      }
      // Further tokens than these are cut in any case, and a long text would be read anew for every pair.
      const [from, to] = [
        first > maxLength ? offsets[first - maxLength][0] : 0,
        last + maxLength < offsets.length ? offsets[last + maxLength][1] : text.length,
      ];
      const mention = ({ start, end, label }: Entity): Mention => ({
        start: start - from,
        end: end - from,
        type: label,
      });
      pairs.push({ input: { text: text.slice(from, to), head: mention(head), tail: mention(tail) }, shift: from });
    }
  });
  return { pairs, pairsTooFar };
}

/** Whether both mentions with their marks and what is between them are read at once. */
function fits(
  tokenizer: Tokenizer,
  { text, head, tail }: { text: string; head: Entity; tail: Entity },
  room: number,
): boolean {
  const from = Math.min(head.start, tail.start);
  const mention = ({ start, end, label }: Entity): Mention => ({ start: start - from, end: end - from, type: label });
  return (
    tokenizer.encodeIds(
      markMentions({ text: text.slice(from, Math.max(head.end, tail.end)), head: mention(head), tail: mention(tail) })
        .text,
    ).length <= room
  );
}
