import { cosine } from '../metrics/similarity.ts';
import type { EmbeddingMatrix } from '../tasks/embed.ts';
import { DEMO_DOCUMENTS, DEMO_QUERIES, type DemoDocument } from './demo-documents.ts';
import type { CliIo } from './io.ts';
import { openModel } from './models.ts';
import { formatDuration, formatRate } from './progress-bar.ts';
import { fitWidth, formatTable } from './text-width.ts';

interface DemoFlags {
  model?: string;
  threads?: number;
  top?: number;
}

const TOPIC_WIDTH = Math.max(...DEMO_DOCUMENTS.map(({ topic }) => topic.length));

/** Runs `albertine demo`. */
export async function runDemo(io: CliIo, flags: DemoFlags): Promise<void> {
  const { top = 3 } = flags;
  const started = performance.now();
  using model = await openModel(io, flags.model, flags);
  const loaded = performance.now();
  const documents = await model.embed(DEMO_DOCUMENTS.map(({ text }) => text), { normalize: true });
  const embedded = performance.now();
  const queries = await model.embed(DEMO_QUERIES.map(({ text }) => text), { normalize: true });
  const lines = [
    `${DEMO_DOCUMENTS.length} documents in English and Chinese, ${documents.dimensions} numbers each; the ${top} nearest to each search by cosine.`,
    '',
  ];
  let hits = 0;
  DEMO_QUERIES.forEach((query, row) => {
    const found = nearest(documents, queries.row(row), top);
    hits += found.filter(({ document }) => document.topic === query.topic).length;
    lines.push(`? ${query.text}  (${query.topic})`, resultTable(found, io.stdout.columns), '');
  });
  const shown = DEMO_QUERIES.length * Math.min(top, DEMO_DOCUMENTS.length);
  const seconds = (embedded - loaded) / 1000;
  lines.push(
    `${hits} of ${shown} results are on the topic of the search; chance would give ${Math.round(shown / new Set(DEMO_DOCUMENTS.map(({ topic }) => topic)).size)}.`,
    `Loaded in ${formatDuration((loaded - started) / 1000)}, embedded in ${formatDuration(seconds)} (${formatRate(DEMO_DOCUMENTS.length / seconds)} documents/s).`,
    '',
    'Next',
    formatTable([
      ['npx albertine embed "your text" --normalize', 'vectors as JSON lines'],
      ['npx albertine embed "a text" "another" --output vectors.npy', 'a matrix for numpy'],
      ['npx albertine info', 'what this model is and costs'],
      ['npx albertine info albert/albert-base-v2', 'any ALBERT from the hub (downloads it), or a folder'],
      ['npx albertine --help', 'everything else'],
    ], { indent: '  ' }),
    '',
  );
  await io.stdout.write(lines.join('\n'));
}

function nearest(documents: EmbeddingMatrix, query: Float32Array, count: number): { document: DemoDocument; score: number }[] {
  return DEMO_DOCUMENTS.map((document, row) => ({ document, score: cosine(documents.row(row), query) })).sort((a, b) => b.score - a.score).slice(0, count);
}

function resultTable(found: { document: DemoDocument; score: number }[], columns: number): string {
  const rows = found.map(({ document, score }, rank) => [String(rank + 1), score.toFixed(3), document.topic, document.text]);
  const width = Math.max(20, Math.min(110, columns) - '    1  0.123  '.length - TOPIC_WIDTH - 2);
  return formatTable(rows.map(([rank, score, topic, text]) => [rank, score, topic.padEnd(TOPIC_WIDTH), fitWidth(text, width)]), { indent: '    ' });
}
