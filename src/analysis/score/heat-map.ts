import { escapeMarkup } from '../../core/markup.ts';
import type { TokenAlignment } from './scorer.ts';

/** A pair with its texts. */
export interface ShownPair extends TokenAlignment {
  /** As they were given. */
  texts: { candidate: string; reference: string };
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--line:#d0d7de;--soft:#57606a}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--line:#30363d;--soft:#8b949e}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:72rem;margin:2rem auto;padding:0 1rem}
h2{font-size:1rem;margin:2.5rem 0 .3rem}p{margin:.2rem 0}.soft{color:var(--soft);font-size:.9rem}
.scroll{overflow-x:auto;margin:.8rem 0}table{border-collapse:collapse;font-size:.8rem}
th{font-weight:400;white-space:nowrap;padding:.15rem .4rem;text-align:right}thead th{vertical-align:bottom;text-align:left}
thead span{writing-mode:vertical-rl;transform:rotate(180deg)}
td{width:2.4rem;min-width:2.4rem;height:1.6rem;text-align:center;border:1px solid var(--paper);font-variant-numeric:tabular-nums}
td.best{outline:2px solid var(--ink);outline-offset:-2px}`;

/**
 * A page without scripts: for each pair the cosine of every token of the candidate (rows) with every one of the
 * reference (columns). A frame marks what a token is matched with.
 */
export function heatMapPage(pairs: readonly ShownPair[], { fingerprint }: { fingerprint: string }): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>ALBERTScore</title><style>${STYLE}</style></head><body>
<h1>ALBERTScore</h1>
<p>Each number is the cosine of two tokens' vectors. A frame marks the best match of a row (precision) or of a column (recall).</p>
<p lang="zh">每个数字是两个词元向量的余弦。方框标出一行（精确率）或一列（召回率）的最佳匹配。</p>
<p class="soft">${escapeMarkup(fingerprint)}</p>
${pairs.map(pairSection).join('\n')}
</body></html>
`;
}

function pairSection(pair: ShownPair, index: number): string {
  const { texts, candidate, reference, similarities, precision, recall, f1 } = pair;
  const bestOfColumn = reference.map((_, j) => Math.max(...similarities.map((row) => row[j])));
  // A piece that stands for nothing but a space is shown as it is.
  const label = (text: string, { start, end, token }: TokenAlignment['candidate'][number]): string =>
    escapeMarkup(text.slice(start, end).trim() || token);
  const rows = candidate.map((token, i) => {
    const best = Math.max(...similarities[i]);
    const cells = similarities[i].map((value, j) => {
      const isBest = value === best || value === bestOfColumn[j];
      return `<td${isBest ? ' class="best"' : ''} style="${shade(value)}">${value.toFixed(2).replace(/^(-?)0/, '$1')}</td>`;
    });
    return `<tr><th scope="row">${label(texts.candidate, token)}</th>${cells.join('')}</tr>`;
  });
  return `<section><h2>${index + 1}. F1 ${f1.toFixed(4)} <span class="soft">(precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)})</span></h2>
<p>${escapeMarkup(texts.candidate)}</p><p class="soft">${escapeMarkup(texts.reference)}</p>
<div class="scroll"><table><thead><tr><td style="border:0"></td>${reference.map((token) => `<th scope="col"><span>${label(texts.reference, token)}</span></th>`).join('')}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

/** From white at 0 to dark blue at 1, with ink that can be read on it. */
function shade(value: number): string {
  const share = Math.max(0, Math.min(1, value));
  return `background:hsl(212 72% ${(97 - 60 * share).toFixed(0)}%);color:${share > 0.6 ? '#fff' : '#1b1f24'}`;
}
