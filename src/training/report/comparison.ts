import { requireOneOf } from '../../core/errors.ts';
import type { FieldValue } from '../../core/filter.ts';
import { escapeMarkup, formatDuration, formatNumber } from '../../core/markup.ts';
import type { ChartSeries } from './chart.ts';
import { chartSection } from './chart-section.ts';
import { labelsFor, REPORT_LANGUAGES, type LabelName, type Labels, type ReportLanguage } from './labels.ts';
import { diffRuns, fieldOf, type ListedRun } from './run-list.ts';
import { seriesOf, smooth, smoothingSpan, type RunRecord } from './run-record.ts';
import { COMPARISON_STYLE, REPORT_STYLE } from './style.ts';
import { section } from './tables.ts';

/** Colours of curves, each in three strokes: those that nobody takes for another. */
const COLORS = 4;
/** Runs whose curves are drawn: as many as can be told apart. */
export const MAX_CURVES = 3 * COLORS;

/** What a page draws of a run, without the rest of its records. */
export interface RunCurves {
  /** Over the steps. */
  loss: { x: number[]; y: number[] };
  /** Over the steps. */
  learningRate: { x: number[]; y: number[] };
  /** By name, over the steps of the evaluations. */
  metrics: Readonly<Record<string, { x: number[]; y: number[] }>>;
}

/** A run on the page; only the first {@link MAX_CURVES} need curves. */
export interface ComparedRun {
  /** Its row in the table. */
  listed: ListedRun;
  /** What is drawn of it. */
  curves?: RunCurves;
}

/** What a table shows of a run, and the page's language. */
export interface ComparisonOptions {
  /** Names of columns, as `albertine runs --columns` has them. */
  columns: readonly string[];
  /** Default `en`. */
  language?: ReportLanguage;
}

/** Takes of a run what {@link renderComparison} draws: losses as a moving average. */
export function curvesOf({ steps, evaluations }: RunRecord): RunCurves {
  const loss = seriesOf({ steps }, 'loss');
  const rate = seriesOf({ steps }, 'learningRate');
  const names = [...new Set(evaluations.flatMap(({ metrics }) => Object.keys(metrics)))].filter(
    (name) => name !== 'count',
  );
  const metrics = names.map((name) => {
    const having = evaluations.filter((evaluation) => name in evaluation.metrics);
    return [
      name,
      { x: having.map(({ step }) => step), y: having.map((evaluation) => evaluation.metrics[name]) },
    ] as const;
  });
  return {
    loss: thinned(loss.steps, smooth(loss.values, smoothingSpan(loss.values.length))),
    learningRate: thinned(rate.steps, rate.values),
    metrics: Object.fromEntries(metrics),
  };
}

/** Points of a curve: more than a screen has columns. */
const MAX_POINTS = 2000;

/** Every second, fourth, eighth ... step of a long curve, so that runs of other lengths have values at the same steps. */
function thinned(steps: number[], values: number[]): { x: number[]; y: number[] } {
  const every = 2 ** Math.max(0, Math.ceil(Math.log2(steps.length / MAX_POINTS)));
  const isKept = (step: number, index: number): boolean => step % every === 0 || index === steps.length - 1;
  return { x: steps.filter(isKept), y: values.filter((_, index) => isKept(steps[index], index)) };
}

/**
 * Renders runs as one HTML page that needs nothing else: a table that headings sort, the settings that differ, and the
 * curves of loss, metrics and learning rate over one another. The only script sorts the table; nothing is loaded.
 */
