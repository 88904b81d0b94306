/**
 * Does pretraining pay? Fine-tuned accuracy with 100, 1,000 and all training examples: pretrained weights, untrained
 * weights of the same shape, and logistic regression on word counts.
 *
 *     npx tsx bench/pretraining/fewshot.ts [--model FOLDER] [--only sst2:100,chnsenticorp:all] [--systems pretrained,untrained,bag-of-words]
 *                                          [--seeds 1,2,3] [--rates 2e-4,5e-4,1e-3] [--output .runs/fewshot] [--threads N] [--json] [--show]
 *     npx tsx bench/pretraining/fewshot.ts --only stsb-en,rte,lcqmc --systems pretrained,untrained
 *
 * Without `--only`: sst2 and chnsenticorp at all three sizes. `--only` lists tasks, or tasks with a size; the pair
 * tasks (stsb-en, rte, lcqmc) run with all their examples and without the bag of words. Every finished run is a line of
 * `OUTPUT/results.jsonl` and is not done again, so the bench can be stopped and started; `--show` prints what is there
 * and trains nothing. `--limit` cuts every split to so many rows, to see whether the script works.
 *
 * The seed decides which examples are taken (with the mix of labels of the whole), their order, the fresh head, and the
 * untrained weights. Figures are means over seeds with the sample standard deviation. Every system keeps the weights
 * that did best on dev (neural ones of 5 evaluations, the bag of words of 30 epochs); with several `--rates` the rate
 * with the best mean on dev counts, chosen for each system and size alike. All of dev is used for both even with 100
 * training examples: a few more labels than a true few-shot setting has, the same for all systems. Rows of train or dev
 * whose text is in a later split too are left out.
 *
 * | examples | epochs | batch | steps (sst2) |
 * |---|---|---|---|
 * | 100 | 20 | 16 | 125 |
 * | 1,000 | 10 | 16 | 625 |
 * | all | 3 (rte: 10) | 32 | 649 |
 *
 * AdamW, rate 5e-4 unless `--rates` is given (for both neural systems: small models want more than the 1e-5 to 5e-5 of
 * large ones), linear decay after 10 % warm-up, at most 128 tokens, dropout as in the checkpoint. Bag of words: words
 * and neighbouring pairs that occur in two texts, Adam at 0.02, 30 epochs. Data sets: see `tasks.ts`; they lie in
 * `../shared/data` or `$ALBERTINE_DATA`, which the repository does not hold.
 */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AlbertineError, BUILT_IN_MODEL, type Albert } from '../../src/index.ts';
import { countOf } from '../../src/core/count.ts';
import {
  CellStore,
  SIZES,
  summarise,
  SYSTEMS,
  type Cell,
  type Setting,
  type Size,
  type Spread,
  type Summary,
  type SystemName,
} from './cells.ts';
import { markdown, openModels, print, runBench, wholeNumber } from './command.ts';
import { ROOT, spread } from './data.ts';
import { runCell } from './fewshot-run.ts';
import { TASK_NAMES, TASKS, withoutOverlap, type CleanTaskData, type TaskName } from './tasks.ts';

const SCHEDULES: Record<Size, { epochs: number; batchSize: number }> = {
  100: { epochs: 20, batchSize: 16 },
  1000: { epochs: 10, batchSize: 16 },
  all: { epochs: 3, batchSize: 32 },
};
/** Of the small sets, whose steps three epochs would leave too few. */
const EPOCHS_OF_ALL: Partial<Record<TaskName, number>> = { rte: 10 };
const BAG_OF_WORDS_EPOCHS = 30;
const DEFAULT_RATE = 5e-4;
const MAX_LENGTH = 128;

/** Entries of a comma-separated list; throws `invalid_argument` for one that is not allowed. */
function listOf<T extends string>(flag: string, text: string, allowed: readonly T[]): T[] {
  return text.split(',').map((entry) => {
    if (!allowed.includes(entry as T))
      throw new AlbertineError(
        'invalid_argument',
        `${flag} takes ${allowed.join(', ')}, got ${JSON.stringify(entry)}`,
        { value: entry },
      );
    return entry as T;
  });
}

const sizesOf = (task: TaskName): Size[] => (TASKS[task].pairs ? ['all'] : [...SIZES]);

/**
 * Tasks with sizes: `sst2` is all of its sizes, `sst2:100` one of them. Smallest sizes first, so that something is
 * there soon.
 */
function parseOnly(text: string): { task: TaskName; size: Size }[] {
  const allowed = TASK_NAMES.flatMap((task) => [task, ...sizesOf(task).map((size) => `${task}:${size}`)]);
  const chosen = listOf('--only', text, allowed).flatMap((entry) => {
    const [task, size] = entry.split(':') as [TaskName, Size | undefined];
    return (size === undefined ? sizesOf(task) : [size]).map((one) => ({ task, size: one }));
  });
  return chosen.sort((a, b) => SIZES.indexOf(a.size) - SIZES.indexOf(b.size));
}

function numbersOf(flag: string, text: string): number[] {
  return text.split(',').map((entry) => {
    const value = Number(entry);
    if (!(value > 0))
      throw new AlbertineError('invalid_argument', `${flag} takes positive numbers, got ${JSON.stringify(entry)}`, {
        value: entry,
      });
    return value;
  });
}

