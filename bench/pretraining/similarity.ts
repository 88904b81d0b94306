/**
 * Semantic textual similarity: Spearman's and Pearson's correlation of cosines with human scores on STS-B, English and
 * Chinese, dev and test.
 *
 *     npx tsx bench/pretraining/similarity.ts [--model FOLDER ...] [--json] [--limit ROWS] [--threads N]
 *
 * Without `--model` the built-in model is taken. Compared are
 * - what `albertine embed` writes with no option but `--model`;
 * - averaged static embeddings: the mean of the word-embedding rows of a text's tokens, without special tokens;
 * - tf-idf: lower-cased words (en), characters and character pairs (zh), document frequencies from the sentences of the
 *   train split.
 *
 * A second table says how large the cosines of test pairs are, by their rounded score, and those of unrelated sentences.
 *
 * Scores of the train split are not used. Data: `../shared/data/stsb` or `$ALBERTINE_DATA/stsb`, which the repository
 * does not hold. `--limit` takes that many rows of each split, evenly spread, to see whether the script works.
 */
import { parseArgs } from 'node:util';
import { pearson, spearman } from '../../src/metrics/index.ts';
import { markdown, openModels, print, runBench, wholeNumber } from './command.ts';
import { LANGUAGES, readSimilarities, spread, type Language, type ScoredPair } from './data.ts';
import { embedSystem, staticSystem, tfIdfSystem, type System } from './systems.ts';
import { characterBigrams, words } from '../../src/classical/terms.ts';

/** How large cosines are: what a person may read out of one. */
interface Cosines {
  language: Language;
  system: string;
  /** Human score, rounded (5: the same, 0: nothing in common but often the subject), or `unrelated`. */
  pairs: string;
  count: number;
  mean: number;
  p10: number;
  p90: number;
}

interface Result {
  language: Language;
  split: 'dev' | 'test';
  system: string;
  pairs: number;
  spearman: number;
  pearson: number;
}

async function measure(
  system: System,
  pairs: readonly ScoredPair[],
): Promise<Pick<Result, 'pairs' | 'spearman' | 'pearson'>> {
  const similarity = await system.compare([...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)]);
  const cosines = pairs.map((_, i) => similarity(i, pairs.length + i));
  const scores = pairs.map(({ score }) => score);
  return { pairs: pairs.length, spearman: spearman(cosines, scores), pearson: pearson(cosines, scores) };
}

/** Cosines of pairs of every score, and of first sentences with second ones half the file further on. */
async function cosinesOf(
  system: System,
  pairs: readonly ScoredPair[],
): Promise<Omit<Cosines, 'language' | 'system'>[]> {
  const similarity = await system.compare([...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)]);
  const far = Math.floor(pairs.length / 2);
  const groups = new Map<string, number[]>([
    ['unrelated', pairs.map((_, i) => similarity(i, pairs.length + ((i + far) % pairs.length)))],
    ...Array.from({ length: 6 }, (_, score): [string, number[]] => [String(score), []]),
  ]);
  pairs.forEach(({ score }, i) => groups.get(String(Math.round(score)))!.push(similarity(i, pairs.length + i)));
  return [...groups].map(([name, values]) => {
    values.sort((a, b) => a - b);
    return {
      pairs: name,
      count: values.length,
      mean: values.reduce((sum, value) => sum + value, 0) / values.length,
      p10: values[Math.floor(0.1 * values.length)],
      p90: values[Math.floor(0.9 * values.length)],
    };
  });
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      json: { type: 'boolean', default: false },
      limit: { type: 'string' },
      threads: { type: 'string' },
    },
  });
  const limit = wholeNumber('--limit', values.limit);
  const train = Object.fromEntries(
    await Promise.all(
      LANGUAGES.map(async (language) => [language, await readSimilarities(language, 'train')] as const),
    ),
  );
  const models = await openModels(values.model, wholeNumber('--threads', values.threads));
  const results: Result[] = [];
  const cosines: Cosines[] = [];
  for (const language of LANGUAGES) {
    const sentences = train[language].flatMap(({ first, second }) => [first, second]);
    const systems = [
      ...models.flatMap(({ name, model }) => [embedSystem(name, model), staticSystem(name, model)]),
      tfIdfSystem(sentences, language === 'zh' ? characterBigrams : words),
    ];
    for (const split of ['dev', 'test'] as const) {
      const pairs = spread(await readSimilarities(language, split), limit);
      for (const system of systems)
        results.push({ language, split, system: system.name, ...(await measure(system, pairs)) });
      if (split === 'test')
        for (const [index, { name }] of models.entries())
          for (const row of await cosinesOf(systems[2 * index], pairs))
            cosines.push({ language, system: name, ...row });
    }
  }
  for (const { model } of models) model[Symbol.dispose]();
  const rows = results.map((result) => [
    result.language,
    result.split,
    String(result.pairs),
    result.system,
    result.spearman.toFixed(4),
    result.pearson.toFixed(4),
  ]);
  const sizes = cosines.map(({ language, system, pairs, count, mean, p10, p90 }) => [
    language,
    system,
    pairs,
    String(count),
    ...[mean, p10, p90].map((value) => value.toFixed(3)),
  ]);
  print(
    { correlations: results, cosines },
    {
      json: values.json,
      tables: [
        markdown(['language', 'split', 'pairs', 'system', 'Spearman', 'Pearson'], rows),
        markdown(['language', 'system', 'human score', 'test pairs', 'mean cosine', '10 %', '90 %'], sizes),
      ],
    },
  );
});
