/**
 * Paragraphs found by questions about them: vectors, words (BM25) and both together beside each other.
 *
 *     npx tsx bench/retrieval/quality.ts [--model FOLDER] [--limit QUESTIONS] [--threads N] [--json]
 *         [--set en,zh,en-zh,zh-en,cmrc] [--mode hybrid,vector,lexical] [--hits 400] [--rerank RANKER] [--run FILE]
 *
 * XQuAD (1,190 questions to 240 paragraphs, English and Chinese, and with the questions in the other language) and
 * the dev set of CMRC 2018 (3,219 questions to 848 paragraphs), of `../shared/data` or `$ALBERTINE_DATA`. Every
 * paragraph is a row of a JSONL file that is indexed as `albertine index build` does, and every question is a search of
 * its own, as of `albertine search`; a paragraph stands where its best chunk does. Of a question 400 chunks are asked for,
 * to have 100 paragraphs; hybrid searches scale cosines over as many, `--hits 100` as a search for ten hits does.
 * `--run` writes the rankings, as numbers of paragraphs, with the figures.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { meanReciprocalRank, ndcgAtK, recallAtK, type RankedQuery } from '../../src/metrics/index.ts';
import { SEARCH_MODES, type DocumentIndex, type SearchMode } from '../../src/retrieval/index.ts';
import { markdown, openModel, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { spread } from '../pretraining/data.ts';
import { openParagraphs, SETS, type Question } from './sets.ts';

const PARAGRAPHS = 100;

async function rank(
  index: DocumentIndex,
  { text, right }: Question,
  how: { mode: SearchMode; limit: number; rerank?: string | undefined },
): Promise<RankedQuery> {
  const { mode, limit, rerank } = how;
  const hits = await index.search(text, { mode, limit, ...(rerank !== undefined && { rerank, pool: 50 }) });
  const rows = [...new Set(hits.map(({ row }) => row! - 1))].slice(0, PARAGRAPHS);
  return { ranking: rows, relevance: new Map([[right, 1]]) };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      limit: { type: 'string' },
      threads: { type: 'string' },
      set: { type: 'string', default: Object.keys(SETS).join(',') },
      mode: { type: 'string', default: SEARCH_MODES.join(',') },
      hits: { type: 'string', default: '400' },
      rerank: { type: 'string' },
      run: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const limit = wholeNumber('--hits', values.hits)!;
  const model = await openModel(values);
  const results = [];
  const runs: { set: string; mode: string; rankings: number[][]; right: number[]; figures: number[] }[] = [];
  for (const set of values.set.split(',')) {
    const { questions, paragraphs } = SETS[set]();
    const { index, folder } = await openParagraphs(paragraphs.paragraphs, model);
    const asked = spread(questions.questions, wholeNumber('--limit', values.limit));
    for (const mode of values.mode.split(',') as SearchMode[]) {
      const started = performance.now();
      const ranked: RankedQuery[] = [];
      for (const question of asked) ranked.push(await rank(index, question, { mode, limit, rerank: values.rerank }));
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
    await index[Symbol.asyncDispose]();
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
