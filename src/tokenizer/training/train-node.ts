import { join } from 'node:path';
import { AlbertineError, requireInteger, requireOneOf } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { makeFolder, requireUsableFolder, writeFileAtomic } from '../../core/files-node.ts';
import { withLock } from '../../core/lock-node.ts';
import { requireSeparate } from '../../core/output-node.ts';
import { requireGiven, requireOptions, type OptionKinds } from '../../core/options.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { tokenizerForTransformers } from '../transformers-files.ts';
import { createUnigramTokenizer } from '../unigram-tokenizer.ts';
import { createWordPieceTokenizer } from '../wordpiece-tokenizer.ts';
import { albertTokenizerJson } from './albert-tokenizer-json.ts';
import { type BertWordOptions, bertWords } from './bert-words.ts';
import { forEachSampledLine, type SampleReport } from './count-words-node.ts';
import { createTrainingNormalizer, type NormalizationOptions } from './normalization.ts';
import { SegmentCounter, type SplitRules } from './segments.ts';
import { findTextSources, type TextSource } from './text-lines-node.ts';
import { type CountedWords, TrainingState } from './training-state-node.ts';
import { DEFAULT_UNIGRAM_SETTINGS, resolveUnigramSettings, type UnigramSettings } from './unigram-options.ts';
import { splitAtSymbols, trainUnigram, type UnigramReport } from './unigram-trainer.ts';
import { trainWordPiece, type WordPieceResult, type WordPieceTrainingOptions } from './wordpiece-trainer.ts';

/** Options of {@link trainVocabularyFromFiles} that both algorithms share. */
interface FileTrainingOptions {
  /** Where the vocabulary goes; created when absent. */
  outputDirectory: string;
  /** Lines to draw at random from all files together. Default: all. */
  inputSentenceSize?: number;
  /** Seed of the drawing. Default 1. */
  seed?: number;
  /** Field of `.jsonl` rows. Default `text`. */
  textField?: string;
  /** Distinct words kept in memory; the rarest beyond are dropped and reported. Default 12,000,000. */
  maxSegments?: number;
  /**
   * Continues an interrupted run with the same inputs and options. Without it, saved stages are discarded. Default
   * false.
   */
  resume?: boolean;
  /** Told about lines and rounds that are done. */
  onProgress?: ProgressListener;
  /** Stops with `interrupted`; finished stages stay for `resume`. */
  signal?: AbortSignal;
}

/** Options of {@link trainVocabularyFromFiles} for a SentencePiece Unigram model. */
export interface UnigramFileOptions extends FileTrainingOptions, Partial<UnigramSettings> {
  /** Default `unigram`. */
  algorithm?: 'unigram';
  /** How text is normalised before it is counted, and stored in the model. */
  normalization?: NormalizationOptions;
}

/** Options of {@link trainVocabularyFromFiles} for a WordPiece vocabulary. */
export interface WordPieceFileOptions
  extends FileTrainingOptions, Omit<WordPieceTrainingOptions, 'onProgress' | 'signal' | 'continuingPrefix'> {
  /** Asks for WordPiece. */
  algorithm: 'wordpiece';
  /** How text is cut into words. */
  words?: BertWordOptions;
}

const FILE_OPTIONS: OptionKinds<FileTrainingOptions> = {
  outputDirectory: 'string',
  inputSentenceSize: 'any',
  seed: 'number',
  textField: 'string',
  maxSegments: 'number',
  resume: 'boolean',
  onProgress: 'function',
  signal: 'object',
};
const SETTINGS = Object.fromEntries(
  Object.keys(DEFAULT_UNIGRAM_SETTINGS).map((name) => [name, 'any']),
) as OptionKinds<UnigramSettings>;
const UNIGRAM_OPTIONS: OptionKinds<UnigramFileOptions> = {
  ...SETTINGS,
  ...FILE_OPTIONS,
  algorithm: 'string',
  normalization: 'object',
};
const WORDPIECE_OPTIONS: OptionKinds<WordPieceFileOptions> = {
  ...FILE_OPTIONS,
  algorithm: 'string',
  words: 'object',
  vocabSize: 'number',
  minFrequency: 'number',
  characterCoverage: 'number',
  specialTokens: 'list',
  maxTokenLength: 'number',
};

