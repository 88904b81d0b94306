import { cosine } from '../../metrics/similarity.ts';
import type { EmbeddingMatrix } from '../../loaded/embed.ts';
import { DEMO_DOCUMENTS, DEMO_QUERIES, type DemoDocument, type DemoQuery } from './demo-documents.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModel } from '../streams/models.ts';
import { formatDuration, formatRate } from '../terminal/progress-bar.ts';
import { fitWidth, formatTable } from '../terminal/text-width.ts';

interface DemoFlags {
  model?: string;
  threads?: number;
  top?: number;
}

const TOPICS = new Set(DEMO_DOCUMENTS.map(({ topic }) => topic));
const TOPIC_WIDTH = Math.max(...DEMO_DOCUMENTS.map(({ topic }) => topic.length));

/** Runs `albertine demo`. */
export async function runDemo(io: CliIo, flags: DemoFlags): Promise<void> {
  const { top = 3 } = flags;
  const started = performance.now();
  using model = await openModel(io, flags.model, flags);
  const loaded = performance.now();
  const documents = await model.embed(
    DEMO_DOCUMENTS.map(({ text }) => text),
    { normalize: true },
  );
  const embedded = performance.now();
  const queries = await model.embed(
    DEMO_QUERIES.map(({ text }) => text),
    { normalize: true },
  );
  const lines = [
    `${DEMO_DOCUMENTS.length} short documents, half English, half Chinese, on ${TOPICS.size} topics; ${DEMO_QUERIES.length} searches in either language.`,
    `Each text becomes ${documents.dimensions} numbers that stand for its meaning; the ${top} nearest by cosine are shown.`,
    '\u2713 is on the topic asked about; = tells the first answer in the language of the search.',
    '',
  ];
  let hits = 0;
  let across = 0;
  DEMO_QUERIES.forEach((query, row) => {
    const found = nearest(documents, queries.row(row), top);
    hits += found.filter(({ document }) => document.topic === query.topic).length;
    if (found[0].document.topic === query.topic && found[0].document.language !== query.language) across++;
    lines.push(`? ${query.text}  (${query.topic})`, resultTable(query, found, io.stdout.columns), '');
  });
  const shown = DEMO_QUERIES.length * Math.min(top, DEMO_DOCUMENTS.length);
  const seconds = (embedded - loaded) / 1000;
  lines.push(
    `${hits} of ${shown} results are on the topic of the search; chance would give ${Math.round(shown / TOPICS.size)}.`,
    `${across} of ${DEMO_QUERIES.length} searches are answered first in the other language, without a word in common.`,
    `Loaded in ${formatDuration((loaded - started) / 1000)}, embedded in ${formatDuration(seconds)} (${formatRate(DEMO_DOCUMENTS.length / seconds)} documents/s).`,
    '',
    'Next',
    formatTable(
      [
        ['npx albertine embed "your text" --normalize', 'vectors as JSON lines'],
        ['npx albertine embed "a text" "another" --output vectors.npy', 'a matrix for numpy'],
        ['npx albertine info', 'what this model is and costs'],
        ['npx albertine info albert/albert-base-v2', 'any ALBERT from the hub (downloads it), or a folder'],
        ['npx albertine --help', 'everything else'],
      ],
      { indent: '  ' },
    ),
    '',
  );
  await io.stdout.write(lines.join('\n'));
}

function nearest(
  documents: EmbeddingMatrix,
  query: Float32Array,
  count: number,
): { document: DemoDocument; score: number }[] {
  return DEMO_DOCUMENTS.map((document, row) => ({ document, score: cosine(documents.row(row), query) }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}

function resultTable(query: DemoQuery, found: { document: DemoDocument; score: number }[], columns: number): string {
  const width = Math.max(20, Math.min(118, columns) - '    x 1  0.123  en  '.length - TOPIC_WIDTH - 2);
  return found
    .flatMap(({ document: { topic, language, text, gist }, score }, rank) => {
      const facts = `    ${topic === query.topic ? '\u2713' : ' '} ${rank + 1}  ${score.toFixed(3)}  ${language}  ${topic.padEnd(TOPIC_WIDTH)}  `;
      const explained =
        rank === 0 && language !== query.language ? [`           = ${fitWidth(gist, width + facts.length - 13)}`] : [];
      return [facts + fitWidth(text, width), ...explained];
    })
    .map((line) => line.trimEnd())
    .join('\n');
}
