import { basename } from 'node:path';
import type { CorpusSource } from '../../training/pretraining/documents-node.ts';
import { MANIFEST_FILE } from '../../training/pretraining/manifest.ts';
import { openShardFolder } from '../../training/pretraining/shard-folder-node.ts';
import { buildShards, verifyShards } from '../../training/pretraining/shards-node.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { resolveModelFolder } from '../streams/models.ts';
import { requireNewFolder } from '../streams/output-claim.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';

/** The flags of `albertine shards build`, as commander gives them. */
export interface ShardsFlags {
  tokenizer: string;
  output: string;
  locale?: string;
  segments?: 'sentence' | 'paragraph';
  textField?: string;
  shardTokens?: number;
  workers?: number;
  onError?: 'stop' | 'skip';
  overwrite?: boolean;
  quiet?: boolean;
}

/** Runs `albertine shards build`. */
export async function runShardsBuild(io: CliIo, sources: readonly string[], flags: ShardsFlags): Promise<void> {
  const { tokenizer, output, segments, shardTokens, workers, quiet = false } = flags;
  requireNewFolder(output, { overwrite: flags.overwrite, file: MANIFEST_FILE, what: 'finished shards' });
  const corpus = sources.map((text) => parseSource(text, flags));
  const folder = await resolveModelFolder(io, tokenizer, { quiet });
  const bar = createProgressBar(io, { quiet });
  const report = await buildShards(corpus, folder, {
    output,
    onProgress: bar.update,
    signal: io.signal,
    ...(segments && { segments }),
    ...(shardTokens !== undefined && { shardTokens }),
    ...(workers !== undefined && { workers }),
  }).finally(() => bar.finish());
  const { manifest, keptShards, builtShards, skipped, seconds } = report;
  for (const [source, { skippedRows }] of Object.entries(skipped))
    if (skippedRows > 0) io.stderr.write(`note: ${skippedRows} rows of ${source} were skipped\n`);
  for (const { name, tokens } of manifest.sources) if (tokens === 0) io.stderr.write(`note: ${name} holds no text\n`);
  if (!quiet) {
    const kept = keptShards > 0 ? ` (${keptShards} kept from before)` : '';
    io.stderr.write(
      `${manifest.tokens.toLocaleString('en-US')} tokens of ${manifest.documents.toLocaleString('en-US')} documents in ${builtShards + keptShards} shards${kept}, ${formatDuration(seconds)}\n`,
    );
  }
  await io.stdout.write(`${output}\n`);
}

/** Runs `albertine shards verify`. */
export async function runShardsVerify(io: CliIo, folder: string): Promise<void> {
  const bar = createProgressBar(io);
  const { tokens, sources } = await verifyShards(await openShardFolder(folder), bar.update).finally(() => bar.finish());
  await io.stdout.write(
    `${folder}: ${sources.reduce((total, { shards }) => total + shards.length, 0)} shards, ${tokens.toLocaleString('en-US')} tokens, all checksums right\n`,
  );
}

/** `FILES`, `NAME=FILES` or `NAME*WEIGHT=FILES`. */
export function parseSource(
  text: string,
  { locale, textField, onError }: Pick<ShardsFlags, 'locale' | 'textField' | 'onError'>,
): CorpusSource {
  const match = /^(?:([\w./-]+?)(?:\*(\d*\.?\d+))?=)?(.+)$/.exec(text);
  const paths =
    match?.[3]
      .split(',')
      .map((path) => path.trim())
      .filter((path) => path !== '') ?? [];
  if (!match || paths.length === 0)
    throw new UsageError(`a source is FILES, NAME=FILES or NAME*WEIGHT=FILES, got ${text}`);
  const name =
    match[1] ??
    basename(paths[0])
      .replace(/\..*$/, '')
      .replace(/[^\w-]/g, '_');
  return {
    name,
    paths,
    ...(match[2] !== undefined && { weight: Number(match[2]) }),
    ...(locale !== undefined && { locale }),
    ...(textField !== undefined && { textField }),
    ...(onError && { onError }),
  };
}
