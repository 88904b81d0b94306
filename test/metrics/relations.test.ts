import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isReversed, noRelation, relationOf, relationReport } from '../../src/metrics/relations.ts';

interface Case {
  gold: string[];
  found: string[];
  perRelation: Record<string, number[]>;
  macroF1: number;
}

const CASES = JSON.parse(readFileSync(new URL('relations.json', import.meta.url), 'utf8')) as Case[];

describe('relations', () => {
  it('are scored as SemEval-2010 Task 8 does', () => {
    expect(CASES).toHaveLength(20);
    for (const { gold, found, perRelation, macroF1 } of CASES) {
      const report = relationReport(gold, found, 'Other');
      expect(report.macroF1).toBeCloseTo(macroF1, 12);
      expect(report.perRelation.map(({ relation }) => relation)).toEqual(Object.keys(perRelation).sort());
      for (const { relation, precision, recall, f1 } of report.perRelation)
        for (const [i, value] of [precision, recall, f1].entries())
          expect(value).toBeCloseTo(perRelation[relation][i], 12);
    }
  });

  it('have a direction and a label for none by their names', () => {
    expect([
      relationOf('Cause-Effect(e2,e1)'),
      isReversed('Cause-Effect(e2,e1)'),
      isReversed('Cause-Effect(e1,e2)'),
      relationOf('born_in'),
      isReversed('born_in'),
    ]).toEqual(['Cause-Effect', true, false, 'born_in', false]);
    expect([noRelation(['a', 'Other']), noRelation(['no_relation', 'x']), noRelation(['a', 'b'])]).toEqual([
      'Other',
      'no_relation',
      undefined,
    ]);
    expect(relationReport(['a', 'Other'], ['a', 'a'], 'Other')).toMatchObject({
      precision: 0.5,
      recall: 1,
      accuracy: 0.5,
    });
    expect(() => relationReport(['a'], [])).toThrow('1 pairs have relations, 0 have answers');
  });
});
