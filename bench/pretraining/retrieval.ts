/**
 * Retrieval on paragraphs that pretraining did not see: the second half of a paragraph is to be found by the first.
 *
 *     npx tsx bench/pretraining/retrieval.ts [--model FOLDER ...] [--json] [--limit PAIRS] [--threads N]
 *
 * From `heldout/en.txt` and `heldout/zh.txt` of the corpus, 500 paragraphs a language (`--limit`), at most 8 of a
 * document and the documents in turn, of at least 4 sentences and 200 (en) or 80 (zh) characters. Query: the first half
 * of the sentences; candidates: the second halves of all selected paragraphs, so that up to 7 candidates come from the
 * query's own document. Accuracy@1, accuracy@10 and mean reciprocal rank by cosine; equal cosines count against a
 * system. By chance accuracy@1 is 1 / 500.
 *
 * Compared are what `albertine embed` writes with no option but `--model` (long texts in windows), averaged static
 * embeddings of the same model, and tf-idf with document frequencies from the candidates (words for English, characters
 * and character pairs for Chinese). Data: `../shared/corpus` or `$ALBERTINE_CORPUS`, which the repository does not
 * hold.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { rankAnswer, rankingScores, type RankingScores } from '../../src/metrics/index.ts';
import { markdown, openModels, print, runBench, wholeNumber } from './command.ts';
import { CORPUS, LANGUAGES, readText, type Language } from './data.ts';
import { readDocuments, selectPairs, type ParagraphPair } from './paragraph-pairs.ts';
import { embedSystem, staticSystem, tfIdfSystem, type System } from './systems.ts';
import { characterBigrams, words } from '../../src/classical/terms.ts';

const PAIRS = 500;
const PER_DOCUMENT = 8;
const MIN_SENTENCES = 4;
/** UTF-16 units; a Chinese character says more than a letter. */
const MIN_LENGTH = { en: 200, zh: 80 } as const;

interface Result extends RankingScores {
  language: Language;
  system: string;
}

async function measure(system: System, pairs: readonly ParagraphPair[]): Promise<RankingScores> {
  const similarity = await system.compare([...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)]);
  return rankingScores(
    pairs.map((_, query) =>
      rankAnswer(
        query,
        pairs.map((_, candidate) => similarity(query, pairs.length + candidate)),
      ),
    ),
  );
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
  const limit = wholeNumber('--limit', values.limit) ?? PAIRS;
  const texts = LANGUAGES.map((language) => ({
    language,
    documents: readDocuments(readText(join(CORPUS, 'heldout', `${language}.txt`))),
  }));
  const models = await openModels(values.model, wholeNumber('--threads', values.threads));
  const results: Result[] = [];
  for (const { language, documents } of texts) {
    const pairs = selectPairs(documents, {
      language,
      minLength: MIN_LENGTH[language],
      minSentences: MIN_SENTENCES,
      perDocument: PER_DOCUMENT,
      limit,
    });
    const systems = [
      ...models.flatMap(({ name, model }) => [embedSystem(name, model), staticSystem(name, model)]),
      tfIdfSystem(
        pairs.map(({ second }) => second),
        language === 'zh' ? characterBigrams : words,
      ),
    ];
    for (const system of systems) results.push({ language, system: system.name, ...(await measure(system, pairs)) });
  }
  for (const { model } of models) model[Symbol.dispose]();
  const rows = results.map((result) => [
    result.language,
    String(result.queries),
    result.system,
    result.accuracyAt1.toFixed(3),
    result.accuracyAt10.toFixed(3),
    result.meanReciprocalRank.toFixed(3),
  ]);
  print(results, {
    json: values.json,
    tables: [markdown(['language', 'queries', 'system', 'accuracy@1', 'accuracy@10', 'MRR'], rows)],
  });
});
