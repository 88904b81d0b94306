import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/core/random.ts';
import { lineChart, niceTicks } from '../../../src/training/report/chart.ts';
import { escapeMarkup, formatDuration, formatNumber } from '../../../src/core/markup.ts';
import { readRun } from '../../../src/training/report/report-node.ts';
import { renderReport } from '../../../src/training/report/report.ts';
import {
  parseMetrics,
  runToJson,
  smooth,
  summarizeRun,
  type RunInfo,
  type RunRecord,
} from '../../../src/training/report/run-record.ts';
import { createJsonlTracker } from '../../../src/training/trackers/jsonl.ts';

const emptyRun: RunRecord = { name: 'empty', steps: [], evaluations: [], events: [], info: {}, warnings: [] };

/** Throws unless every element is closed in order; understands just what a report contains. */
function checkWellFormed(html: string): void {
  const open: string[] = [];
  const withoutStyle = html.replace(/<style>[\s\S]*?<\/style>/, '');
  for (const match of withoutStyle.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9-]*(?:="[^"<]*")?)*)\s*(\/?)>|<!doctype html>|[<>]/g,
  )) {
    const [whole, closing, name, , selfClosing] = match;
    if (whole === '<!doctype html>') continue;
    if (name === undefined)
      throw new Error(`stray ${whole} near ${withoutStyle.slice(match.index - 40, match.index + 40)}`);
    if (selfClosing || name === 'meta') continue;
    if (!closing) open.push(name);
    else if (open.pop() !== name) throw new Error(`unexpected </${name}>`);
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(' ')}`);
}

describe('metrics.jsonl', () => {
  it('is parsed into steps, evaluations and events; later lines replace earlier ones', () => {
    const metrics = parseMetrics(
      [
        '{"hyperParameters":{"a":1}}',
        '{"step":1,"loss":2,"gradNorm":null}',
        '{"step":2,"loss":9}',
        '{"step":2,"event":"rolled back","message":"to step 1"}',
        '{"step":2,"loss":1.5,"note":"text is ignored"}',
        '{"step":2,"evaluation":{"accuracy":0.5}}',
        '{"step":2,"evaluation":{"loss":0.7}}',
        '{"step":2,"histogram":{"tag":"x","count":3}}',
        'garbage',
        '{"step":3,"lo',
      ].join('\n'),
    );
    expect(metrics).toEqual({
      steps: [
        { step: 1, values: { loss: 2, gradNorm: NaN } },
        { step: 2, values: { loss: 1.5 } },
      ],
      evaluations: [{ step: 2, metrics: { accuracy: 0.5, loss: 0.7 } }],
      events: [{ step: 2, kind: 'rolled back', message: 'to step 1' }],
      warnings: ['metrics.jsonl, line 9: not a JSON object'],
    });
  });

  it('gives JSON without NaN', () => {
    const run = {
      ...emptyRun,
      ...parseMetrics(
        '{"step":1,"loss":null,"tokens":100,"seconds":2}\n{"step":2,"loss":0.5,"tokens":300,"seconds":2}\n',
      ),
    };
    const json = runToJson(run);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json).toMatchObject({
      summary: { steps: 2, finalLoss: 0.5, tokens: 400, stepSeconds: 4, tokensPerSecond: 100 },
      steps: [{ step: 1, loss: null }, { step: 2 }],
    });
  });

  it('averages exponentially without bias', () => {
    expect(smooth([3, 3, 3], 5)).toEqual([3, 3, 3].map((value) => expect.closeTo(value, 12) as number));
    const [first, second] = smooth([1, 4], 3);
    // keep = 1/2: weights 1/4 and 1/2 of the two values.
    expect([first, second]).toEqual([1, expect.closeTo((0.25 * 1 + 0.5 * 4) / 0.75, 12)]);
    expect(smooth([NaN, 2, NaN], 5)).toEqual([NaN, expect.closeTo(2, 12), expect.closeTo(2, 12)]);
    expect(summarizeRun(emptyRun)).toMatchObject({ steps: 0, finalLoss: undefined, tokensPerSecond: undefined });
  });
});

describe('charts', () => {
  it('have round ticks', () => {
    expect(niceTicks(0.03, 1, 5)).toEqual([0.2, 0.4, 0.6, 0.8, 1]);
    expect(niceTicks(0, 2.1e-5, 5)).toEqual([0, 5e-6, 1e-5, 1.5e-5, 2e-5]);
    expect(niceTicks(-3, 12, 4)).toEqual([0, 5, 10]);
    expect(niceTicks(5, 5, 4)).toEqual([5]);
  });

  it('place values on the scale', () => {
    const { svg } = lineChart([{ name: 'a', x: [0, 50, 100], y: [1, 100, 10_000], color: 1 }], {
      title: 't',
      xName: 'step',
      logarithmic: true,
    });
    const [, d] = /class="curve line c1" d="M([^"]+)"/.exec(svg) ?? [];
    const points = d.split('L').map((point) => point.split(' ').map(Number));
    expect(points[1][0]).toBeCloseTo((points[0][0] + points[2][0]) / 2, 1);
    expect(points[1][1]).toBeCloseTo((points[0][1] + points[2][1]) / 2, 0);
    expect(points[0][1]).toBeGreaterThan(points[2][1]);
  });

  it('keep a single spike of a long run and stay small', () => {
    const x = Array.from({ length: 200_000 }, (_, index) => index);
    const y = x.map((step) => (step === 123_456 ? 1.4 : 1 + 0.2 * Math.sin(step / 1000)));
    const { svg, outside } = lineChart([{ name: 'a', x, y, color: 1 }], { title: 't', xName: 'step' });
    expect(outside).toBe(0);
    const heights = [...svg.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map(([, left, top]) => ({
      left: Number(left),
      top: Number(top),
    }));
    const highest = heights.reduce((a, b) => (b.top < a.top ? b : a));
    expect(highest.left).toBeCloseTo(58 + (626 - 58) * (123_456 / 199_999), 0);
    expect(svg.length).toBeLessThan(120_000);
  });

  it('leave gaps for missing values and say so, and draw spikes at the edge', () => {
    const y = Array.from({ length: 300 }, (_, index) => 1 + (index % 7) / 10);
    y[10] = NaN;
    y[20] = 1e6;
    const { svg, outside, missing } = lineChart([{ name: 'a', x: y.map((_, index) => index), y, color: 1 }], {
      title: 't',
      xName: 'step',
    });
    expect({ outside, missing }).toEqual({ outside: 1, missing: 1 });
    const [, d] = /class="curve line c1" d="([^"]+)"/.exec(svg) ?? [];
    expect(d.match(/M/g)).toHaveLength(2);
    expect(svg).not.toContain('NaN ');
  });
});

describe('markup', () => {
  it('escapes and formats', () => {
    expect(escapeMarkup('<a href="x">&\'\u0000')).toBe('&#60;a href=&#34;x&#34;&#62;&#38;&#39;\ufffd');
    expect([0, 2e-5, 1.76e-3, 0.69314, 415.13, 299671, 3e9, NaN].map((value) => formatNumber(value))).toEqual([
      '0',
      '2e-5',
      '0.00176',
      '0.6931',
      '415.1',
      '299,671',
      '3e9',
      'NaN',
    ]);
    expect([3.21, 250, 7500].map(formatDuration)).toEqual(['3.2 s', '4 min 10 s', '2 h 05 min']);
  });
});

describe('report', () => {
  let folder: string;
  const info: RunInfo = {
    name: 'sst <small>',
    command: 'albertine finetune classify --train "a&b.tsv"',
    config: { optimizer: 'adamw', model: { preset: 'small' }, frozen: [] },
    versions: { albertine: '0.1.0' },
    startedAt: '2026-01-02T03:04:05Z',
    outcome: 'interrupted',
    totalSteps: 400,
    bestCheckpoint: { step: 200, metric: 'accuracy', value: 0.9, path: 'runs/best' },
    classCounts: { train: { positive: 30, negative: 70 } },
    confusionMatrix: {
      labels: ['positive', 'negative'],
      counts: [
        [8, 2],
        [1, 9],
      ],
    },
    notes: ['class positive is rare'],
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'albertine-report-'));
    const tracker = createJsonlTracker(join(folder, 'metrics.jsonl'));
    const random = createRandom(1);
    for (let step = 1; step <= 300; step++) {
      const skipped = step === 150;
      tracker.scalars(step, {
        loss: skipped ? NaN : 0.3 + Math.exp(-step / 50) + random.uniform() * 0.1,
        learningRate: 2e-5 * (1 - step / 400),
        gradNorm: skipped ? Infinity : 10 ** (3 * random.uniform()),
        tokens: 900,
        seconds: 2,
        mlmLoss: 5,
      });
      if (skipped) tracker.text('skipped', step, 'gradient <not> finite');
      if (step % 50 === 0)
        tracker.scalars(step, {
          'evaluation/accuracy': step / 400,
          'evaluation/loss': 0.4,
          'evaluation/perplexity': 20 - step / 20,
        });
    }
    await tracker.close();
    writeFileSync(join(folder, 'run.json'), JSON.stringify(info));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['en', 'zh'] as const)('is one well-formed page without outside references (%s)', async (language) => {
    const html = renderReport(await readRun(folder), { language });
    checkWellFormed(html);
    expect(html).not.toMatch(/<script|<link|<img|https?:|url\(|@import/);
    expect(html).not.toMatch(/undefined|\[object|="[^"]*(NaN|Infinity)/);
    expect(html).toContain(language === 'zh' ? '<html lang="zh-CN">' : '<html lang="en">');
  });

  it('shows what the run recorded', async () => {
    const html = renderReport(await readRun(folder));
    for (const title of [
      'Evaluation: accuracy',
      'Loss',
      'Last evaluation',
      'Learning rate',
      'Gradient norm',
      'mlmLoss',
      'Tokens per second',
      'Class balance',
      'Confusion matrix',
      'Notes',
      'Settings',
    ]) {
      expect(html).toContain(`<h2>${title}</h2>`);
    }
    expect(html).toContain('gradient &#60;not&#62; finite');
    expect(html).toContain('<h1>sst &#60;small&#62;</h1>');
    expect(html).toContain('interrupted · Started 2026-01-02 03:04 UTC');
    expect(html).toContain('<b>300</b><span>Steps of 400</span>');
    expect(html).toContain(
      '<th class="number">step 300</th><th class="number">Best: step 200</th></tr></thead><tbody><tr><th>accuracy</th><td class="number">0.75</td><td class="number">0.5</td></tr>',
    );
    expect(html).toContain('model.preset');
    expect(html).toMatch(/not finite and left out: 1/);
    // Precision 8/9, recall 8/10, F1 16/19 of the first class.
    expect(html).toContain(
      '<td class="number">0.889</td><td class="number">0.800</td><td class="number">0.842</td><td class="number">10</td>',
    );
    expect(html).toMatch(
      /<title>step 150 {2}· {2}per step NaN {2}· {2}smoothed [\d.]+ {2}· {2}evaluation 0.4 {2}· {2}skipped: gradient/,
    );
  });

  it('draws the chosen metric alone, with what words reach, and folds what is long', () => {
    const evaluations = [1, 2, 3].map((step) => ({
      step,
      metrics: { accuracy: step / 4, macroF1: step / 5, loss: 1 / step },
    }));
    const many = Object.fromEntries(Array.from({ length: 77 }, (_, i) => [`intent ${i}`, 100 - i]));
    const html = renderReport({
      ...emptyRun,
      evaluations,
      info: {
        bestCheckpoint: { step: 3, metric: 'accuracy', value: 0.75 },
        baseline: { name: 'words alone', metrics: { accuracy: 0.7 } },
        classCounts: { train: many },
        config: { labels: Object.keys(many) },
      },
    });
    expect([...html.matchAll(/<h2>(Evaluation[^<]*)<\/h2>/g)].map(([, title]) => title)).toEqual([
      'Evaluation: accuracy',
    ]);
    expect(html).toMatch(/<section class="large"><h2>Evaluation: accuracy<\/h2><div class="legend">.*?words alone/);
    expect(html).toContain('<tr><th>macroF1</th>');
    expect(html).toContain('<summary>67 more</summary>');
    expect(html).toMatch(/<th>labels<\/th><td><details><summary>[^<]{80,400}…<\/summary>/);
    // Without a chosen metric all of them are drawn.
    expect(renderReport({ ...emptyRun, evaluations })).toContain('<h2>Evaluation</h2>');
  });

  it('puts metrics by group of held-out examples side by side', () => {
    const line = (step: number, x: number): string =>
      `{"step":${step},"evaluation":{"loss":${9 + x},"pairLoss":0.5,"loss_en":${8 + x},"pairLoss_en":0.25,"loss_zh":${10 + x},"pairLoss_zh":0.75}}\n`;
    const run = { ...emptyRun, ...parseMetrics(line(10, 0.5) + line(20, 0)) };
    const html = renderReport(run);
    checkWellFormed(html);
    expect(html).toContain(
      '<th class="number">all</th><th class="number">en</th><th class="number">zh</th></tr></thead><tbody><tr><th>loss</th><td class="number">9</td><td class="number">8</td><td class="number">10</td></tr>',
    );
    expect(
      [...html.matchAll(/<h2>(Evaluation[^<]*)<\/h2><div class="legend">(.*?)<\/div>/g)].map(([, title, legend]) => [
        title,
        legend
          .replace(/<[^>]*>/g, ' ')
          .split(/\s+/)
          .filter(Boolean),
      ]),
    ).toEqual([
      ['Evaluation: loss', ['all', 'en', 'zh']],
      ['Evaluation: pairLoss', ['all', 'en', 'zh']],
    ]);
    const once = renderReport({ ...run, evaluations: run.evaluations.slice(1) });
    expect([once.includes('Evaluation: loss'), once.includes('<h2>Last evaluation</h2>')]).toEqual([false, true]);
  });

  it('gives the labels of rows that may have several as shares of the rows', () => {
    const info: RunInfo = {
      classCounts: { train: { cinema: 30, good: 50 } },
      classRows: { train: { rows: 100, unlabelled: 35 } },
    };
    const [html, chinese] = (['en', 'zh'] as const).map((language) =>
      renderReport({ ...emptyRun, info }, { language }),
    );
    for (const page of [html, chinese]) {
      checkWellFormed(page);
      expect(page).toContain(
        '<span>good</span><div style="width:100.0%"></div><span>50 (50.0 %)</span><span>cinema</span><div style="width:60.0%"></div><span>30 (30.0 %)</span>',
      );
    }
    expect(html).toContain(
      '<p class="caption">Of 100 examples 35 (35.0 %) have no label; others may have several.</p>',
    );
    expect(chinese).toContain('100 条样本中有 35 条（35.0 %）没有标签');
  });

  it('lists the most frequent mistakes instead of a huge matrix', () => {
    const labels = Array.from({ length: 30 }, (_, index) => `class ${index}`);
    const counts = labels.map((_, row) =>
      labels.map((__, column) => (row === column ? 50 : row === 3 && column === 4 ? 17 : 0)),
    );
    const html = renderReport({ ...emptyRun, info: { confusionMatrix: { labels, counts } } });
    checkWellFormed(html);
    expect(html).toContain('<td>class 3</td><td>class 4</td><td class="number">17 (25.4 %)</td>');
  });

  it('copes with runs of no and of one step', () => {
    checkWellFormed(renderReport(emptyRun));
    const one = renderReport({
      ...emptyRun,
      ...parseMetrics('{"step":1,"loss":0.5,"learningRate":0,"gradNorm":0,"tokens":1,"seconds":0.1}\n'),
    });
    checkWellFormed(one);
    expect(one).not.toMatch(/NaN/);
  });

  it('reads a run that is still going on or incomplete, and says what is missing', async () => {
    const other = mkdtempSync(join(tmpdir(), 'albertine-report-'));
    await expect(readRun(other)).rejects.toThrow(/is not a training run: it has no metrics.jsonl/);
    writeFileSync(join(other, 'metrics.jsonl'), '{"step":1,"loss":1}\n{"step":2,"lo');
    const run = await readRun(other);
    expect(run.steps).toHaveLength(1);
    expect(run.warnings).toEqual(['there is no run.json, so settings and versions are unknown']);
    writeFileSync(join(other, 'run.json'), '[1]');
    expect((await readRun(other)).warnings).toEqual(['run.json is not a JSON object and was ignored']);
    rmSync(other, { recursive: true });
    await expect(readRun(other)).rejects.toThrow(/no folder at/);
  });
});
