/**
 * What the vectors of the built-in model are good for, beside counting words: translations found, questions answered
 * with the right paragraph within and across languages, and a classifier of 77 intents on the vectors.
 *
 *     npx tsx bench/pretraining/figures.ts [--model FOLDER ...] [--only translations,questions,intents] [--json] [--limit ROWS] [--threads N] [--vectors-only]
 *
 * - **translations**: mlqe-pe en-zh test, 1,000 English sentences and their post-edited Chinese translations;
 *   accuracy@1 in either direction, and the cosines of translations and of unrelated pairs.
 * - **questions**: XQuAD, 1,190 questions to 240 paragraphs; accuracy@1 for every pair of languages. tf-idf takes its
 *   document frequencies from the paragraphs.
 * - **intents**: banking77, 77 classes; multinomial logistic regression on the vectors (each number scaled to mean 0
 *   and deviation 1 over the training rows) with 10 rows a class (three seeds) and with all rows. Words: the same
 *   regression on tf-idf of words and neighbouring pairs. C of 0.01, 0.1, 1, 10 or 100 is chosen by a fifth of the
 *   training rows that is held out (from small to large, until two in a row are worse), for either system and size alike; then all training rows are used. The test set is
 *   seen once.
 *
 * Equal cosines count against a system. Vectors are what `albertine embed` writes with no option but `--model`. Data:
 * `../shared/data` or `$ALBERTINE_DATA`, which the repository does not hold. `--vectors-only` leaves the words of the
 * intents out, which take most of the time. `--limit` takes that many rows of each set, evenly spread, to see whether the script works.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AlbertineError, cosine, type Albert } from '../../src/index.ts';
import { openRows } from '../../src/data/index.ts';
import { rankAnswer, rankingScores } from '../../src/metrics/index.ts';
import { createRandom, mixSeed, shuffle } from '../../src/core/random.ts';
import { readJsonFile } from '../../src/core/files-node.ts';
import { stratifiedSplit } from '../../src/data/index.ts';
import { bagFeatures } from '../training/bag-of-words.ts';
import { markdown, openModels, print, runBench, wholeNumber, type NamedModel } from './command.ts';
import { DATA, LANGUAGES, readFileLines, requireData, spread, type Language } from './data.ts';
import { classAccuracy, trainLogistic, type FeatureRow, type LabelledRows } from '../../src/classical/logistic.ts';
import { embedSystem, tfIdfSystem, type System } from './systems.ts';
import { characterBigrams, TfIdf, words } from '../../src/classical/tf-idf.ts';

const PARTS = ['translations', 'questions', 'intents'] as const;
const SEEDS = [1, 2, 3];
const ROWS_A_CLASS = 10;
const STRENGTHS = [0.01, 0.1, 1, 10, 100];
/** Share of the training rows by which the strength of the penalty is chosen. */
const HELD_OUT = 0.2;

interface Figure {
  figure: string;
  system: string;
  value: number;
  /** Standard deviation over seeds. */
  deviation?: number;
}

/** Share of the queries whose own candidate is the most similar one. */
async function accuracyAt1(
  system: System,
  queries: readonly string[],
  { candidates, answers }: { candidates: readonly string[]; answers: readonly number[] },
): Promise<number> {
  const similarity = await system.compare([...queries, ...candidates]);
  return rankingScores(
    queries.map((_, query) =>
      rankAnswer(
        answers[query],
        candidates.map((_candidate, i) => similarity(query, queries.length + i)),
      ),
    ),
  ).accuracyAt1;
}

async function translations(models: readonly NamedModel[], limit: number | undefined): Promise<Figure[]> {
  const [en, zh] = ['src', 'pe'].map((side) =>
    spread(readFileLines(join(DATA, 'mlqe-pe', 'en-zh-test20', `test20.${side}`)), limit),
  );
  if (en.length !== zh.length)
    throw new AlbertineError('invalid_data', `mlqe-pe has ${en.length} sentences and ${zh.length} translations`, {
      value: [en.length, zh.length],
    });
  const answers = en.map((_, i) => i);
  const figures: Figure[] = [];
  for (const system of [
    ...models.map(({ name, model }) => embedSystem(name, model)),
    tfIdfSystem([...en, ...zh], characterBigrams),
  ]) {
    figures.push({
      figure: 'translations, en to zh, accuracy@1',
      system: system.name,
      value: await accuracyAt1(system, en, { candidates: zh, answers }),
    });
    figures.push({
      figure: 'translations, zh to en, accuracy@1',
      system: system.name,
      value: await accuracyAt1(system, zh, { candidates: en, answers }),
    });
  }
  for (const { name, model } of models) {
    const [a, b] = [await model.embed(en), await model.embed(zh)];
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    figures.push({
      figure: 'cosine of translations, mean',
      system: `${name}: embed`,
      value: mean(en.map((_, i) => cosine(a.row(i), b.row(i)))),
    });
    figures.push({
      figure: 'cosine of unrelated pairs, mean',
      system: `${name}: embed`,
      value: mean(en.flatMap((_, i) => zh.flatMap((_zh, j) => (i === j ? [] : cosine(a.row(i), b.row(j)))))),
    });
  }
  return figures;
}

