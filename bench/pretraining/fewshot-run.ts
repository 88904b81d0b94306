import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  evaluateClassifier,
  fineTuneClassifier,
  openFolder,
  saveCheckpoint,
  TextClassifier,
  type Albert,
} from '../../src/index.ts';
import { initialiseWeights } from '../../src/checkpoint/index.ts';
import { sortLabels } from '../../src/data/index.ts';
import { stepsOfEpochs } from '../../src/training/units.ts';
import { trainBagOfWords, type LabelledText } from '../training/bag-of-words.ts';
import type { Cell, CellResult } from './cells.ts';
import { sampleRows, TASKS, type TaskData, type TaskRow } from './tasks.ts';

/** Evaluations on dev in a run, however long it is; the best weights are kept. */
const EVALUATIONS = 5;

/** What cells are run with. */
export interface CellContext {
  data: TaskData;
  /** The pretrained model: where it lies, and its shape and tokeniser for the untrained one. */
  model: { path: string; loaded: Albert };
  /** Scratch folder; what a cell writes there is removed when it is done. */
  folder: string;
  threads: number | undefined;
}

/** Trains and evaluates one cell. */
export async function runCell(cell: Cell, context: CellContext): Promise<CellResult> {
  const size = cell.size === 'all' ? Infinity : Number(cell.size);
  const train = sampleRows(context.data.train, size, cell.seed);
  const result =
    cell.system === 'bag-of-words'
      ? await runBagOfWords(cell, train, context.data)
      : await runFineTuning(cell, train, context);
  return { ...cell, trainRows: train.length, ...result, finishedAt: new Date().toISOString() };
}

type Scores = Pick<CellResult, 'dev' | 'test' | 'truncatedTexts' | 'bestStep' | 'steps'>;

async function runBagOfWords(
  { epochs, seed }: Cell,
  train: readonly TaskRow[],
  { dev, test }: TaskData,
): Promise<Scores> {
  const labels = sortLabels(new Set(train.map(({ label }) => String(label))));
  const indexed = (rows: readonly TaskRow[]): LabelledText[] =>
    rows.map(({ text, label }) => ({ text, target: labels.indexOf(String(label)) }));
  const model = await trainBagOfWords(indexed(train), indexed(dev), { labels: labels.length, epochs, seed });
  return {
    dev: { accuracy: model.accuracy(indexed(dev)) },
    test: { accuracy: model.accuracy(indexed(test)) },
    truncatedTexts: 0,
  };
}

async function runFineTuning(
  cell: Cell,
  train: readonly TaskRow[],
  { data, model, folder, threads }: CellContext,
): Promise<Scores> {
  const { problem, pairs } = TASKS[cell.task];
  const scratch = join(folder, `${cell.task}-${cell.size}-${cell.system}-${cell.rate}-${cell.seed}`);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const write = (name: string, rows: readonly TaskRow[]): string => {
    const path = join(scratch, `${name}.jsonl`);
    writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    return path;
  };
  const [trainFile, devFile, testFile] = [write('train', train), write('dev', data.dev), write('test', data.test)];
  const fields = pairs ? { pairField: 'pair' } : {};
  const output = join(scratch, 'model');
  const steps = stepsOfEpochs(train.length, cell.batchSize, cell.epochs);
  const outcome = await fineTuneClassifier({
    ...fields,
    problem,
    output,
    train: trainFile,
    evaluation: devFile,
    tensorboard: false,
    model:
      cell.system === 'untrained'
        ? await writeUntrained(join(scratch, 'untrained'), model.loaded, cell.seed)
        : model.path,
    epochs: cell.epochs,
    batchSize: cell.batchSize,
    learningRate: cell.rate,
    seed: cell.seed,
    maxLength: cell.maxLength,
    evaluateEvery: Math.ceil(steps / EVALUATIONS),
    ...(threads !== undefined && { threads }),
  });
  using classifier = await TextClassifier.open(await openFolder(output), { ...(threads !== undefined && { threads }) });
  const dev = await evaluateClassifier(classifier, devFile, fields);
  const test = await evaluateClassifier(classifier, testFile, fields);
  const chosen = ({ metrics }: { metrics: Readonly<Record<string, number>> }): Record<string, number> =>
    Object.fromEntries(TASKS[cell.task].metrics.map((name) => [name, metrics[name]]));
  rmSync(scratch, { recursive: true, force: true });
  return {
    dev: chosen(dev),
    test: chosen(test),
    truncatedTexts: test.truncatedTexts,
    steps: outcome.steps,
    ...(outcome.best && { bestStep: outcome.best.step }),
  };
}

/**
 * A checkpoint of the same shape and tokeniser with fresh weights, as `albertine init` writes it. Returns its folder.
 */
async function writeUntrained(folder: string, { config, tokenizer }: Albert, seed: number): Promise<string> {
  await saveCheckpoint(folder, {
    config,
    weights: initialiseWeights(config, seed),
    tokenizerFiles: tokenizer.files(),
    extra: { albertine_untrained: true },
  });
  return folder;
}
