import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
import { AlbertineError, namingSource } from '../../core/errors.ts';
import type { TextRow } from '../../data/read-node.ts';
import { inputNotes } from './embed-summary.ts';
import type { CliIo } from '../terminal/io.ts';
import { claimOutput } from './output-claim.ts';
import { outputFile, requireOutputFormat } from '../flags/output-format.ts';
import { untilAborted } from './text-feed.ts';
import { chooseSource, openTextInput, type InputFlags } from './text-input.ts';

/** Flags of a command that writes a line of JSON for each text. */
export interface LineFlags extends InputFlags {
  output?: string;
  overwrite?: boolean;
}

/** A model's answer to one text, and what frees the model. */
export interface LineAnswerer extends Disposable {
  answer(text: string): Promise<Record<string, unknown>>;
}

/**
 * Asks for every text of an input and writes a line of JSON for each, with its `index`, to a `.jsonl` file or standard
 * output. The model is opened when the arguments have been checked; errors about a text of a file name its row.
 */
export async function writeAnswers(
  io: CliIo,
  texts: readonly string[],
  { flags: given, model, open }: { flags: LineFlags; model: string | undefined; open: () => Promise<LineAnswerer> },
): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, { inputs: [chooseSource(texts, flags), model], overwrite });
  try {
    const input = openTextInput(texts, flags);
    using answerer = await open();
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
      }
      await writer?.close();
    } catch (error) {
      await writer?.abort();
      throw error;
    }
    for (const note of inputNotes(input)) io.stderr.write(`${note}\n`);
  } finally {
    await claimed?.abandon({ keep: false });
  }
}

const namingRow = (error: unknown, { number }: TextRow, name: string | undefined): unknown =>
  name === undefined || !(error instanceof AlbertineError) ? error : namingSource(error, `${name}, row ${number}`);
