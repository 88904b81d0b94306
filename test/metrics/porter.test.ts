import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { porterStem } from '../../src/metrics/text/porter.ts';

/** Written by oracle/make_porter_golden.py with nltk's PorterStemmer. */
const golden = JSON.parse(readFileSync(join(import.meta.dirname, '../oracle/goldens/porter.json'), 'utf8')) as Record<
  'words' | 'nltk' | 'original',
  string
>;

describe('Porter stemmer as nltk', () => {
  const words = golden.words.split(' ');
  it.each(['nltk', 'original'] as const)('%s, some thousand words', (rules) => {
    expect(words.length).toBeGreaterThan(4000);
    const expected = golden[rules].split(' ');
    const wrong = words.flatMap((word, i) => {
      const stem = porterStem(word, rules);
      return stem === expected[i] ? [] : [`${word}: ${stem}, expected ${expected[i]}`];
    });
    expect(wrong).toEqual([]);
  });

  it('is lower case, and leaves other scripts alone', () => {
    expect(porterStem('Relational')).toBe('relat');
    expect(porterStem('北京')).toBe('北京');
    expect(porterStem('')).toBe('');
  });
});
