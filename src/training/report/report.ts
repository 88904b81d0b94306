import { requireOneOf } from '../../core/errors.ts';
import type { ChartMark, ChartSeries } from './chart.ts';
import { chartSection, type ChartSectionOptions } from './chart-section.ts';
import { evaluationSection, metricFamilies } from './evaluation.ts';
import { labelsFor, REPORT_LANGUAGES, type Labels, type ReportLanguage } from './labels.ts';
import { escapeMarkup, formatDuration, formatNumber } from '../../core/markup.ts';
import {
  ratesOf,
  seriesOf,
  smooth,
  smoothingSpan,
  summarizeRun,
  type RunRecord,
  type RunSummary,
} from './run-record.ts';
import { REPORT_STYLE } from './style.ts';
import { classBalanceSection, confusionSection, notesSection, settingsSection } from './tables.ts';

/** Options of {@link renderReport}. */
export interface ReportOptions {
  /** Default `en`. */
  language?: ReportLanguage;
}

/** Step values that have a place of their own or belong to no chart. */
const KNOWN_VALUES = ['loss', 'learningRate', 'gradNorm', 'tokens', 'seconds'];
const COLORS = 6;

/**
 * Renders a run as one HTML page that needs nothing else: inline SVG, no script, no request. It shows the curves of
 * loss, learning rate, gradient norm, speed and further values, the evaluation metrics, class balance and confusion
 * matrix where known, skipped steps and warnings, and the settings.
 */
