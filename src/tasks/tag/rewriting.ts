import type { Span } from '../../metrics/entities.ts';
import { mapSpan } from '../../perturbation/perturbation.ts';
import type { Rewriting, RewrittenText } from '../rewriting.ts';
import type { EntityAnswer, TagInput, TagTypes } from './task.ts';
import { segmentWords, type Range } from './words.ts';

/** How texts whose entities are found are rewritten: entities and words keep their places in what is said. */
export const tagRewriting: Rewriting<TagTypes> = {
  texts: ({ input, gold }) => [
    { text: textOf(input), spans: gold.map(({ start, end }) => [start, end]), fixed: [], isWhole: true },
  ],
  put: ({ input, gold }, [{ text, edits }]) => ({
    input:
      typeof input === 'string' || !input.words ? { text } : { text, words: wordsAfter(input.words, { text, edits }) },
    gold: gold.map((entity) => moved(entity, edits)),
  }),
  same: (before, after, [{ edits }]) =>
    listed(before.entities.map((entity) => moved(entity, edits))) === listed(after.entities),
  right: (gold, { entities }) => {
    const known = new Set(gold.map(keyOf));
    const found = entities.filter((entity) => known.has(keyOf(entity))).length;
    // F1 of a text; a text without entities is right where none is found.
    return gold.length + entities.length === 0 ? 1 : (2 * found) / (gold.length + entities.length);
  },
  labels: (gold) => {
    const labels = [...new Set(gold.map(({ label }) => label))];
    return labels.length > 0 ? labels : ['no entity'];
  },
  show: (answer, { input }) =>
    ('gold' in answer ? answer.gold : answer.output.entities)
      .map(({ label, start, end }) => `${label}: ${textOf(input).slice(start, end)}`)
      .join(', ') || 'no entity',
};

const textOf = (input: TagInput): string => (typeof input === 'string' ? input : input.text);

const keyOf = ({ label, start, end }: Span): string => `${label} ${start}-${end}`;
const listed = (entities: EntityAnswer['entities'] | readonly Span[]): string => entities.map(keyOf).join(', ');

function moved<S extends Span>(entity: S, edits: RewrittenText['edits']): S {
  const [start, end] = mapSpan([entity.start, entity.end], edits);
  return { ...entity, start, end };
}

/**
 * The words that were given at their new places, and those of what was put between them. Words that an edit reaches
 * across, because they changed places or were left out, are found anew.
 */
function wordsAfter(words: readonly Range[], { text, edits }: RewrittenText): Range[] {
  const isTorn = ([start, end]: Range): boolean =>
    edits.some((edit) => edit.start < end && edit.end > start && (edit.start < start || edit.end > end));
  const kept = words.filter((word) => !isTorn(word)).map((word) => mapSpan(word, edits));
  const added = segmentWords(text).filter(([start, end]) => kept.every((word) => end <= word[0] || start >= word[1]));
  return [...kept.filter(([start, end]) => start < end), ...added].sort((a, b) => a[0] - b[0]);
}
