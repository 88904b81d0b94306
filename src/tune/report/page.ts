import { requireOneOf } from '../../core/errors.ts';
import { escapeMarkup, formatDuration, formatNumber } from '../../core/markup.ts';
import { IMPORTANCE_TRIALS, parameterImportance } from '../../study/importance.ts';
import { paretoFront } from '../../study/pareto.ts';
import type { Parameter } from '../../study/space.ts';
import { lossOf } from '../../study/trial.ts';
import { REPORT_LANGUAGES, type ReportLanguage } from '../../training/report/labels.ts';
import { lineChart } from '../../training/report/chart.ts';
import { REPORT_STYLE } from '../../training/report/style.ts';
import { section } from '../../training/report/tables.ts';
import { bestRun, directionsOf, seedFigures, type StudyRecord, type TrialRecord } from '../study-record.ts';
import { studyLabels, type StudyLabels } from './labels.ts';
import { parallelChart } from './parallel.ts';
import { scatterChart, type ScatterOptions, type ScatterPoint } from './scatter.ts';

/** Options of {@link renderStudy}. */
export interface StudyPageOptions {
  /** For the heading. Default: `study`. */
  name?: string;
  /** Default `en`. */
  language?: ReportLanguage;
}

const STYLE = `
.point { fill: currentColor; fill-opacity: .8; } .point:hover { fill-opacity: 1; stroke: var(--ink); stroke-width: 2; } .c0 { color: var(--soft); } .point.c0 { fill-opacity: .45; }
.trial { fill: none; stroke-width: 1.6; stroke-linejoin: round; } .trial.c1 { stroke: currentColor; stroke-width: 2.2; } .trial.other { stroke: var(--soft); }
.trial:hover { stroke: var(--c2); stroke-width: 4; opacity: 1 !important; }
svg .name { fill: var(--ink); font-weight: 600; } svg .onLine { paint-order: stroke; stroke: var(--card); stroke-width: 4px; }
`;
/** Rows of the table of trials. */
const LISTED_TRIALS = 200;

/** A study as the sections of its page see it. */
interface Shown {
  study: StudyRecord;
  label: StudyLabels;
  complete: readonly TrialRecord[];
}

/**
 * Renders a study as one HTML page that needs nothing else: the history of its trials, the compromises between several
 * objectives, which parameters mattered, parallel coordinates, a slice for each parameter, evaluations, seeds and a table.
 */
export function renderStudy(study: StudyRecord, options: StudyPageOptions = {}): string {
  const language = requireOneOf('language', options.language ?? 'en', REPORT_LANGUAGES);
  const label = studyLabels(language);
  const complete = study.trials.filter(({ state }) => state === 'complete');
  const shown: Shown = { study, label, complete };
  const name = options.name ?? 'study';
  const body =
    complete.length === 0
      ? [section(label('history'), `<p class="caption">${label('noTrials')}</p>`, { large: true })]
      : [
          historySection(shown),
          ...frontSection(shown),
          importanceSection(shown),
          ...seedsSection(shown),
          ...curvesSection(shown),
          section(
            label('parallel'),
            `${parallelChart(study, complete, label('parallel'))}<p class="caption">${label('parallelCaption')}</p>`,
            { large: true },
          ),
          ...Object.entries(study.header.space).map(([parameter, range]) => sliceSection(parameter, range, shown)),
        ];
  return `<!doctype html>
<html lang="${language === 'zh' ? 'zh-CN' : 'en'}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(`${name} · ${label('study')}`)}</title><style>${REPORT_STYLE}${STYLE}</style></head>
<body><main>
<header><h1>${escapeMarkup(name)}</h1><p>${escapeMarkup(subtitle(shown))}</p></header>
<div class="tiles">${tiles(shown)}</div>
<div class="grid2">${body.join('\n')}</div>
<div class="grid2">${tableSection(shown)}${settingsSection(shown)}</div>
</main></body></html>
`;
}

function subtitle({ study: { header }, label }: Shown): string {
  const { sampler = 'tpe' } = header.sampler;
  const { pruner = 'none' } = header.pruner;
  const started = header.startedAt.slice(0, 16).replace('T', ' ');
  return [
    label('study'),
    header.task,
    sampler,
    ...(pruner === 'none' ? [] : [pruner]),
    `${label('started')} ${started} UTC`,
  ].join(' · ');
}

function tiles({ study, label }: Shown): string {
  const best = bestRun(study);
  const [seeds] = seedFigures(study);
  const seconds = study.trials.reduce((sum, trial) => sum + (trial.seconds ?? 0), 0);
  const counts = (['complete', 'pruned', 'failed', 'running'] as const)
    .map((state) => [label(state), study.trials.filter((trial) => trial.state === state).length] as const)
    .filter(([, count]) => count > 0);
  const winner = best && study.trials[best.trial];
  const shown: [string, string][] = [
    ...(winner
      ? study.objectives!.map(({ name }, i): [string, string] => [
          `${name}, ${label('bestTrial', { number: winner.number })}`,
          formatNumber(winner.objectives![i]),
        ])
      : []),
    ...(seeds ? [[label('seeds'), plusMinus(seeds.mean[0], seeds.deviation[0])] as [string, string]] : []),
    [counts.map(([state, count]) => `${count} ${state}`).join(', '), formatNumber(study.trials.length)],
    [label('time'), formatDuration(seconds)],
  ];
  return shown
    .map(([name, value]) => `<div class="tile"><b>${escapeMarkup(value)}</b><span>${escapeMarkup(name)}</span></div>`)
    .join('');
}

