import { openCheckpoint } from '../../checkpoint/folder.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import { readSentenceSettings } from '../../checkpoint/sentence-transformers.ts';
import type { ConvertFlags } from './convert.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModelFiles } from '../streams/models.ts';
import { formatBytes } from '../terminal/progress-bar.ts';

/**
 * `albertine convert --to safetensors`: any readable checkpoint in Hugging Face's layout, with its heads, labels and
 * tokeniser files.
 */
export async function convertToSafetensors(io: CliIo, model: string | undefined, flags: ConvertFlags): Promise<void> {
  const files = await openModelFiles(io, model, flags);
  const checkpoint = await openCheckpoint(files);
  const { weights, heads, dtype: stored, source, unexpected, missingOptional } = await checkpoint.load();
  const { extra, labels, problemType } = checkpoint.details;
  const tokenizerFiles: Record<string, Uint8Array> = {};
  for (const name of checkpoint.tokenizerFiles) tokenizerFiles[name] = await files.read(name);
  const sentences = await readSentenceSettings(files);
  const dtype = flags.dtype ?? stored;
  const isRounded = dtype !== stored && dtype !== 'f32';
  const untrained = extra['albertine_untrained'] === true;
  const saved = await saveCheckpoint(flags.output, {
    config: checkpoint.config,
    weights,
    heads,
    dtype,
    tokenizerFiles,
    extra,
    ...(labels && { labels }),
    ...(problemType && { problemType }),
    ...(sentences && { sentences }),
    card: {
      ...(model !== undefined && isHubId(model) && { baseModel: model }),
      ...(untrained && { untrained }),
      description: `Converted by \`albertine convert\` from ${source}.`,
    },
  });
  const notes = [
    ...checkpoint.notes,
    ...(untrained ? ['UNTRAINED weights: initialised at random'] : []),
    ...(unexpected.length > 0 ? [`left out, as of no known use: ${unexpected.join(', ')}`] : []),
    ...(missingOptional.length > 0 ? [`the source has no ${missingOptional.join(', ')}`] : []),
    ...(isRounded ? [`numbers were rounded from ${stored} to ${dtype}`] : []),
    ...(checkpoint.tokenizerFiles.length === 0 ? ['the source has no tokeniser files, so the copy has none'] : []),
  ];
  for (const note of notes) io.stderr.write(`note: ${note}\n`);
  io.stderr.write(
    `${saved.files.join(', ')}: ${formatBytes(saved.weightBytes)} of weights, heads ${heads.length > 0 ? heads.join(', ') : 'none'}, fingerprint ${saved.fingerprint}\n`,
  );
  await io.stdout.write(`${flags.output}\n`);
}

function isHubId(model: string): boolean {
  return /^[\w.-]+\/[\w.-]+(@.+)?$/.test(model) && !model.startsWith('.');
}
