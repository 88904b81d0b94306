/**
 * Keywords beside those that people chose: F1@5 and F1@10 of several ways to find them, and of peers whose keywords
 * bench/analysis/keywords_peers.py writes.
 *
 *     npx tsx bench/analysis/keywords.ts [--model FOLDER] [--threads N] [--limit DOCUMENTS] [--part tune|report] [--json]
 *         [--documents FILE] [--peers FILE] [--only 'NAME;NAME']
 *
 * Data: Inspec (Hulth 2003; 2,000 abstracts, controlled and uncontrolled keys together) and SemEval2017 task 10 (493
 * paragraphs), of `../shared/data` or `$ALBERTINE_DATA`. Sorted by number, every second document (from the first) was
 * used to choose word lists and weights (`tune`), figures are of the others (`report`). Precision and recall are over
 * all documents together. Keys that are not in their document count as missed. A keyword is right if it equals a key
 * in lower case with hyphens as spaces, each word by its stem (Porter 1980), or as it is (`exact`); of keywords that are
 * the same then, one counts. `--documents` writes the documents for the peers and ends; `--peers` reads theirs.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Albert, BUILT_IN_MODEL } from '../../src/index.ts';
import { findCandidates } from '../../src/analysis/keywords/candidates.ts';
import { KeywordExtractor, type KeywordOptions } from '../../src/analysis/keywords/extractor.ts';
import { stopWordsOf } from '../../src/analysis/keywords/stop-words.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { DATA, requireData, spread } from '../pretraining/data.ts';
import { porterStem } from './porter.ts';

const SETS = ['Inspec', 'SemEval2017'] as const;
const MOST = 10;

interface KeyedDocument {
  /** Set and number. */
  name: string;
  text: string;
  keys: string[];
}

/** Keywords by the names of documents, the best first. */
type Found = Record<string, string[]>;

function readDocuments(set: string, part: 'tune' | 'report', limit: number | undefined): KeyedDocument[] {
  const folder = requireData(join(DATA, 'keyphrase', set));
  const names = readdirSync(join(folder, 'docsutf8'))
    .map((file) => file.replace(/\.txt$/, ''))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    .filter((_, i) => i % 2 === (part === 'tune' ? 0 : 1));
  return spread(names, limit).map((name) => ({
    name: `${set}/${name}`,
    text: readFileSync(join(folder, 'docsutf8', `${name}.txt`), 'utf8'),
    keys: readFileSync(join(folder, 'keys', `${name}.key`), 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== ''),
  }));
}

const plain = (phrase: string): string =>
  phrase
    .toLowerCase()
    .replaceAll(/[-\u2010\u2011\s]+/g, ' ')
    .trim();
const stemmed = (phrase: string): string => plain(phrase).split(' ').map(porterStem).join(' ');

/** F1 in percent, over all documents together. */
function f1(documents: readonly KeyedDocument[], found: Found, { k, form }: { k: number; form: typeof plain }): number {
  let [right, given, wanted] = [0, 0, 0];
  for (const { name, keys } of documents) {
    const own = [...new Set((found[name] ?? []).map(form))].slice(0, k);
    const gold = new Set(keys.map(form));
    right += own.filter((phrase) => gold.has(phrase)).length;
    given += own.length;
    wanted += gold.size;
  }
  return given + wanted === 0 ? 0 : (200 * right) / (given + wanted);
}

const SYSTEMS: Record<string, KeywordOptions> = {
  'albertine (default)': {},
  'phrases, contextual': { vectors: 'contextual' },
  'phrases, both vectors': { vectors: 'both' },
  'phrases, cosine alone': { ranking: 'similarity' },
  'phrases, contextual, cosine alone': { ranking: 'similarity', vectors: 'contextual' },
  'default with MMR 0.3': { diversity: 0.3 },
  'default with max-sum': { method: 'max-sum', topK: 10, pool: 15 },
  'n-grams 1-3': { ngrams: [1, 3] },
  'n-grams 1-3, cosine alone': { ngrams: [1, 3], ranking: 'similarity' },
};

async function keywordsOf(
  model: Albert,
  documents: readonly KeyedDocument[],
  options: KeywordOptions,
): Promise<{ found: Found; seconds: number }> {
  // More than are counted, as some become the same by their stems.
  const extractor = KeywordExtractor.from(model, { topK: options.method ? MOST : MOST + 5, ...options });
  const started = performance.now();
  const found: Found = {};
  for (const { name, text } of documents)
    found[name] = (await extractor.extract([text]))[0].keywords.map((keyword) => keyword.text);
  return { found, seconds: (performance.now() - started) / 1000 };
}

/** Candidates in the order of the document: what a ranking has to beat. */
function firstPhrases(documents: readonly KeyedDocument[]): { found: Found; seconds: number } {
  const stop = stopWordsOf(['en']);
  const phrases = (text: string): string[] =>
    findCandidates(text, { kind: 'phrases', maxWords: 5 }, stop).map((candidate) => candidate.text);
  return { found: Object.fromEntries(documents.map(({ name, text }) => [name, phrases(text)])), seconds: 0 };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: BUILT_IN_MODEL },
      threads: { type: 'string', default: '1' },
      limit: { type: 'string' },
      part: { type: 'string', default: 'report' },
      documents: { type: 'string' },
      peers: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const part = values.part === 'tune' ? 'tune' : 'report';
  const documents = Object.fromEntries(
    SETS.map((set) => [set, readDocuments(set, part, wholeNumber('--limit', values.limit))]),
  );
  const all = Object.values(documents).flat();
  if (values.documents !== undefined) {
    writeFileSync(values.documents, JSON.stringify(all.map(({ name, text }) => ({ name, text }))));
    return;
  }
  using model = await Albert.load(values.model, { threads: wholeNumber('--threads', values.threads)! });
  const results: Record<string, { found: Found; seconds: number }> = { 'first phrases': firstPhrases(all) };
  const only = values.only?.split(';').map((name) => name.trim());
  for (const [name, options] of Object.entries(SYSTEMS))
    if (only === undefined || only.includes(name)) results[name] = await keywordsOf(model, all, options);
  if (values.peers !== undefined)
    Object.assign(results, JSON.parse(readFileSync(values.peers, 'utf8')) as typeof results);
  const rows = Object.entries(results).map(([name, { found, seconds }]) => ({
    name,
    figures: SETS.map((set) =>
      [5, MOST].map((k) => ({
        stemmed: f1(documents[set], found, { k, form: stemmed }),
        exact: f1(documents[set], found, { k, form: plain }),
      })),
    ),
    seconds,
  }));
  print(
    { documents: all.length, rows },
    {
      json: values.json,
      tables: [
        `${SETS.map((set) => `${documents[set].length} documents of ${set}`).join(', ')} (${part}); F1 by stems (exact)`,
        markdown(
          ['', ...SETS.flatMap((set) => [`${set} @5`, `${set} @10`]), 'documents/s'],
          rows.map(({ name, figures, seconds }) => [
            name,
            ...figures.flat().map((figure) => `${figure.stemmed.toFixed(1)} (${figure.exact.toFixed(1)})`),
            seconds === 0 ? '' : (all.length / seconds).toFixed(1),
          ]),
        ),
      ],
    },
  );
});
