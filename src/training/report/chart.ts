import { escapeMarkup, formatNumber } from '../../core/markup.ts';

/** One curve of a chart. */
export interface ChartSeries {
  name: string;
  /** Steps, ascending. */
  x: readonly number[];
  /** Values; those that are not finite leave a gap. */
  y: readonly number[];
  /** Number of the colour, 1 to 6. */
  color: number;
  /** `faint` is drawn thin and pale, behind the others; `dots` marks every value. Default `line`. */
  style?: 'line' | 'faint' | 'dots';
  /** 1 or 2 draw it dashed, to tell more curves apart than there are colours. Default 0. */
  dash?: 0 | 1 | 2;
}

/** A vertical mark at a step. */
export interface ChartMark {
  x: number;
  text: string;
}

/** What to draw. */
export interface ChartOptions {
  title: string;
  /** Word for the horizontal axis, in tooltips: "step". */
  xName: string;
  /** First and last step of the axis. Default: those of the curves. */
  xRange?: readonly [first: number, last: number];
  logarithmic?: boolean;
  marks?: readonly ChartMark[];
  /** Values under the pointer stand below each other, a curve a line: for many or long names. */
  stacked?: boolean;
}

/** An SVG element and what its caption should admit to. */
export interface Chart {
  svg: string;
  /** Values drawn at the edge because they would have squeezed the rest. */
  outside: number;
  /** Values that are not finite. */
  missing: number;
}

/** Size of a chart, and what its axes enclose. */
export const WIDTH = 640;
export const HEIGHT = 240;
export const PLOT = { left: 58, right: WIDTH - 14, top: 22, bottom: HEIGHT - 26 };
/** Columns that are drawn separately; more values are reduced to the extremes of each column. */
const COLUMNS = 560;
/** Hover targets at most. */
const TARGETS = 160;

/** A place on the page for a value. */
export type Scale = (value: number) => number;

/** Draws curves over steps with axes, marks and a hover read-out that needs no script. */
export function lineChart(series: readonly ChartSeries[], options: ChartOptions): Chart {
  const finite = series.flatMap(({ y }) =>
    y.filter((value) => Number.isFinite(value) && (!options.logarithmic || value > 0)),
  );
  // A line beside others is a moving average of values that are drawn themselves.
  const missing = series
    .filter(({ style }) => style !== 'line' || series.length === 1)
    .flatMap(({ y }) => y.filter((value) => !Number.isFinite(value))).length;
  const steps = [...series.flatMap(({ x }) => [x[0], x.at(-1)!]), ...(options.xRange ?? [])].filter(
    (x) => x !== undefined,
  );
  const [firstStep, lastStep] = [Math.min(...steps), Math.max(...steps)];
  const range = valueRange(finite, options.logarithmic === true);
  const x = linearScale([firstStep, lastStep], [PLOT.left, PLOT.right]);
  const toAxis = options.logarithmic ? Math.log10 : (value: number) => value;
  const linear = linearScale([toAxis(range.low), toAxis(range.high)], [PLOT.bottom, PLOT.top]);
  const y: Scale = (value) => Math.min(PLOT.bottom, Math.max(PLOT.top, linear(toAxis(value))));
  const drawn = [...series].sort((a, b) => Number(b.style === 'faint') - Number(a.style === 'faint'));
  const parts = [
    ...horizontalAxis(firstStep, lastStep, x),
    ...verticalAxis(range, options.logarithmic === true, y),
    ...drawMarks(options.marks ?? [], x),
    ...drawn.map((curve) => drawCurve(curve, x, y)),
    ...hoverTargets(series, options, { x, y }),
  ];
  const outside = finite.filter((value) => value < range.low || value > range.high).length;
  const label = escapeMarkup(options.title);
  return {
    svg: `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${parts.join('')}</svg>`,
    outside,
    missing,
  };
}

/** A place with as many digits as can be seen. */
export const round = (value: number): string => String(Math.round(value * 10) / 10);

/** Places that are proportional to values. */
export function linearScale([low, high]: readonly [number, number], [start, end]: readonly [number, number]): Scale {
  return (value) => (high === low ? (start + end) / 2 : start + ((value - low) / (high - low)) * (end - start));
}

