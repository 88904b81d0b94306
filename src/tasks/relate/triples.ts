import { isReversed, relationOf } from '../../metrics/relations.ts';
import type { TagOptions, Entity } from '../tag/task.ts';
import type { EntityTagger } from '../tag/tagger.ts';
import type { TextCounts } from '../task.ts';
import type { RelationClassifier } from './classifier.ts';
import type { Mention, RelationInput } from './task.ts';

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
}

/**
 * Entities of texts by a tagger, and of all pairs of them in a text those that are related. Each pair is asked once, in
 * the order of the text; the label says which of the two comes first in the relation. What happened to a text is told
 * as the tagger saw it.
 */
export async function findTriples(
  texts: readonly string[],
  { tagger, relations }: { tagger: EntityTagger; relations: RelationClassifier },
  options: TagOptions = {},
): Promise<TextTriples[]> {
  const tagged = await tagger.predict(texts, options);
  const asked = tagged.map(({ entities }, i) => pairsOf(texts[i], entities));
  const answers = await relations.predict(
    asked.flat(),
    options.batchTokens === undefined ? {} : { batchTokens: options.batchTokens },
  );
  let next = 0;
  return tagged.map(({ entities, ...counts }, i) => {
    const own = answers.slice(next, next + asked[i].length);
    next += own.length;
    const related = own.filter(({ label }) => label !== relations.none);
    return {
      ...counts,
      entities,
      triples: related.map(({ label, score, head, tail }) => ({
        ...(isReversed(label)
          ? { head: tail, relation: relationOf(label), tail: head }
          : { head, relation: relationOf(label), tail }),
        score,
      })),
    };
  });
}

function pairsOf(text: string, entities: readonly Entity[]): RelationInput[] {
  const mention = ({ start, end, label }: Entity): Mention => ({ start, end, type: label });
  return entities.flatMap((head, i) =>
    entities.slice(i + 1).map((tail) => ({ text, head: mention(head), tail: mention(tail) })),
  );
}
