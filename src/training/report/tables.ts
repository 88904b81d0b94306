import type { Labels } from './labels.ts';
import { escapeMarkup, formatNumber } from '../../core/markup.ts';
import type { ConfusionCounts, RunEvent, RunInfo } from './run-record.ts';

/** Events listed one by one; the counts by kind cover all. */
const LISTED_EVENTS = 40;
/** Above this many classes a matrix is unreadable, and the most frequent mistakes are listed instead. */
const MATRIX_CLASSES = 20;
const LISTED_PAIRS = 20;
/** Above the first number of classes only the second number is shown at once. */
const LISTED_CLASSES = 15;
const SHOWN_CLASSES = 10;
/** Characters of a setting that are shown at once. */
const LONG_SETTING = 160;

/** What was skipped, rolled back or warned about. */
export function notesSection(events: readonly RunEvent[], remarks: readonly string[], label: Labels): string {
  const kinds = new Map<string, number>();
  for (const { kind } of events) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  const listed = events.slice(-LISTED_EVENTS);
  const rows = listed.map(
    ({ step, kind, message }) =>
      `<tr><td class="number">${formatNumber(step, 9)}</td><td class="name">${escapeMarkup(kind)}</td><td>${escapeMarkup(message)}</td></tr>`,
  );
  const parts = [
    ...remarks.map((remark) => `<p class="warn">${escapeMarkup(remark)}</p>`),
    ...(kinds.size > 0
      ? [
          `<p>${[...kinds].map(([kind, count]) => `${escapeMarkup(kind)}: <b>${formatNumber(count, 9)}</b>`).join(' · ')}</p>`,
        ]
      : []),
    ...(rows.length > 0
      ? [
          `<div class="scroll"><table class="wide"><thead><tr><th class="number">${label('step')}</th><th>${label('kind')}</th><th>${label('message')}</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`,
        ]
      : []),
    ...(listed.length < events.length
      ? [`<p class="caption">${label('shownOf', { shown: listed.length, total: events.length })}</p>`]
      : []),
  ];
  return section(label('notes'), parts.length > 0 ? parts.join('') : `<p class="caption">${label('noNotes')}</p>`);
}

/** Many bars as the largest ones, the rest to be opened. */
function foldedBars(bars: readonly string[], label: Labels): string {
  const box = (shown: readonly string[]): string => `<div class="bars">${shown.join('')}</div>`;
  if (bars.length <= LISTED_CLASSES) return box(bars);
  const rest = bars.slice(SHOWN_CLASSES);
  return `${box(bars.slice(0, SHOWN_CLASSES))}<details><summary>${label('moreClasses', { count: rest.length })}</summary>${box(rest)}</details>`;
}

/**
 * Bars with the examples of each class, per split; shares are of the examples, which may have several classes where
 * there are `classRows`.
 */
export function classBalanceSection(
  classCounts: NonNullable<RunInfo['classCounts']>,
  classRows: RunInfo['classRows'],
  label: Labels,
): string {
  const splits = Object.entries(classCounts).map(([split, counts]) => {
    const entries = Object.entries(counts).sort(([, a], [, b]) => b - a);
    const several = classRows?.[split];
    const total = several?.rows ?? entries.reduce((sum, [, count]) => sum + count, 0);
    const largest = Math.max(1, ...entries.map(([, count]) => count));
    const bars = entries.map(
      ([name, count]) =>
        `<span>${escapeMarkup(name)}</span><div style="width:${((100 * count) / largest).toFixed(1)}%"></div>` +
        `<span>${formatNumber(count, 9)} (${percent(count, total)})</span>`,
    );
    return (
      `<h3>${escapeMarkup(split)}</h3>${foldedBars(bars, label)}` +
      `${several ? `<p class="caption">${label('classRows', { rows: formatNumber(several.rows, 9), unlabelled: formatNumber(several.unlabelled, 9), share: percent(several.unlabelled, several.rows) })}</p>` : ''}`
    );
  });
  return section(label('classBalance'), splits.join(''));
}

/**
 * The confusion matrix with precision, recall and F1 of every class, or for many classes the most frequent mistakes.
 */