/** All values, unless a few of them (a spike) would leave less than a third of the height for the rest. */
export function valueRange(values: number[], logarithmic: boolean): { low: number; high: number } {
  if (values.length === 0) return { low: logarithmic ? 0.1 : 0, high: 1 };
  const sorted = Float64Array.from(values).sort();
  let [low, high] = [sorted[0], sorted[sorted.length - 1]];
  if (logarithmic) return low === high ? { low: low / 2, high: high * 2 } : { low, high };
  const [lower, upper] = [0.01, 0.99].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  if (upper > lower && high - low > 3 * (upper - lower))
    [low, high] = [Math.max(low, lower - (upper - lower) * 0.2), Math.min(high, upper + (upper - lower) * 0.2)];
  const margin = high === low ? Math.abs(high) * 0.1 || 1 : (high - low) * 0.05;
  // An axis of positive values does not need to show negative ones.
  return { low: low >= 0 ? Math.max(0, low - margin) : low - margin, high: high + margin };
}

/** About `count` round numbers in `[low, high]`. */
export function niceTicks(low: number, high: number, count: number): number[] {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step =
    [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999) ?? 10 * power;
  const ticks: number[] = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index++)
    ticks.push(Number((index * step).toPrecision(12)));
  return ticks;
}

/** Round numbers on a logarithmic axis. */
export function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const factors = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 2.5 ? [1, 3] : [1];
  const every = Math.max(1, Math.ceil(decades / 6));
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(6)));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function horizontalAxis(first: number, last: number, x: Scale): string[] {
  const ticks = niceTicks(first, last, 6).filter(Number.isInteger);
  return [
    `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`,
    ...ticks.map(
      (tick) =>
        `<text class="tick" x="${round(x(tick))}" y="${PLOT.bottom + 17}" text-anchor="middle">${formatNumber(tick, 6)}</text>`,
    ),
  ];
}

/** Lines across the plot with their values. */
export function verticalAxis({ low, high }: { low: number; high: number }, logarithmic: boolean, y: Scale): string[] {
  const ticks = logarithmic ? logTicks(low, high) : niceTicks(low, high, 5);
  return ticks.flatMap((tick) => [
    `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>`,
    `<text class="tick" x="${PLOT.left - 7}" y="${round(y(tick) + 4)}" text-anchor="end">${formatNumber(tick, 6)}</text>`,
  ]);
}

/** Few marks cross the plot; many are short, or they would hide the curves. */
function drawMarks(marks: readonly ChartMark[], x: Scale): string[] {
  const top = marks.length > 20 ? PLOT.bottom - 8 : PLOT.top;
  return marks.map(
    (mark) => `<line class="mark" x1="${round(x(mark.x))}" x2="${round(x(mark.x))}" y1="${top}" y2="${PLOT.bottom}"/>`,
  );
}

function drawCurve({ x: steps, y: values, color, style = 'line', dash = 0 }: ChartSeries, x: Scale, y: Scale): string {
  const points = reduce(steps, values);
  let path = '';
  let connected = false;
  for (const { step, value } of points) {
    if (Number.isFinite(value)) path += `${connected ? 'L' : 'M'}${round(x(step))} ${round(y(value))}`;
    connected = Number.isFinite(value);
  }
  const line = `<path class="curve ${style} c${color}${dash > 0 ? ` d${dash}` : ''}" d="${path}"/>`;
  if (style !== 'dots' && values.length > 1) return line;
  const dots = points
    .filter(({ value }) => Number.isFinite(value))
    .map(({ step, value }) => `<circle class="dot c${color}" cx="${round(x(step))}" cy="${round(y(value))}" r="2.5"/>`);
  return line + dots.join('');
}

