import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { saveCheckpoint } from '../../checkpoint/save-node.ts';
import type { StorageDtype } from '../../checkpoint/safetensors.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { HEAD_NAMES, headOf, type HeadName } from '../../model/heads.ts';
import { presetConfig } from '../../model/presets.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { openTokenizer } from '../streams/models.ts';
import { requireNewFolder, withClaimedFolder } from '../streams/output-claim.ts';
import { formatBytes } from '../terminal/progress-bar.ts';

/** The flags of `albertine init`, as commander gives them. */
export interface InitFlags {
  preset: string;
  output: string;
  seed?: number;
  tokenizer?: string;
  heads?: string[];
  vocabSize?: number;
  dtype?: StorageDtype;
  overwrite?: boolean;
}

/** Those that need no labels. */
const HEADS = HEAD_NAMES.filter((name) => headOf(name).outputs !== 'labels');

/** Runs `albertine init`. */
export async function runInit(io: CliIo, flags: InitFlags): Promise<void> {
  const { output, seed = 1, dtype = 'f32' } = flags;
  const heads = requireHeads(flags.heads ?? ['maskedLm', 'sentenceOrder']);
  requireNewFolder(output, { overwrite: flags.overwrite, file: 'config.json', what: 'a checkpoint' });
  const tokenizer = flags.tokenizer === undefined ? undefined : await openTokenizer(io, flags.tokenizer);
  const config = configFor(flags, tokenizer);
  const saved = await withClaimedFolder(output, [flags.tokenizer], () =>
    saveCheckpoint(output, {
      config,
      dtype,
      heads,
      weights: initialiseWeights(config, seed, { heads }),
      ...(tokenizer && { tokenizerFiles: tokenizer.files(), maxLength: config.maxPositionEmbeddings }),
      card: {
        name: `ALBERT ${flags.preset}, untrained`,
        untrained: true,
        description: `Made by \`albertine init --preset ${flags.preset} --seed ${seed}\`.`,
      },
      extra: { albertine_untrained: true },
    }),
  );
  io.stderr.write(
    `WARNING: these weights are random. The model is untrained: its vectors and predictions carry no meaning.\n`,
  );
  if (!tokenizer) io.stderr.write('note: the checkpoint has no tokeniser; add one with --tokenizer to read texts\n');
  io.stderr.write(
    `${countOf(saved.files.length, 'file')}, ${formatBytes(saved.weightBytes)} of weights, fingerprint ${saved.fingerprint}\n`,
  );
  await io.stdout.write(`${output}\n`);
}

function requireHeads(names: string[]): HeadName[] {
  return names
    .filter((name) => name !== 'none')
    .map((name) => {
      if (!HEADS.includes(name as HeadName))
        throw new UsageError(`--heads takes ${HEADS.join(', ')} or none, got ${name}`);
      return name as HeadName;
    });
}

function configFor({ preset, vocabSize }: InitFlags, tokenizer: Tokenizer | undefined): AlbertConfig {
  const config = presetConfig(preset);
  if (!tokenizer) return { ...config, ...(vocabSize !== undefined && { vocabSize }) };
  if (vocabSize !== undefined && vocabSize < tokenizer.vocabSize) {
    throw new AlbertineError(
      'invalid_argument',
      `--vocab-size must be at least the tokeniser's ${tokenizer.vocabSize} tokens, got ${vocabSize}`,
      { value: vocabSize },
    );
  }
  const { pad, cls, sep } = tokenizer.special;
  return { ...config, vocabSize: vocabSize ?? tokenizer.vocabSize, padTokenId: pad, bosTokenId: cls, eosTokenId: sep };
}
