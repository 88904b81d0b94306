/**
 * An index built end to end, as `albertine index build` does: files read, cut into chunks, embedded, words sorted, all of
 * it written; then brought up to date with nothing changed.
 *
 *     npx tsx bench/retrieval/build.ts [--chunks 10000] [--model FOLDER] [--threads N] [--work FOLDER] [--json]
 *
 * Documents are text files of ten paragraphs of the corpus (`../shared/corpus` or `$ALBERTINE_CORPUS`) each, English and
 * Chinese in turn, as many as give about so many chunks. Opening the model is not counted. Beside the time of the clock
 * there is that of the processor, which other work on the machine does not lengthen as much.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildIndex, updateIndex } from '../../src/retrieval/index.ts';
import { markdown, openModel, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { LANGUAGES } from '../pretraining/data.ts';
import { paragraphsOf } from './corpus.ts';

const PARAGRAPHS = 10;
/** Chunks that a document has on average, by which the number of documents is chosen. */
const CHUNKS_OF_DOCUMENT = 5;

/** Writes the documents; how many bytes they have. */
function writeDocuments(folder: string, count: number): number {
  mkdirSync(folder, { recursive: true });
  const paragraphs = LANGUAGES.map((language) => paragraphsOf(language, language === 'en' ? 100 : 40));
  let bytes = 0;
  for (let number = 0; number < count; number++) {
    const own = paragraphs[number % LANGUAGES.length];
    const from = PARAGRAPHS * Math.floor(number / LANGUAGES.length);
    const text = Array.from({ length: PARAGRAPHS }, (_, i) => own[(from + i) % own.length]).join('\n\n');
    writeFileSync(join(folder, `${LANGUAGES[number % LANGUAGES.length]}-${number}.txt`), text);
    bytes += Buffer.byteLength(text);
  }
  return bytes;
}

/** Seconds of clock and processor that something took. */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: number; processor: number }> {
  const [started, used] = [performance.now(), process.cpuUsage()];
  const result = await work();
  const { user, system } = process.cpuUsage(used);
  return { result, seconds: (performance.now() - started) / 1000, processor: (user + system) / 1e6 };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      chunks: { type: 'string', default: '10000' },
      model: { type: 'string' },
      threads: { type: 'string' },
      work: { type: 'string', default: '.runs/bench-build' },
      json: { type: 'boolean', default: false },
    },
  });
  const [documents, index] = ['documents', 'index'].map((name) => join(values.work, name));
  for (const folder of [documents, index]) rmSync(folder, { recursive: true, force: true });
  const bytes = writeDocuments(documents, Math.ceil(wholeNumber('--chunks', values.chunks)! / CHUNKS_OF_DOCUMENT));
  using model = await openModel(values);
  const built = await timed(() => buildIndex(index, model, { sources: [documents] }));
  const memory = process.resourceUsage().maxRSS / 1000;
  const updated = await timed(() => updateIndex(index, model));
  const { chunks, tokens, files } = built.result;
  const result = { files, bytes, chunks, tokens, seconds: built.seconds, processor: built.processor, memory };
  const rows = [
    [
      ...[files, chunks, tokens].map((count) => count.toLocaleString('en-US')),
      ...[(bytes / 1e6).toFixed(1), built.seconds.toFixed(0), (chunks / built.seconds).toFixed(1)],
      ...[(tokens / built.seconds).toFixed(0), built.processor.toFixed(0), (chunks / built.processor).toFixed(1)],
      ...[memory.toFixed(0), updated.seconds.toFixed(1)],
    ],
  ];
  const columns = [
    ...['files', 'chunks', 'tokens', 'text, MB', 'built in, s', 'chunks/s', 'tokens/s', 'processor, s'],
    ...['chunks a processor second', 'memory, MB', 'update with nothing changed, s'],
  ];
  print({ ...result, update: updated.seconds }, { json: values.json, tables: [markdown(columns, rows)] });
});