export function confusionSection(confusion: ConfusionCounts, label: Labels): string {
  const { labels, counts } = confusion;
  const predicted = labels.map((_, column) => counts.reduce((sum, row) => sum + row[column], 0));
  const actual = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  if (labels.length > MATRIX_CLASSES) return confusionPairsSection(confusion, actual, label);
  const head = labels.map((name) => `<th class="number head">${escapeMarkup(name)}</th>`).join('');
  const rows = labels.map((name, row) => {
    const cells = labels.map((other, column) => {
      const count = counts[row][column];
      const share = actual[row] > 0 ? count / actual[row] : 0;
      const tooltip = escapeMarkup(
        `${label('truth')} ${name}, ${label('predicted')} ${other}: ${count} (${percent(count, actual[row])})`,
      );
      return `<td class="cell" style="background:rgba(var(--shade),${(share * 0.6).toFixed(3)})" title="${tooltip}">${formatNumber(count, 9)}</td>`;
    });
    const hits = counts[row][row];
    const [precision, recall] = [ratio(hits, predicted[row]), ratio(hits, actual[row])];
    const scores = [precision, recall, ratio(2 * hits, predicted[row] + actual[row])].map(
      (score) => `<td class="number">${score.toFixed(3)}</td>`,
    );
    return `<tr><th class="head">${escapeMarkup(name)}</th>${cells.join('')}${scores.join('')}<td class="number">${formatNumber(actual[row], 9)}</td></tr>`;
  });
  const scoreHeads = (['precision', 'recall', 'f1', 'support'] as const)
    .map((name) => `<th class="number">${label(name)}</th>`)
    .join('');
  const table = `<table class="matrix"><thead><tr><th>${label('truth')} \\ ${label('predicted')}</th>${head}${scoreHeads}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return section(
    label('confusion'),
    `<div class="scroll">${table}</div><p class="caption">${label('confusionHint')}</p>`,
  );
}

function confusionPairsSection({ labels, counts }: ConfusionCounts, actual: readonly number[], label: Labels): string {
  const mistakes = counts
    .flatMap((row, truth) => row.map((count, prediction) => ({ truth, prediction, count })))
    .filter(({ truth, prediction, count }) => truth !== prediction && count > 0);
  const listed = mistakes.sort((a, b) => b.count - a.count).slice(0, LISTED_PAIRS);
  const rows = listed.map(
    ({ truth, prediction, count }) =>
      `<tr><td>${escapeMarkup(labels[truth])}</td><td>${escapeMarkup(labels[prediction])}</td>` +
      `<td class="number">${formatNumber(count, 9)} (${percent(count, actual[truth])})</td></tr>`,
  );
  const table = `<table><thead><tr><th>${label('truth')}</th><th>${label('predicted')}</th><th class="number">${label('count')}</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  return section(
    label('confusionPairs'),
    `<div class="scroll">${table}</div><p class="caption">${label('confusionPairsHint', { classes: labels.length, shown: listed.length })}</p>`,
  );
}

/** Command, settings and versions. */
export function settingsSection(
  { command, config = {}, versions = {}, bestCheckpoint }: RunInfo,
  label: Labels,
): string {
  const table = (entries: [string, string][]): string =>
    `<table class="wide"><tbody>${entries.map(([name, value]) => `<tr><th>${escapeMarkup(name)}</th><td>${folded(value)}</td></tr>`).join('')}</tbody></table>`;
  const settings = flattenSettings(config);
  const parts = [
    ...(command ? [`<h3>${label('command')}</h3><pre>${escapeMarkup(command)}</pre>`] : []),
    ...(bestCheckpoint?.path
      ? [`<h3>${label('best')} · ${label('checkpoint')}</h3><pre>${escapeMarkup(bestCheckpoint.path)}</pre>`]
      : []),
    ...(settings.length > 0 ? [table(settings)] : []),
    ...(Object.keys(versions).length > 0 ? [`<h3>${label('versions')}</h3>${table(Object.entries(versions))}`] : []),
  ];
  return section(label('settings'), parts.length > 0 ? parts.join('') : `<p class="caption">${label('noData')}</p>`);
}

/** A long value as its beginning, to be opened. */
function folded(value: string): string {
  if (value.length <= LONG_SETTING) return escapeMarkup(value);
  return `<details><summary>${escapeMarkup(value.slice(0, LONG_SETTING / 2))}…</summary>${escapeMarkup(value)}</details>`;
}

/** Nested settings as dotted names, in their order; lists, and what else is no object, as JSON. */
export function flattenSettings(value: unknown, prefix = ''): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [[prefix, typeof value === 'string' ? value : (JSON.stringify(value) ?? '')]];
  return Object.entries(value).flatMap(([key, inner]) =>
    flattenSettings(inner, prefix === '' ? key : `${prefix}.${key}`),
  );
}

/** A titled box; a large one is as wide as the page. */
export function section(title: string, content: string, { large = false }: { large?: boolean } = {}): string {
  return `<section${large ? ' class="large"' : ''}><h2>${escapeMarkup(title)}</h2>${content}</section>`;
}

const ratio = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
const percent = (part: number, whole: number): string => `${(100 * ratio(part, whole)).toFixed(1)} %`;