/** What was made of what; also written as `training-report.json`. */
export interface VocabularyReport {
  /** What was trained. */
  algorithm: 'unigram' | 'wordpiece';
  /** Pieces in the vocabulary. */
  vocabSize: number;
  /** Files written, without the report. */
  files: string[];
  /** Those of the call, with defaults filled in. */
  options: Record<string, unknown>;
  /** Lines and words that were read. */
  sample: SampleReport;
  /** What the algorithm did. */
  training: UnigramReport | WordPieceResult['report'];
  /** Time taken. */
  seconds: number;
}

/**
 * Trains a vocabulary from text files of any size (`.txt`, `.jsonl`, `.gz`, folders of them; a weight a source) and
 * writes it to `outputDirectory`: `spiece.model`, `tokenizer.json` and `tokenizer_config.json` for Unigram, `vocab.txt`
 * and `tokenizer_config.json` for WordPiece, and `training-report.json`. Memory is bounded by `maxSegments`. Word
 * counts and every pruning round are saved under `outputDirectory/.training` until the end, for `resume`. The folder is
 * locked meanwhile, and must not be or hold what is read.
 */
export async function trainVocabularyFromFiles(
  inputs: readonly (string | { path: string; weight?: number })[],
  options: UnigramFileOptions | WordPieceFileOptions,
): Promise<VocabularyReport> {
  const started = performance.now();
  const algorithm = requireOneOf('algorithm', options.algorithm ?? 'unigram', ['unigram', 'wordpiece']);
  requireOptions('trainVocabularyFromFiles', options, algorithm === 'wordpiece' ? WORDPIECE_OPTIONS : UNIGRAM_OPTIONS);
  requireGiven('trainVocabularyFromFiles', options, ['outputDirectory']);
  if (inputs.length === 0) throw new AlbertineError('invalid_argument', 'no input files were given', { value: inputs });
  if (options.inputSentenceSize !== undefined)
    requireInteger('inputSentenceSize', options.inputSentenceSize, { min: 1 });
  if (options.algorithm !== 'wordpiece') requireUnigramOptions(options); // wrong options should not cost a pass over the text
  const sources = await findTextSources(inputs);
  const { outputDirectory } = options;
  await requireUsableFolder(outputDirectory);
  await requireSeparate(
    outputDirectory,
    sources.map(({ path }) => path),
  );
  await makeFolder(outputDirectory);
  return await withLock(outputDirectory, () => train(sources, { algorithm, options, started }));
}

interface Training {
  algorithm: 'unigram' | 'wordpiece';
  options: UnigramFileOptions | WordPieceFileOptions;
  started: number;
}

async function train(
  sources: readonly TextSource[],
  { algorithm, options, started }: Training,
): Promise<VocabularyReport> {
  const { outputDirectory } = options;
  const settings = decidingOptions(options);
  const state = new TrainingState(join(outputDirectory, '.training'), { sources, settings });
  if (!options.resume) await state.clear();

  let counted = await state.loadWords();
  if (!counted) {
    counted = await countWords(sources, options);
    await state.saveWords(counted);
  }
  const { training, files } =
    options.algorithm === 'wordpiece'
      ? await makeWordPiece(counted, options)
      : await makeUnigram(counted, options, state);
  for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(outputDirectory, name), content);
  const report: VocabularyReport = {
    algorithm,
    vocabSize: training.vocabSize,
    files: Object.keys(files),
    options: settings,
    sample: counted.sample,
    training,
    seconds: (performance.now() - started) / 1000,
  };
  await writeFileAtomic(join(outputDirectory, 'training-report.json'), `${JSON.stringify(report, null, 2)}\n`);
  await state.clear();
  return report;
}

