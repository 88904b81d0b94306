import { describe, expect, it } from 'vitest';
import {
  DEFAULT_SPLIT_RULES,
  forEachSegment,
  SegmentCounter,
  type SplitRules,
} from '../../src/tokenizer/training/segments.ts';
import { scriptOf } from '../../src/tokenizer/training/unicode-script.ts';

function segments(text: string, rules: Partial<SplitRules> = {}): string[] {
  const marked = `▁${text.replaceAll(' ', '▁')}`;
  const found: string[] = [];
  forEachSegment(marked, { ...DEFAULT_SPLIT_RULES, ...rules }, (start, end) => found.push(marked.slice(start, end)));
  return found;
}

describe('segments', () => {
  it('cut at spaces, scripts and numbers', () => {
    expect(segments("don't stop 中国人abc")).toEqual(['▁don', "'", 't', '▁stop', '▁中国人', 'abc']);
    expect(segments('a1b 1,000.')).toEqual(['▁a', '1', 'b', '▁1,000.']);
  });

  it('keep kana and Han together, and a combining mark with its letter', () => {
    expect(segments('東京タワーへ')).toEqual(['▁東京タワーへ']);
    expect(segments('cafe\u0301s')).toEqual(['▁cafe\u0301s']);
  });

  it('follow each switch', () => {
    expect(segments('a1b', { splitByNumber: false })).toEqual(['▁a1b']);
    expect(segments('a1b中', { splitByUnicodeScript: false })).toEqual(['▁a1b中']);
    expect(segments('in the 中', { splitByWhitespace: false })).toEqual(['▁in▁the▁', '中']);
    expect(segments('ab 12', { splitDigits: true })).toEqual(['▁ab', '▁', '1', '2']);
    expect(segments('a中国 东京タワー𠮷', { splitHan: true })).toEqual([
      '▁a',
      '中',
      '国',
      '▁',
      '东',
      '京',
      'タワー',
      '𠮷',
    ]);
    expect(segments('1,000,', { splitDigitComma: true })).toEqual(['▁1', ',000', ',']);
  });

  it('handle characters beyond the basic plane', () => {
    expect(segments('𠮷野家😀😀')).toEqual(['▁𠮷野家', '😀😀']);
    expect(scriptOf(0x20bb7)).toBe(scriptOf('中'.codePointAt(0)!));
  });
});

describe('SegmentCounter', () => {
  it('adds weights', () => {
    const counter = new SegmentCounter(DEFAULT_SPLIT_RULES);
    counter.add('▁a▁b▁a');
    counter.add('▁a', 0.5);
    expect([...counter.counts]).toEqual([
      ['▁a', 2.5],
      ['▁b', 1],
    ]);
  });

  it('stays within its bound and says what it dropped', () => {
    const counter = new SegmentCounter(DEFAULT_SPLIT_RULES, 100);
    const word = (n: number) => `▁${[...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('')}`;
    for (let n = 0; n < 1000; n++) {
      counter.add(word(n));
      counter.add('▁often');
    }
    expect(counter.counts.size).toBeLessThanOrEqual(100);
    expect(counter.counts.get('▁often')).toBe(1000);
    let kept = 0;
    for (const [segment, count] of counter.counts) kept += segment.length * count;
    const all = Array.from({ length: 1000 }, (_, n) => word(n).length + '▁often'.length).reduce((a, b) => a + b);
    expect(counter.prunedCharacters).toBe(all - kept);
  });
});
