import { countOf } from '../core/count.ts';
import { AlbertineError, namingSource } from '../core/errors.ts';
import { formatFloat32, toJson } from '../data/json.ts';
import { ProgressMeter } from '../core/progress.ts';
import { openRecordWriter } from '../data/writers-node.ts';
import { TextClassifier, type ClassifierInput, type Prediction, type PredictOptions } from '../tasks/classify.ts';
import { pick } from '../tasks/pick.ts';
import { inputNotes, unknownNotes, type ReadInput } from './embed-summary.ts';
import { UsageError } from './errors.ts';
import type { CliIo } from './io.ts';
import { openModel } from './models.ts';
import { requireOutputFormat } from './output-format.ts';
import { openPairInput } from './pair-input.ts';
import { createProgressBar, formatDuration, formatRate } from './progress-bar.ts';
import { untilAborted } from './text-feed.ts';
import { openTextInput, type InputFlags } from './text-input.ts';

/** The flags of `albertine predict`, as commander gives them. */
export interface PredictFlags extends InputFlags, Pick<PredictOptions, 'longText' | 'maxLength' | 'batchTokens' | 'topK'> {
  output?: string;
  pair?: string;
  pairField?: string;
  lookAhead?: number;
  threads?: number;
  quiet?: boolean;
}

/** What is to be labelled. */
interface PredictInput {
  inputs: AsyncIterable<ClassifierInput> | Iterable<ClassifierInput>;
  read: ReadInput;
  /** Row numbers of the inputs read whose predictions have not been taken yet. */
  rows: number[];
}

/** Counts for the summary. */
interface Counts {
  texts: number;
  windowed: number;
  truncatedTexts: number;
  truncatedTokens: number;
  tokens: number;
  unknownTokens: number;
}

/** Runs `albertine predict`. */
export async function runPredict(io: CliIo, model: string, { texts, flags }: { texts: readonly string[]; flags: PredictFlags }): Promise<void> {
  const source = openInput(io, texts, flags);
  const isTable = flags.output !== undefined && requireOutputFormat(flags.output, ['jsonl', 'csv', 'tsv', 'parquet']) !== 'jsonl';
  using classifier = TextClassifier.from(await openModel(io, model, flags));
  // Before anything is read: a pipe may deliver its first text late.
  classifier.requireInputs(flags.pair !== undefined || flags.pairField !== undefined);
  const bar = createProgressBar(io, flags);
  const meter = new ProgressMeter(bar.update, { stage: 'predicting', unit: 'texts' });
  const writer = flags.output === undefined ? undefined : await openRecordWriter(flags.output);
  const counts: Counts = { texts: 0, windowed: 0, truncatedTexts: 0, truncatedTokens: 0, tokens: 0, unknownTokens: 0 };
  const started = performance.now();
  const topK = flags.topK ?? (isTable ? 1 : undefined);
  try {
    for await (const prediction of classifier.predictStream(source.inputs, { ...pick(flags, ['longText', 'maxLength', 'batchTokens', 'lookAhead']), ...(topK !== undefined && { topK }) })) {
      io.signal.throwIfAborted();
      const record = isTable ? tableRecord(classifier, prediction, { index: counts.texts, topK: topK! }) : lineRecord(classifier, prediction, counts.texts);
      await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      count(counts, prediction);
      source.rows.shift();
      meter.add(1);
    }
    await writer?.close();
  } catch (error) {
    bar.finish();
    await writer?.abort();
    if (writer && counts.texts > 0) io.stderr.write(`${flags.output} holds the first ${countOf(counts.texts, 'prediction')}\n`);
    throw namingRow(error, source, counts.texts);
  }
  bar.finish();
  printSummary(io, { flags, counts, input: source.read, seconds: (performance.now() - started) / 1000 });
}

