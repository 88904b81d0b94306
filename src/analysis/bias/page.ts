import { escapeMarkup } from '../../core/markup.ts';
import { REPORT_STYLE } from '../../training/report/style.ts';
import type { Association, AssociationReport } from './associations.ts';
import type { AttributeFigures, BiasReport, GroupGap } from './measure.ts';

/** Gaps that a page lists for each attribute. */
const GAPS = 30;
/** Of corrected p-values. */
const LEVEL = 0.05;

/** A page without scripts, in English and Chinese: figures of groups, and how they differ. */
export function biasPage(report: BiasReport): string {
  return page(
    report.fingerprint,
    `<section><p>Templates are the same for all groups; only the terms differ. A gap is the mean difference over templates, with its 95 % bootstrap interval; p is two-sided, and corrected for all ${report.gaps.length} comparisons of this page (Holm).</p>
<p class="caption">各组使用相同的模板，只有称呼不同。差距是各模板差值的平均，附 95 % 自助法区间；p 为双侧检验，并按本页全部 ${report.gaps.length} 个比较校正（Holm）。</p></section>
${report.attributes.map((attribute) => attributeSection(attribute, report.gaps)).join('\n')}`,
  );
}

/** The same for associations of vectors. */
export function associationPage(report: AssociationReport): string {
  const rows = report.associations.map(associationRow).join('\n');
  return page(
    report.fingerprint,
    `<section><p>Effect size d, from −2 to 2: above 0 where the first target set goes with the first attribute set. WEAT is of words alone, SEAT of words in sentences; p is one-sided, by exchanging targets.</p>
<p class="caption">效应量 d 在 −2 到 2 之间：大于 0 表示第一组目标词与第一组属性词更接近。WEAT 只用词，SEAT 用含该词的句子；p 为单侧置换检验。</p>
<div class="scroll"><table><thead><tr>${head('test · 测试', 'targets · 目标', 'attributes · 属性')}${numberHead('d', 'p', 'p corrected · 校正')}</tr></thead><tbody>
${rows}
</tbody></table></div></section>`,
  );
}

const page = (fingerprint: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Bias · 偏见</title><style>${REPORT_STYLE} main { max-width: 1100px; } section { margin-bottom: 16px; } tr.strong td { font-weight: 600; }</style></head><body><main>
<header><h1>Gaps between groups · 组间差距</h1><p>${escapeMarkup(fingerprint)}</p></header>
${body}
<section><p>Small lists show some gaps and prove the absence of none. · 小词表能显示某些差距，但不能证明没有差距。</p></section>
</main></body></html>
`;

const head = (...names: string[]): string => names.map((name) => `<th>${name}</th>`).join('');
const numberHead = (...names: string[]): string => names.map((name) => `<th class="number head">${name}</th>`).join('');
const cell = (text: string): string => `<td>${escapeMarkup(text)}</td>`;
const numbers = (...values: string[]): string => values.map((value) => `<td class="number">${value}</td>`).join('');

function attributeSection(
  { name, templates, labelledTemplates, groups }: AttributeFigures,
  all: readonly GroupGap[],
): string {
  const gaps = all.filter(({ attribute }) => attribute === name);
  const outputs = Object.keys(groups[0].scores);
  const hasErrors = groups[0].errorRate !== undefined;
  const figures = groups.map(
    ({ group, terms, scores, errorRate }) =>
      `<tr>${cell(group)}${numbers(String(terms), ...outputs.map((output) => scores[output].toFixed(4)), ...(errorRate === undefined ? [] : [errorRate.toFixed(4)]))}</tr>`,
  );
  const rows = gaps.slice(0, GAPS).map(gapRow);
  return `<section><h2>${escapeMarkup(name)}</h2>
<p class="caption">${templates} templates · 模板${hasErrors ? `, ${labelledTemplates} with a label · 有标签` : ''}</p>
<div class="scroll"><table><thead><tr>${head('group · 组')}${numberHead('terms · 词', ...outputs.map((output) => `score of · 得分 ${escapeMarkup(output)}`), ...(hasErrors ? ['error rate · 错误率'] : []))}</tr></thead><tbody>
${figures.join('\n')}
</tbody></table></div>
<h3>Gaps · 差距${gaps.length > GAPS ? ` (${GAPS} of ${gaps.length}, largest first · 最大的 ${GAPS} 个)` : ''}</h3>
<div class="scroll"><table><thead><tr>${head('measure · 指标', 'groups · 组')}${numberHead('gap · 差距', '95 %', 'p', 'p corrected · 校正')}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div></section>`;
}

function gapRow({ measure, first, second, difference, low, high, pValue, adjusted }: GroupGap): string {
  return `<tr${adjusted < LEVEL ? ' class="strong"' : ''}>${cell(measure)}${cell(`${first} − ${second}`)}${numbers(signed(difference), `${signed(low)} … ${signed(high)}`, share(pValue), share(adjusted))}</tr>`;
}

function associationRow({ name, kind, sets, effectSize, pValue, adjusted }: Association): string {
  return `<tr${adjusted < LEVEL ? ' class="strong"' : ''}>${cell(`${kind} · ${name}`)}${cell(`${sets.X} / ${sets.Y}`)}${cell(`${sets.A} / ${sets.B}`)}${numbers(signed(effectSize), share(pValue), share(adjusted))}</tr>`;
}

const share = (value: number): string => (value < 0.00005 ? '&lt;0.0001' : value.toFixed(4));
const signed = (value: number): string => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(4)}`;
