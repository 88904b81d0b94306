import { escapeMarkup } from '../../core/markup.ts';
import { REPORT_STYLE } from '../../training/report/style.ts';
import type { Counterfactual, CounterfactualEdit } from './counterfactual.ts';
import type { Explanation } from './explainer.ts';
import type { FaithfulnessOfText } from './faithfulness.ts';
import type { Side } from './model.ts';
import { sideOf, type Attribution, type TextsOfPair } from './units.ts';

/** An explanation with what it is of. */
export interface ShownExplanation {
  /** As they were given. */
  texts: TextsOfPair;
  /** What is shown. */
  explanation: Explanation;
  /** The smallest edit that was found. */
  counterfactual?: Counterfactual | undefined;
  /** Curves of this text. */
  faithfulness?: FaithfulnessOfText | undefined;
}

const STYLE = `${REPORT_STYLE}
:root { --for: 37, 99, 235; --against: 217, 119, 6; }
@media (prefers-color-scheme: dark) { :root { --for: 80, 140, 255; --against: 245, 140, 30; } }
main { max-width: 980px; } section { margin-bottom: 16px; }
.shown { font-size: 17px; line-height: 2; overflow-wrap: anywhere; white-space: pre-wrap; margin: 8px 0; }
.shown mark, .key { color: var(--ink); border-radius: 3px; padding: 2px 1px; }
.key { display: inline-block; padding: 0 8px; margin-right: 4px; }
.shown ins { text-decoration: none; border-bottom: 2px solid rgb(var(--for)); } .shown del { opacity: .6; }
.bilingual { color: var(--soft); font-size: 13px; margin: 2px 0; }`;

const METHODS: Record<Explanation['method'], string> = {
  'integrated-gradients': 'integrated gradients · 积分梯度',
  'gradient-x-input': 'gradient × input · 梯度 × 输入',
  'attention-rollout': 'attention rollout · 注意力展开',
  occlusion: 'occlusion · 遮挡',
};

/**
 * A page without scripts, in English and Chinese: each text with what speaks for the explained label, and against it.
 */
export function explanationPage(shown: readonly ShownExplanation[], { fingerprint }: { fingerprint: string }): string {
  const rollout = shown.some(({ explanation }) => explanation.method === 'attention-rollout');
  const key = (variable: string, share: number, text: string): string =>
    `<span class="key" style="background:rgba(var(--${variable}),${share})">${text}</span>`;
  const legend = rollout
    ? `${key('for', 0.7, 'much · 多')}${key('for', 0.2, 'little · 少')} of the attention that reaches [CLS] · 到达 [CLS] 的注意力`
    : `${key('for', 0.7, 'for · 支持')}${key('for', 0.2, 'a little · 略')}${key('against', 0.2, 'a little · 略')}${key('against', 0.7, 'against · 反对')} the explained label, relative to the strongest of the text · 被解释的标签；相对于该文本中最强的一处`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Explanations · 解释</title><style>${STYLE}</style></head><body><main>
<header><h1>Explanations · 解释</h1><p>${escapeMarkup(fingerprint)}</p></header>
<section><p>${legend}</p>
<p class="bilingual">Point at a word for its number: in logits (of a regression, in units of the answer). · 指向一个词可看到它的数值：单位是 logit（回归则为答案的单位）。</p>
<p class="bilingual">An explanation says what the model uses, not what is true. · 解释说明模型用到了什么，而不是什么是对的。</p></section>
${shown.map(section).join('\n')}
</main></body></html>
`;
}

function section({ texts, explanation, counterfactual, faithfulness }: ShownExplanation, index: number): string {
  const { label, score, output, method, attributions, completeness, baseline, logit } = explanation;
  const largest = Math.max(...attributions.map(({ attribution }) => Math.abs(attribution)), 1e-12);
  const answer = output === 'value' ? format(score) : `${escapeMarkup(label)} ${(100 * score).toFixed(1)} %`;
  const facts = [
    METHODS[method],
    ...(method === 'attention-rollout' || output === 'value'
      ? []
      : [`explained · 被解释: ${escapeMarkup(output)} (logit ${format(logit)})`]),
    ...(baseline ? [`baseline · 基线: ${baseline}`] : []),
    ...(completeness
      ? [
          `sum · 合计 ${format(completeness.sum)} of ${format(completeness.difference)} (${completeness.steps} steps · 步${completeness.complete ? '' : '; incomplete · 不完整'})`,
        ]
      : []),
  ];
  return `<section><h2>${index + 1}. ${answer}</h2>
${sidesOf(texts)
  .map(
    (side) => `<p class="shown">${highlighted(sideOf(texts, side), sideAttributions(attributions, side), largest)}</p>`,
  )
  .join('\n')}
<p class="bilingual">${facts.join(' · ')}</p>
${counterfactual ? counterfactualPart(texts, counterfactual) : ''}
${faithfulness ? faithfulnessPart(faithfulness) : ''}</section>`;
}

const sidesOf = ({ pair }: TextsOfPair): Side[] => (pair === undefined ? ['text'] : ['text', 'pair']);

const sideAttributions = (attributions: readonly Attribution[], side: Side): Attribution[] =>
  attributions.filter((one) => (one.side ?? 'text') === side && one.end > one.start);

/** The text with a mark around every stretch; what no attribution covers stays as it is. */
function highlighted(text: string, attributions: readonly Attribution[], largest: number): string {
  let at = 0;
  let out = '';
  for (const { start, end, attribution } of attributions) {
    if (start < at) continue;
    const share = (0.75 * Math.abs(attribution)) / largest;
    const color = attribution >= 0 ? '--for' : '--against';
    out += `${escapeMarkup(text.slice(at, start))}<mark style="background:rgba(var(${color}),${share.toFixed(3)})" title="${format(attribution)}">${escapeMarkup(text.slice(start, end))}</mark>`;
    at = end;
  }
  return out + escapeMarkup(text.slice(at));
}

function counterfactualPart(texts: TextsOfPair, found: Counterfactual): string {
  const asked = `${found.queries} of ${found.maxQueries} queries · 查询`;
  if (!found.found)
    return `<p class="bilingual">no edit found that changes the answer (${asked}) · 没有找到能改变答案的修改</p>`;
  const shown = sidesOf(texts).map((side) =>
    edited(
      sideOf(texts, side),
      found.edits.filter((edit) => (edit.side ?? 'text') === side),
    ),
  );
  return `<h3>Smallest edit found · 找到的最小修改: ${escapeMarkup(found.before.label)} → ${escapeMarkup(found.after.label)} ${(100 * found.after.score).toFixed(1)} %</h3>
${shown.map((text) => `<p class="shown">${text}</p>`).join('\n')}<p class="bilingual">${asked}</p>`;
}

function edited(text: string, edits: readonly CounterfactualEdit[]): string {
  let at = 0;
  let out = '';
  for (const { start, end, from, to } of edits) {
    out += `${escapeMarkup(text.slice(at, start))}<del>${escapeMarkup(from)}</del>${to === null ? '' : `<ins>${escapeMarkup(to)}</ins>`}`;
    at = end;
  }
  return out + escapeMarkup(text.slice(at));
}

function faithfulnessPart({ deletion, insertion, randomDeletion, randomInsertion }: FaithfulnessOfText): string {
  return `<p class="bilingual">deletion · 删除 ${format(deletion)} (random · 随机 ${format(randomDeletion)}) · insertion · 插入 ${format(insertion)} (random · 随机 ${format(randomInsertion)})</p>`;
}

const format = (value: number): string => value.toFixed(Math.abs(value) < 10 ? 4 : 2);
