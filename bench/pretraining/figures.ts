/**
 * What the vectors of the built-in model are good for, beside counting words: translations found, questions answered
 * with the right paragraph within and across languages, and a classifier of 77 intents on the vectors.
 *
 *     npx tsx bench/pretraining/figures.ts [--model FOLDER ...] [--only translations,questions,intents] [--json] [--limit ROWS] [--threads N]
 *
 * - **translations**: mlqe-pe en-zh test, 1,000 English sentences and their post-edited Chinese translations;
 *   accuracy@1 in either direction, and the cosines of translations and of unrelated pairs.
 * - **questions**: XQuAD, 1,190 questions to 240 paragraphs; accuracy@1 for every pair of languages. tf-idf takes its
 *   document frequencies from the paragraphs.
 * - **intents**: banking77, 77 classes: `albertine fit` on vectors, words and both, with 10 rows a class (three seeds) and
 *   with all rows; the test set is seen once.
 *
 * Equal cosines count against a system. Vectors are what `albertine embed` writes with no option but `--model`. Data:
 * `../shared/data` or `$ALBERTINE_DATA`, which the repository does not hold.  `--limit` takes that many rows of each set, evenly spread, to see whether the script works.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AlbertineError, cosine, type Albert } from '../../src/index.ts';
import { openRows } from '../../src/data/index.ts';
import { rankAnswer, rankingScores } from '../../src/metrics/index.ts';
import { createRandom, mixSeed, shuffle } from '../../src/core/random.ts';
import { readJsonFile } from '../../src/core/files-node.ts';
import { markdown, mean, openModels, print, runBench, wholeNumber, type NamedModel } from './command.ts';
import { DATA, LANGUAGES, readFileLines, requireData, spread, type Language } from './data.ts';
import { fitExamples } from '../../src/tasks/fit/fit-node.ts';
import type { FeatureKind } from '../../src/tasks/fit/settings.ts';
import { embedSystem, tfIdfSystem, type System } from './systems.ts';
import { characterBigrams, words } from '../../src/classical/terms.ts';

const PARTS = ['translations', 'questions', 'intents'] as const;
const SEEDS = [1, 2, 3];
const ROWS_A_CLASS = 10;

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

interface LabelledTexts {
  texts: string[];
  labels: string[];
}

async function readIntents(split: 'train' | 'test', limit: number | undefined): Promise<LabelledTexts> {
  const rows: [string, string][] = [];
  for await (const { fields } of openRows(requireData(join(DATA, 'banking77', `${split}.csv`))))
    rows.push([String(fields['text']), String(fields['category'])]);
  const some = spread(rows, limit);
  return { texts: some.map(([text]) => text), labels: some.map(([, label]) => label) };
}

/** Accuracy on the test rows, of a classifier of some training rows. */
async function classify(
  features: FeatureKind,
  model: Albert | undefined,
  { train, test, names }: { train: LabelledTexts; test: LabelledTexts; names: string[] },
): Promise<number> {
  const { classifier } = await fitExamples(
    {
      examples: train.texts.map((text, i) => ({ text, target: names.indexOf(train.labels[i]) })),
      labels: names,
      problem: 'singleLabel',
    },
    model,
    { features },
  );
  const found = await classifier.predict(test.texts);
  return found.filter(({ label }, i) => label === test.labels[i]).length / found.length;
}

/** Indices of {@link ROWS_A_CLASS} rows of every class. */
function sampleOfClasses(labels: readonly string[], seed: number): number[] {
  const all = [...new Set(labels)];
  return all.flatMap((label) => {
    const rows = labels.flatMap((other, i) => (other === label ? [i] : []));
    return shuffle(rows, createRandom(mixSeed(seed, all.indexOf(label)))).slice(0, ROWS_A_CLASS);
  });
}

async function intents(models: readonly NamedModel[], limit: number | undefined): Promise<Figure[]> {
  const [train, test] = [await readIntents('train', limit), await readIntents('test', limit)];
  const names = [...new Set(train.labels)].sort();
  const systems: [string, FeatureKind, Albert | undefined][] = [
    ...models.flatMap(({ name, model }): [string, FeatureKind, Albert][] => [
      [`${name}: vectors`, 'embedding', model],
      [`${name}: vectors and words`, 'both', model],
    ]),
    ['words', 'words', undefined],
  ];
  const figures: Figure[] = [];
  for (const [system, features, model] of systems) {
    const few: number[] = [];
    for (const seed of SEEDS) {
      const rows = sampleOfClasses(train.labels, seed);
      const some = { texts: rows.map((row) => train.texts[row]), labels: rows.map((row) => train.labels[row]) };
      few.push(await classify(features, model, { train: some, test, names }));
    }
    const average = mean(few);
    figures.push({
      figure: `intents, ${ROWS_A_CLASS} rows a class`,
      system,
      value: average,
      deviation: Math.sqrt(few.reduce((sum, value) => sum + (value - average) ** 2, 0) / (few.length - 1)),
    });
    figures.push({
      figure: 'intents, all rows',
      system,
      value: await classify(features, model, { train, test, names }),
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
    if (only.includes(part)) figures.push(...(await measure(models, limit)));
  for (const { model } of models) model[Symbol.dispose]();
  const rows = figures.map(({ figure, system, value, deviation }) => [
    figure,
    system,
    `${value.toFixed(3)}${deviation === undefined ? '' : ` ± ${deviation.toFixed(3)}`}`,
  ]);
  print(figures, { json: values.json, tables: [markdown(['figure', 'system', 'value'], rows)] });
});
