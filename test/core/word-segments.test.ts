import { describe, expect, it } from 'vitest';
import { wordSegments } from '../../src/core/word-segments.ts';

const whole = (text: string): unknown[] =>
  [...new Intl.Segmenter('zh', { granularity: 'word' }).segment(text)].map(({ segment, index, isWordLike }) => ({
    ...{ segment, index, isWordLike },
  }));

describe('words of a text', () => {
  it.each([
    'The cat’s mat,  3.14 and 1,000 co-operative  users\tsaid:\n\n"no"! ',
    '今天天气很好。我们去公园玩吧！价格是1，000元？好的。',
    'mixed 中文 and English。 👩‍👩‍👧 emoji e\u0301 ​zero',
    'x'.repeat(50),
  ])('are those of the whole, however long it is: %s', (text) => {
    const long = text.repeat(90);
    expect(long.length).toBeGreaterThan(2048);
    expect([...wordSegments(long)]).toEqual(whole(long));
    expect([...wordSegments(text)]).toEqual(whole(text));
  });

  it('of 2 MB are there in the time that 2 MB take', () => {
    let count = 0;
    for (const { isWordLike } of wordSegments('the cat sat on the mat. '.repeat(80_000))) if (isWordLike) count++;
    expect(count).toBe(480_000);
  }, 30_000);

  it('of nothing are none', () => expect([...wordSegments('')]).toEqual([]));
});
