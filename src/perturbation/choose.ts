import { shuffle, type Random } from '../core/random.ts';
import type { Edit, ProposedEdit, TextRange } from './perturbation.ts';

/** A text with what could be done to it. */
export interface EditableText {
  length: number;
  proposed: readonly ProposedEdit[];
  protect: readonly TextRange[];
}

/**
 * The edits that are made in each text: a share of those that could be, rounded up. All are put in a random order and
 * taken from its beginning, so that those of a lower severity are among those of a higher one.
 */
export function chooseEdits(
  texts: readonly EditableText[],
  { severity, random }: { severity: number; random: Random },
): Edit[][] {
  const groups = shuffle(groupsOf(texts), random);
  const wanted = Math.ceil(severity * groups.length - 1e-9);
  const chosen: Edit[][] = texts.map(() => []);
  for (const group of groups.slice(0, wanted)) {
    const clear = group.every(({ text, edit }) => chosen[text].every((other) => !meet(other, edit)));
    if (clear) for (const { text, edit } of group) chosen[text].push(edit);
  }
  for (const edits of chosen) edits.sort((a, b) => a.start - b.start || a.end - b.end);
  return chosen;
}

interface Placed {
  text: number;
  edit: Edit;
}

/** Edits that are made together; what a protected range forbids is in none. */
function groupsOf(texts: readonly EditableText[]): Placed[][] {
  const groups: Placed[][] = [];
  const keyed = new Map<string, { group: Placed[]; replacement: string }>();
  texts.forEach(({ proposed, protect }, text) => {
    for (const { key, ...edit } of proposed) {
      if (protect.some((range) => touches(edit, range))) continue;
      const known = key === undefined ? undefined : keyed.get(key);
      if (known) {
        known.group.push({ text, edit: { ...edit, replacement: known.replacement } });
        continue;
      }
      const group = [{ text, edit }];
      groups.push(group);
      if (key !== undefined) keyed.set(key, { group, replacement: edit.replacement });
    }
  });
  return groups;
}

/** Whether an edit changes something inside a range; an insertion at its ends does not. */
const touches = ({ start, end }: Edit, [from, to]: TextRange): boolean =>
  start === end ? start > from && start < to : start < to && end > from;

/** Whether two edits cannot both be made: they overlap, or stand at the same place. */
const meet = (a: Edit, b: Edit): boolean => a.start === b.start || (a.start < b.end && b.start < a.end);
