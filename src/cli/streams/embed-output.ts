import { openEmbeddingWriter, type EmbeddingRecord, type EmbeddingWriter } from '../../data/embeddings-node.ts';
import { toJson } from '../../data/json.ts';
import type { ReadReport } from '../../data/rows.ts';
import type { EmbedPlan } from '../../loaded/embed-plan.ts';
import type { EmbedFlags, EmbedRun } from '../verbs/embed-run.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { requireOutputFormat } from '../flags/output-format.ts';
import type { VectorEncoder } from '../flags/vector-types.ts';

/** The output of one run; the file is opened by {@link EmbedOutput.open}, once the form of the vectors is known. */
export interface EmbedOutput {
  /** Records that were there already, with `--resume`. */
  readonly existing: number;
  open(encoder: VectorEncoder): Promise<void>;
  write(record: EmbeddingRecord): Promise<void>;
  /** Finishes, with the counts in the sidecar. */
  close(): Promise<void>;
  /** Ends early with a valid file; returns the records in it, or undefined if it was never opened. */
  abort(): Promise<number | undefined>;
}

/** Checks that the output can hold what is asked for, before any model is loaded. Throws {@link UsageError}. */
export function requireOutput(path: string | undefined, unit: 'tokens' | 'words' | undefined): void {
  if (path === undefined) return;
  const format = requireOutputFormat(path, ['jsonl', 'csv', 'tsv', 'npy', 'parquet']);
  if (unit !== undefined && format !== 'jsonl')
    throw new UsageError(`--pooling ${unit} is written as .jsonl only, got ${path}`);
}

/** The output that the flags ask for: a file with its sidecar, or standard output. */
export function openEmbedOutput(
  run: EmbedRun,
  source: { input: string; head?: string | undefined; report: ReadReport },
): EmbedOutput {
  const { flags, counts, fingerprint, previous } = run;
  let writer: EmbeddingWriter | undefined;
  let rows = 0;
  const finalCounts = (): Record<string, unknown> => ({
    counts: { ...counts, skippedRows: source.report.skipped },
    skipped: source.report.issues,
  });
  return {
    get existing() {
      return writer?.existing ?? 0;
    },
    open: async (encoder) => {
      writer =
        flags.output === undefined
          ? stdoutWriter(run.io)
          : await openEmbeddingWriter(flags.output, {
              dimensions: encoder.width,
              dtype: encoder.dtype,
              fingerprint,
              resume: flags.resume ?? false,
              ...(run.claimed && { output: run.claimed }),
              details: {
                input: {
                  name: source.input,
                  field: flags.textField ?? null,
                  ...(source.head !== undefined && { head: source.head }),
                },
                options: describeOptions(flags, run.plan),
                ...encoder.details,
              },
            });
      rows = writer.existing;
      if (rows > 0) counts.addStored(completeCounts(previous, rows));
      run.feed.skip = rows;
    },
    write: async (record) => {
      await writer!.write(record);
      rows++;
    },
    close: async () => writer?.close(finalCounts()),
    abort: async () => {
      await writer?.abort(finalCounts());
      return writer && rows;
    },
  };
}

/**
 * Counts of an earlier run, if its sidecar was written when it ended; a run that was killed leaves only the number of
 * records.
 */
function completeCounts(previous: Record<string, unknown> | undefined, rows: number): Record<string, unknown> {
  const stored = previous?.['counts'] as Record<string, unknown> | undefined;
  return stored && previous?.['rows'] === rows ? stored : { texts: rows, uncountedTexts: rows };
}

/** The options that shape the vectors, as given, and the pooling that was used. */
function describeOptions(flags: EmbedFlags, plan: EmbedPlan): Record<string, unknown> {
  const {
    model,
    pooling,
    layers,
    layerCombination,
    dimensions,
    quantize,
    longText,
    maxLength,
    stride,
    windowCombination,
    segments,
    special,
  } = flags;
  const normalize = flags.normalize ?? (plan.normalize ? true : undefined);
  const prompt = plan.prompt === '' ? undefined : plan.prompt;
  return {
    model: model ?? 'built-in',
    pooling: pooling ?? plan.pooling,
    layers,
    layerCombination,
    normalize,
    prompt,
    dimensions,
    quantize,
    longText,
    maxLength,
    stride,
    windowCombination,
    segments,
    ...(pooling === 'tokens' && { special }),
  };
}

function stdoutWriter(io: CliIo): EmbeddingWriter {
  const done = async (): Promise<void> => undefined;
  return {
    existing: 0,
    write: (record) => io.stdout.write(`${toJson(record)}\n`),
    flush: done,
    close: done,
    abort: done,
  };
}
