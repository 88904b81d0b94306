import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  detectScheme,
  entitiesOfTags,
  entityReport,
  tagsOfEntities,
  type Span,
  type TagScheme,
} from '../../src/metrics/entities.ts';

interface Case {
  scheme: TagScheme;
  gold: string[][];
  found: string[][];
  strict: [string, number, number][][][];
  lenient: [string, number, number][][][];
  micro: number[];
  macro: number[];
  weighted: number;
  lenientF1: number;
}

const CASES = JSON.parse(readFileSync(new URL('entities.json', import.meta.url), 'utf8')) as Case[];
const plain = (spans: readonly Span[]): [string, number, number][] =>
  spans.map(({ label, start, end }) => [label, start, end]);
const sorted = (spans: [string, number, number][]): [string, number, number][] =>
  [...spans].sort((a, b) => a[1] - b[1]);

describe('entities of tags', () => {
  it.each(['iob1', 'iob2', 'iobes', 'bilou'] as const)(
    'are those of seqeval, strict and as conlleval reads them: %s',
    (scheme) => {
      const cases = CASES.filter((one) => one.scheme === scheme);
      expect(cases).toHaveLength(20);
      for (const { gold, found, strict, lenient, micro, macro, weighted, lenientF1 } of cases) {
        for (const [which, rows] of [gold, found].entries()) {
          for (const [i, tags] of rows.entries()) {
            expect(plain(entitiesOfTags(tags, scheme, 'strict')), tags.join(' ')).toEqual(sorted(strict[which][i]));
            expect(plain(entitiesOfTags(tags, scheme, 'lenient')), tags.join(' ')).toEqual(lenient[which][i]);
          }
        }
        const report = entityReport(
          gold.map((tags) => entitiesOfTags(tags, scheme, 'strict')),
          found.map((tags) => entitiesOfTags(tags, scheme, 'strict')),
        );
        for (const [i, name] of (['precision', 'recall', 'f1'] as const).entries())
          expect(report[name]).toBeCloseTo(micro[i], 12);
        for (const [i, name] of (['macroPrecision', 'macroRecall', 'macroF1'] as const).entries())
          expect(report[name]).toBeCloseTo(macro[i], 12);
        expect(report.weightedF1).toBeCloseTo(weighted, 12);
        expect(
          entityReport(
            gold.map((tags) => entitiesOfTags(tags, scheme)),
            found.map((tags) => entitiesOfTags(tags, scheme)),
          ).f1,
        ).toBeCloseTo(lenientF1, 12);
      }
    },
  );

  it('of every scheme say the same', () => {
    const spans = [
      { label: 'PER', start: 0, end: 2 },
      { label: 'PER', start: 2, end: 3 },
      { label: 'LOC', start: 4, end: 7 },
    ];
    const written: [TagScheme, string][] = [
      ['iob1', 'I-PER I-PER B-PER O I-LOC I-LOC I-LOC'],
      ['iob2', 'B-PER I-PER B-PER O B-LOC I-LOC I-LOC'],
      ['iobes', 'B-PER E-PER S-PER O B-LOC I-LOC E-LOC'],
      ['bilou', 'B-PER L-PER U-PER O B-LOC I-LOC L-LOC'],
      ['bmes', 'B-PER E-PER S-PER O B-LOC M-LOC E-LOC'],
    ];
    for (const [scheme, text] of written) {
      const tags = text.split(' ');
      expect(detectScheme([tags, ['O']]), scheme).toBe(scheme);
      for (const mode of ['strict', 'lenient'] as const)
        expect(entitiesOfTags(tags, scheme, mode), scheme).toEqual(spans);
    }
    expect(tagsOfEntities(spans, 7)).toEqual(written[1][1].split(' '));
    expect(detectScheme([['O', 'PER', 'PER']])).toBe('io');
    expect(entitiesOfTags(['O', 'PER', 'PER', 'LOC'], 'io')).toEqual([
      { label: 'PER', start: 1, end: 3 },
      { label: 'LOC', start: 3, end: 4 },
    ]);
  });

  it('that overlap are refused, and texts must be as many', () => {
    expect(() =>
      tagsOfEntities(
        [
          { label: 'A', start: 0, end: 2 },
          { label: 'B', start: 1, end: 3 },
        ],
        3,
      ),
    ).toThrow('two entities overlap at word 1');
    expect(() => entityReport([[]], [])).toThrow(/1 texts have entities, 0 have answers/);
    expect(entityReport([[]], [[]])).toMatchObject({ f1: 0, support: 0, perLabel: [] });
  });
});
