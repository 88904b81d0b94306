import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { countOf } from '../../core/count.ts';
import { pick } from '../../core/pick.ts';
import { toJson } from '../../data/json.ts';
import { BUILT_IN_MODEL } from '../../loaded/load-node.ts';
import { buildIndex, updateIndex, type BuildOptions, type BuildReport } from '../../retrieval/build-node.ts';
import { POINTER, requireGeneration } from '../../retrieval/generations-node.ts';
import { requireNewFolder } from '../streams/output-claim.ts';
import { openModel } from '../streams/models.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `albertine index update`, as commander gives them. */
export interface IndexUpdateFlags extends Pick<BuildOptions, 'batchTokens' | 'database'> {
  model?: string;
  threads?: number;
  quiet?: boolean;
}

/** Those of `albertine index build`. */
export interface IndexBuildFlags
  extends IndexUpdateFlags, Omit<BuildOptions, 'sources' | 'model' | 'onProgress' | 'signal'> {
  output: string;
}

const BUILD_FLAGS = [
  ...(['chunkTokens', 'overlap', 'prompt', 'overwrite', 'batchTokens', 'store', 'vectors', 'database'] as const),
  ...(['textField', 'titleField', 'encoding', 'delimiter', 'quotes', 'onError'] as const),
] as const;

/** Runs `albertine index build`. */
export async function runIndexBuild(io: CliIo, sources: string[], flags: IndexBuildFlags): Promise<void> {
  const { output, overwrite, header } = flags;
  // Before the model is loaded.
  requireNewFolder(output, { overwrite, file: POINTER, what: 'an index' });
  using model = await openModel(io, flags.model, flags);
  const bar = createProgressBar(io, flags);
  const report = await buildIndex(output, model, {
    ...pick(flags, BUILD_FLAGS),
    ...(header === false && { header }),
    ...{ sources, model: placeOfModel(flags.model), onProgress: bar.update, signal: io.signal },
  }).finally(() => bar.finish());
  await printReport(io, report, { index: output, quiet: flags.quiet });
}

/** Runs `albertine index update`. */
export async function runIndexUpdate(io: CliIo, index: string, flags: IndexUpdateFlags): Promise<void> {
  const { manifest } = await requireGeneration(index);
  using model = await openModel(io, flags.model ?? manifest.model, flags);
  const bar = createProgressBar(io, flags);
  const report = await updateIndex(index, model, {
    ...pick(flags, ['batchTokens', 'database']),
    ...{ onProgress: bar.update, signal: io.signal },
  }).finally(() => bar.finish());
  await printReport(io, report, { index, quiet: flags.quiet });
}

/** Runs `albertine index info`. */
export async function runIndexInfo(io: CliIo, index: string): Promise<void> {
  const { manifest } = await requireGeneration(index);
  await io.stdout.write(`${toJson({ ...manifest, files: manifest.files.length })}\n`);
}

/** A folder as it is found from anywhere; ids as they are. */
const placeOfModel = (model: string = BUILT_IN_MODEL): string =>
  model !== BUILT_IN_MODEL && existsSync(model) ? resolve(model) : model;

async function printReport(
  io: CliIo,
  report: BuildReport,
  { index, quiet = false }: { index: string; quiet?: boolean | undefined },
): Promise<void> {
  for (const note of notesOf(report)) io.stderr.write(`note: ${note}\n`);
  if (!quiet) {
    const { added, changed, removed, unchanged, chunks, tokens, embedded, fingerprint } = report;
    const counts = { added, changed, removed, unchanged };
    const files = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
    io.stderr.write(
      `${countOf(report.files, 'file')} (${files.join(', ')}), ${countOf(chunks, 'chunk')} of ${countOf(tokens, 'token')}, ${embedded.toLocaleString('en-US')} embedded\n${fingerprint}\n`,
    );
  }
  await io.stdout.write(`${index}\n`);
}

/** Names that a note lists. */
const LISTED = 5;

function notesOf({
  leftOut,
  emptyFiles,
  skippedFiles,
  skippedRows,
  windowedChunks,
  resumed,
  notRemoved,
}: BuildReport): string[] {
  const kinds = Object.entries(leftOut);
  const others = kinds.reduce((sum, [, count]) => sum + count, 0);
  return [
    ...(resumed > 0 ? [`${countOf(resumed, 'vector')} of an interrupted run were taken over`] : []),
    ...(others > 0
      ? [
          `${countOf(others, 'file')} of other kinds left out: ${listed(kinds.map(([name, count]) => `${name} (${count})`))}`,
        ]
      : []),
    ...(emptyFiles.length > 0 ? [`${countOf(emptyFiles.length, 'file')} without text: ${listed(emptyFiles)}`] : []),
    ...(skippedRows > 0 ? [`${countOf(skippedRows, 'row')} left out that could not be read`] : []),
    ...(skippedFiles.length > 0 ? [`${countOf(skippedFiles.length, 'file')} left out that could not be read:`] : []),
    ...skippedFiles.slice(0, LISTED).map(({ reason }) => `  ${reason}`),
    ...(skippedFiles.length > LISTED ? [`  and ${skippedFiles.length - LISTED} more`] : []),
    ...notRemoved.map((one) => `vectors that were replaced could not be removed: ${one}`),
    ...(windowedChunks > 0 ? [`${countOf(windowedChunks, 'chunk')} read in several windows`] : []),
  ];
}

const listed = (names: readonly string[]): string =>
  names.length > LISTED ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more` : names.join(', ');
