import { escapeMarkup } from '../../core/markup.ts';
import { lineChart, type ChartMark, type ChartSeries } from './chart.ts';
import type { Labels } from './labels.ts';
import { section } from './tables.ts';

/** How a chart is titled and captioned. */
export interface ChartSectionOptions {
  label: Labels;
  /** First and last step of the run. */
  xRange: readonly [number, number];
  marks?: ChartMark[];
  logarithmic?: boolean;
  /** As wide as the page. */
  large?: boolean;
  /** Length of the moving average, for the caption. */
  span?: number;
  /** As `ChartOptions` has it; on narrow screens the chart is then scrolled instead of made small. */
  stacked?: boolean;
}

/** A titled box with a chart, its legend and what its caption should admit to. */
export function chartSection(
  title: string,
  series: ChartSeries[],
  { label, xRange, marks, logarithmic, span, stacked, large = false }: ChartSectionOptions,
): string {
  if (series.every(({ x }) => x.length === 0)) return section(title, `<p class="caption">${label('noData')}</p>`);
  const chart = lineChart(series, { title, xName: label('step'), xRange, marks, logarithmic, stacked });
  const caption = [
    ...(span ? [label('average', { span })] : []),
    ...(logarithmic ? [label('logScale')] : []),
    ...(chart.outside > 0 ? [label('outside', { count: chart.outside })] : []),
    ...(chart.missing > 0 ? [label('missing', { count: chart.missing })] : []),
  ];
  const legend =
    series.length > 1
      ? `<div class="legend">${series.map((curve) => `<span>${keyOf(curve)}${escapeMarkup(curve.name)}</span>`).join('')}</div>`
      : '';
  return section(
    title,
    `${legend}${stacked ? `<div class="scroll plot">${chart.svg}</div>` : chart.svg}${caption.length > 0 ? `<p class="caption">${escapeMarkup(caption.join(' · '))}</p>` : ''}`,
    { large },
  );
}

function keyOf({ color, style, dash = 0 }: ChartSeries): string {
  if (dash > 0)
    return `<svg class="key" viewBox="0 0 22 10"><path class="curve c${color} d${dash}" d="M0 5H22"/></svg>`;
  return `<i class="c${color}"${style === 'faint' ? ' style="opacity:.4"' : ''}></i>`;
}
