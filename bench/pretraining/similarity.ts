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
 * Scores of the train split are not used. Data: `../shared/data/stsb` or `$ALBERTINE_DATA/stsb`, which the repository
 * does not hold. `--limit` takes that many rows of each split, evenly spread, to see whether the script works.
 */
import { parseArgs } from 'node:util';
import { pearson, spearman } from '../../src/metrics/index.ts';
import { markdown, openModels, print, runBench, wholeNumber } from './command.ts';
import { LANGUAGES, readSimilarities, spread, type Language, type ScoredPair } from './data.ts';
import { embedSystem, staticSystem, tfIdfSystem, type System } from './systems.ts';
import { characterBigrams, words } from '../../src/classical/tf-idf.ts';

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
  print(results, {
    json: values.json,
    tables: [markdown(['language', 'split', 'pairs', 'system', 'Spearman', 'Pearson'], rows)],
  });
});
