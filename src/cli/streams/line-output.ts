import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
import { AlbertineError, namingSource } from '../../core/errors.ts';
import { ProgressMeter } from '../../core/progress.ts';
import type { TextRow } from '../../data/read-node.ts';
import { inputNotes } from './embed-summary.ts';
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
  /** Further files that are read, which the output must not be. */
  reads?: readonly (string | undefined)[];
  /** How progress is called; without it there is none. */
  progress?: { stage: string; unit: string };
}

/**
 * Asks for every text of an input and writes a line of JSON for each, with its `index`, to a `.jsonl` file or standard
 * output. The model is opened when the arguments have been checked; errors about a text of a file name its row.
 */
export async function writeAnswers(
  io: CliIo,
  texts: readonly string[],
  { flags: given, model, open, input: own, reads = [], progress }: LineJob,
): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, {
          inputs: [...(own ? [] : [chooseSource(texts, flags)]), model, ...reads],
          overwrite,
        });
  try {
    const input = own ?? openTextInput(texts, flags);
    using answerer = await open();
    // Lines on a terminal are progress themselves.
    const bar = createProgressBar(io, {
      quiet: flags.quiet === true || progress === undefined || output === undefined,
    });
    const meter =
      progress && new ProgressMeter(bar.update, { ...progress, ...(await totalOf(input, output === undefined)) });
    const writer = claimed && (await openRecordWriter(output!, { output: claimed }));
    let index = 0;
    try {
      for await (const row of untilAborted(input, io.signal)) {
        const record = {
          index: index++,
          ...(await answerer.answer(row.text).catch((error: unknown) => {
            throw namingRow(error, row, input.format === undefined ? undefined : input.name);
          })),
        };
        await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
        meter?.add(1);
      }
      await writer?.close();
    } catch (error) {
      await writer?.abort();
      throw error;
    } finally {
      bar.finish();
    }
    for (const note of inputNotes(input)) io.stderr.write(`${note}\n`);
  } finally {
    await claimed?.abandon({ keep: false });
  }
}

async function totalOf(input: TextInput, unseen: boolean): Promise<{ total?: number }> {
  const total = unseen ? undefined : await input.estimate();
  return total === undefined ? {} : { total };
}

const namingRow = (error: unknown, { number }: TextRow, name: string | undefined): unknown =>
  name === undefined || !(error instanceof AlbertineError) ? error : namingSource(error, `${name}, row ${number}`);