interface Questions {
  paragraphs: string[];
  questions: string[];
  /** Index of each question's paragraph. */
  answers: number[];
}

async function readQuestions(language: Language, limit: number | undefined): Promise<Questions> {
  const json = (await readJsonFile(requireData(join(DATA, 'xquad', `xquad.${language}.json`)))) as {
    data: { paragraphs: { context: string; qas: { question: string }[] }[] }[];
  };
  const paragraphs = json.data.flatMap(({ paragraphs }) => paragraphs);
  const all = spread(
    paragraphs.flatMap(({ qas }, answer) => qas.map(({ question }) => ({ question, answer }))),
    limit,
  );
  return {
    paragraphs: paragraphs.map(({ context }) => context),
    questions: all.map(({ question }) => question),
    answers: all.map(({ answer }) => answer),
  };
}

async function questions(models: readonly NamedModel[], limit: number | undefined): Promise<Figure[]> {
  const sets = Object.fromEntries(
    await Promise.all(LANGUAGES.map(async (language) => [language, await readQuestions(language, limit)] as const)),
  ) as Record<Language, Questions>;
  const figures: Figure[] = [];
  const embedding = models.map(({ name, model }) => embedSystem(name, model));
  for (const asked of LANGUAGES) {
    for (const written of LANGUAGES) {
      const { questions, answers } = sets[asked];
      const candidates = sets[written].paragraphs;
      const systems = [
        ...embedding,
        tfIdfSystem(candidates, asked === 'en' && written === 'en' ? words : characterBigrams),
      ];
      for (const system of systems) {
        figures.push({
          figure: `questions in ${asked} to paragraphs in ${written}, accuracy@1`,
          system: system.name,
          value: await accuracyAt1(system, questions, { candidates, answers }),
        });
      }
    }
  }
  return figures;
}

/** Turns texts into rows for a classifier; `train` is what may be learnt from. */
type Featurise = (train: readonly number[]) => { features: number; rows: FeatureRow[] };

async function readIntents(
  split: 'train' | 'test',
  limit: number | undefined,
): Promise<{ texts: string[]; labels: string[] }> {
  const rows: [string, string][] = [];
  for await (const { fields } of openRows(requireData(join(DATA, 'banking77', `${split}.csv`))))
    rows.push([String(fields['text']), String(fields['category'])]);
  const some = spread(rows, limit);
  return { texts: some.map(([text]) => text), labels: some.map(([, label]) => label) };
}

async function vectorFeatures(model: Albert, texts: readonly string[]): Promise<Featurise> {
  const { dimensions, row } = await model
    .embed([...texts])
    .then((matrix) => ({ dimensions: matrix.dimensions, row: (i: number) => matrix.row(i) }));
  return (train) => {
    const [means, deviations] = [new Float64Array(dimensions), new Float64Array(dimensions)];
    for (const i of train)
      row(i).forEach((value, d) => {
        means[d] += value / train.length;
      });
    for (const i of train)
      row(i).forEach((value, d) => {
        deviations[d] += (value - means[d]) ** 2 / train.length;
      });
    return {
      features: dimensions,
      rows: texts.map((_, i) => ({
        values: Float64Array.from(row(i), (value, d) => (value - means[d]) / Math.sqrt(deviations[d])),
      })),
    };
  };
}

function wordFeatures(texts: readonly string[]): Featurise {
  return (train) => {
    const tfIdf = new TfIdf(
      train.map((i) => texts[i]),
      bagFeatures,
    );
    const index = new Map([...new Set(train.flatMap((i) => bagFeatures(texts[i])))].map((feature, i) => [feature, i]));
    const rows = texts.map((text) => {
      const known = [...tfIdf.vector(text)].filter(([feature]) => index.has(feature));
      return { indices: known.map(([feature]) => index.get(feature)!), values: known.map(([, weight]) => weight) };
    });
    return { features: index.size, rows };
  };
}

