import { METADATA_ENDING } from '../../data/embeddings-node.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError, namingSource } from '../../core/errors.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { ProgressMeter } from '../../core/progress.ts';
import type { TextRow } from '../../data/read-node.ts';
import { inputNotes } from './embed-summary.ts';
import { hashInputs, hashTexts, type Origin } from './journal.ts';
import { openLineJournal, type LineJournal, type LineWriter } from './line-journal.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { claimOutput } from './output-claim.ts';
import { outputFile, requireOutputFormat } from '../flags/output-format.ts';
import { untilAborted } from './text-feed.ts';
import { chooseSource, openTextInput, type InputFlags, type TextInput } from './text-input.ts';

/** Flags of a command that writes a line of JSON for each text. */
export interface LineFlags extends InputFlags {
  output?: string;
  overwrite?: boolean;
  /** Of commands with {@link LineJob.journal}. */
  resume?: boolean;
}

/** A model's answer to one text, and what frees the model. */
export interface LineAnswerer extends Disposable {
  answer(text: string): Promise<Record<string, unknown>>;
}

/** What {@link writeAnswers} is to do. */
export interface LineJob {
  flags: LineFlags & { quiet?: boolean };
  model: string | undefined;
  open: () => Promise<LineAnswerer>;
  /** Texts from elsewhere than the arguments and `--input`. */
  input?: TextInput | undefined;
  /** Further files that are read, which the output must not be, by what they are read as. */
  reads?: Readonly<Record<string, string | undefined>>;
  /** How progress is called; without it there is none. */
  progress?: { stage: string; unit: string };
  /** How an interrupted file is continued; without it a run begins from the first text. */
  journal?: LineJournal;
}

/**
 * Asks for every text of an input and writes a line of JSON for each, with its `index`, to a `.jsonl` file or standard
 * output. The model is opened when the arguments have been checked; errors about a text of a file name its row.
 */
export async function writeAnswers(
  io: CliIo,
  texts: readonly string[],
  { flags: given, model, open, input: own, reads = {}, progress, journal }: LineJob,
): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite, resume = false } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  else if (resume) throw new UsageError('--resume needs --output');
  const source = own ? undefined : chooseSource(texts, flags);
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, {
          inputs: [source, model, ...Object.values(reads)],
          overwrite,
          ...(journal && { resume, companions: [METADATA_ENDING] }),
        });
  try {
    const input = own ?? openTextInput(texts, flags);
    const inputs = claimed && journal ? await inputsOf(texts, { source, own, reads, resume }) : {};
    using answerer = await open();
    const writer = claimed && (await openWriter(io, claimed, { flags, journal, inputs }));
    await answerAll(io, { input, answerer, writer, progress, quiet: flags.quiet === true });
    for (const note of inputNotes(input)) io.stderr.write(`${note}\n`);
  } finally {
    await claimed?.abandon({ keep: journal !== undefined });
  }
}

/** What the answers are made from. */
async function inputsOf(
  texts: readonly string[],
  {
    source,
    own,
    reads,
    resume,
  }: { source: string | undefined; own: TextInput | undefined; reads: NonNullable<LineJob['reads']>; resume: boolean },
): Promise<Origin['inputs']> {
  return {
    ...(source === undefined && !own && hashTexts('the list of texts', texts)),
    ...(await hashInputs({ input: source, ...reads }, { resume })),
  };
}

async function openWriter(
  io: CliIo,
  output: OutputFile,
  { flags, journal, inputs }: { flags: LineJob['flags']; journal: LineJournal | undefined; inputs: Origin['inputs'] },
): Promise<LineWriter> {
  const { output: path, resume = false, quiet } = flags;
  if (!journal) return openRecordWriter(path!, { output });
  const writer = await openLineJournal(io, output, { path: path!, resume, inputs, journal });
  if (writer.existing > 0 && !quiet) io.stderr.write(`going on after ${countOf(writer.existing, journal.noun)}\n`);
  return writer;
}

interface AnswerRun {
  input: TextInput;
  answerer: LineAnswerer;
  /** Undefined for standard output. */
  writer: LineWriter | undefined;
  progress: LineJob['progress'];
  quiet: boolean;
}

async function answerAll(io: CliIo, run: AnswerRun): Promise<void> {
  const { input, progress, quiet, writer } = run;
  // Lines on a terminal are progress themselves.
  const bar = createProgressBar(io, { quiet: quiet || progress === undefined || writer === undefined });
  try {
    const total = await totalOf(input, writer === undefined);
    const meter =
      progress && new ProgressMeter(bar.update, { ...progress, ...total, alreadyDone: writer?.existing ?? 0 });
    await answerRows(io, run, () => meter?.add(1)).finally(() => bar.finish());
    await writer?.close();
  } catch (error) {
    await writer?.abort();
    throw error;
  }
}

async function answerRows(
  io: CliIo,
  { input, answerer, writer }: Pick<AnswerRun, 'input' | 'answerer' | 'writer'>,
  onAnswer: () => void,
): Promise<void> {
  let index = 0;
  for await (const row of untilAborted(input, io.signal)) {
    const place = index++;
    if (writer && place < writer.existing) continue;
    const answer = await answerer.answer(row.text).catch((error: unknown) => {
      throw namingRow(error, row, input.format === undefined ? undefined : input.name);
    });
    const record = { index: place, ...answer };
    await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
    onAnswer();
  }
}

async function totalOf(input: TextInput, unseen: boolean): Promise<{ total?: number }> {
  const total = unseen ? undefined : await input.estimate();
  return total === undefined ? {} : { total };
}

const namingRow = (error: unknown, { number }: TextRow, name: string | undefined): unknown =>
  name === undefined || !(error instanceof AlbertineError) ? error : namingSource(error, `${name}, row ${number}`);
