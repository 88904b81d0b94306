import { countOf } from '../../core/count.ts';
import { AlbertineError, namingSource } from '../../core/errors.ts';
import { toJson } from '../../data/json.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { openRecordWriter, type RecordWriter } from '../../data/writers-node.ts';
import { pick } from '../../core/pick.ts';
import type { TextCounts } from '../../tasks/task.ts';
import type { AskedRows, GivenOptions, Predictor } from '../../tasks/verbs.ts';
import { inputNotes, unknownNotes, type ReadInput } from '../streams/embed-summary.ts';
import { UsageError } from '../terminal/errors.ts';
import type { Device } from '../../runtime/devices.ts';
import type { CliIo } from '../terminal/io.ts';
import { openAsked } from '../streams/asked.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { outputFile, requireOutputFormat } from '../flags/output-format.ts';
import { openPairInput } from '../streams/pair-input.ts';
import { InputColumns } from '../streams/predict-table.ts';
import { createProgressBar, formatDuration, formatRate } from '../terminal/progress-bar.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { INPUT_SETTINGS, requireOwnFlags, unitedSettings } from '../flags/task-flags.ts';
import { untilAborted } from '../streams/text-feed.ts';
import { chooseSource, openTextInput, type InputFlags } from '../streams/text-input.ts';

/** The flags of `albertine predict` that any task has, as commander gives them. */
export interface PredictFlags extends InputFlags {
  output?: string;
  overwrite?: boolean;
  pair?: string;
  pairField?: string;
  lookAhead?: number;
  threads?: number;
  device?: Device;
  quiet?: boolean;
}

/** What the model is asked. */
interface PredictInput {
  inputs: AsyncIterable<unknown>;
  read: ReadInput;
  /** Row numbers of the inputs read whose answers have not been taken yet. */
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
export async function runPredict(
  io: CliIo,
  model: string,
  { texts, flags: given }: { texts: readonly string[]; flags: PredictFlags },
): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite } = flags;
  const columns =
    output !== undefined && requireOutputFormat(output, ['jsonl', 'csv', 'tsv', 'parquet']) !== 'jsonl'
      ? new InputColumns()
      : undefined;
  const options = optionsOfFlags(unitedSettings('predict'), flags as unknown as Record<string, unknown>);
  const file = checkArguments(texts, flags);
  const claimed = output === undefined ? undefined : await claimOutput(output, { inputs: [file, model], overwrite });
  try {
    using opened = await openAsked(io, model, flags);
    requireOwnFlags(
      opened.task,
      'predict',
      Object.fromEntries(Object.entries(options).filter(([name]) => !INPUT_SETTINGS.includes(name))),
    );
    const { predictor } = opened;
    if (!predictor)
      throw new AlbertineError('weights_mismatch', 'this checkpoint has no classifier head', {
        value: model,
        hint: 'Fine-tune one with: albertine finetune classify; vectors of texts are given by albertine embed',
      });
    // Before anything is read: a pipe may deliver its first text late.
    predictor.requireInputs(flags.pair !== undefined || flags.pairField !== undefined);
    const source = openInput(io, texts, { predictor, flags, options, columns });
    const writer = claimed && (await openRecordWriter(output!, { output: claimed }));
    await predictAll(io, { predictor, source, flags, options, columns, writer, partial: claimed?.partial });
  } finally {
    // Nothing where the writer has ended it.
    await claimed?.abandon({ keep: false });
  }
}

/** The file that is read, if one is; what is wrong with the arguments themselves is said before a model is loaded. */
function checkArguments(texts: readonly string[], flags: PredictFlags): string | undefined {
  const { pair, pairField, input } = flags;
  if (pair !== undefined && pairField !== undefined)
    throw new UsageError('give either --pair or --pair-field, not both');
  const file = pairField !== undefined ? (input ?? texts[0]) : chooseSource(texts, flags);
  if (pair !== undefined && file !== undefined)
    throw new UsageError(
      '--pair goes with texts given as arguments; for files and standard input name the field with --pair-field',
    );
  return file;
}

interface PredictRun {
  predictor: Predictor;
  source: PredictInput;
  flags: PredictFlags;
  options: GivenOptions;
  /** For tables. */
  columns: InputColumns | undefined;
  writer: RecordWriter | undefined;
  partial: string | undefined;
}

async function predictAll(
  io: CliIo,
  { predictor, source, flags, options: given, columns, writer, partial }: PredictRun,
): Promise<void> {
  const bar = createProgressBar(io, flags);
  const meter = new ProgressMeter(bar.update, { stage: 'predicting', unit: 'texts' });
  const counts: Counts = { texts: 0, windowed: 0, truncatedTexts: 0, truncatedTokens: 0, tokens: 0, unknownTokens: 0 };
  const started = performance.now();
  const options = { ...given, ...pick(flags, ['lookAhead', 'threads']) };
  try {
    for await (const answer of predictor.answers(source.inputs, options)) {
      io.signal.throwIfAborted();
      const { tokenCount, windows, truncatedTokens, unknownTokens } = answer;
      const found = { tokenCount, windows, truncatedTokens };
      const record = columns
        ? columns.add({ index: counts.texts, ...predictor.cells(answer, options), ...found })
        : {
            index: counts.texts,
            ...predictor.record(answer, options),
            ...found,
            ...(unknownTokens !== undefined && { unknownTokens }),
          };
      await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      count(counts, answer);
      source.rows.shift();
      meter.add(1);
    }
    await writer?.close();
  } catch (error) {
    bar.finish();
    await writer?.abort();
    if (writer && counts.texts > 0)
      io.stderr.write(`${partial} holds the first ${countOf(counts.texts, 'prediction')}\n`);
    throw namingRow(error, source, counts.texts);
  }
  bar.finish();
  printSummary(io, {
    flags,
    counts,
    input: source.read,
    seconds: (performance.now() - started) / 1000,
    notes: [...(predictor.remarks?.() ?? []).map((remark) => `note: ${remark}`), ...(columns?.notes() ?? [])],
  });
}

