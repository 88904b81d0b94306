/**
 * How vectors and words are put together: the weight is chosen on one half of XQuAD and measured on the other.
 *
 *     npx tsx bench/retrieval/fusion.ts [--model FOLDER] [--limit QUESTIONS] [--threads N] [--json]
 *
 * Halves are of paragraphs, with all their questions: every other one, in English and Chinese the same, so that no
 * paragraph that the weight was chosen by is asked for in the half that is reported. The weight is that of the best mean
 * nDCG@10 over the four XQuAD sets; CMRC 2018 takes no part in the choice. Beside it stand vectors alone, BM25 alone and
 * reciprocal rank fusion (k = 60), which has no weight. Data: `../shared/data` or `$ALBERTINE_DATA`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Albert } from '../../src/index.ts';
import { ndcgAtK, type RankedQuery } from '../../src/metrics/index.ts';
import { fuse, reciprocalRanks, type ScoredRow } from '../../src/retrieval/index.ts';
import { VECTOR_WEIGHT } from '../../src/retrieval/fuse.ts';
import { queryPrompt } from '../../src/retrieval/prompts.ts';
import { bestRows } from '../../src/core/top-rows.ts';
import { StoredWords } from '../../src/retrieval/words/postings-node.ts';
import { markdown, mean, openModel, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { spread } from '../pretraining/data.ts';
import { openParagraphs, SETS } from './sets.ts';

/** As many candidates of each part as a search has. */
const CANDIDATES = 100;
const WEIGHTS = Array.from({ length: 21 }, (_, i) => i / 20);

/** What a question finds by vectors and by words. */
interface Found {
  near: ScoredRow[];
  worded: ScoredRow[];
  bound: number;
  /** Its paragraph. */
  right: number;
}

type Ranker = (found: Found) => ScoredRow[];

const weighted =
  (weight: number): Ranker =>
  ({ near, worded, bound }) =>
    fuse([
      { ranking: near, weight, floor: near.at(-1)?.score ?? 0, ceiling: near[0]?.score ?? 0 },
      { ranking: worded, weight: 1 - weight, floor: 0, ceiling: bound },
    ]);

async function findAll(set: string, model: Albert, limit: number | undefined) {
  const { questions, paragraphs } = SETS[set]();
  const { index, folder } = await openParagraphs(paragraphs.paragraphs, model);
  await using words = (await StoredWords.open(join(folder, 'index', '000001'), index.chunks.length))!;
  const paragraphOf: number[] = [];
  for await (const { row } of index.chunks) paragraphOf.push(row! - 1);
  const asked = spread(questions.questions, limit);
  const texts = asked.map(({ text }) => text);
  const vectors = await model.embed(texts, { normalize: true, prompt: queryPrompt(model.prompts) });
  const found: Found[] = [];
  for (const [i, { text, right }] of asked.entries()) {
    const { scores, bound } = await words.search(text);
    const worded = bestRows((row) => scores[row], { rows: scores.length, limit: CANDIDATES }).filter(
      ({ score }) => score > 0,
    );
    found.push({ near: await index.vectors.nearest(vectors.row(i), { limit: CANDIDATES }), worded, bound, right });
  }
  await index[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  return { set, found, paragraphOf };
}

type SetResult = Awaited<ReturnType<typeof findAll>>;

function ndcg({ found, paragraphOf }: SetResult, rank: Ranker, half?: 0 | 1): number {
  const ranked = found
    .filter(({ right }) => half === undefined || right % 2 === half)
    .map((one): RankedQuery => ({
      ranking: [...new Set(rank(one).map(({ row }) => paragraphOf[row]))],
      relevance: new Map([[one.right, 1]]),
    }));
  return ndcgAtK(ranked, 10);
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string' },
      limit: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const model = await openModel(values);
  const sets: SetResult[] = [];
  for (const set of Object.keys(SETS)) sets.push(await findAll(set, model, wholeNumber('--limit', values.limit)));
  model[Symbol.dispose]();
  const xquad = sets.filter(({ set }) => set !== 'cmrc');
  const chosenOn = WEIGHTS.map((weight) => ({
    weight,
    chosen: mean(xquad.map((set) => ndcg(set, weighted(weight), 0))),
    other: mean(xquad.map((set) => ndcg(set, weighted(weight), 1))),
  }));
  const best = chosenOn.reduce((a, b) => (b.chosen > a.chosen ? b : a)).weight;
  const rankers: Record<string, Ranker> = {
    'vectors alone': ({ near }) => near,
    'BM25 alone': ({ worded }) => worded,
    'reciprocal ranks (k = 60)': ({ near, worded }) => reciprocalRanks([near, worded]),
    [`chosen weight (${best})`]: weighted(best),
    [`weight of albertine (${VECTOR_WEIGHT})`]: weighted(VECTOR_WEIGHT),
  };
  const halfOf = (set: string): 1 | undefined => (set === 'cmrc' ? undefined : 1);
  const results = Object.entries(rankers).map(([name, rank]) => ({
    name,
    figures: sets.map((one) => ndcg(one, rank, halfOf(one.set))),
  }));
  const rows = results.map(({ name, figures }) => [
    name,
    ...figures.map((value) => value.toFixed(4)),
    mean(figures.slice(0, xquad.length)).toFixed(4),
  ]);
  const tables = [
    markdown(['nDCG@10 of the other half', ...sets.map(({ set }) => set), 'mean of XQuAD'], rows),
    markdown(
      ['weight of vectors', 'half it is chosen on', 'other half'],
      chosenOn.map(({ weight, chosen, other }) => [weight.toFixed(2), chosen.toFixed(4), other.toFixed(4)]),
    ),
  ];
  print({ best, results, chosenOn }, { json: values.json, tables });
});
