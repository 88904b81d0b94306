import { AlbertineError } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { chooseEdits } from './choose.ts';

/** Half-open range of UTF-16 positions. */
export type TextRange = readonly [start: number, end: number];

/** A stretch of a text and what stands there instead; an insertion where `start` is `end`. */
export interface Edit {
  /** UTF-16 position in the original text. */
  start: number;
  /** Where the stretch ends, exclusive. */
  end: number;
  /** What stands there instead; empty where it is left out. */
  replacement: string;
}

/** An edit that a perturbation could make. */
export interface ProposedEdit extends Edit {
  /**
   * Edits with the same key are made together or not at all, with the same replacement, also over several texts: every
   * mention of a name. Default: each by itself.
   */
  key?: string;
}

/** A language that perturbations know. */
export type PerturbedLanguage = 'en' | 'zh';

/** How texts are perturbed. */
export interface PerturbOptions {
  /** Share of the places where something can be changed that are changed, from 0 (none) to 1 (all); rounded up. */
  severity: number;
  /** The same state gives the same result. */
  random: Random;
  /** Ranges that stay as they are. Of several texts: a list for each. */
  protect?: readonly TextRange[];
}

/** A text after a perturbation. */
export interface PerturbedText {
  /** The new text. */
  text: string;
  /** What was done, in the order of the original text; edits do not overlap. */
  edits: Edit[];
}

/** What a perturbation is, without what all have in common. */
export interface PerturbationRow {
  /** As `--perturbations` names it. */
  name: string;
  /** Languages in whose texts it finds something to change. */
  languages: readonly PerturbedLanguage[];
  /** What it does, in a few words. */
  summary: string;
  /**
   * Whether every edit stays within a word or between two, so that a labelled stretch keeps its label. Where false,
   * labelled stretches are protected.
   */
  withinWords: boolean;
  /** Whether it adds or takes away content, which a text that is compared with another does not stand. Default false. */
  needsWholeText?: boolean;
  /** Whether it is among those that are used unless others are named. Default true. */
  usual?: boolean;
  /** Every edit that could be made. What is drawn does not depend on the severity. */
  propose(text: string, random: Random): ProposedEdit[];
}

/** A change of a text that leaves what it says, or at least its label, as it is. */
export interface Perturbation extends Required<Omit<PerturbationRow, 'propose'>> {
  /**
   * Changes a text. With the same state of `random`, what is changed at a lower severity is changed alike at a higher
   * one. Throws `invalid_argument` for a severity that is none.
   */
  apply(text: string, options: PerturbOptions): PerturbedText;
  /** The same for texts that belong together: places are chosen from all of them, and names are replaced alike. */
  applyAll(
    texts: readonly string[],
    options: Omit<PerturbOptions, 'protect'> & { protect?: readonly (readonly TextRange[])[] },
  ): PerturbedText[];
}

/** A perturbation from what is its own. */
export function perturbation(row: PerturbationRow): Perturbation {
  const applyAll: Perturbation['applyAll'] = (texts, { severity, random, protect = [] }) => {
    if (!(severity >= 0 && severity <= 1))
      throw new AlbertineError('invalid_argument', `severity must be a number from 0 to 1, got ${severity}`, {
        value: severity,
        option: 'severity',
      });
    const chosen = chooseEdits(
      texts.map((text, i) => ({
        length: text.length,
        proposed: row.propose(text, random).filter((edit) => isReal(edit, text)),
        protect: protect[i] ?? [],
      })),
      { severity, random },
    );
    return texts.map((text, i) => ({ text: applyEdits(text, chosen[i]), edits: chosen[i] }));
  };
  return {
    usual: true,
    needsWholeText: false,
    ...row,
    applyAll,
    apply: (text, { protect = [], ...options }) => applyAll([text], { ...options, protect: [protect] })[0],
  };
}

const isReal = ({ start, end, replacement }: Edit, text: string): boolean => text.slice(start, end) !== replacement;

/** A text with edits made, which must be in its order and not overlap. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = '';
  let from = 0;
  for (const { start, end, replacement } of edits) {
    result += text.slice(from, start) + replacement;
    from = end;
  }
  return result + text.slice(from);
}

/**
 * Where a stretch of the original text stands after the edits. What is inserted at its ends is not part of it; an edit
 * that reaches over an end becomes part of it as a whole.
 */
export function mapSpan([start, end]: TextRange, edits: readonly Edit[]): TextRange {
  let [shift, from, to, growth] = [0, start, end, 0];
  for (const edit of edits) {
    const change = edit.replacement.length - (edit.end - edit.start);
    if (edit.start >= end) break;
    if (edit.end <= start) shift += change;
    else {
      if (edit.start < from) from = edit.start;
      to = Math.max(to, edit.end);
      growth += change;
    }
  }
  return [from + shift, to + growth + shift];
}