interface InputParts {
  predictor: Predictor;
  flags: PredictFlags;
  options: GivenOptions;
  columns: InputColumns | undefined;
}

function openInput(
  io: CliIo,
  texts: readonly string[],
  { predictor, flags, options, columns }: InputParts,
): PredictInput {
  const { pair, pairField } = flags;
  const keepFields = columns !== undefined;
  const ofText = predictor.ofText(options);
  if (!ofText)
    return withRows(rowsOf(texts, { predictor, flags, options }), { signal: io.signal, columns }, ({ input }) => input);
  if (pairField !== undefined) {
    const pairs = openPairInput(texts, { ...flags, pairField, keepFields });
    return withRows(pairs, { signal: io.signal, columns }, ({ text, pair: second }) => ofText({ text, pair: second }));
  }
  const input = openTextInput(texts, flags, { keepFields });
  // Arguments and lines of text have no columns.
  const withColumns = input.format === undefined || input.format === 'txt' ? undefined : columns;
  return withRows(input, { signal: io.signal, columns: withColumns }, ({ text }) =>
    ofText({ text, ...(pair !== undefined && { pair }) }),
  );
}

/** Rows that are more than texts come from one file. */
function rowsOf(texts: readonly string[], { predictor, flags, options }: Omit<InputParts, 'columns'>): AskedRows {
  const source = flags.input ?? (texts.length === 1 ? texts[0] : undefined);
  const isFile = flags.input !== undefined || (source !== undefined && chooseSource(texts, flags) !== undefined);
  if (source === undefined || !isFile || (flags.input !== undefined && texts.length > 0))
    throw new UsageError(
      `this model is asked with rows of a file, not with texts alone: give one with --input, or - for standard input${predictor.textsWith === undefined ? '' : `; texts alone need ${predictor.textsWith}`}`,
    );
  return predictor.open!(source, {
    ...options,
    ...pick(flags, ['textField', 'format', 'encoding', 'delimiter', 'quotes', 'onError']),
    ...(flags.header === false && { header: false }),
  });
}

/** The inputs of rows, whose numbers are kept until their answers are there, and their fields for the table. */
function withRows<T extends { number: number; fields?: Record<string, unknown> }>(
  source: AsyncIterable<T> & ReadInput,
  { signal, columns }: { signal: AbortSignal; columns: InputColumns | undefined },
  toInput: (row: T) => unknown,
): PredictInput {
  const rows: number[] = [];
  async function* inputs(): AsyncGenerator {
    for await (const row of untilAborted(source, signal)) {
      rows.push(row.number);
      columns?.push(row.fields ?? {});
      yield toInput(row);
    }
  }
  return { inputs: inputs(), read: source, rows };
}

/** The error with its row, if it is about one text by its place in the source. */
function namingRow(error: unknown, { read, rows }: PredictInput, done: number): unknown {
  if (!(error instanceof AlbertineError) || error.code !== 'not_finite' || typeof error.value !== 'number')
    return error;
  return namingSource(error, `${read.name}, row ${rows[error.value - done]}`);
}

function count(counts: Counts, { windows, truncatedTokens, tokenCount, unknownTokens = 0 }: TextCounts): void {
  counts.tokens += tokenCount;
  counts.unknownTokens += unknownTokens;
  counts.texts++;
  if (windows > 1) counts.windowed++;
  if (truncatedTokens > 0) counts.truncatedTexts++;
  counts.truncatedTokens += truncatedTokens;
}

function printSummary(
  io: CliIo,
  run: { flags: PredictFlags; counts: Counts; input: ReadInput; seconds: number; notes: string[] },
): void {
  const { flags, counts, input, seconds, notes } = run;
  const lines = [
    ...(!flags.quiet && flags.output !== undefined
      ? [
          `${countOf(counts.texts, 'text')} -> ${flags.output}  (${formatDuration(seconds)}, ${formatRate(counts.texts / seconds)} texts/s)`,
        ]
      : []),
    ...(!flags.quiet && counts.windowed > 0
      ? [`${countOf(counts.windowed, 'text')} longer than those of the training, read in several windows`]
      : []),
    ...(counts.truncatedTexts > 0
      ? [`note: ${countOf(counts.truncatedTexts, 'text')} cut, ${countOf(counts.truncatedTokens, 'token')} in all`]
      : []),
    ...unknownNotes(counts),
    ...notes,
    ...inputNotes(input),
  ];
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}
