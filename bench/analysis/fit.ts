/**
 * What `albertine fit` reaches with few rows and many, on vectors of the built-in model, on words and on both: where its
 * defaults come from.
 *
 *     npx tsx bench/analysis/fit.ts [--model FOLDER] [--only sst2,tnews] [--sizes few,1000,all] [--systems "both logistic"] [--seeds 1,2,3] [--test ROWS] [--threads N] [--json]
 *
 * Sets: `bench/pretraining/tasks.ts`; those of pairs by name (`--only rte,lcqmc,stsb-en`), regressions with ridge alone
 * and Spearman's correlation as the figure. `few` is 10 rows a class, and 100 rows where there are few classes; `all` is at most
 * 10,000. Rows of train that are in dev or test too are left out; dev is not used; of test `--test` rows (default 2,000),
 * evenly spread. The strength is chosen by cross-validation on the training rows. Accuracy, mean over seeds, which draw the
 * rows (one seed for all). Seconds are of the last fit, without embedding.
 */
import { parseArgs } from 'node:util';
import type { Albert } from '../../src/index.ts';
import type { EmbedOptions } from '../../src/loaded/embed-plan.ts';
import type { EmbeddingMatrix } from '../../src/loaded/embed.ts';
import { spearman } from '../../src/metrics/correlation.ts';
import { fitExamples } from '../../src/tasks/fit/fit-node.ts';
import type { ClassifierKind, FeatureKind } from '../../src/tasks/fit/settings.ts';
import { markdown, openModels, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { spread } from '../pretraining/data.ts';
import { sampleRows, TASKS, withoutOverlap, type Task, type TaskName, type TaskRow } from '../pretraining/tasks.ts';

const SETS: readonly TaskName[] = ['sst2', 'chnsenticorp', 'phrasebank', 'banking77', 'tnews'];
const SIZES = ['few', '1000', 'all'] as const;
type Size = (typeof SIZES)[number];
const MOST_ROWS = 10_000;
const SYSTEMS: readonly [FeatureKind, ClassifierKind][] = [
  ['words', 'logistic'],
  ['embedding', 'logistic'],
  ['both', 'logistic'],
  ['words', 'svm'],
  ['embedding', 'svm'],
  ['both', 'svm'],
  ['words', 'ridge'],
  ['embedding', 'ridge'],
  ['both', 'ridge'],
  ['embedding', 'knn'],
  ['embedding', 'centroid'],
];

interface Measured {
  set: string;
  size: Size;
  rows: number;
  system: string;
  accuracy: number;
  deviation?: number;
  seconds: number;
}

/** The model with its vectors remembered: the systems share them. */
function remembering(model: Albert): Albert {
  const known = new Map<string, Float32Array>();
  const embed = async (texts: readonly string[], options: EmbedOptions): Promise<EmbeddingMatrix> => {
    const unknown = [...new Set(texts)].filter((text) => !known.has(text));
    const found = unknown.length > 0 ? await model.embed(unknown, options) : undefined;
    unknown.forEach((text, i) => known.set(text, found!.row(i)));
    const dimensions = known.get(texts[0])!.length;
    const data = new Float32Array(texts.length * dimensions);
    texts.forEach((text, i) => data.set(known.get(text)!, i * dimensions));
    const counts = texts.map(() => ({ tokenCount: 0, windows: 1, truncatedTokens: 0 }));
    return { data, dimensions, texts: counts } as unknown as EmbeddingMatrix;
  };
  return Object.create(model, { embed: { value: embed } }) as Albert;
}

function rowsFor(train: readonly TaskRow[], size: Size, seed: number): TaskRow[] {
  const classes = typeof train[0].label === 'number' ? 1 : new Set(train.map(({ label }) => label)).size;
  if (size === 'few') return sampleRows([...train], classes > 10 ? 10 * classes : 100, seed);
  return sampleRows([...train], size === 'all' ? MOST_ROWS : Number(size), seed);
}

async function accuracyOf(
  model: Albert,
  [features, classifier]: readonly [FeatureKind, ClassifierKind],
  { train, test, problem }: { train: readonly TaskRow[]; test: readonly TaskRow[]; problem: Task['problem'] },
): Promise<{ accuracy: number; seconds: number }> {
  const isNumber = problem === 'regression';
  const labels = isNumber ? [] : [...new Set(train.map(({ label }) => String(label)))].sort();
  const examples = train.map(({ text, pair, label }) => ({
    text,
    ...(pair !== undefined && { pair }),
    target: isNumber ? Number(label) : labels.indexOf(String(label)),
  }));
  const encoder = features === 'words' ? undefined : model;
  await encoder?.embed(train.flatMap(({ text, pair }) => (pair === undefined ? [text] : [text, pair])));
  const started = performance.now();
  const { classifier: fitted } = await fitExamples({ examples, labels, problem }, encoder, { features, classifier });
  const seconds = (performance.now() - started) / 1000;
  const found = await fitted.predict(test.map(({ text, pair }) => (pair === undefined ? text : { text, pair })));
  if (isNumber) {
    const gold = test.map(({ label }) => Number(label));
    const answers = found.map(({ score }) => score);
    return { accuracy: spearman(gold, answers), seconds };
  }
  return { accuracy: found.filter(({ label }, i) => label === String(test[i].label)).length / test.length, seconds };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      only: { type: 'string', default: SETS.join(',') },
      sizes: { type: 'string', default: SIZES.join(',') },
      systems: { type: 'string', default: SYSTEMS.map((system) => system.join(' ')).join(',') },
      seeds: { type: 'string', default: '1,2,3' },
      test: { type: 'string', default: '2000' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [{ model }] = await openModels(values.model, wholeNumber('--threads', values.threads));
  const encoder = remembering(model);
  const systems = SYSTEMS.filter((system) => values.systems.split(',').includes(system.join(' ')));
  const seeds = values.seeds.split(',').map(Number);
  const measured: Measured[] = [];
  for (const name of values.only.split(',') as TaskName[]) {
    const { problem } = TASKS[name];
    const { train, test: all } = withoutOverlap(await TASKS[name].read());
    const test = spread(all, wholeNumber('--test', values.test));
    for (const size of values.sizes.split(',') as Size[])
      for (const system of systems.filter(([, kind]) => problem !== 'regression' || kind === 'ridge')) {
        const own: number[] = [];
        let [rows, seconds] = [0, 0];
        for (const seed of size === 'all' ? seeds.slice(0, 1) : seeds) {
          const some = rowsFor(train, size, seed);
          const found = await accuracyOf(encoder, system, { train: some, test, problem });
          own.push(found.accuracy);
          [rows, seconds] = [some.length, found.seconds];
        }
        const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
        const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (own.length - 1));
        measured.push({
          set: name,
          size,
          rows,
          system: system.join(' '),
          accuracy: mean,
          ...(own.length > 1 && { deviation }),
          seconds,
        });
        console.error(`${name} ${size} ${system.join(' ')}: ${mean.toFixed(3)} (${seconds.toFixed(1)} s)`);
      }
  }
  model[Symbol.dispose]();
  const key = ({ set, size }: Measured): string => `${set} ${size}`;
  const cells = new Map(measured.map((one) => [key(one), `${one.set}, ${one.size === 'all' ? one.rows : one.size}`]));
  const table = systems.map((system) => {
    const own = measured.filter((one) => one.system === system.join(' '));
    const mean = own.reduce((sum, { accuracy }) => sum + accuracy, 0) / own.length;
    const shown = [...cells.keys()].map((cell) => own.find((one) => key(one) === cell)?.accuracy.toFixed(3) ?? '–');
    return [system.join(', '), ...shown, mean.toFixed(3)];
  });
  print(measured, {
    json: values.json,
    tables: [markdown(['features, classifier', ...cells.values(), 'mean'], table)],
  });
});
