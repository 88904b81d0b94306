import { escapeMarkup } from '../../core/markup.ts';
import { REPORT_STYLE } from '../../training/report/style.ts';
import type { LayerProbe } from './layer-probe.ts';
import type { NetworkProbe, ProbedTask, ProbeReport } from './probe.ts';
import { describeTask, EXTRA_FIGURES, shownFigure, type ExtraFigure } from './table.ts';

const STYLE = `${REPORT_STYLE}
table.heat { border-collapse: separate; border-spacing: 2px; font-size: 13px; }
table.heat th, table.heat td { border: 0; padding: 4px 7px; text-align: right; white-space: nowrap; }
table.heat th[scope="row"] { text-align: left; }
table.heat td.best { outline: 2px solid var(--ink); outline-offset: -2px; font-weight: 600; }
table.heat td.plain { color: var(--soft); }
main > section { margin-bottom: 16px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0; font-size: 14px; } dd { margin: 0; overflow-wrap: anywhere; }
.fingerprint { font-size: 12px; overflow-wrap: anywhere; }`;

/** A page without scripts: for each network a heat map of tasks and layers, and what the tasks are. */
export function probePage(report: ProbeReport): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Probes</title><style>${STYLE}</style></head><body><main>
<h1>What models know, and where</h1>
<header><p>Linear probes on frozen vectors: figures on rows that were not learned from, in percent. The colour says how far a figure is between always answering the same (none) and all right (full);
a frame marks the layer that other held-out rows chose. Point at a cell for its 95 % interval. Layer 0 is the embeddings before the first layer.</p>
<p lang="zh">冻结向量上的线性探针：数字为未参与学习的数据上的百分比。颜色表示介于“总是同一答案”与“全部正确”之间的程度；方框标出由另一部分留出数据选定的层。第 0 层是第一层之前的嵌入。</p></header>
${report.networks.map((network) => networkSection(network, report.tasks)).join('\n')}
<section><h2>Tasks</h2><dl>${report.tasks.map(taskEntry).join('\n')}</dl>
<p class="caption">Seed ${report.seed}. Strengths tried (C): ${report.strengths.join(', ')}.</p></section>
</main></body></html>
`;
}

function taskEntry(task: ProbedTask): string {
  const notes = [task.source, ...task.notes].map(escapeMarkup).join('; ');
  const { train, development } = task.rows;
  const learned = `learned on ${train.toLocaleString('en-US')} rows, chosen by ${development.toLocaleString('en-US')}`;
  return `<dt><b>${escapeMarkup(task.name)}</b></dt><dd>${escapeMarkup(describeTask(task))}; ${learned}. ${notes}</dd>`;
}

function networkSection(network: NetworkProbe, tasks: readonly ProbedTask[]): string {
  const extras = EXTRA_FIGURES.filter((extra) => network.tasks.some(({ layers }) => extra.of(layers[0]) !== undefined));
  return `<section><h2>${escapeMarkup(network.name)}</h2>
<div class="scroll">${heatTable(network, tasks)}</div>
${extras.map((extra) => `<h3>${extra.name}</h3><div class="scroll">${extraTable(network, extra)}</div>`).join('\n')}
<p class="caption fingerprint">${escapeMarkup(network.fingerprint)}</p></section>`;
}

function heatTable({ tasks: probes }: NetworkProbe, tasks: readonly ProbedTask[]): string {
  const layers = probes[0].layers.map(({ layer }) => layer);
  const rows = probes.map(({ task, best, layers: own }, index) => {
    const { majority, words, figure } = tasks[index];
    const cells = own.map(({ layer, test }) => {
      const share = (test.value - majority.value) / (1 - majority.value);
      return `<td${layer === best ? ' class="best"' : ''} style="${shade(share)}" title="${shownFigure(test.low)} to ${shownFigure(test.high)}">${shownFigure(test.value)}</td>`;
    });
    return `<tr><th scope="row">${escapeMarkup(task)}</th><td class="plain">${figure}</td><td class="plain">${shownFigure(majority.value)}</td><td class="plain">${shownFigure(words.value)}</td>${cells.join('')}</tr>`;
  });
  return `<table class="heat"><thead><tr><th scope="row">task</th><th>figure</th><th>majority</th><th>words alone</th>${layerHeads(layers)}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

const layerHeads = (layers: readonly number[]): string =>
  layers.map((layer) => `<th scope="col">layer ${layer}</th>`).join('');

/** Shares from 0 to 1, other figures beside the largest of all. */
function extraTable({ tasks: probes }: NetworkProbe, { of, share }: ExtraFigure): string {
  const shown = probes.filter(({ layers }) => of(layers[0]) !== undefined);
  const largest = share ? 1 : Math.max(...shown.flatMap(({ layers }) => layers.map((probe) => of(probe)!)));
  const cell = (probe: LayerProbe): string => {
    const value = of(probe)!;
    return `<td style="${shade(value / largest)}">${shownFigure(value, share)}</td>`;
  };
  const rows = shown.map(
    ({ task, layers }) => `<tr><th scope="row">${escapeMarkup(task)}</th>${layers.map(cell).join('')}</tr>`,
  );
  return `<table class="heat"><thead><tr><th scope="row">task</th>${layerHeads(shown[0].layers.map(({ layer }) => layer))}</tr></thead>
<tbody>${rows.join('\n')}</tbody></table>`;
}

/** The page's own shade, at most so strong that ink can be read on it. */
const shade = (share: number): string =>
  `background: rgba(var(--shade), ${(0.6 * Math.max(0, Math.min(1, share))).toFixed(3)})`;
