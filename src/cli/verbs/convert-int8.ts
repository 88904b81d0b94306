import { countOf } from '../../core/count.ts';
import type { LayerDrift } from '../../model/drift.ts';
import type { ActivationQuantization, RangeMethod } from '../../model/quantize.ts';
import type { ConvertFlags } from './convert.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModel, openModelFiles } from '../streams/models.ts';
import { createProgressBar, formatBytes } from '../terminal/progress-bar.ts';

/** Flags of `albertine convert --to int8` besides those of every target. */
export interface Int8Flags extends ConvertFlags {
  activations?: ActivationQuantization;
  ranges?: RangeMethod;
  bits?: 7 | 8;
  /** File with a text a line (or any format that `albertine embed` reads). */
  sample?: string;
}

/**
 * `albertine convert --to int8`: quantises a checkpoint, prints how far every layer is from f32, and writes a folder of
 * a quarter of the size.
 */
export async function convertToInt8(io: CliIo, model: string | undefined, flags: Int8Flags): Promise<void> {
  const { activations, ranges, bits } = flags;
  const sampleTexts = flags.sample === undefined ? undefined : await readSample(flags.sample);
  const { quantizeModel, readSentenceSettings, saveInt8Checkpoint } = await loadQuantizer();
  using loaded = await openModel(io, model, flags);
  const bar = createProgressBar(io, flags);
  const quantized = await quantizeModel(loaded, {
    onProgress: bar.update,
    signal: io.signal,
    ...(activations && { activations }),
    ...(ranges && { ranges }),
    ...(bits && { bits }),
    ...(sampleTexts && { sampleTexts }),
  }).finally(() => bar.finish());
  const { extra, labels, problemType } = loaded.checkpoint.details;
  const sentences = await readSentenceSettings(await openModelFiles(io, model, { quiet: true }));
  const files = await saveInt8Checkpoint(flags.output, {
    config: loaded.config,
    tensors: quantized.tensors,
    settings: quantized.settings,
    heads: loaded.loaded.heads,
    tokenizerFiles: loaded.tokenizer.files(),
    extra,
    ...(labels && { labels }),
    ...(problemType && { problemType }),
    ...(sentences && { sentences }),
    card: {
      ...(extra['albertine_untrained'] === true && { untrained: true }),
      description: `Converted to int8 by \`albertine convert\` from ${loaded.loaded.source}.`,
    },
  });
  for (const note of quantized.notes) io.stderr.write(`note: ${note}\n`);
  const { drift, settings } = quantized;
  const calibrated =
    settings.calibrationTexts === undefined
      ? ''
      : `, calibrated on ${countOf(settings.calibrationTexts, 'text')} (${settings.ranges})`;
  await io.stdout.write(
    `int8, ${settings.activations} activations, ${settings.bits}-bit weights${calibrated}; ${formatBytes(quantized.tensors.byteLength)}\n` +
      `cosine to f32 on ${countOf(drift.texts, 'held-out text')} (${countOf(drift.tokens, 'token')})\n${formatDrift(drift.layers)}\n`,
  );
  io.stderr.write(`${files.join(', ')}\n`);
  await io.stdout.write(`${flags.output}\n`);
}

/** Loaded when asked for, and apart: TypeScript 6 leaves the `.ts` of imports in a function with `using` as it is. */
const loadQuantizer = async () => ({
  ...(await import('../../loaded/quantize-model.ts')),
  ...(await import('../../checkpoint/save-int8-node.ts')),
  ...(await import('../../checkpoint/sentence-transformers.ts')),
});

/** The drift as an aligned table: per depth, tokens and mean-pooled texts, minimum, fifth percentile and mean. */
export function formatDrift(layers: readonly LayerDrift[]): string {
  const columns = ['layer', 'token min', 'p5', 'mean', 'text min', 'p5', 'mean'];
  const rows = layers.map(({ depth, tokens, pooled }) => [
    String(depth),
    ...[tokens.min, tokens.p5, tokens.mean, pooled.min, pooled.p5, pooled.mean].map((value) => value.toFixed(5)),
  ]);
  return [columns, ...rows].map((row) => row.map((cell) => cell.padStart(9)).join(' ')).join('\n');
}

async function readSample(path: string): Promise<string[]> {
  const { readTexts } = await import('../../data/read-node.ts');
  const texts: string[] = [];
  for await (const { text } of readTexts(path)) texts.push(text);
  return texts;
}
