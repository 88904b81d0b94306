import { escapeMarkup, formatNumber } from '../../core/markup.ts';
import type { Parameter, ParameterValue } from '../../study/space.ts';
import { lossOf } from '../../study/trial.ts';
import { linearScale, niceTicks, logTicks, round, type Scale } from '../../training/report/chart.ts';
import { directionsOf, type StudyRecord, type TrialRecord } from '../study-record.ts';

const WIDTH = 1180;
const HEIGHT = 330;
const PLOT = { left: 70, right: WIDTH - 90, top: 34, bottom: HEIGHT - 40 };
/** Where lines pass a parameter that the trial does not have. */
const ABSENT = HEIGHT - 12;

interface Axis {
  name: string;
  x: number;
  y: (trial: TrialRecord) => number | undefined;
  ticks: { y: number; text: string }[];
}

/** Axes of all parameters and the objectives, and a line through them for each trial. */
export function parallelChart(study: StudyRecord, complete: readonly TrialRecord[], title: string): string {
  const { space } = study.header;
  const count = Object.keys(space).length + study.objectives!.length;
  const placeOf = linearScale([0, Math.max(1, count - 1)], [PLOT.left, PLOT.right]);
  const axes = [
    ...Object.entries(space).map(([name, parameter], i) => parameterAxis(name, parameter, placeOf(i))),
    ...study.objectives!.map(({ name }, i) =>
      objectiveAxis(name, i, { complete, x: placeOf(Object.keys(space).length + i) }),
    ),
  ];
  const [direction] = directionsOf(study);
  const worstFirst = [...complete].sort(
    (a, b) => lossOf(b.objectives![0], direction) - lossOf(a.objectives![0], direction),
  );
  const lines = worstFirst.map((trial, place) => lineOf(trial, axes, { study, rank: (place + 1) / worstFirst.length }));
  const label = escapeMarkup(title);
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${label}">${lines.join('')}${axes.map(drawAxis).join('')}</svg>`;
}

function parameterAxis(name: string, parameter: Parameter, x: number): Axis {
  const place = scaleOf(parameter);
  const values: readonly ParameterValue[] =
    parameter.kind === 'choice'
      ? parameter.choices
      : [...new Set([parameter.low, ...ticksOf(parameter), parameter.high])];
  return {
    name,
    x,
    y: ({ values: own }) => (Object.hasOwn(own, name) ? place(own[name]) : undefined),
    ticks: spaced(
      values.map((value) => ({
        y: place(value),
        text: typeof value === 'number' ? formatNumber(value, 3) : String(value),
      })),
    ),
  };
}

function scaleOf(parameter: Parameter): (value: ParameterValue) => number {
  if (parameter.kind === 'choice') {
    const scale = linearScale([0, parameter.choices.length - 1], [PLOT.bottom, PLOT.top]);
    return (value) => scale(parameter.choices.indexOf(value));
  }
  const toAxis = parameter.log ? Math.log10 : (value: number) => value;
  const scale: Scale = linearScale([toAxis(parameter.low), toAxis(parameter.high)], [PLOT.bottom, PLOT.top]);
  return (value) => scale(toAxis(value as number));
}

const ticksOf = ({ low, high, log }: Exclude<Parameter, { kind: 'choice' }>): number[] =>
  log ? logTicks(low, high) : niceTicks(low, high, 4);

/** Ends first; what would stand on one of them is left out. */
function spaced(ticks: Axis['ticks']): Axis['ticks'] {
  const kept: Axis['ticks'] = [];
  for (const tick of [ticks[0], ticks.at(-1)!, ...ticks.slice(1, -1)])
    if (kept.every((other) => Math.abs(other.y - tick.y) > 15)) kept.push(tick);
  return kept;
}

function objectiveAxis(
  name: string,
  index: number,
  { complete, x }: { complete: readonly TrialRecord[]; x: number },
): Axis {
  const values = complete.map(({ objectives }) => objectives![index]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = linearScale([low, high], [PLOT.bottom, PLOT.top]);
  const ticks = [low, ...niceTicks(low, high, 4), high].map((value) => ({
    y: scale(value),
    text: formatNumber(value),
  }));
  return { name, x, y: ({ objectives }) => scale(objectives![index]), ticks: spaced(ticks) };
}

function drawAxis({ name, x, ticks }: Axis): string {
  return (
    `<line class="axis" x1="${round(x)}" x2="${round(x)}" y1="${PLOT.top}" y2="${PLOT.bottom}"/>` +
    `<text class="name" x="${round(x)}" y="16" text-anchor="middle">${escapeMarkup(name)}</text>` +
    ticks
      .map(
        ({ y, text }) =>
          `<text class="tick onLine" x="${round(x + 6)}" y="${round(y + 4)}">${escapeMarkup(text)}</text>`,
      )
      .join('')
  );
}

/** `rank` is 1 for the best trial, and nearly 0 for the worst. */
function lineOf(
  trial: TrialRecord,
  axes: readonly Axis[],
  { study, rank }: { study: StudyRecord; rank: number },
): string {
  const places = axes.map((axis) => ({ x: axis.x, y: axis.y(trial) }));
  const path = places.map(({ x, y = ABSENT }, i) => `${i === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');
  const text = [
    `trial ${trial.number}`,
    ...study.objectives!.map(({ name }, i) => `${name} ${formatNumber(trial.objectives![i])}`),
    ...Object.entries(trial.values).map(
      ([name, value]) => `${name} ${typeof value === 'number' ? formatNumber(value) : String(value)}`,
    ),
  ].join('  ·  ');
  const isTop = rank > 0.9;
  return `<path class="trial ${isTop ? 'c1' : 'other'}" style="opacity:${round(0.15 + 0.8 * rank ** 2)}" d="${path}"><title>${escapeMarkup(text)}</title></path>`;
}