const plusMinus = (mean: number, deviation: number): string =>
  Number.isNaN(deviation) ? formatNumber(mean) : `${formatNumber(mean)} ± ${formatNumber(deviation, 2)}`;

function textOf(trial: TrialRecord, { study, label }: Shown): string {
  return [
    `${label('trial')} ${trial.number}`,
    ...(trial.objectives ?? []).map((value, i) => `${study.objectives![i].name} ${formatNumber(value)}`),
    ...(trial.state === 'complete' ? [] : [label(trial.state)]),
    ...Object.entries(trial.values).map(([name, value]) => `${name} ${valueText(value)}`),
  ].join('  ·  ');
}

const valueText = (value: string | number | boolean): string =>
  typeof value === 'number' ? formatNumber(value) : String(value);

function scatterSection(
  points: readonly ScatterPoint[],
  options: ScatterOptions,
  { label, caption = [], large = false }: { label: StudyLabels; caption?: readonly string[]; large?: boolean },
): string {
  const { svg, outside } = scatterChart(points, options);
  const captions = [
    ...caption,
    ...(options.xLogarithmic ? [label('logScale')] : []),
    ...(outside > 0 ? [label('outside', { count: outside })] : []),
  ];
  return section(
    options.title,
    `${svg}${captions.length > 0 ? `<p class="caption">${escapeMarkup(captions.join(' · '))}</p>` : ''}`,
    { large },
  );
}

function historySection(shown: Shown): string {
  const { study, label, complete } = shown;
  const [{ name }] = study.objectives!;
  const [direction] = directionsOf(study);
  const pruned = study.trials.filter(({ state, evaluations }) => state === 'pruned' && evaluations.length > 0);
  const points = [
    ...complete.map((trial) => ({ x: trial.number, y: trial.objectives![0], color: 1, text: textOf(trial, shown) })),
    ...pruned.map((trial) => ({
      x: trial.number,
      y: trial.evaluations.at(-1)!.value,
      color: 0,
      text: textOf(trial, shown),
    })),
  ];
  let best = NaN;
  const line = complete.map(({ number, objectives: [value] = [] }) => {
    if (!(lossOf(best, direction) <= lossOf(value, direction))) best = value;
    return { x: number, y: best };
  });
  return scatterSection(
    points,
    {
      title: `${label('history')}: ${name}`,
      xName: label('trial'),
      xRange: [0, Math.max(1, study.trials.length - 1)],
      line,
      stepped: true,
    },
    { label, caption: [label('historyCaption')] },
  );
}

function frontSection(shown: Shown): string[] {
  const { study, label, complete } = shown;
  const objectives = study.objectives!;
  if (objectives.length < 2) return [];
  const front = paretoFront(study.trials, directionsOf(study));
  // Two objectives are a plane; of more each other one stands against the first.
  return objectives.slice(1).map(({ name }, i) => {
    const points = complete.map((trial) => ({
      x: trial.objectives![i + 1],
      y: trial.objectives![0],
      color: front.some(({ number }) => number === trial.number) ? 1 : 0,
      text: textOf(trial, shown),
    }));
    const line = front
      .map(({ objectives: own = [] }) => ({ x: own[i + 1], y: own[0] }))
      .sort((a, b) => a.x - b.x || a.y - b.y);
    return scatterSection(
      points,
      {
        title: `${label('front')}: ${objectives[0].name}, ${name}`,
        xName: name,
        ...(objectives.length === 2 && { line }),
      },
      { label, caption: [label('frontCaption')] },
    );
  });
}

function importanceSection({ study, label, complete }: Shown): string {
  if (complete.length < IMPORTANCE_TRIALS)
    return section(label('importance'), `<p class="caption">${label('importanceFew', { count: complete.length })}</p>`);
  const shares = Object.entries(parameterImportance(study.header.space, study.trials, directionsOf(study))).sort(
    (a, b) => b[1] - a[1],
  );
  const bars = shares.map(
    ([name, share]) =>
      `<span>${escapeMarkup(name)}</span><div style="width:${(100 * share).toFixed(1)}%"></div><span>${(100 * share).toFixed(0)} %</span>`,
  );
  return section(
    label('importance'),
    `<div class="bars">${bars.join('')}</div><p class="caption">${escapeMarkup(label('importanceCaption'))}</p>`,
  );
}