function requireUnigramOptions(options: UnigramFileOptions): void {
  const { userDefinedSymbols } = resolveUnigramSettings(options);
  const normalizer = createTrainingNormalizer(options.normalization, userDefinedSymbols);
  for (const symbol of userDefinedSymbols) {
    const prepared = normalizer.normalize(symbol);
    if (prepared.includes(symbol)) continue;
    const becomes = prepared.replace(/^\u2581/, '');
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('userDefinedSymbols')} must be written as text is after its preparation, where ${symbol} is ${becomes}`,
      {
        value: symbol,
        option: 'userDefinedSymbols',
        hint: `Use ${becomes}, which stands for ${symbol} too, or keep case and accents`,
      },
    );
  }
}

/** The options that decide the result. */
function decidingOptions(options: UnigramFileOptions | WordPieceFileOptions): Record<string, unknown> {
  const incidental = ['outputDirectory', 'resume', 'onProgress', 'signal'];
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => !incidental.includes(name) && value !== undefined),
  );
}

const NO_SPLITTING: SplitRules = {
  splitByWhitespace: false,
  splitByUnicodeScript: false,
  splitByNumber: false,
  splitDigits: false,
  splitHan: false,
  splitDigitComma: false,
};

async function countWords(
  sources: readonly TextSource[],
  options: UnigramFileOptions | WordPieceFileOptions,
): Promise<CountedWords> {
  if (options.algorithm === 'wordpiece') {
    // BERT's words are final: no piece crosses them, so no further splitting is wanted.
    const counter = new SegmentCounter(NO_SPLITTING, options.maxSegments);
    const sample = await forEachSampledLine(sources, options, (line, weight) => {
      for (const word of bertWords(line, options.words)) counter.add(word, weight);
    });
    return { counts: counter.counts, prunedCharacters: counter.prunedCharacters, sample };
  }
  const { normalization, userDefinedSymbols = [] } = options;
  const normalizer = createTrainingNormalizer(normalization, userDefinedSymbols);
  const counter = new SegmentCounter(splitRulesOf(options), options.maxSegments);
  const sample = await forEachSampledLine(sources, options, (line, weight) => {
    for (const part of splitAtSymbols(normalizer.normalize(line), userDefinedSymbols)) counter.add(part, weight);
  });
  return { counts: counter.counts, prunedCharacters: counter.prunedCharacters, sample };
}

/** Pieces that ALBERT's tokeniser would split again are not learned when it is the one that will use them. */
function splitRulesOf(options: UnigramFileOptions): SplitRules {
  const { splitDigitComma = options.normalization?.albertPreparation ?? true } = options;
  const { splitByWhitespace, splitByUnicodeScript, splitByNumber, splitDigits, splitHan } =
    resolveUnigramSettings(options);
  return { splitByWhitespace, splitByUnicodeScript, splitByNumber, splitDigits, splitHan, splitDigitComma };
}

type MadeFiles = Record<string, Uint8Array | string>;

async function makeUnigram(
  counted: CountedWords,
  options: UnigramFileOptions,
  state: TrainingState,
): Promise<{ training: UnigramReport; files: MadeFiles }> {
  const { spec, preparation } = createTrainingNormalizer(options.normalization, options.userDefinedSymbols);
  const { model, report } = await trainUnigram(counted, {
    ...options,
    ...splitRulesOf(options),
    resumeFrom: await state.loadRound(),
    onCheckpoint: (checkpoint) => state.saveRound(checkpoint),
  });
  Object.assign(model.normalizer, spec);
  const { albertPreparation = true, lowerCase, keepAccents } = options.normalization ?? {};
  const tokenizer = createUnigramTokenizer(model, {
    preparation: albertPreparation ? 'albert' : 'none',
    lowerCase,
    keepAccents,
  });
  return {
    training: report,
    files: tokenizerForTransformers({
      ...tokenizer.files(),
      'tokenizer.json': albertTokenizerJson(model, preparation),
    }),
  };
}

async function makeWordPiece(
  counted: CountedWords,
  options: WordPieceFileOptions,
): Promise<{ training: WordPieceResult['report']; files: MadeFiles }> {
  const { vocabulary, report } = await trainWordPiece(counted.counts, options);
  const { lowerCase = true, stripAccents = lowerCase } = options.words ?? {};
  const tokenizer = createWordPieceTokenizer(vocabulary, { lowerCase, keepAccents: !stripAccents });
  return { training: report, files: tokenizer.files() };
}
