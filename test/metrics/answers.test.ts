import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agreementChinese, agreementEnglish, answerReport } from '../../src/metrics/answers.ts';

const CASES = JSON.parse(readFileSync(new URL('answers.json', import.meta.url), 'utf8')) as [script: string, gold: string, found: string, exact: number, f1: number][];

describe('agreement of answers', () => {
  it.each([['squad', agreementEnglish], ['cmrc', agreementChinese]] as const)('is that of the published script: %s', (script, agreement) => {
    const own = CASES.filter(([name]) => name === script);
    expect(own).toHaveLength(150);
    for (const [, gold, found, exact, f1] of own) {
      const got = agreement(gold, found);
      expect(got.exact, `${gold} | ${found}`).toBe(exact);
      expect(got.f1, `${gold} | ${found}`).toBeCloseTo(f1, 12);
    }
  });

  it('takes the best of several answers, and none where there is none', () => {
    const report = answerReport([['the cat', 'a dog'], ['北京市'], [], []], ['Dog.', '北京', '', 'something']);
    expect(report).toMatchObject({ exactMatch: 0.5, f1: (1 + 0.8 + 1) / 4, hasAnswerF1: 0.9, noAnswerAccuracy: 0.5, questions: 4, unanswerable: 2 });
    expect(answerReport([['x']], ['x']).noAnswerAccuracy).toBeNaN();
    expect(() => answerReport([[]], [])).toThrow('1 questions have 0 answers');
  });
});
