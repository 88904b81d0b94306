import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { agreementChinese, agreementEnglish, answerReport, bestNoAnswerThreshold } from '../../src/metrics/answers.ts';

const CASES = JSON.parse(readFileSync(new URL('answers.json', import.meta.url), 'utf8')) as [
  script: string,
  gold: string,
  found: string,
  exact: number,
  f1: number,
][];

describe('agreement of answers', () => {
  it.each([
    ['squad', agreementEnglish],
    ['cmrc', agreementChinese],
  ] as const)('is that of the published script: %s', (script, agreement) => {
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
    expect(report).toMatchObject({
      exactMatch: 0.5,
      f1: (1 + 0.8 + 1) / 4,
      hasAnswerF1: 0.9,
      noAnswerAccuracy: 0.5,
      questions: 4,
      unanswerable: 2,
    });
    expect(answerReport([['x']], ['x']).noAnswerAccuracy).toBeNaN();
    expect(() => answerReport([[]], [])).toThrow('1 questions have 0 answers');
  });

  it('chooses the margin from which there is no answer by the best F1 of all', () => {
    const [right, found]: [string[][], { answer: string; noAnswerMargin: number }[]] = [[], []];
    for (let i = 0; i < 60; i++) {
      right.push(i % 3 === 0 ? [] : [`word ${i % 7}`]);
      found.push({
        answer: `word ${i % 5}`,
        noAnswerMargin: i % 11 === 0 ? Infinity : ((i * 37) % 19) - 9 + (i % 3 === 0 ? 4 : 0),
      });
    }
    const f1At = (threshold: number): number =>
      answerReport(
        right,
        found.map(({ answer, noAnswerMargin }) => (noAnswerMargin > threshold ? '' : answer)),
      ).f1;
    const best = Math.max(
      ...[0, ...found.map(({ noAnswerMargin }) => noAnswerMargin).filter(Number.isFinite)].map(f1At),
    );
    expect(f1At(bestNoAnswerThreshold(right, found))).toBe(best);
    expect(
      bestNoAnswerThreshold(
        [['a'], []],
        [
          { answer: 'a', noAnswerMargin: -1 },
          { answer: 'b', noAnswerMargin: 2 },
        ],
      ),
    ).toBe(0);
  });
});