/** The settings asked for; the bag of words has none for pairs. */
function planSettings(
  cells: readonly { task: TaskName; size: Size }[],
  systems: readonly SystemName[],
  { model, limit }: { model: Albert; limit: number | undefined },
): Setting[] {
  const shape = createHash('sha256')
    .update(JSON.stringify(model.config))
    .update(model.tokenizer.fingerprint)
    .digest('hex')
    .slice(0, 16);
  const starts: Record<SystemName, string> = {
    pretrained: model.fingerprint.replaceAll(' ', ''),
    untrained: `shape=${shape}`,
    'bag-of-words': '',
  };
  return cells.flatMap(({ task, size }) =>
    systems
      .filter((system) => system !== 'bag-of-words' || !TASKS[task].pairs)
      .map((system): Setting => {
        const { epochs, batchSize } = SCHEDULES[size];
        const common = { task, size, system, start: starts[system], limit: limit ?? 0 };
        if (system === 'bag-of-words') return { ...common, epochs: BAG_OF_WORDS_EPOCHS, batchSize: 0, maxLength: 0 };
        return {
          ...common,
          epochs: (size === 'all' ? EPOCHS_OF_ALL[task] : undefined) ?? epochs,
          batchSize,
          maxLength: Math.min(MAX_LENGTH, model.config.maxPositionEmbeddings),
        };
      }),
  );
}

/** Reads each task once. */
function createReader(limit: number | undefined): (task: TaskName) => Promise<CleanTaskData> {
  const known = new Map<TaskName, Promise<CleanTaskData>>();
  const read = async (task: TaskName): Promise<CleanTaskData> => {
    const { train, dev, test, leftOut } = withoutOverlap(await TASKS[task].read());
    return { train: spread(train, limit), dev: spread(dev, limit), test: spread(test, limit), leftOut };
  };
  return (task) => {
    const data = known.get(task) ?? read(task);
    known.set(task, data);
    return data;
  };
}

/** Accuracies in per cent, correlations as they are. */
function formatSpread(metric: string, { mean, deviation }: Spread): string {
  const [factor, digits] = metric === 'accuracy' ? [100, 1] : [1, 3];
  return `${(factor * mean).toFixed(digits)}${Number.isNaN(deviation) ? '' : ` ± ${(factor * deviation).toFixed(digits)}`}`;
}

function tableOf(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap((summary) =>
    TASKS[summary.task].metrics.map((metric) => [
      summary.task,
      summary.size,
      summary.system,
      metric,
      formatSpread(metric, summary.dev[metric]),
      formatSpread(metric, summary.test[metric]),
      String(summary.seeds.length),
      summary.system === 'bag-of-words'
        ? '–'
        : `${summary.rate.toExponential()}${summary.rates.length > 1 ? ` of ${summary.rates.length}` : ''}`,
    ]),
  );
  return markdown(['task', 'examples', 'system', 'metric', 'dev', 'test', 'seeds', 'rate'], rows);
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: BUILT_IN_MODEL },
      only: { type: 'string', default: 'sst2,chnsenticorp' },
      systems: { type: 'string', default: SYSTEMS.join(',') },
      seeds: { type: 'string', default: '1,2,3' },
      rates: { type: 'string', default: String(DEFAULT_RATE) },
      output: { type: 'string', default: join(ROOT, '.runs', 'fewshot') },
      limit: { type: 'string' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
      show: { type: 'boolean', default: false },
    },
  });
  const [limit, threads] = [wholeNumber('--limit', values.limit), wholeNumber('--threads', values.threads)];
  const chosen = parseOnly(values.only);
  const systems = listOf('--systems', values.systems, SYSTEMS);
  const seeds = values.seeds.split(',').map((seed) => wholeNumber('--seeds', seed)!);
  const rates = numbersOf('--rates', values.rates);
  const [{ model, name }] = await openModels([values.model], threads);
  using loaded = model;
  const settings = planSettings(chosen, systems, { model: loaded, limit });
  const store = new CellStore(join(resolve(values.output), 'results.jsonl'));
  const cells = settings.flatMap((setting) =>
    (setting.system === 'bag-of-words' ? [0] : rates).flatMap((rate) =>
      seeds.map((seed): Cell => ({ ...setting, rate, seed })),
    ),
  );
  const open = values.show ? [] : cells.filter((cell) => !store.get(cell));
  if (!values.show) console.error(`${name}: ${cells.length} runs, ${cells.length - open.length} of them done already`);
  const read = createReader(limit);
  for (const [index, cell] of open.entries()) {
    const result = await runCell(cell, {
      data: await read(cell.task),
      model: { path: values.model, loaded },
      folder: join(resolve(values.output), 'scratch'),
      threads,
    });
    store.add(result);
    const [metric] = TASKS[cell.task].metrics;
    console.error(
      `${index + 1} / ${open.length}: ${cell.task} ${cell.size} ${cell.system} rate ${cell.rate} seed ${cell.seed}: dev ${metric} ${result.dev[metric].toFixed(4)}, test ${result.test[metric].toFixed(4)}`,
    );
  }
  const inTableOrder = [...settings].sort(
    (a, b) => TASK_NAMES.indexOf(a.task) - TASK_NAMES.indexOf(b.task) || SIZES.indexOf(a.size) - SIZES.indexOf(b.size),
  );
  const summaries = inTableOrder.flatMap((setting) => summarise(store.of(setting), TASKS[setting.task].metrics) ?? []);
  const about = await Promise.all(
    [...new Set(settings.map(({ task }) => task))].map(async (task) => {
      const { train, dev, test, leftOut } = await read(task);
      return `- ${task}: ${TASKS[task].about}. Here ${countOf(train.length, 'row')} to train on, ${dev.length} of dev, ${test.length} of test; left out of train and dev because they are in a later split too: ${leftOut}.`;
    }),
  );
  print(summaries, { json: values.json, tables: [about.join('\n'), tableOf(summaries)] });
});