function seedsSection({ study, label }: Shown): string[] {
  const figures = seedFigures(study);
  if (figures.length === 0) return [];
  const names = study.objectives!.map(({ name }) => name);
  const head = [
    label('trial'),
    ...names.flatMap((name) => [`${name}, ${label('mean')} ± ${label('deviation')}`, label('searched')]),
  ];
  const rows = figures.map(({ trial, mean, deviation, seeds }) => [
    `${trial} (${seeds.length})`,
    ...names.flatMap((_, i) => [plusMinus(mean[i], deviation[i]), formatNumber(study.trials[trial].objectives![i])]),
  ]);
  return [section(label('seeds'), `${tableOf(head, rows)}<p class="caption">${label('seedsCaption')}</p>`)];
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag} class="number">${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`;
  return `<div class="scroll"><table><thead>${cells('th', head)}</thead><tbody>${rows.map((row) => cells('td', row)).join('')}</tbody></table></div>`;
}

function curvesSection({ study, label }: Shown): string[] {
  const best = bestRun(study)!.trial;
  const curves = study.trials.filter(({ evaluations }) => evaluations.length > 1);
  if (curves.length === 0) return [];
  const series = curves
    .sort((a, b) => Number(a.number === best) - Number(b.number === best))
    .map(({ number, evaluations }) => ({
      name: `${label('trial')} ${number}`,
      x: evaluations.map(({ at }) => at),
      y: evaluations.map(({ value }) => value),
      color: number === best ? 1 : 3,
      style: number === best ? ('line' as const) : ('faint' as const),
    }));
  const { svg, outside } = lineChart(series, { title: label('curves'), xName: label('evaluation') });
  const caption = [label('curvesCaption'), ...(outside > 0 ? [label('outside', { count: outside })] : [])].join(' · ');
  return [section(label('curves'), `${svg}<p class="caption">${escapeMarkup(caption)}</p>`)];
}

function sliceSection(name: string, parameter: Parameter, shown: Shown): string {
  const { study, label, complete } = shown;
  const own = complete.filter(({ values }) => Object.hasOwn(values, name));
  const title = `${name} → ${study.objectives![0].name}`;
  if (own.length === 0) return section(title, `<p class="caption">${label('noTrials')}</p>`);
  const isChoice = parameter.kind === 'choice';
  const best = bestRun(study)!.trial;
  const points = own.map((trial) => ({
    x: isChoice ? parameter.choices.indexOf(trial.values[name]) : (trial.values[name] as number),
    y: trial.objectives![0],
    color: trial.number === best ? 2 : 1,
    text: textOf(trial, shown),
  }));
  return scatterSection(
    points,
    {
      title,
      xName: name,
      ...(isChoice
        ? { categories: parameter.choices.map(String) }
        : { xRange: [parameter.low, parameter.high] as const, xLogarithmic: parameter.log ?? false }),
    },
    { label },
  );
}

function tableSection({ study, label }: Shown): string {
  const names = Object.keys(study.header.space);
  const objectives = (study.objectives ?? []).map(({ name }) => name);
  const [direction] = directionsOf(study);
  const order = [...study.trials].sort((a, b) => rankOf(a, direction) - rankOf(b, direction));
  const hasReasons = order.some(({ reason }) => reason !== undefined);
  const rows = order
    .slice(0, LISTED_TRIALS)
    .map((trial) => [
      String(trial.number),
      label(trial.state),
      ...objectives.map((_, i) => (trial.objectives ? formatNumber(trial.objectives[i]) : '')),
      ...names.map((name) => (Object.hasOwn(trial.values, name) ? valueText(trial.values[name]) : '–')),
      trial.seconds === undefined ? '' : formatNumber(trial.seconds, 3),
      ...(hasReasons ? [trial.reason ?? ''] : []),
    ]);
  const head = [
    label('trial'),
    label('state'),
    ...objectives,
    ...names,
    label('seconds'),
    ...(hasReasons ? [label('reason')] : []),
  ];
  const left =
    rows.length < order.length
      ? `<p class="caption">${label('shownOf', { shown: rows.length, total: order.length })}</p>`
      : '';
  return section(label('trials'), `${tableOf(head, rows)}${left}`, { large: true });
}

/** Complete trials by their loss, then the others. */
const rankOf = ({ objectives, number }: TrialRecord, direction: 'minimize' | 'maximize'): number =>
  objectives ? lossOf(objectives[0], direction) : 1e300 + number * 1e290;

function settingsSection({ study: { header }, label }: Shown): string {
  const { task, run, space, sampler, pruner, versions } = header;
  const lines = (value: object): string =>
    Object.entries(value)
      .map(([name, own]) => `${name}: ${typeof own === 'string' ? own : JSON.stringify(own)}`)
      .join('\n');
  const entries = Object.entries({ [task]: run, space, sampler, pruner, versions }).map(
    ([name, value]) => `<h3>${escapeMarkup(name)}</h3><pre>${escapeMarkup(lines(value))}</pre>`,
  );
  return section(label('settings'), entries.join(''), { large: true });
}
