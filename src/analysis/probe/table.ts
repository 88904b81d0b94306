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

/** In percent with one digit after the point; other figures with two. */
export const shownFigure = (value: number, share = true): string =>
  (share ? 100 * value : value).toFixed(share ? 1 : 2);

/** What the majority and the words say of a task, in words. */
export const describeTask = ({ figure, kind, labels, rows, majority, words }: ProbedTask): string =>
  [
    `${figure} on ${rows.test.toLocaleString('en-US')} ${{ classify: 'texts', similarity: 'pairs', tags: 'words' }[kind]}`,
    ...(labels.length > 0 ? [`${labels.length} labels`] : []),
    ...(kind === 'similarity' ? [] : [`majority ${shownFigure(majority.value)}`]),
    `words alone ${shownFigure(words.value)}`,
  ].join(', ');

const CELL = 7;
const MARGIN = 2;

/**
 * A report as lines of a terminal: for each task a line a network, with a column a layer; `*` marks the layer that the
 * development part chose. Of more layers than there is room for, some are shown.
 */
export function probeTable({ tasks, networks }: ProbeReport, { width = 100 }: { width?: number } = {}): string[] {
  const names = networks.map(({ name }) => name);
  const label = Math.min(36, Math.max(16, ...names.map(({ length }) => length)));
  const all = [...new Set(networks.flatMap((network) => network.tasks[0].layers.map(({ layer }) => layer)))];
  const last = '  best (95 %)'.length + 13;
  const room = Math.max(3, Math.floor((Math.max(80, width) - MARGIN - label - last) / CELL));
  const layers = shownLayers(
    all.sort((a, b) => a - b),
    room,
  );
  const head = `${'layer'.padEnd(MARGIN + label)}${layers
    .map((layer) =>
      String(layer)
        .padStart(CELL - 1)
        .padEnd(CELL),
    )
    .join('')}  best (95 %)`;
  const lines = [head];
  for (const [index, task] of tasks.entries()) {
    lines.push('', `${task.name}: ${describeTask(task)}`);
    for (const network of networks) lines.push(...networkLines(network, network.tasks[index], { label, layers }));
  }
  if (layers.length < all.length)
    lines.push('', `${layers.length} of ${all.length} layers are shown; --json and --html have all`);
  return lines;
}

function shownLayers(all: readonly number[], room: number): number[] {
  if (all.length <= room) return [...all];
  return Array.from({ length: room }, (_, i) => all[Math.round((i * (all.length - 1)) / (room - 1))]);
}

function networkLines(
  { name }: NetworkProbe,
  { layers: probes, best }: TaskProbe,
  { label, layers }: { label: number; layers: readonly number[] },
): string[] {
  const row = (title: string, cells: readonly string[], end = ''): string =>
    `${' '.repeat(MARGIN)}${(title.length > label ? `${title.slice(0, label - 1)}…` : title).padEnd(label)}${cells.join('')}${end}`.trimEnd();
  const of = (layer: number): LayerProbe | undefined => probes.find((probe) => probe.layer === layer);
  const cell = (value: number | undefined, { share = true, mark = false } = {}): string =>
    value === undefined ? ' '.repeat(CELL) : `${shownFigure(value, share)}`.padStart(CELL - 1) + (mark ? '*' : ' ');
  const { test } = of(best)!;
  const interval = `  ${best}: ${shownFigure(test.value)} (${shownFigure(test.low)} to ${shownFigure(test.high)})`;
  return [
    row(
      name,
      layers.map((layer) => cell(of(layer)?.test.value, { mark: layer === best })),
      interval,
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