/** Accuracy on the rows from `test` on, of a classifier of the training rows. */
function classify(
  featurise: Featurise,
  train: readonly number[],
  { labels, test }: { labels: readonly number[]; test: number },
): number {
  const { features, rows } = featurise(train);
  const classes = Math.max(...labels) + 1;
  const pick = (indices: readonly number[]): LabelledRows => ({
    rows: indices.map((i) => rows[i]),
    classes: indices.map((i) => labels[i]),
  });
  const split = stratifiedSplit(
    train.map((i) => String(labels[i])),
    HELD_OUT,
    1,
  );
  const [part, heldOut] = [split.train, split.validation].map((indices) => pick(indices.map((i) => train[i])));
  let [best, highest, start]: [number, number, Float64Array | undefined] = [STRENGTHS[0], -1, undefined];
  let worse = 0;
  for (const c of STRENGTHS) {
    // Weak penalties take many times as long, and the best one lies between worse ones.
    if (worse === 2) break;
    start = trainLogistic(part, { classes, features, c, ...(start && { start }) });
    const accuracy = classAccuracy(heldOut, start, classes);
    worse = accuracy > highest ? 0 : worse + 1;
    if (accuracy > highest) [best, highest] = [c, accuracy];
  }
  const weights = trainLogistic(pick(train), { classes, features, c: best });
  console.error(`  C ${best}: ${highest.toFixed(3)} on held-out training rows`);
  return classAccuracy(pick(labels.flatMap((_, i) => (i >= test ? [i] : []))), weights, classes);
}

/** Indices of {@link ROWS_A_CLASS} rows of every class. */
function sampleOfClasses(labels: readonly number[], seed: number): number[] {
  return [...new Set(labels)].flatMap((label) => {
    const rows = labels.flatMap((other, i) => (other === label ? [i] : []));
    return shuffle(rows, createRandom(mixSeed(seed, label))).slice(0, ROWS_A_CLASS);
  });
}

async function intents(
  models: readonly NamedModel[],
  limit: number | undefined,
  vectorsOnly: boolean,
): Promise<Figure[]> {
  const [train, test] = [await readIntents('train', limit), await readIntents('test', limit)];
  const texts = [...train.texts, ...test.texts];
  const names = [...new Set(train.labels)].sort();
  const labels = [...train.labels, ...test.labels].map((label) => names.indexOf(label));
  const all = train.texts.map((_, i) => i);
  const systems: [string, Featurise][] = [];
  for (const { name, model } of models)
    systems.push([`${name}: logistic regression on embed`, await vectorFeatures(model, texts)]);
  if (!vectorsOnly) systems.push(['logistic regression on words', wordFeatures(texts)]);
  const figures: Figure[] = [];
  for (const [system, featurise] of systems) {
    const few = SEEDS.map((seed) =>
      classify(featurise, sampleOfClasses(labels.slice(0, all.length), seed), { labels, test: all.length }),
    );
    const mean = few.reduce((sum, value) => sum + value, 0) / few.length;
    figures.push({
      figure: `intents, ${ROWS_A_CLASS} rows a class`,
      system,
      value: mean,
      deviation: Math.sqrt(few.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (few.length - 1)),
    });
    figures.push({
      figure: 'intents, all rows',
      system,
      value: classify(featurise, all, { labels, test: all.length }),
    });
  }
  return figures;
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: PARTS.join(',') },
      json: { type: 'boolean', default: false },
      limit: { type: 'string' },
      threads: { type: 'string' },
      'vectors-only': { type: 'boolean', default: false },
    },
  });
  const limit = wholeNumber('--limit', values.limit);
  const only = values.only.split(',');
  const unknown = only.find((part) => !PARTS.includes(part as (typeof PARTS)[number]));
  if (unknown !== undefined)
    throw new AlbertineError('invalid_argument', `--only takes ${PARTS.join(', ')}, got ${JSON.stringify(unknown)}`, {
      value: unknown,
    });
  const models = await openModels(values.model, wholeNumber('--threads', values.threads));
  const figures: Figure[] = [];
  for (const [part, measure] of Object.entries({ translations, questions, intents }))
    if (only.includes(part)) figures.push(...(await measure(models, limit, values['vectors-only'])));
  for (const { model } of models) model[Symbol.dispose]();
  const rows = figures.map(({ figure, system, value, deviation }) => [
    figure,
    system,
    `${value.toFixed(3)}${deviation === undefined ? '' : ` ± ${deviation.toFixed(3)}`}`,
  ]);
  print(figures, { json: values.json, tables: [markdown(['figure', 'system', 'value'], rows)] });
});
