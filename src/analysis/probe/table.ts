import type { LayerProbe } from './layer-probe.ts';
import type { NetworkProbe, ProbedTask, ProbeReport, TaskProbe } from './probe.ts';

/** A line of figures below a network's own. */
export interface ExtraFigure {
  name: string;
  /** Of a layer; undefined where the probe has none. */
  of(probe: LayerProbe): number | undefined;
  /** Whether it is a share, and shown in percent. */
  share: boolean;
}

/** What a report may have besides the figure of the linear probe. */
export const EXTRA_FIGURES: readonly ExtraFigure[] = [
  { name: 'cosine alone', of: ({ cosine }) => cosine?.value, share: true },
  { name: 'neighbours', of: ({ knn }) => knn?.test.value, share: true },
  { name: 'selectivity', of: ({ control }) => control?.selectivity, share: true },
  { name: 'learned by heart', of: ({ control }) => control?.memorised, share: true },
  { name: 'compression', of: ({ mdl }) => mdl?.compression, share: false },
];

/** In percent with one digit after the point, all as `100`; other figures with two. */
export const shownFigure = (value: number, share = true): string => {
  const shown = (share ? 100 * value : value).toFixed(share ? 1 : 2);
  return share && shown === '100.0' ? '100' : shown;
};

/** What the majority and the words say of a task, in words. */
export const describeTask = ({ figure, kind, labels, rows, majority, words }: ProbedTask): string =>
  [
    `${figure} on ${rows.test.toLocaleString('en-US')} ${{ classify: 'texts', similarity: 'pairs', tags: 'words' }[kind]}`,
    ...(labels.length > 0 ? [`${labels.length} labels`] : []),
    ...(kind === 'similarity' ? [] : [`majority ${shownFigure(majority.value)}`]),
    `words alone ${shownFigure(words.value)}`,
  ].join(', ');

const CELL = 6;
const MARGIN = 2;
/** The interval at the end of a line, with the layer and its figure where not all layers are shown. */
const SHORT_END = '  best, 95 %'.length + 2;
const LONG_END = '  10: 88.8 (88.8 to 88.8)'.length;
const [SHORTEST_NAME, LONGEST_NAME] = [19, 32];

interface Layout {
  /** Columns of names. */
  label: number;
  layers: readonly number[];
  /** Whether these are all layers. */
  all: boolean;
}

/**
 * A report as lines of a terminal: for each task a line a network, with a column a layer; `*` marks the layer that the
 * development part chose, and the interval is its. Of more layers than there is room for, some are shown.
 */
export function probeTable({ tasks, networks }: ProbeReport, { width = 100 }: { width?: number } = {}): string[] {
  const layout = layoutOf(networks, Math.max(80, width));
  const cells = layout.layers.map((layer) =>
    String(layer)
      .padStart(CELL - 1)
      .padEnd(CELL),
  );
  const lines = [`${'layer'.padEnd(MARGIN + layout.label)}${cells.join('')}  best, 95 %`];
  for (const [index, task] of tasks.entries()) {
    lines.push('', `${task.name}: ${describeTask(task)}`);
    for (const network of networks) lines.push(...networkLines(network, network.tasks[index], layout));
  }
  if (!layout.all)
    lines.push('', `${layout.layers.length} of the layers are shown; --json, --output and --html have all`);
  return lines;
}

function layoutOf(networks: readonly NetworkProbe[], width: number): Layout {
  const found = new Set(networks.flatMap((network) => network.tasks[0].layers.map(({ layer }) => layer)));
  const layers = [...found].sort((a, b) => a - b);
  const wanted = networks.reduce((longest, { name }) => Math.max(longest, name.length + 1), SHORTEST_NAME);
  const label = (end: number, count: number): number =>
    Math.max(SHORTEST_NAME, Math.min(wanted, LONGEST_NAME, width - MARGIN - end - count * CELL));
  if (MARGIN + SHORTEST_NAME + layers.length * CELL + SHORT_END <= width)
    return { label: label(SHORT_END, layers.length), layers, all: true };
  const room = Math.max(2, Math.floor((width - MARGIN - SHORTEST_NAME - LONG_END) / CELL));
  const some = Array.from({ length: room }, (_, i) => layers[Math.round((i * (layers.length - 1)) / (room - 1))]);
  return { label: label(LONG_END, room), layers: some, all: false };
}

function networkLines({ name }: NetworkProbe, { layers: probes, best }: TaskProbe, layout: Layout): string[] {
  const { label, layers, all } = layout;
  const row = (title: string, cells: readonly string[], end = ''): string =>
    `${' '.repeat(MARGIN)}${fitted(title, label)}${cells.join('')}${end}`.trimEnd();
  const of = (layer: number): LayerProbe | undefined => probes.find((probe) => probe.layer === layer);
  const cell = (value: number | undefined, { share = true, mark = false } = {}): string =>
    value === undefined ? ' '.repeat(CELL) : shownFigure(value, share).padStart(CELL - 1) + (mark ? '*' : ' ');
  const { test } = of(best)!;
  const range = `${shownFigure(test.low)} to ${shownFigure(test.high)}`;
  return [
    row(
      name,
      layers.map((layer) => cell(of(layer)?.test.value, { mark: layer === best })),
      all ? `  ${range}` : `  ${best}: ${shownFigure(test.value)} (${range})`,
    ),
    ...EXTRA_FIGURES.filter((extra) => extra.of(probes[0]) !== undefined).map((extra) =>
      row(
        `  ${extra.name}`,
        layers.map((layer) => {
          const probe = of(layer);
          return cell(probe && extra.of(probe), { share: extra.share });
        }),
      ),
    ),
  ];
}

/** Of a longer name the beginning and the end, which tell folders apart. */
function fitted(name: string, width: number): string {
  const room = width - 1;
  if (name.length <= room) return name.padEnd(width);
  const start = Math.floor((room - 1) / 2);
  return `${name.slice(0, start)}…${name.slice(name.length - (room - 1 - start))} `;
}
