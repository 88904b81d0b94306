import { countOf } from '../../core/count.ts';
import { formatOfPath } from '../../data/read-node.ts';
import { trainVocabularyFromFiles } from '../../tokenizer/training/train-node.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { requireNewFolder } from '../streams/output-claim.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';

/** The flags of `albertine vocab train`, as commander gives them. */
export interface VocabFlags {
  output: string;
  algorithm?: 'unigram' | 'wordpiece';
  vocabSize?: number;
  characterCoverage?: number;
  requiredCharacters?: string;
  userSymbols?: string[];
  byteFallback?: boolean;
  keepAccents?: boolean;
  keepCase?: boolean;
  splitDigits?: boolean;
  splitHan?: boolean;
  hardVocabLimit: boolean;
  maxPieceLength?: number;
  sample?: number;
  textField?: string;
  seed?: number;
  resume?: boolean;
  overwrite?: boolean;
  quiet?: boolean;
}

/** Runs `albertine vocab train`. */
export async function runVocabTrain(io: CliIo, inputs: readonly string[], flags: VocabFlags): Promise<void> {
  if (flags.resume && flags.overwrite)
    throw new UsageError('--resume continues a training, --overwrite throws it away: give one of them');
  requireNewFolder(flags.output, {
    overwrite: flags.overwrite,
    file: 'training-report.json',
    what: 'a trained vocabulary',
  });
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  const { output, algorithm = 'unigram', vocabSize, sample, textField, seed, resume } = flags;
  const shared = {
    outputDirectory: output,
    onProgress: bar.update,
    signal: io.signal,
    ...(vocabSize !== undefined && { vocabSize }),
    ...(sample !== undefined && { inputSentenceSize: sample }),
    ...(textField !== undefined && { textField }),
    ...(seed !== undefined && { seed }),
    ...(resume && { resume }),
  };
  const options =
    algorithm === 'wordpiece'
      ? { ...shared, algorithm, words: { lowerCase: !flags.keepCase } }
      : { ...shared, algorithm, ...unigramOptions(flags) };
  const report = await trainVocabularyFromFiles(inputs.map(parseInput), options).finally(() => bar.finish());
  if (!flags.quiet)
    io.stderr.write(
      `${countOf(report.vocabSize, 'piece')} in ${formatDuration(report.seconds)}: ${report.files.join(', ')}\n`,
    );
  await io.stdout.write(`${output}\n`);
}

function unigramOptions(flags: VocabFlags): object {
  const {
    characterCoverage,
    requiredCharacters,
    userSymbols,
    byteFallback,
    splitDigits,
    splitHan,
    hardVocabLimit,
    maxPieceLength,
    keepAccents,
    keepCase,
  } = flags;
  return {
    ...(characterCoverage !== undefined && { characterCoverage }),
    ...(requiredCharacters !== undefined && { requiredCharacters }),
    ...(userSymbols && { userDefinedSymbols: userSymbols }),
    ...(byteFallback && { byteFallback }),
    ...(splitDigits && { splitDigits }),
    ...(splitHan && { splitHan }),
    ...(!hardVocabLimit && { hardVocabLimit }),
    ...(maxPieceLength !== undefined && { maxPieceLength }),
    normalization: { keepAccents: keepAccents ?? false, lowerCase: !keepCase },
  };
}

/** `FILE` or `FILE=WEIGHT`. Tables are refused: read as lines, their other columns would end up in the vocabulary. */
function parseInput(input: string): string | { path: string; weight: number } {
  const match = /^(.+)=(\d+(?:\.\d+)?)$/.exec(input);
  const format = formatOfPath(match?.[1] ?? input);
  if (format !== undefined && format !== 'txt' && format !== 'jsonl')
    throw new UsageError(`vocab train reads .txt and .jsonl, got ${input}: write its texts to such a file first`);
  if (!match) return input;
  const weight = Number(match[2]);
  if (!(weight > 0)) throw new UsageError(`the weight of ${match[1]} must be above 0, got ${match[2]}`);
  return { path: match[1], weight };
}