export function renderReport(run: RunRecord, options: ReportOptions = {}): string {
  const language = requireOneOf('language', options.language ?? 'en', REPORT_LANGUAGES);
  const label = labelsFor(language);
  const { info } = run;
  const remarks = [...run.warnings, ...(info.notes ?? [])];
  const figures = evaluationSection(run.evaluations, info.bestCheckpoint, label);
  const further = [
    ...(figures === undefined ? [] : [figures]),
    ...(info.classCounts && Object.keys(info.classCounts).length > 0
      ? [classBalanceSection(info.classCounts, info.classRows, label)]
      : []),
    ...(info.confusionMatrix ? [confusionSection(info.confusionMatrix, label)] : []),
    notesSection(run.events, remarks, label),
    settingsSection(info, label),
  ];
  const title = escapeMarkup(`${run.name} · ${label('report')}`);
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${REPORT_STYLE}</style></head>
<body><main>
<header><h1>${escapeMarkup(run.name)}</h1><p>${escapeMarkup(subtitle(run, label))}</p></header>
<div class="tiles">${tiles(summarizeRun(run), label)}</div>
<div class="grid2">${charts(run, label).join('\n')}</div>
<div class="grid2">${further.join('\n')}</div>
</main></body></html>
`;
}

function subtitle({ info }: RunRecord, label: Labels): string {
  const outcomes = { finished: 'outcomeFinished', failed: 'outcomeFailed', interrupted: 'outcomeInterrupted' } as const;
  return [
    label('report'),
    label(info.outcome ? outcomes[info.outcome] : 'outcomeUnknown'),
    ...(info.startedAt ? [`${label('started')} ${formatTime(info.startedAt)}`] : []),
    ...(info.finishedAt ? [`${label('finished')} ${formatTime(info.finishedAt)}`] : []),
  ].join(' · ');
}

/** `2026-11-22 02:08 UTC`; a text that is no time is shown as it is. */
function formatTime(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function tiles(summary: RunSummary, label: Labels): string {
  const { best } = summary;
  const shown: [name: string, value: string][] = [
    [
      summary.totalSteps ? label('stepsOf', { total: formatNumber(summary.totalSteps, 9) }) : label('steps'),
      formatNumber(summary.steps, 9),
    ],
    ...present(summary.finalLoss, (loss): [string, string] => [label('finalLoss'), formatNumber(loss)]),
    ...present(best, ({ metric, value, step }): [string, string] => [
      `${label('best')} ${metric} (${label('step')} ${formatNumber(step, 9)})`,
      formatNumber(value),
    ]),
    ...present(summary.tokensPerSecond, (rate): [string, string] => [label('tokensPerSecond'), formatNumber(rate)]),
    ...present(summary.tokens, (tokens): [string, string] => [label('tokens'), formatNumber(tokens)]),
    ...present(summary.stepSeconds, (seconds): [string, string] => [label('duration'), formatDuration(seconds)]),
    ...Object.entries(summary.events)
      .slice(0, 3)
      .map(([kind, count]): [string, string] => [kind, formatNumber(count, 9)]),
  ];
  return shown
    .map(([name, value]) => `<div class="tile"><b>${escapeMarkup(value)}</b><span>${escapeMarkup(name)}</span></div>`)
    .join('');
}

function present<T>(value: T | undefined, show: (value: T) => [string, string]): [string, string][] {
  return value === undefined ? [] : [show(value)];
}

function charts(run: RunRecord, label: Labels): string[] {
  const all = [...run.steps, ...run.evaluations].map(({ step }) => step);
  const shared = {
    label,
    xRange: [all.reduce((a, b) => Math.min(a, b), Infinity), all.reduce((a, b) => Math.max(a, b), 0)] as const,
  };
  const extra = [...new Set(run.steps.flatMap(({ values }) => Object.keys(values)))].filter(
    (name) => !KNOWN_VALUES.includes(name),
  );
  const norms = seriesOf(run, 'gradNorm');
  const rates = seriesOf(run, 'learningRate');
  return [
    ...evaluationCharts(run, shared),
    lossChart(run, shared),
    ...(rates.steps.length > 0
      ? [
          chartSection(
            label('learningRate'),
            [{ name: label('learningRate'), x: rates.steps, y: rates.values, color: 3 }],
            shared,
          ),
        ]
      : []),
    ...(norms.steps.length > 0
      ? [
          smoothedChart(label('gradNorm'), norms, {
            ...shared,
            marks: marksOf(run),
            logarithmic: spansDecades(norms.values),
          }),
        ]
      : []),
    ...extra.map((name) => smoothedChart(name, seriesOf(run, name), shared)),
    ...(ratesOf(run).steps.length > 0 ? [smoothedChart(label('tokensPerSecond'), ratesOf(run), shared)] : []),
  ];
}

function smoothedChart(
  title: string,
  { steps, values }: { steps: number[]; values: number[] },
  options: ChartSectionOptions,
): string {
  const span = smoothingSpan(values.length);
  const { label } = options;
  return chartSection(
    title,
    [
      { name: label('raw'), x: steps, y: values, color: 1, style: 'faint' },
      { name: label('smoothed'), x: steps, y: smooth(values, span), color: 1 },
    ],
    { ...options, span },
  );
}

function lossChart(run: RunRecord, shared: ChartSectionOptions): string {
  const { label } = shared;
  const { steps, values } = seriesOf(run, 'loss');
  const span = smoothingSpan(values.length);
  const evaluated = run.evaluations.filter(({ metrics }) => 'loss' in metrics);
  return chartSection(
    label('loss'),
    [
      { name: label('raw'), x: steps, y: values, color: 1, style: 'faint' },
      { name: label('smoothed'), x: steps, y: smooth(values, span), color: 1 },
      ...(evaluated.length > 0
        ? [
            {
              name: label('evaluationLoss'),
              x: evaluated.map(({ step }) => step),
              y: evaluated.map(({ metrics }) => metrics.loss),
              color: 2,
              style: 'dots' as const,
            },
          ]
        : []),
    ],
    { ...shared, marks: marksOf(run), span },
  );
}

/**
 * Curves of the metrics, once there are two evaluations. A metric that is known by group has a chart with a curve for
 * each group. Of the others, scores between -1 and 1 share charts, six at most in each; anything else has its own scale
 * and so its own chart.
 */
/**
 * The metric by which the best weights are kept, large and beside what words alone reach; the others are in the table
 * of the last evaluation. Where none was chosen, or it is given by groups, all have charts.
 */
function evaluationCharts({ evaluations, info }: RunRecord, shared: ChartSectionOptions): string[] {
  if (evaluations.length < 2) return [];
  const { label } = shared;
  const curve = (name: string, color: number, shown = name): ChartSeries => {
    const having = evaluations.filter(({ metrics }) => name in metrics);
    return {
      name: shown,
      x: having.map(({ step }) => step),
      y: having.map(({ metrics }) => metrics[name]),
      color,
      style: 'dots',
    };
  };
  const families = metricFamilies(evaluations);
  const grouped = families.filter(({ groups }) => groups.length > 0);
  const chosen = info.bestCheckpoint?.metric;
  if (chosen !== undefined && grouped.length === 0 && families.some(({ name }) => name === chosen)) {
    const reference = info.baseline?.metrics[chosen];
    const line =
      reference === undefined
        ? []
        : [
            {
              name: info.baseline!.name,
              x: [...shared.xRange],
              y: [reference, reference],
              color: 2,
              style: 'faint' as const,
            },
          ];
    return [chartSection(`${label('evaluation')}: ${chosen}`, [curve(chosen, 1), ...line], { ...shared, large: true })];
  }
  // The loss is in the chart of the training loss; how many examples there were does not change.
  const names = families
    .filter(({ groups }) => groups.length === 0)
    .map(({ name }) => name)
    .filter((name) => name !== 'loss' && name !== 'count');
  const isScore = (name: string): boolean => evaluations.every(({ metrics }) => !(Math.abs(metrics[name]) > 1));
  const scores = names.filter(isScore);
  const groups = Array.from({ length: Math.ceil(scores.length / COLORS) }, (_, index) =>
    scores.slice(index * COLORS, (index + 1) * COLORS),
  );
  return [
    ...grouped.map(({ name, groups: parts }) =>
      chartSection(
        `${label('evaluation')}: ${name}`,
        [
          curve(name, 1, label('all')),
          ...parts.map((part, index) => curve(`${name}_${part}`, 2 + (index % (COLORS - 1)), part)),
        ],
        shared,
      ),
    ),
    ...groups.map((group) =>
      chartSection(
        label('evaluation'),
        group.map((name, index) => curve(name, index + 1)),
        shared,
      ),
    ),
    ...names
      .filter((name) => !isScore(name))
      .map((name) => chartSection(`${label('evaluation')}: ${name}`, [curve(name, 2)], shared)),
  ];
}

/** At most one mark for each 200th of the run: more would hide the curves, and the notes list them all. */
function marksOf({ events, steps }: RunRecord): ChartMark[] {
  const [first, last] = [steps[0]?.step ?? 0, steps.at(-1)?.step ?? 0];
  const marks = new Map<number, ChartMark>();
  for (const { step, kind, message } of events) {
    if (step >= first && step <= last)
      marks.set(Math.floor((200 * (step - first)) / Math.max(1, last - first)), {
        x: step,
        text: `${kind}: ${message}`,
      });
  }
  return [...marks.values()];
}

export function spansDecades(values: readonly number[]): boolean {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value)).sort((a, b) => a - b);
  return (
    positive.length > 0 &&
    positive.length === values.filter(Number.isFinite).length &&
    positive[positive.length - 1] > 50 * positive[0]
  );
}
