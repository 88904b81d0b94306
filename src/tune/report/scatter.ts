import { hash32 } from '../../core/random.ts';
import { escapeMarkup, formatNumber } from '../../core/markup.ts';
import {
  HEIGHT,
  linearScale,
  logTicks,
  niceTicks,
  PLOT,
  round,
  valueRange,
  verticalAxis,
  WIDTH,
  type Scale,
} from '../../training/report/chart.ts';

/** A point of a scatter chart. */
export interface ScatterPoint {
  /** A number, or the index of a category. */
  x: number;
  y: number;
  /** Number of the colour, 1 to 6; 0: pale. */
  color: number;
  /** What it says when it is pointed at. */
  text: string;
}

/** What to draw. */
export interface ScatterOptions {
  title: string;
  /** Word for the horizontal axis. */
  xName: string;
  /** Bounds of the horizontal axis. Default: those of the points. */
  xRange?: readonly [number, number];
  xLogarithmic?: boolean;
  /** Names of categories instead of numbers. */
  categories?: readonly string[];
  /** A line through these points. */
  line?: readonly { x: number; y: number }[];
  /** Corners at the points of the line, as a value holds until the next one. */
  stepped?: boolean;
}

/** Points with axes; each says what it is when it is pointed at. `outside` are drawn at the edge. */
export function scatterChart(
  points: readonly ScatterPoint[],
  options: ScatterOptions,
): { svg: string; outside: number } {
  const finite = points.filter(({ y }) => Number.isFinite(y));
  const range = valueRange(
    finite.map(({ y }) => y),
    false,
  );
  const linear = linearScale([range.low, range.high], [PLOT.bottom, PLOT.top]);
  const y: Scale = (value) => Math.min(PLOT.bottom, Math.max(PLOT.top, linear(value)));
  const x = horizontalScale(finite, options);
  const circles = finite.map((point, index) => {
    const spread = options.categories ? ((hash32(7, index) % 21) - 10) * 1.2 : 0;
    const place = `cx="${round(x(point.x) + spread)}" cy="${round(y(point.y))}"`;
    return `<circle class="point c${point.color}" ${place} r="4"><title>${escapeMarkup(point.text)}</title></circle>`;
  });
  const parts = [
    ...verticalAxis(range, false, y),
    ...horizontalTicks(x, finite, options),
    ...lineOf(options, x, y),
    ...circles,
  ];
  return {
    svg: `<svg viewBox="0 0 ${WIDTH} ${HEIGHT + 14}" role="img" aria-label="${escapeMarkup(options.title)}">${parts.join('')}</svg>`,
    outside: finite.filter(({ y: value }) => value < range.low || value > range.high).length,
  };
}

function boundsOf(points: readonly ScatterPoint[], { xRange }: ScatterOptions): readonly [number, number] {
  if (xRange) return xRange;
  const values = points.map(({ x }) => x);
  return [Math.min(...values), Math.max(...values)];
}

function horizontalScale(points: readonly ScatterPoint[], options: ScatterOptions): Scale {
  const inner = [PLOT.left + 10, PLOT.right - 10] as const;
  if (options.categories) {
    const width = (inner[1] - inner[0]) / options.categories.length;
    return (index) => inner[0] + (index + 0.5) * width;
  }
  const toAxis = options.xLogarithmic ? Math.log10 : (value: number) => value;
  const [low, high] = boundsOf(points, options);
  const scale = linearScale([toAxis(low), toAxis(high)], inner);
  return (value) => scale(toAxis(value));
}

function horizontalTicks(x: Scale, points: readonly ScatterPoint[], options: ScatterOptions): string[] {
  const { categories, xLogarithmic, xName } = options;
  const [low, high] = categories ? [0, 0] : boundsOf(points, options);
  const ticks: [number, string][] = categories
    ? categories.map((name, index) => [index, name.length > 18 ? `${name.slice(0, 17)}…` : name])
    : (xLogarithmic ? logTicks(low, high) : niceTicks(low, high, 6)).map((tick) => [tick, formatNumber(tick, 6)]);
  return [
    `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`,
    ...ticks.map(
      ([tick, text]) =>
        `<text class="tick" x="${round(x(tick))}" y="${PLOT.bottom + 17}" text-anchor="middle">${escapeMarkup(text)}</text>`,
    ),
    `<text class="tick" x="${PLOT.right}" y="${PLOT.bottom + 34}" text-anchor="end">${escapeMarkup(xName)}</text>`,
  ];
}

function lineOf({ line = [], stepped = false }: ScatterOptions, x: Scale, y: Scale): string[] {
  if (line.length < 2) return [];
  const path = line.map((point, i) => {
    const place = `${round(x(point.x))} ${round(y(point.y))}`;
    if (i === 0) return `M${place}`;
    return stepped ? `H${round(x(point.x))}V${round(y(point.y))}` : `L${place}`;
  });
  return [`<path class="curve c2" d="${path.join('')}"/>`];
}
