/**
 * Paragraphs found by questions about them: vectors, words (BM25) and both together beside each other.
 *
 *     npx tsx bench/retrieval/quality.ts [--model FOLDER] [--limit QUESTIONS] [--threads N] [--json]
 *         [--set en,zh,en-zh,zh-en,cmrc] [--rerank RANKER] [--run FILE]
 *
 * XQuAD (1,190 questions to 240 paragraphs, English and Chinese, and with the questions in the other language) and
 * the dev set of CMRC 2018 (3,219 questions to 848 paragraphs), of `../shared/data` or `$ALBERTINE_DATA`. Every
 * paragraph is a row of a JSONL file that is indexed as `albertine index build` does, and every question is a search of
 * its own, as of `albertine search`; a paragraph stands where its best chunk does. `--run` writes the rankings, as numbers
 * of paragraphs, with the figures.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Albert } from '../../src/index.ts';
import { meanReciprocalRank, ndcgAtK, recallAtK, type RankedQuery } from '../../src/metrics/index.ts';
import { buildIndex, openIndex, SEARCH_MODES, type DocumentIndex, type SearchMode } from '../../src/retrieval/index.ts';
import { markdown, openModels, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { DATA, requireData, spread } from '../pretraining/data.ts';

interface Question {
  text: string;
  /** Number of its paragraph. */
  right: number;
}

interface QuestionSet {
  paragraphs: string[];
  questions: Question[];
}

interface Squad {
  data: { paragraphs: { context: string; qas: { question: string }[] }[] }[];
}

function readSet(...path: string[]): QuestionSet {
  const { data } = JSON.parse(readFileSync(requireData(join(DATA, ...path)), 'utf8')) as Squad;
  const paragraphs = data.flatMap((article) => article.paragraphs);
  return {
    paragraphs: paragraphs.map(({ context }) => context),
    questions: paragraphs.flatMap(({ qas }, right) => qas.map(({ question }) => ({ text: question, right }))),
  };
}

/** Chunks that are looked at to have 100 paragraphs. */
const CHUNKS = 400;
const PARAGRAPHS = 100;

async function rank(
  index: DocumentIndex,
  { text, right }: Question,
  how: { mode: SearchMode; rerank?: string | undefined },
): Promise<RankedQuery> {
  const { mode, rerank } = how;
  const hits = await index.search(text, { mode, limit: CHUNKS, ...(rerank !== undefined && { rerank, pool: 50 }) });
  const rows = [...new Set(hits.map(({ row }) => row! - 1))].slice(0, PARAGRAPHS);
  return { ranking: rows, relevance: new Map([[right, 1]]) };
}

const SETS: Record<string, () => { questions: QuestionSet; paragraphs: QuestionSet }> = {
  en: () => both(readSet('xquad', 'xquad.en.json')),
  zh: () => both(readSet('xquad', 'xquad.zh.json')),
  'en-zh': () => ({ questions: readSet('xquad', 'xquad.en.json'), paragraphs: readSet('xquad', 'xquad.zh.json') }),
  'zh-en': () => ({ questions: readSet('xquad', 'xquad.zh.json'), paragraphs: readSet('xquad', 'xquad.en.json') }),
  cmrc: () => both(readSet('cmrc2018', 'cmrc2018_dev.json')),
};
const both = (set: QuestionSet): { questions: QuestionSet; paragraphs: QuestionSet } => ({
  questions: set,
  paragraphs: set,
});

async function openParagraphs(folder: string, paragraphs: readonly string[], model: Albert): Promise<DocumentIndex> {
  const file = join(folder, 'paragraphs.jsonl');
  writeFileSync(file, paragraphs.map((text) => `${JSON.stringify({ text })}\n`).join(''));
  const started = performance.now();
  const { chunks, tokens } = await buildIndex(join(folder, 'index'), model, { sources: [file], overwrite: true });
  const seconds = (performance.now() - started) / 1000;
  console.error(`${chunks} chunks of ${tokens} tokens in ${seconds.toFixed(1)} s`);
  return await openIndex(join(folder, 'index'), { model });
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      limit: { type: 'string' },
      threads: { type: 'string' },
      set: { type: 'string', default: Object.keys(SETS).join(',') },
      rerank: { type: 'string' },
      run: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [{ model }] = await openModels(
    values.model === undefined ? [] : [values.model],
    wholeNumber('--threads', values.threads),
  );
  const results = [];
  const runs: { set: string; mode: string; rankings: number[][]; right: number[]; figures: number[] }[] = [];
  for (const set of values.set.split(',')) {
    const folder = mkdtempSync(join(tmpdir(), 'albertine-bench-'));
    const { questions, paragraphs } = SETS[set]();
    await using index = await openParagraphs(folder, paragraphs.paragraphs, model);
    const asked = spread(questions.questions, wholeNumber('--limit', values.limit));
    for (const mode of SEARCH_MODES) {
      const started = performance.now();
      const ranked: RankedQuery[] = [];
      for (const question of asked) ranked.push(await rank(index, question, { mode, rerank: values.rerank }));
      const rate = (1000 * asked.length) / (performance.now() - started);
      const [ndcg10, recall10, recall100] = [ndcgAtK(ranked, 10), recallAtK(ranked, 10), recallAtK(ranked, 100)];
      const mrr = meanReciprocalRank(ranked);
      results.push({ set, mode, questions: asked.length, ndcg10, recall10, recall100, mrr, rate });
      const rankings = ranked.map(({ ranking }) => Array.from(ranking));
      runs.push({
        set,
        mode,
        rankings,
        right: asked.map(({ right }) => right),
        figures: [ndcg10, recall10, recall100, mrr],
      });
      console.error(`${set} ${mode}: nDCG@10 ${ndcg10.toFixed(4)}`);
    }
    rmSync(folder, { recursive: true, force: true });
  }
  model[Symbol.dispose]();
  if (values.run !== undefined) writeFileSync(values.run, `${JSON.stringify(runs)}\n`);
  const rows = results.map((one) => [
    ...[one.set, one.mode, String(one.questions)],
    ...[one.ndcg10, one.recall10, one.recall100, one.mrr].map((value) => value.toFixed(4)),
    one.rate.toFixed(0),
  ]);
  const columns = ['set', 'mode', 'questions', 'nDCG@10', 'recall@10', 'recall@100', 'MRR', 'queries/s'];
  print(results, { json: values.json, tables: [markdown(columns, rows)] });
});