function openInput(io: CliIo, texts: readonly string[], flags: PredictFlags): PredictInput {
  const { pair, pairField } = flags;
  if (pairField !== undefined) {
    if (pair !== undefined) throw new UsageError('give either --pair or --pair-field, not both');
    const pairs = openPairInput(texts, { ...flags, pairField });
    return withRows(untilAborted(pairs, io.signal), pairs, ({ text, pair: second }) => ({ text, pair: second }));
  }
  const input = openTextInput(texts, flags);
  if (pair !== undefined && input.name !== 'arguments') throw new UsageError('--pair goes with texts given as arguments; for files and standard input name the field with --pair-field');
  return withRows(untilAborted(input, io.signal), input, ({ text }) => (pair === undefined ? text : { text, pair }));
}

/** The inputs of rows, whose numbers are kept until their predictions are there. */
function withRows<T extends { number: number }>(source: AsyncIterable<T>, read: ReadInput, toInput: (row: T) => ClassifierInput): PredictInput {
  const rows: number[] = [];
  async function* inputs(): AsyncGenerator<ClassifierInput> {
    for await (const row of source) {
      rows.push(row.number);
      yield toInput(row);
    }
  }
  return { inputs: inputs(), read, rows };
}

/** The error with its row, if it is about one text by its place in the source. */
function namingRow(error: unknown, { read, rows }: PredictInput, done: number): unknown {
  if (!(error instanceof AlbertineError) || error.code !== 'not_finite' || typeof error.value !== 'number') return error;
  return namingSource(error, `${read.name}, row ${rows[error.value - done]}`);
}

function lineRecord({ problem }: TextClassifier, prediction: Prediction, index: number): Record<string, unknown> {
  const { label, score, labels, assigned, tokenCount, windows, truncatedTokens, unknownTokens } = prediction;
  const texts = { tokenCount, windows, truncatedTokens, ...(unknownTokens !== undefined && { unknownTokens }) };
  if (problem === 'regression') return { index, value: short(score), ...texts };
  return { index, label, score: short(score), labels: labels.map((one) => ({ ...one, score: short(one.score) })), ...(assigned && { assigned }), ...texts };
}

/** Scores are 32-bit floats: further digits would be noise. */
const short = (score: number): number => (Number.isFinite(score) ? Number(formatFloat32(score)) : score);

/** One level deep, with the same columns for every text. */
function tableRecord({ problem, labels }: TextClassifier, prediction: Prediction, at: { index: number; topK: number }): Record<string, unknown> {
  const { tokenCount, windows, truncatedTokens } = prediction;
  const counts = { tokenCount, windows, truncatedTokens };
  if (problem === 'regression') return { index: at.index, value: short(prediction.score), ...counts };
  const best = prediction.labels.slice(0, Math.min(at.topK, labels.length)).flatMap(({ label, score }, i): [string, unknown][] => {
    const suffix = i === 0 ? '' : `_${i + 1}`;
    return [[`label${suffix}`, label], [`score${suffix}`, short(score)]];
  });
  return { index: at.index, ...Object.fromEntries(best), ...(prediction.assigned && { assigned: prediction.assigned.join(',') }), ...counts };
}

function count(counts: Counts, { windows, truncatedTokens, tokenCount, unknownTokens = 0 }: Prediction): void {
  counts.tokens += tokenCount;
  counts.unknownTokens += unknownTokens;
  counts.texts++;
  if (windows > 1) counts.windowed++;
  if (truncatedTokens > 0) counts.truncatedTexts++;
  counts.truncatedTokens += truncatedTokens;
}

function printSummary(io: CliIo, run: { flags: PredictFlags; counts: Counts; input: ReadInput; seconds: number }): void {
  const { flags, counts, input, seconds } = run;
  const lines = [
    ...(!flags.quiet && flags.output !== undefined ? [`${countOf(counts.texts, 'text')} -> ${flags.output}  (${formatDuration(seconds)}, ${formatRate(counts.texts / seconds)} texts/s)`] : []),
    ...(!flags.quiet && counts.windowed > 0 ? [`${countOf(counts.windowed, 'text')} longer than those of the training, read in several windows`] : []),
    ...(counts.truncatedTexts > 0 ? [`note: ${countOf(counts.truncatedTexts, 'text')} cut, ${countOf(counts.truncatedTokens, 'token')} in all`] : []),
    ...unknownNotes(counts),
    ...inputNotes(input),
  ];
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}