/** Keeps at most two values a column, its lowest and highest, in their order, so that no spike is lost. */
function reduce(steps: readonly number[], values: readonly number[]): { step: number; value: number }[] {
  const all = steps.map((step, index) => ({ step, value: values[index] }));
  if (all.length <= 2 * COLUMNS) return all;
  const reduced: { step: number; value: number }[] = [];
  for (let column = 0; column < COLUMNS; column++) {
    const slice = all.slice(
      Math.floor((column * all.length) / COLUMNS),
      Math.floor(((column + 1) * all.length) / COLUMNS),
    );
    const finite = slice.filter(({ value }) => Number.isFinite(value));
    if (finite.length === 0) {
      reduced.push(slice[0]);
      continue;
    }
    const lowest = finite.reduce((a, b) => (b.value < a.value ? b : a));
    const highest = finite.reduce((a, b) => (b.value > a.value ? b : a));
    reduced.push(
      ...(lowest === highest ? [lowest] : lowest.step < highest.step ? [lowest, highest] : [highest, lowest]),
    );
  }
  return reduced;
}

/** Invisible columns that on hover show a line, dots and the values; `<title>` serves touch and screen readers. */
function hoverTargets(
  series: readonly ChartSeries[],
  options: ChartOptions,
  { x, y }: { x: Scale; y: Scale },
): string[] {
  const longest = series.reduce<readonly number[]>(
    (best, curve) => (curve.x.length > best.length ? curve.x : best),
    [],
  );
  const every = Math.max(1, Math.ceil(longest.length / TARGETS));
  const sampled = longest.filter((_, index) => index % every === 0 || index === longest.length - 1);
  // Dots stand for few and important values, so each of them can be read.
  const dotted = series.filter(({ style }) => style === 'dots').flatMap(({ x: steps }) => steps.slice(-TARGETS));
  const picked = [...new Set([...sampled, ...dotted])].sort((a, b) => a - b);
  const marks = new Map(
    (options.marks ?? []).map(({ x: step, text }) => [
      picked.reduce((a, b) => (Math.abs(b - step) < Math.abs(a - step) ? b : a), picked[0]),
      text,
    ]),
  );
  const indexOf = series.map(({ x: steps }) => new Map(steps.map((step, index) => [step, index])));
  return picked.map((step, index) => {
    const center = x(step);
    const left = index === 0 ? PLOT.left : (center + x(picked[index - 1])) / 2;
    const right = index === picked.length - 1 ? PLOT.right : (center + x(picked[index + 1])) / 2;
    const present = series
      .map((curve, number) => ({ curve, value: curve.y[indexOf[number].get(step) ?? -1] }))
      .filter(({ value }) => value !== undefined);
    const values = present.map(({ curve, value }) => `${curve.name} ${formatNumber(value)}`);
    const text = escapeMarkup(
      [`${options.xName} ${formatNumber(step, 9)}`, ...values, ...(marks.has(step) ? [marks.get(step)!] : [])].join(
        '  ·  ',
      ),
    );
    const dots = present
      .filter(({ value }) => Number.isFinite(value))
      .map(
        ({ curve, value }) =>
          `<circle class="dot c${curve.color}" cx="${round(center)}" cy="${round(y(value))}" r="3.5"/>`,
      );
    return (
      `<g class="hit"><title>${text}</title><rect x="${round(left)}" y="${PLOT.top}" width="${round(Math.max(1, right - left))}" height="${PLOT.bottom - PLOT.top}"/>` +
      `<line x1="${round(center)}" x2="${round(center)}" y1="${PLOT.top}" y2="${PLOT.bottom}"/>${dots.join('')}${options.stacked ? stackedText(step, present, options.xName) : `<text x="${PLOT.right}" y="13" text-anchor="end">${text}</text>`}</g>`
    );
  });
}

/** The values of a step below each other, in the colours of their curves. */
function stackedText(step: number, present: readonly { curve: ChartSeries; value: number }[], xName: string): string {
  const lines = present.map(
    ({ curve, value }, index) =>
      `<text class="tip c${curve.color}" x="${PLOT.right}" y="${PLOT.top + 14 * (index + 1)}" text-anchor="end">${escapeMarkup(`${curve.name}  ${formatNumber(value)}`)}</text>`,
  );
  return `<text x="${PLOT.right}" y="13" text-anchor="end">${escapeMarkup(xName)} ${formatNumber(step, 9)}</text>${lines.join('')}`;
}
