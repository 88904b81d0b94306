import { writeFileAtomic } from '../../core/files-node.ts';
import { METADATA_ENDING, metadataPath } from '../../data/embeddings-node.ts';
import { toJson } from '../../data/json.ts';
import { FileSink } from '../../data/sink-node.ts';
import { openRecordFile } from '../../data/writers-node.ts';
import { outputFile, requireOutputFormat, type OutputFormat } from '../flags/output-format.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { claimOutput } from './output-claim.ts';
import type { InputFlags } from './text-input.ts';
import { formatOfPath } from '../../data/read-node.ts';

/** Flags of commands that write records and sum them up. */
export interface SummarisedFlags extends InputFlags {
  output?: string;
  overwrite?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** Records of a command, and what is said of them at the end. */
export interface SummarisedOutput extends AsyncDisposable {
  /** Writes to the file, or to standard output unless `--json` has the summary there. */
  write(record: Record<string, unknown>): Promise<void>;
  /** Finishes the file with the summary beside it, and prints the summary: as JSON, or as `lines` to standard error. */
  close<T extends object>(summary: T, lines: (summary: T) => string[]): Promise<void>;
}

/**
 * Claims the output of a command, a file or standard output. A file has its name, and the summary as `.meta.json` beside
 * it, when it is closed; nothing stays of one that is not.
 */
export async function openSummarisedOutput(
  io: CliIo,
  given: SummarisedFlags,
  {
    inputs,
    formats,
    lines = false,
  }: { inputs: readonly (string | undefined)[]; formats: readonly OutputFormat[]; lines?: boolean },
): Promise<SummarisedOutput> {
  const flags = outputFile(given);
  const { output: path, overwrite } = flags;
  const isText = lines && isTextFile(flags);
  if (path !== undefined && !(isText && path.toLowerCase().endsWith('.txt'))) requireOutputFormat(path, formats);
  else if (path === undefined && overwrite) throw new UsageError('--overwrite is for --output');
  const report = async <T extends object>(summary: T, linesOf: (summary: T) => string[]): Promise<void> => {
    if (flags.json) await io.stdout.write(`${toJson(summary)}\n`);
    else if (!flags.quiet) io.stderr.write(`${linesOf(summary).join('\n')}\n`);
  };
  const lineOf = (record: Record<string, unknown>): string =>
    isText && (path === undefined || path.toLowerCase().endsWith('.txt')) ? String(record['text']) : toJson(record);
  if (path === undefined)
    return {
      write: async (record) => {
        if (!flags.json) await io.stdout.write(`${lineOf(record)}\n`);
      },
      close: report,
      [Symbol.asyncDispose]: async () => undefined,
    };
  const claimed = await claimOutput(path, { inputs, overwrite, companions: [METADATA_ENDING] });
  const sink = path.toLowerCase().endsWith('.txt') ? await FileSink.open(claimed.partial) : undefined;
  const writer = sink ? undefined : await openRecordFile(claimed.partial, { resume: false, named: path });
  let open = true;
  return {
    write: async (record) => await (writer?.write(record) ?? sink!.write(`${lineOf(record)}\n`)),
    close: async (summary, linesOf) => {
      await (writer ?? sink!).close();
      open = false;
      await writeFileAtomic(metadataPath(claimed.partial), `${JSON.stringify(summary, null, 2)}\n`);
      await claimed.commit();
      await report(summary, linesOf);
    },
    [Symbol.asyncDispose]: async () => {
      if (open) await (writer?.abort() ?? sink!.close()).catch(() => undefined);
      await claimed.abandon({ keep: false });
    },
  };
}

/** Whether records are lines of text, and nothing else. */
const isTextFile = ({ input, format }: InputFlags): boolean =>
  (format ?? (input === undefined ? undefined : formatOfPath(input))) === 'txt';
