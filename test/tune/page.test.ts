import { describe, expect, it } from 'vitest';
import { createSampler } from '../../src/study/sampler.ts';
import { parseSpace } from '../../src/study/space.ts';
import type { Direction } from '../../src/study/trial.ts';
import { renderStudy } from '../../src/tune/report/page.ts';
import { studyToJson, type StudyRecord, type TrialRecord } from '../../src/tune/study-record.ts';

const space = parseSpace({
  optimizer: ['adamw', '<sgd>'],
  'learning-rate': 'log:1e-5:1e-1',
  momentum: { range: '0.5:0.95', when: { optimizer: '<sgd>' } },
  'max-length': 'int:8:64',
});

function studyOf(count: number, directions: readonly Direction[] = ['maximize']): StudyRecord {
  const sampler = createSampler(space);
  const trials: TrialRecord[] = [];
  for (let number = 0; number < count; number++) {
    const values = sampler.suggest(number, { trials, directions })!;
    const accuracy = 0.8 - (Math.log10(values['learning-rate'] as number) + 3) ** 2 / 20;
    const base = {
      number,
      values,
      steps: [10, 20],
      evaluations: [
        { at: 1, value: accuracy / 2 },
        { at: 2, value: accuracy },
      ],
      seconds: 2,
    };
    if (number === 3) trials.push({ ...base, state: 'failed', reason: 'out of <memory>' });
    else if (number === 4) trials.push({ ...base, state: 'pruned' });
    else
      trials.push({
        ...base,
        state: 'complete',
        objectives: [accuracy, Number(values['max-length'])].slice(0, directions.length),
      });
  }
  return {
    header: {
      version: 1,
      task: 'classify',
      run: { train: 'a.csv' },
      space,
      sampler: { seed: 1 },
      pruner: { pruner: 'median', seed: 1 },
      startedAt: '2026-01-02T03:04:05.000Z',
      versions: { albertine: '0.1.0' },
    },
    objectives: ['accuracy', 'latency']
      .slice(0, directions.length)
      .map((name, i) => ({ name, direction: directions[i] })),
    trials,
    retrainings: [],
    notes: [],
  };
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe('the page of a study', () => {
  it('has a point, a line and a row for each trial', () => {
    const study = studyOf(20);
    const page = renderStudy(study, { name: 'my <study>' });
    expect(page).toContain('<h1>my &#60;study&#62;</h1>');
    expect(page).not.toMatch(/<script|https?:|<sgd>|<memory>/);
    expect(count(page, 'class="trial ')).toBe(18);
    // The history has the pruned one too; each slice has the complete ones that have the parameter.
    const withMomentum = study.trials.filter(({ objectives, values }) => objectives && 'momentum' in values).length;
    expect(count(page, 'class="point ')).toBe(19 + 3 * 18 + withMomentum);
    expect(count(page, '<tbody><tr>') + count(page, '</tr><tr><td')).toBeGreaterThanOrEqual(20);
    expect(page).toContain('out of &#60;memory&#62;');
    expect(renderStudy(studyOf(60))).toContain('PED-ANOVA');
    expect(page).not.toContain('NaN');
  });

  it('shows compromises and seeds, in Chinese', () => {
    const study = studyOf(20, ['maximize', 'minimize']);
    const retrainings = [2, 3].map((seed) => ({
      trial: 0,
      seed,
      state: 'complete' as const,
      objectives: [0.5 + seed / 10, 9],
    }));
    const page = renderStudy({ ...study, retrainings }, { language: 'zh' });
    expect(page).toContain('折中方案：accuracy, latency'.replace('：', ': '));
    expect(page).toContain('0.75 ± 0.071');
    expect(page).toContain('lang="zh-CN"');
  });

  it('of a study that has only begun', () => {
    const page = renderStudy({ ...studyOf(0), objectives: undefined });
    expect(page).toContain('No trial has been completed.');
    expect(renderStudy(studyOf(3))).toContain('Too few complete trials to say (3; it takes 50)');
    expect(() => renderStudy(studyOf(1), { language: 'de' as 'en' })).toThrow(/one of en, zh/);
  });

  it('as JSON: what follows from the trials too', () => {
    const json = studyToJson(studyOf(20, ['maximize', 'minimize'])) as {
      front: number[];
      importance: Record<string, number>;
      best: { trial: number };
    };
    expect(json.front).toContain(json.best.trial);
    expect(Object.values(json.importance).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
  });
});
