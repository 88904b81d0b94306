import { AlbertineError, requireInteger, wrongOption } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { ProgressListener } from '../../core/progress.ts';
import { DEFAULT_SPLIT_RULES, type SplitRules } from './segments.ts';
import { ALBERT_SPECIAL_PIECES, layOutSpecialPieces, type SpecialPieceOptions } from './special-pieces.ts';

/** What decides the result of Unigram training. Names and defaults are SentencePiece's unless stated. */
export interface UnigramSettings extends SplitRules, SpecialPieceOptions {
  /** Number of pieces, special ones included. Default 30000 (ALBERT's). */
  vocabSize: number;
  /** Share of the text's characters that must get a piece of their own; the rest is `<unk>`. Default 0.9995. */
  characterCoverage: number;
  /** Characters that get a piece whatever their frequency. */
  requiredCharacters: string;
  /** Longest piece in characters, at most 64. Default 16. */
  maxPieceLength: number;
  /** Substrings to start from. Default 1,000,000. */
  seedSize: number;
  /** Share of the pieces that survives a pruning round. Default 0.75. */
  shrinkingFactor: number;
  /** EM iterations between pruning rounds. Default 2. */
  subIterations: number;
  /** Whether fewer pieces than `vocabSize` are an error. Default true. */
  hardVocabLimit: boolean;
  /** Distinct segments kept in memory; above it the rarest are dropped and reported. Default 12,000,000. */
  maxSegments: number;
}

/** {@link UnigramSettings} with ALBERT's special pieces and SentencePiece's training values. */
export const DEFAULT_UNIGRAM_SETTINGS: UnigramSettings = {
  ...DEFAULT_SPLIT_RULES,
  ...ALBERT_SPECIAL_PIECES,
  vocabSize: 30000,
  characterCoverage: 0.9995,
  requiredCharacters: '',
  maxPieceLength: 16,
  seedSize: 1_000_000,
  shrinkingFactor: 0.75,
  subIterations: 2,
  hardVocabLimit: true,
  maxSegments: 12_000_000,
};

/** Figures of one EM iteration. */
export interface UnigramIteration {
  /** Pruning round, from 0. */
  round: number;
  /** Pieces after the M step. */
  pieces: number;
  /** Expected pieces in the corpus. */
  tokens: number;
  /** Natural log-likelihood of the corpus before the M step. */
  logLikelihood: number;
}

/** What can be saved after a pruning round and given back to continue. */
export interface UnigramCheckpoint {
  /** Rounds finished. */
  round: number;
  /** Pieces that the training began with. */
  seedPieces: number;
  pieces: [text: string, logProbability: number][];
  iterations: UnigramIteration[];
}

/** Options of `trainUnigram`. */
export interface UnigramTrainingOptions extends Partial<UnigramSettings> {
  onProgress?: ProgressListener;
  /** Called after every pruning round. */
  onCheckpoint?: (checkpoint: UnigramCheckpoint) => void | Promise<void>;
  /** Continues after a saved round; words and settings must be those of the interrupted run. */
  resumeFrom?: UnigramCheckpoint;
  /** Stops between EM iterations with an `interrupted` error. */
  signal?: AbortSignal;
}

/** Fills in defaults and checks ranges; throws `invalid_argument` naming the option. */
export function resolveUnigramSettings(options: UnigramTrainingOptions): UnigramSettings {
  const settings = pickSettings(options);
  requireInteger('vocabSize', settings.vocabSize, { min: 2 });
  requireInteger('maxPieceLength', settings.maxPieceLength, { min: 1, max: 64 });
  requireInteger('seedSize', settings.seedSize, { min: 1 });
  requireInteger('subIterations', settings.subIterations, { min: 1, max: 100 });
  requireRange('characterCoverage', settings.characterCoverage, 0.5, 1);
  requireRange('shrinkingFactor', settings.shrinkingFactor, 0.1, 0.99);
  const reserved = layOutSpecialPieces(settings).size;
  if (reserved >= settings.vocabSize) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('vocabSize')} must exceed the ${reserved} special pieces, got ${settings.vocabSize}`,
      { value: settings.vocabSize, option: 'vocabSize' },
    );
  }
  return settings;
}

function pickSettings(options: UnigramTrainingOptions): UnigramSettings {
  const settings: UnigramSettings = { ...DEFAULT_UNIGRAM_SETTINGS };
  for (const name of Object.keys(DEFAULT_UNIGRAM_SETTINGS) as (keyof UnigramSettings)[]) {
    if (options[name] !== undefined) Object.assign(settings, { [name]: options[name] });
  }
  return settings;
}

function requireRange(name: string, value: number, min: number, max: number): void {
  if (!(value >= min && value <= max)) throw wrongOption(name, `in [${min}, ${max}]`, { value });
}
