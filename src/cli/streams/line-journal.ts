import { AlbertineError } from '../../core/errors.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { openRows } from '../../data/read-node.ts';
import { countCompleteRecords } from '../../data/resume-node.ts';
import type { CliIo } from '../terminal/io.ts';
import { Journal, type Origin } from './journal.ts';

/** How a file with a line a text is continued. */
export interface LineJournal {
  /** What the file is, in its metadata. */
  kind: string;
  /** What an answered text is called: `document`. */
  noun: string;
  /** Asked when the model is open; the files are known. */
  origin(): Omit<Origin, 'inputs'>;
  /** Told of every record that is there already, in order. */
  onKept(record: Readonly<Record<string, unknown>>): void;
  /** What is kept beside the finished file. */
  summary(): object;
}

/** Where lines are written; `existing` are there already. */
export interface LineWriter {
  readonly existing: number;
  write(record: Record<string, unknown>): Promise<void>;
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** Opens a file of lines that can be continued; a torn last line is cut off. Throws `invalid_file` for other files. */
export async function openLineJournal(
  io: CliIo,
  output: OutputFile,
  {
    path,
    resume,
    inputs,
    journal: own,
  }: { path: string; resume: boolean; inputs: Origin['inputs']; journal: LineJournal },
): Promise<LineWriter> {
  const journal = await Journal.open(output, {
    path,
    resume,
    origin: { ...own.origin(), inputs },
    kind: own.kind,
    noun: own.noun,
    keep: async (partial) => {
      const { records } = await countCompleteRecords(partial, 'jsonl');
      if (records > 0) await readKept(partial, own);
      return records;
    },
  });
  await journal.begin();
  return {
    existing: journal.existing,
    write: (record) => journal.write(record),
    close: () => journal.close(own.summary()),
    abort: async () => {
      const note = await journal.abort();
      if (note !== undefined) io.stderr.write(`${note}\n`);
    },
  };
}

async function readKept(partial: string, { onKept }: LineJournal): Promise<void> {
  let index = 0;
  for await (const { fields, number } of openRows(partial, { format: 'jsonl' })) {
    if (fields['index'] !== index++)
      throw new AlbertineError('invalid_file', `${partial}, row ${number}: a line is missing or out of order`, {
        value: fields['index'],
        hint: 'Start again with --overwrite, or write to another file',
      });
    onKept(fields);
  }
}
