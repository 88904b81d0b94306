import { describe, expect, it } from 'vitest';
import { describeEstimate } from '../../src/cli/verbs/training-run.ts';
import { formatBytes, formatDuration, formatProgress } from '../../src/cli/terminal/progress-bar.ts';
import { displayWidth, fitWidth, formatTable } from '../../src/cli/terminal/text-width.ts';

describe('text in columns', () => {
  it('counts columns as terminals do', () => {
    // Known widths: ASCII 1, Han, Kana, Hangul, full-width forms and emoji 2, combining marks and joiners 0.
    for (const [text, width] of [
      ['abc', 3],
      ['北京', 4],
      ['カナ', 4],
      ['한글', 4],
      ['，。！', 6],
      ['é', 1],
      ['e\u0301', 1],
      ['🚀', 2],
      ['a\u200db', 2],
      ['“”', 2],
      ['', 0],
    ] as const) {
      expect([text, displayWidth(text)]).toEqual([text, width]);
    }
  });

  it('cuts and pads to an exact width', () => {
    for (const text of ['', 'abc', '北京天安门', 'a北b京c', 'long enough to be cut']) {
      for (const width of [1, 2, 5, 6, 12]) expect(displayWidth(fitWidth(text, width))).toBe(width);
    }
    expect(fitWidth('北京天安门', 6)).toBe('北京… ');
  });

  it('aligns tables that mix scripts', () => {
    const lines = formatTable([
      ['北京', 'x'],
      ['a', 'y'],
    ]).split('\n');
    expect(lines).toEqual(['北京  x', 'a     y']);
    expect(
      formatTable(
        [
          ['1', 'a'],
          ['22', 'b'],
        ],
        { right: [0] },
      ),
    ).toBe(' 1  a\n22  b');
  });
});

describe('progress', () => {
  it('says share, rate and time left', () => {
    expect(
      formatProgress({ stage: 'embedding', done: 1234, total: 10000, unit: 'texts', rate: 45.23, secondsLeft: 193.8 }),
    ).toBe('embedding  1,234 / 10,000 texts  12%  45.2/s  3m 14s left');
    expect(formatProgress({ stage: 'downloading', done: 12_300_000, unit: 'bytes', rate: 3_200_000 })).toBe(
      'downloading  12.3 MB  3.2 MB/s',
    );
    expect([0.046, 3.2, 59.7, 245, 7900].map(formatDuration)).toEqual(['46 ms', '3.2 s', '1m 00s', '4m 05s', '2h 11m']);
    expect([0, 999, 1000, 46_912_000, 1.5e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '46.9 MB',
      '1.5 TB',
    ]);
  });
});

describe('describeEstimate', () => {
  it("promises no memory where it is a graphics processor's", () => {
    const estimate = { steps: 60, totalSeconds: 30, tokensPerSecond: 2000, secondsPerStep: 0.5, residentBytes: 2e8 };
    expect(describeEstimate({ ...estimate, peakBytes: 3e8 })).toMatch(
      /tokens\/s\), memory 200 MB now, about 300 MB at its peak$/,
    );
    expect(describeEstimate(estimate)).toMatch(/^estimate: 60 steps, about .* tokens\/s\)$/);
  });
});
