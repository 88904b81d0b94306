import { escapeMarkup } from '../../core/markup.ts';
import type { RewrittenText } from '../../tasks/rewriting.ts';
import { REPORT_STYLE } from '../../training/report/style.ts';
import type { AttackReport } from './attack.ts';
import type { RobustnessCondition, RobustnessFailure, RobustnessReport } from './report.ts';

const STYLE = `${REPORT_STYLE}
del { color: var(--warn); text-decoration-thickness: 1.5px; } ins { color: var(--c3); text-decoration: none; font-weight: 600; }
.heat td { min-width: 74px; text-align: right; border: 2px solid var(--card); } .heat small { display: block; opacity: .75; }
.failure { border-top: 1px solid var(--line); padding: 8px 0; overflow-wrap: anywhere; } .failure p { margin: 2px 0; }`;

/** A page without scripts: figures over perturbations and severities, worst groups, and failures with the edits marked. */
export function robustnessPage(
  report: RobustnessReport,
  { name, attacks = [] }: { name: string; attacks?: readonly AttackReport[] },
): string {
  const { metric, rows, clean, fingerprint, task, seed } = report;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Robustness of ${escapeMarkup(name)}</title><style>${STYLE}</style></head><body><main>
<header><h1>Robustness of ${escapeMarkup(name)}</h1><p>${task}, ${rows.toLocaleString('en-US')} rows, seed ${seed}. ${escapeMarkup(fingerprint)}</p></header>
<div class="tiles">${tile(metric, 'clean', clean.mean)}${worstTile(report)}${clean.ece === undefined ? '' : tile('ECE', 'clean', clean.ece)}${attacks.map((attack) => tile('right answers', `under attack (${attack.search})`, attack.underAttack.mean)).join('')}</div>
<section class="large"><h2>${escapeMarkup(metric)} by perturbation and severity</h2><div class="scroll">${heatMap(report)}</div>
<p class="caption">Each cell: the figure over all rows; below it, how many of the changed rows kept their answer. The darker, the further below the clean rows (${figure(clean.mean)}).</p>
<p class="caption" lang="zh">每格：全部样本上的指标，下方为被改动样本中预测不变的比例；颜色越深，比原文（${figure(clean.mean)}）低得越多。</p></section>
${attacks.map(attackSection).join('\n')}
${report.conditions
  .filter(({ failures }) => failures.length > 0)
  .map(failureSection)
  .join('\n')}
</main></body></html>
`;
}

const figure = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : 'undefined');
const percent = (value: number): string => (Number.isFinite(value) ? `${(100 * value).toFixed(0)} %` : '-');

const tile = (metric: string, what: string, value: number): string =>
  `<div class="tile"><b>${figure(value)}</b><span>${escapeMarkup(metric)}, ${escapeMarkup(what)}</span></div>`;

function worstTile({ conditions, metric }: RobustnessReport): string {
  if (conditions.length === 0) return '';
  const worst = conditions.reduce((least, one) => (one.value < least.value ? one : least));
  return tile(metric, `worst: ${worst.perturbation} ${worst.severity}`, worst.value);
}

function heatMap({ conditions, clean }: RobustnessReport): string {
  const names = [...new Set(conditions.map(({ perturbation }) => perturbation))];
  const severities = [...new Set(conditions.map(({ severity }) => severity))];
  const deepest = conditions.reduce((most, { value }) => Math.max(most, clean.mean - value), 0.05);
  const cell = (name: string, severity: number): string => {
    const one = conditions.find((other) => other.perturbation === name && other.severity === severity);
    if (!one) return '<td></td>';
    const depth = Math.max(0, Math.min(1, (clean.mean - one.value) / deepest));
    return `<td style="background:rgba(var(--shade),${(0.6 * depth).toFixed(2)})">${figure(one.value)}<small>${percent(one.consistency)} kept of ${one.changed}</small></td>`;
  };
  const rows = names.map((name) => {
    const worst = conditions.filter((one) => one.perturbation === name).at(-1)?.worstGroup;
    return `<tr><th scope="row">${escapeMarkup(name)}</th>${severities.map((severity) => cell(name, severity)).join('')}<td class="name" style="text-align:left">${worst ? `${escapeMarkup(worst.name)}: ${figure(worst.value)} (clean ${figure(worst.clean)})` : ''}</td></tr>`;
  });
  return `<table class="heat"><thead><tr><th></th>${severities.map((severity) => `<th class="number">severity ${severity}</th>`).join('')}<th>worst group at the highest severity</th></tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}

function failureSection({ perturbation, severity, worse, better, changed, failures }: RobustnessCondition): string {
  return `<section style="margin-bottom:16px"><h2>${escapeMarkup(perturbation)}, severity ${severity}</h2>
<p class="caption">${worse} of ${changed} changed rows got worse, ${better} better.</p>${failures.map(failureBlock).join('\n')}</section>`;
}

function attackSection({
  search,
  queries,
  success,
  attacked,
  wordsChanged,
  meanQueries,
  examples,
}: AttackReport): string {
  return `<section style="margin:16px 0"><h2>Attack (${search}), ${queries} queries a row</h2>
<p class="caption">${percent(success.mean)} of ${attacked} rightly answered rows were turned wrong, with ${percent(wordsChanged)} of the words replaced and ${meanQueries.toFixed(0)} queries on average.</p>
${examples.map(failureBlock).join('\n')}</section>`;
}

function failureBlock({ perturbed, clean, gold, before, after, index }: RobustnessFailure): string {
  const texts = clean.map((text, i) => `<p>${markEdits(text, perturbed[i])}</p>`).join('');
  return `<div class="failure"><p class="caption">row ${index}: right ${escapeMarkup(gold)}; before ${escapeMarkup(before)}; after <b class="warn">${escapeMarkup(after)}</b></p>${texts}</div>`;
}

/** The original text with what was left out struck through and what was put in marked. */
function markEdits(text: string, { edits }: RewrittenText): string {
  let result = '';
  let from = 0;
  for (const { start, end, replacement } of edits) {
    const removed = text.slice(start, end);
    result += escapeMarkup(text.slice(from, start));
    result += removed === '' ? '' : `<del>${escapeMarkup(removed)}</del>`;
    result += replacement === '' ? '' : `<ins>${escapeMarkup(visible(replacement))}</ins>`;
    from = end;
  }
  return result + escapeMarkup(text.slice(from));
}

/** What cannot be seen is named by its code point. */
const visible = (text: string): string =>
  text.replaceAll(
    /[\u00ad\u200b-\u200d\u2060]/g,
    (character) => `[U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
  );
