import { countOf } from '../core/count.ts';
import { AlbertineError, namingSource } from '../core/errors.ts';
import { toJson } from '../data/json.ts';
import { ProgressMeter } from '../core/progress.ts';
import { openRecordWriter, type RecordWriter } from '../data/writers-node.ts';
import { TextClassifier, type ClassifierInput, type Prediction, type PredictOptions } from '../tasks/classify.ts';
import { pick } from '../tasks/pick.ts';
import { inputNotes, unknownNotes, type ReadInput } from './embed-summary.ts';
import { UsageError } from './errors.ts';
import type { CliIo } from './io.ts';
import { openModel } from './models.ts';
import { claimOutput } from './output-claim.ts';
import { outputFile, requireOutputFormat } from './output-format.ts';
import { openPairInput } from './pair-input.ts';
import { InputColumns, short, tableRecord } from './predict-table.ts';
import { createProgressBar, formatDuration, formatRate } from './progress-bar.ts';
import { untilAborted } from './text-feed.ts';
import { openTextInput, type InputFlags } from './text-input.ts';

/** The flags of `albertine predict`, as commander gives them. */
export interface PredictFlags extends InputFlags, Pick<PredictOptions, 'longText' | 'maxLength' | 'batchTokens' | 'topK'> {
  output?: string;
  overwrite?: boolean;
  pair?: string;
  pairField?: string;
  lookAhead?: number;
  threads?: number;
  quiet?: boolean;
}

/** What is to be labelled. */
interface PredictInput {
  name: string;
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
export async function runPredict(io: CliIo, model: string, { texts, flags: given }: { texts: readonly string[]; flags: PredictFlags }): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite } = flags;
  const columns = output !== undefined && requireOutputFormat(output, ['jsonl', 'csv', 'tsv', 'parquet']) !== 'jsonl' ? new InputColumns() : undefined;
  const source = openInput(io, texts, { flags, columns });
  const claimed = output === undefined ? undefined : await claimOutput(output, { inputs: [source.name, model], overwrite });
  try {
    using classifier = TextClassifier.from(await openModel(io, model, flags));
    // Before anything is read: a pipe may deliver its first text late.
    classifier.requireInputs(flags.pair !== undefined || flags.pairField !== undefined);
    const writer = claimed && await openRecordWriter(output!, { output: claimed });
    await predictAll(io, { classifier, source, flags, columns, writer, partial: claimed?.partial });
  } finally {
    // Nothing where the writer has ended it.
    await claimed?.abandon({ keep: false });
  }
}

interface PredictRun {
  classifier: TextClassifier;
  source: PredictInput;
  flags: PredictFlags;
  /** For tables. */
  columns: InputColumns | undefined;
  writer: RecordWriter | undefined;
  partial: string | undefined;
}

async function predictAll(io: CliIo, { classifier, source, flags, columns, writer, partial }: PredictRun): Promise<void> {
  const bar = createProgressBar(io, flags);
  const meter = new ProgressMeter(bar.update, { stage: 'predicting', unit: 'texts' });
  const counts: Counts = { texts: 0, windowed: 0, truncatedTexts: 0, truncatedTokens: 0, tokens: 0, unknownTokens: 0 };
  const started = performance.now();
  const topK = flags.topK ?? (columns ? 1 : undefined);
  try {
    for await (const prediction of classifier.predictStream(source.inputs, { ...pick(flags, ['longText', 'maxLength', 'batchTokens', 'lookAhead']), ...(topK !== undefined && { topK }) })) {
      io.signal.throwIfAborted();
      const record = columns ? columns.add(tableRecord(classifier, prediction, { index: counts.texts, topK: topK! })) : lineRecord(classifier, prediction, counts.texts);
      await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      count(counts, prediction);
      source.rows.shift();
      meter.add(1);
    }
    await writer?.close();
  } catch (error) {
    bar.finish();
    await writer?.abort();
    if (writer && counts.texts > 0) io.stderr.write(`${partial} holds the first ${countOf(counts.texts, 'prediction')}\n`);
    throw namingRow(error, source, counts.texts);
  }
  bar.finish();
  printSummary(io, { flags, counts, input: source.read, seconds: (performance.now() - started) / 1000, notes: columns?.notes() ?? [] });
}

function openInput(io: CliIo, texts: readonly string[], { flags, columns }: { flags: PredictFlags; columns: InputColumns | undefined }): PredictInput {
  const { pair, pairField } = flags;
  const keepFields = columns !== undefined;
  if (pairField !== undefined) {
    if (pair !== undefined) throw new UsageError('give either --pair or --pair-field, not both');
    const pairs = openPairInput(texts, { ...flags, pairField, keepFields });
    return withRows(untilAborted(pairs, io.signal), { read: pairs, columns }, ({ text, pair: second }) => ({ text, pair: second }));
  }
  const input = openTextInput(texts, flags, { keepFields });
  if (pair !== undefined && input.name !== 'arguments') throw new UsageError('--pair goes with texts given as arguments; for files and standard input name the field with --pair-field');
  // Arguments and lines of text have no columns.
  const withColumns = input.format === undefined || input.format === 'txt' ? undefined : columns;
  return withRows(untilAborted(input, io.signal), { read: input, columns: withColumns }, ({ text }) => (pair === undefined ? text : { text, pair }));
}

/** The inputs of rows, whose numbers are kept until their predictions are there, and their fields for the table. */
function withRows<T extends { number: number; fields?: Record<string, unknown> }>(
  source: AsyncIterable<T>, { read, columns }: { read: ReadInput; columns: InputColumns | undefined }, toInput: (row: T) => ClassifierInput,
): PredictInput {
  const rows: number[] = [];
  async function* inputs(): AsyncGenerator<ClassifierInput> {
    for await (const row of source) {
      rows.push(row.number);
      columns?.push(row.fields ?? {});
      yield toInput(row);
    }
  }
  return { name: read.name, inputs: inputs(), read, rows };
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

function count(counts: Counts, { windows, truncatedTokens, tokenCount, unknownTokens = 0 }: Prediction): void {
  counts.tokens += tokenCount;
  counts.unknownTokens += unknownTokens;
  counts.texts++;
  if (windows > 1) counts.windowed++;
  if (truncatedTokens > 0) counts.truncatedTexts++;
  counts.truncatedTokens += truncatedTokens;
}

function printSummary(io: CliIo, run: { flags: PredictFlags; counts: Counts; input: ReadInput; seconds: number; notes: string[] }): void {
  const { flags, counts, input, seconds, notes } = run;
  const lines = [
    ...(!flags.quiet && flags.output !== undefined ? [`${countOf(counts.texts, 'text')} -> ${flags.output}  (${formatDuration(seconds)}, ${formatRate(counts.texts / seconds)} texts/s)`] : []),
    ...(!flags.quiet && counts.windowed > 0 ? [`${countOf(counts.windowed, 'text')} longer than those of the training, read in several windows`] : []),
    ...(counts.truncatedTexts > 0 ? [`note: ${countOf(counts.truncatedTexts, 'text')} cut, ${countOf(counts.truncatedTokens, 'token')} in all`] : []),
    ...unknownNotes(counts),
    ...notes,
    ...inputNotes(input),
  ];
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}