export function renderComparison(
  runs: readonly ComparedRun[],
  { columns, language: given }: ComparisonOptions,
): string {
  const language = requireOneOf('language', given ?? 'en', REPORT_LANGUAGES);
  const label = labelsFor(language);
  const listed = runs.map((run) => run.listed);
  const title = escapeMarkup(`${label('comparison')} (${runs.length})`);
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${REPORT_STYLE}${COMPARISON_STYLE}</style></head>
<body><main>
<header><h1>${title}</h1></header>
${runTable(listed, columns, label)}
${differences(listed, label)}
${charts(runs, label)}
</main><script>${SORT_SCRIPT}</script></body></html>
`;
}

/** A value of a run's field as tables show it: a metric with its name, times and dates for people. */
export function formatField(run: ListedRun, name: string): string {
  const value = fieldOf(run, name);
  if (value === undefined || value === null) return '';
  if (name === 'metric' && run.best) return `${run.best.metric} ${formatNumber(run.best.value)}`;
  if (name === 'time' && typeof value === 'number') return formatDuration(value);
  if (name === 'date') return String(value).slice(0, 16).replace('T', ' ');
  return typeof value === 'number' ? formatSetting(value) : String(value);
}

/** Numbers of few digits exactly, so that no two settings look the same that are not. */
export const formatSetting = (value: FieldValue | undefined): string =>
  typeof value === 'number' && !Number.isInteger(value) && String(value).length > 10
    ? formatNumber(value, 6)
    : typeof value === 'number' && Math.abs(value) < 1e-3 && value !== 0
      ? value.toExponential()
      : String(value ?? '–');

const HEADINGS: Partial<Record<string, LabelName>> = {
  name: 'run',
  task: 'task',
  model: 'model',
  status: 'status',
  steps: 'steps',
  metric: 'metric',
  rows: 'rows',
  learningRate: 'learningRate',
  time: 'time',
  date: 'date',
};
const STATUS_LABELS = {
  finished: 'outcomeFinished',
  failed: 'outcomeFailed',
  interrupted: 'outcomeInterrupted',
  running: 'running',
  died: 'died',
} as const;

function runTable(runs: readonly ListedRun[], columns: readonly string[], label: Labels): string {
  const isNumber = columns.map((name) => runs.some((run) => typeof fieldOf(run, name) === 'number'));
  const number = (index: number): string => (isNumber[index] ? ' class="number"' : '');
  const heads = columns.map((name, index) => {
    const heading = HEADINGS[name];
    return `<th${number(index)} aria-sort="none"><button type="button">${escapeMarkup(heading ? label(heading) : name)}</button></th>`;
  });
  const rows = runs.map((run) => {
    const cells = columns.map((name, index) => {
      const value = fieldOf(run, name);
      const shown = name === 'status' ? label(STATUS_LABELS[run.status]) : formatField(run, name);
      const cell = name === 'name' ? 'th' : 'td';
      const title = name === 'name' ? ` title="${escapeMarkup(run.folder)}"` : '';
      return `<${cell}${title}${number(index)} data-value="${escapeMarkup(String(value ?? ''))}">${escapeMarkup(shown)}</${cell}>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const table = `<table class="sortable sticky"><thead><tr>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return section(
    label('comparison'),
    `<div class="scroll" tabindex="0">${table}</div><p class="caption">${label('sortHint')}</p>`,
  );
}

function differences(runs: readonly ListedRun[], label: Labels): string {
  if (runs.length < 2) return '';
  const found = diffRuns(runs);
  if (found.length === 0) return section(label('differences'), `<p class="caption">${label('noDifferences')}</p>`);
  const heads = runs.map(({ name }) => `<th class="head">${escapeMarkup(name)}</th>`);
  const rows = found.map(
    ({ name, values }) =>
      `<tr><th>${escapeMarkup(name)}</th>${values.map((value) => `<td class="setting">${escapeMarkup(formatSetting(value))}</td>`).join('')}</tr>`,
  );
  return section(
    label('differences'),
    `<div class="scroll" tabindex="0"><table class="sticky"><thead><tr><th></th>${heads.join('')}</tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
  );
}

function charts(runs: readonly ComparedRun[], label: Labels): string {
  const drawn = runs.slice(0, MAX_CURVES).flatMap(({ listed, curves }) => (curves ? [{ listed, curves }] : []));
  const steps = drawn.flatMap(({ curves: { loss, metrics } }) =>
    [loss, ...Object.values(metrics)].flatMap(({ x }) => (x.length > 0 ? [x[0], x.at(-1)!] : [])),
  );
  if (steps.length === 0) return '';
  const options = { label, xRange: [Math.min(...steps), Math.max(...steps)] as const, stacked: true };
  const chart = (
    title: string,
    pick: (curves: RunCurves) => { x: number[]; y: number[] } | undefined,
    style: ChartSeries['style'] = 'line',
  ): string => {
    const series = drawn.flatMap(({ listed, curves }, index): ChartSeries[] => {
      const curve = pick(curves);
      if (!curve || curve.x.length === 0) return [];
      const dash = Math.floor(index / COLORS) as 0 | 1 | 2;
      return [{ name: listed.name, ...curve, color: 1 + (index % COLORS), dash, style }];
    });
    return chartSection(title, series, options);
  };
  const metrics = [...new Set(drawn.flatMap(({ curves }) => Object.keys(curves.metrics)))];
  const chosen = new Set(drawn.flatMap(({ listed: { best } }) => (best ? [best.metric] : [])));
  const [main, further] = [metrics.filter((name) => chosen.has(name)), metrics.filter((name) => !chosen.has(name))];
  const metricChart = (name: string): string =>
    chart(`${label('evaluation')}: ${name}`, (curves) => curves.metrics[name], 'dots');
  const note =
    runs.length > drawn.length
      ? `<p class="caption">${label('curvesOf', { shown: drawn.length, total: runs.length })}</p>`
      : '';
  return [
    note,
    `<div class="grid2">${[...main.map(metricChart), chart(`${label('loss')} (${label('smoothed')})`, ({ loss }) => loss), chart(label('learningRate'), ({ learningRate }) => learningRate)].join('')}</div>`,
    further.length > 0
      ? `<details><summary>${label('moreMetrics', { count: further.length })}</summary><div class="grid2">${further.map(metricChart).join('')}</div></details>`
      : '',
  ].join('\n');
}

/** Sorts by the column whose heading is pressed: numbers as numbers, empty cells last. */
const SORT_SCRIPT = `
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener('click', () => {
    const down = head.getAttribute('aria-sort') === 'ascending';
    heads.forEach((other) => other.setAttribute('aria-sort', 'none'));
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => (isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b) * (down ? -1 : 1);
    const rows = [...table.tBodies[0].rows];
    rows.sort((a, b) => (value(a) === '') - (value(b) === '') || compare(value(a), value(b)));
    table.tBodies[0].append(...rows);
  }));
}
`;
