import { countOf } from '../core/count.ts';
import { toJson } from '../data/json.ts';
import { ProgressMeter } from '../core/progress.ts';
import type { TextRow } from '../data/read-node.ts';
import type { ReadReport } from '../data/rows.ts';
import { openRecordWriter, type RecordWriter } from '../data/writers-node.ts';
import { TextClassifier, type ClassifierInput, type Prediction, type PredictOptions } from '../tasks/classify.ts';
import { pick } from '../tasks/pick.ts';
import { skippedRows } from './embed-summary.ts';
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
  report: ReadReport;
}

/** Counts for the summary. */
interface Counts {
  texts: number;
  windowed: number;
  truncatedTexts: number;
  truncatedTokens: number;
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
  const counts: Counts = { texts: 0, windowed: 0, truncatedTexts: 0, truncatedTokens: 0 };
  const started = performance.now();
  const topK = flags.topK ?? (columns ? 1 : undefined);
  try {
    for await (const prediction of classifier.predictStream(source.inputs, { ...pick(flags, ['longText', 'maxLength', 'batchTokens', 'lookAhead']), ...(topK !== undefined && { topK }) })) {
      io.signal.throwIfAborted();
      const record = columns ? columns.add(tableRecord(classifier, prediction, { index: counts.texts, topK: topK! })) : lineRecord(classifier, prediction, counts.texts);
      await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      count(counts, prediction);
      meter.add(1);
    }
    await writer?.close();
  } catch (error) {
    bar.finish();
    await writer?.abort();
    if (writer && counts.texts > 0) io.stderr.write(`${partial} holds the first ${countOf(counts.texts, 'prediction')}\n`);
    throw error;
  }
  bar.finish();
  printSummary(io, { flags, counts, report: source.report, seconds: (performance.now() - started) / 1000, notes: columns?.notes() ?? [] });
}

function openInput(io: CliIo, texts: readonly string[], { flags, columns }: { flags: PredictFlags; columns: InputColumns | undefined }): PredictInput {
  const { pair, pairField } = flags;
  const keepFields = columns !== undefined;
  if (pairField !== undefined) {
    if (pair !== undefined) throw new UsageError('give either --pair or --pair-field, not both');
    const pairs = openPairInput(texts, { ...flags, pairField, keepFields });
    return { name: pairs.name, inputs: withColumns(untilAborted(pairs, io.signal), columns), report: pairs.report };
  }
  const input = openTextInput(texts, flags, { keepFields });
  if (pair !== undefined && input.name !== 'arguments') throw new UsageError('--pair goes with texts given as arguments; for files and standard input name the field with --pair-field');
  // Arguments and lines of text have no columns.
  const rows = withColumns(untilAborted(input, io.signal), input.format === undefined || input.format === 'txt' ? undefined : columns);
  return { name: input.name, inputs: withPair(rows, pair), report: input.report };
}

/** The rows, whose fields are kept for the table. */
async function* withColumns<T extends { fields?: Record<string, unknown> }>(rows: AsyncIterable<T>, columns: InputColumns | undefined): AsyncGenerator<T> {
  for await (const row of rows) {
    columns?.push(row.fields ?? {});
    yield row;
  }
}

async function* withPair(rows: AsyncIterable<TextRow>, pair: string | undefined): AsyncGenerator<ClassifierInput> {
  for await (const { text } of rows) yield pair === undefined ? text : { text, pair };
}

function lineRecord({ problem }: TextClassifier, prediction: Prediction, index: number): Record<string, unknown> {
  const { label, score, labels, assigned, tokenCount, windows, truncatedTokens } = prediction;
  if (problem === 'regression') return { index, value: short(score), tokenCount, windows, truncatedTokens };
  return { index, label, score: short(score), labels: labels.map((one) => ({ ...one, score: short(one.score) })), ...(assigned && { assigned }), tokenCount, windows, truncatedTokens };
}

function count(counts: Counts, { windows, truncatedTokens }: Prediction): void {
  counts.texts++;
  if (windows > 1) counts.windowed++;
  if (truncatedTokens > 0) counts.truncatedTexts++;
  counts.truncatedTokens += truncatedTokens;
}

function printSummary(io: CliIo, run: { flags: PredictFlags; counts: Counts; report: ReadReport; seconds: number; notes: string[] }): void {
  const { flags, counts, report, seconds, notes } = run;
  const lines = [
    ...(!flags.quiet && flags.output !== undefined ? [`${countOf(counts.texts, 'text')} -> ${flags.output}  (${formatDuration(seconds)}, ${formatRate(counts.texts / seconds)} texts/s)`] : []),
    ...(!flags.quiet && counts.windowed > 0 ? [`${countOf(counts.windowed, 'text')} longer than those of the training, read in several windows`] : []),
    ...(counts.truncatedTexts > 0 ? [`note: ${countOf(counts.truncatedTexts, 'text')} cut, ${countOf(counts.truncatedTokens, 'token')} in all`] : []),
    ...notes,
    ...skippedRows(report),
  ];
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}
