import { AlbertineError } from '../core/errors.ts';

/** Figures of one relation, both directions together. */
export interface RelationScores {
  /** Name without a direction. */
  relation: string;
  /** Of the pairs said to have it, the share that does. */
  precision: number;
  /** Of the pairs that have it, the share that was found. */
  recall: number;
  /** Harmonic mean of both. */
  f1: number;
  /** Pairs that have it. */
  support: number;
}

/** Figures of relations between pairs. */
export interface RelationReport {
  /**
   * Mean F1 of the relations without the one that says there is none: the official figure of SemEval-2010 Task 8
   * ("9+1-way, taking directionality into account"). A found relation in the wrong direction is wrong.
   */
  macroF1: number;
  /** Over all pairs, without that one (as for TACRED). */
  microF1: number;
  /** Of the pairs said to be related, the share with the right relation. */
  precision: number;
  /** Of the related pairs, the share whose relation was found. */
  recall: number;
  /** Share of all pairs that are right, unrelated ones included. */
  accuracy: number;
  /** By relation, sorted; the one for none is not among them. */
  perRelation: RelationScores[];
}

const DIRECTED = /^(.*)\((e1,\s*e2|e2,\s*e1)\)$/;
const NONE = ['other', 'no_relation', 'no-relation', 'norelation', 'none', 'na', 'unknown', '无', '无关系'];

/** A label without its direction: `Cause-Effect(e2,e1)` is a `Cause-Effect`. */
export const relationOf = (label: string): string => DIRECTED.exec(label)?.[1] ?? label;

/** Whether a label says that the second entity comes first in the relation. */
export const isReversed = (label: string): boolean => DIRECTED.exec(label)?.[2].startsWith('e2') ?? false;

/** The label that says that there is no relation, by its usual names; undefined where there is none. */
export const noRelation = (labels: readonly string[]): string | undefined =>
  labels.find((label) => NONE.includes(label.toLowerCase()));

/** Compares labels pair by pair. `none` is the label of no relation. Throws `shape_mismatch` for unequal numbers. */
export function relationReport(gold: readonly string[], found: readonly string[], none?: string): RelationReport {
  if (gold.length !== found.length)
    throw new AlbertineError('shape_mismatch', `${gold.length} pairs have relations, ${found.length} have answers`, {
      value: found.length,
    });
  const counts = new Map<string, { right: number; found: number; support: number }>();
  const of = (label: string): { right: number; found: number; support: number } => {
    const relation = relationOf(label);
    const entry = counts.get(relation) ?? { right: 0, found: 0, support: 0 };
    counts.set(relation, entry);
    return entry;
  };
  gold.forEach((label, pair) => {
    if (label !== none) of(label).support++;
    if (found[pair] !== none) of(found[pair]).found++;
    if (label === found[pair] && label !== none) of(label).right++;
  });
  const perRelation = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([relation, own]) => ({ relation, ...ratios(own), support: own.support }));
  const total = [...counts.values()].reduce(
    (sum, own) => ({ right: sum.right + own.right, found: sum.found + own.found, support: sum.support + own.support }),
    { right: 0, found: 0, support: 0 },
  );
  const { precision, recall, f1 } = ratios(total);
  // A relation that is only ever found, never there, is no class of the data.
  const present = perRelation.filter(({ support }) => support > 0);
  return {
    macroF1: present.length === 0 ? 0 : present.reduce((sum, scores) => sum + scores.f1, 0) / present.length,
    microF1: f1,
    precision,
    recall,
    accuracy: gold.filter((label, pair) => label === found[pair]).length / Math.max(1, gold.length),
    perRelation,
  };
}

function ratios({ right, found, support }: { right: number; found: number; support: number }): {
  precision: number;
  recall: number;
  f1: number;
} {
  const precision = found === 0 ? 0 : right / found;
  const recall = support === 0 ? 0 : right / support;
  return { precision, recall, f1: precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}
