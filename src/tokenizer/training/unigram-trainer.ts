import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { normalizerSpec, type SentencePiece, type SentencePieceModel, trainerSpec } from '../sentencepiece-model.ts';
import { maximise, UnigramLattice } from './expectation.ts';
import { countAlive, lowestLogProbability, type PieceSet, piecesFromTexts, pieceText, ReversedTrie } from './pieces.ts';
import { prunedSize, prunePieces } from './prune.ts';
import { makeSeedPieces } from './seed-pieces.ts';
import { buildSegmentCorpus, type SegmentCorpus } from './segment-corpus.ts';
import { type SegmentCounts, SegmentCounter, SPACE_MARK } from './segments.ts';
import { layOutSpecialPieces, mergeSpecialPieces } from './special-pieces.ts';
import {
  resolveUnigramSettings,
  type UnigramCheckpoint,
  type UnigramIteration,
  type UnigramSettings,
  type UnigramTrainingOptions,
} from './unigram-options.ts';

/** Figures of a finished Unigram training. */
export interface UnigramReport {
  /** Pieces of the vocabulary. */
  vocabSize: number;
  /** Characters of the alphabet, each of which has a piece. */
  alphabetSize: number;
  /** Share of the text's characters in the alphabet. */
  characterCoverage: number;
  /** Distinct segments and the characters that they stand for, by weight. */
  segments: number;
  /** See `segments`. */
  characters: number;
  /** Characters that `maxSegments` pushed out; 0 when everything fitted. */
  prunedCharacters: number;
  /** Pieces that training started from. */
  seedPieces: number;
  /** One a round of estimating and pruning. */
  iterations: UnigramIteration[];
  /** Natural log-likelihood of the corpus under the pieces of the last iteration. */
  logLikelihood: number;
  /** Expected pieces a character at the last iteration. */
  tokensPerCharacter: number;
  /** Time taken. */
  seconds: number;
}

/** A trained model with its figures. */
export interface UnigramResult {
  model: SentencePieceModel;
  report: UnigramReport;
}

/**
 * What to learn from: normalised texts (white space as plain spaces), or normalised words with counts in which U+2581
 * stands for the space before a word, or segments that were counted with the same split rules.
 */
export type TrainingWords = Iterable<string> | ReadonlyMap<string, number> | SegmentCounts;

/** The final size is approached from this much above, then cut by score (SentencePiece's constant). */
const OVERSHOOT = 1.1;

/**
 * Trains a SentencePiece Unigram vocabulary (Kudo 2018): seed substrings, EM with a sparse prior, pruning by likelihood
 * loss. The model's normaliser is the identity: texts must be normalised in the same way before encoding.
 * Deterministic. Throws `invalid_argument` for wrong options or a `vocabSize` that the text cannot fill, `invalid_data`
 * for an empty text.
 */
export async function trainUnigram(words: TrainingWords, options: UnigramTrainingOptions = {}): Promise<UnigramResult> {
  const started = performance.now();
  const settings = resolveUnigramSettings(options);
  const segments = countSegments(words, settings);
  const corpus = buildSegmentCorpus(segments.counts, settings.characterCoverage, settings.requiredCharacters);
  const reserved = layOutSpecialPieces(settings);
  requireRoomForAlphabet(corpus, settings.vocabSize - reserved.size);

  const alphabetSize = corpus.alphabet.length;
  let pieces = options.resumeFrom
    ? piecesFromTexts(options.resumeFrom.pieces, corpus.alphabet)
    : await seedPiecesOf(corpus, settings, options);
  const iterations: UnigramIteration[] = [...(options.resumeFrom?.iterations ?? [])];
  const seedPieces = options.resumeFrom?.seedPieces ?? pieces.lengths.length;
  const desired = Math.floor(settings.vocabSize * OVERSHOOT);
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'training vocabulary',
    unit: 'iterations',
    total: expectedIterations(pieces.lengths.length, desired, settings),
    intervalMs: 0,
  });

  for (let round = options.resumeFrom?.round ?? 0; ; round++) {
    const trie = new ReversedTrie(pieces, alphabetSize);
    for (let sub = 0; sub < settings.subIterations; sub++) {
      await yieldToEventLoop(options.signal);
      const { counts, logLikelihood, tokens } = new UnigramLattice(corpus, pieces, { trie }).expectation();
      maximise(pieces, counts);
      iterations.push({ round, pieces: countAlive(pieces), tokens, logLikelihood });
      meter.add(1, { pieces: countAlive(pieces), logLikelihood });
    }
    const size = prunedSize(pieces, settings.shrinkingFactor, desired);
    if (countAlive(pieces) <= size) break;
    pieces = prunePieces(pieces, new UnigramLattice(corpus, pieces, { trie }), size);
    await options.onCheckpoint?.(checkpointOf(pieces, corpus, { round: round + 1, seedPieces, iterations }));
  }
  meter.finish();

  const ordinary = finalPieces(pieces, corpus, settings.vocabSize - reserved.size);
  requireFullVocabulary(ordinary.length + reserved.size, settings);
  const model = buildModel(mergeSpecialPieces(reserved, ordinary), settings);
  const characters = corpus.frequencies.reduce((sum, frequency) => sum + frequency, 0);
  const last = iterations[iterations.length - 1];
  return {
    model,
    report: {
      vocabSize: model.pieces.length,
      alphabetSize: alphabetSize - 1,
      characterCoverage: corpus.coverage,
      segments: corpus.weights.length,
      characters,
      prunedCharacters: segments.prunedCharacters,
      seedPieces,
      iterations,
      logLikelihood: last.logLikelihood,
      tokensPerCharacter: last.tokens / characters,
      seconds: (performance.now() - started) / 1000,
    },
  };
}

/** Turns normalised text into what the trainer and the encoder see: spaces collapsed and marked, one in front. */
export function markSpaces(text: string): string {
  const trimmed = text.replace(/^ +| +$/g, '');
  return trimmed === '' ? '' : SPACE_MARK + trimmed.replace(/ +/g, SPACE_MARK);
}

function countSegments(words: TrainingWords, settings: UnigramSettings): SegmentCounts {
  if ('counts' in words) return words;
  const counter = new SegmentCounter(settings, settings.maxSegments);
  const forbidden = settings.userDefinedSymbols.filter((symbol) => symbol !== '');
  const add = (text: string, weight: number) => {
    for (const part of splitAtSymbols(text, forbidden)) counter.add(part, weight);
  };
  if (words instanceof Map) for (const [word, weight] of words as ReadonlyMap<string, number>) add(word, weight);
  else for (const text of words as Iterable<string>) add(markSpaces(text), 1);
  return counter;
}

/** The parts of a text between user-defined symbols, which are never part of a learned piece. */
export function splitAtSymbols(text: string, symbols: readonly string[]): string[] {
  let parts = [text];
  for (const symbol of symbols) if (text.includes(symbol)) parts = parts.flatMap((part) => part.split(symbol));
  return parts;
}

/** The suffix array is one long step; the listener hears its beginning and its end. */
async function seedPiecesOf(
  corpus: SegmentCorpus,
  settings: UnigramSettings,
  options: UnigramTrainingOptions,
): Promise<PieceSet> {
  const characters = corpus.characters.length;
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'finding frequent substrings',
    unit: 'characters',
    total: characters,
    intervalMs: 0,
  });
  meter.add(0);
  await yieldToEventLoop(options.signal);
  const pieces = makeSeedPieces(corpus, settings);
  meter.add(characters, { pieces: pieces.lengths.length });
  return pieces;
}

function requireRoomForAlphabet(corpus: SegmentCorpus, room: number): void {
  const alphabet = corpus.alphabet.length - 1;
  if (alphabet <= room) return;
  throw new AlbertineError(
    'invalid_argument',
    prose`${option('vocabSize')} leaves room for ${room} pieces, but the alphabet alone has ${alphabet} characters`,
    {
      value: room,
      hint: prose`Raise ${option('vocabSize')} or lower ${option('characterCoverage')}`,
    },
  );
}

function requireFullVocabulary(size: number, settings: UnigramSettings): void {
  if (size === settings.vocabSize || !settings.hardVocabLimit) return;
  throw new AlbertineError(
    'invalid_argument',
    prose`${option('vocabSize')} is too large for this text, which yields ${size} pieces, got ${settings.vocabSize}`,
    {
      value: settings.vocabSize,
      hint: prose`Lower ${option('vocabSize')}, give more text, or use ${option('hardVocabLimit', false)}`,
    },
  );
}

function expectedIterations(seed: number, desired: number, settings: UnigramSettings): number {
  const rounds = seed <= desired ? 1 : 1 + Math.ceil(Math.log(desired / seed) / Math.log(settings.shrinkingFactor));
  return rounds * settings.subIterations;
}

async function yieldToEventLoop(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (signal?.aborted)
    throw new AlbertineError('interrupted', 'vocabulary training was interrupted', {
      value: signal.reason,
      hint: 'The same call with resume goes on after the last finished stage',
    });
}

function checkpointOf(
  pieces: PieceSet,
  corpus: SegmentCorpus,
  at: Omit<UnigramCheckpoint, 'pieces'>,
): UnigramCheckpoint {
  const entries = Array.from(pieces.lengths, (_length, index): [string, number] => [
    pieceText(pieces, index, corpus.alphabet),
    pieces.logProbabilities[index],
  ]);
  return { ...at, pieces: entries, iterations: [...at.iterations] };
}

/** A character that EM dropped gets this much less than the lowest score for each rank, so that scores differ. */
const MISSING_CHARACTER_STEP = 0.0001;

/** Every character of the alphabet, then the best other pieces up to `room`; sorted by score. */
function finalPieces(pieces: PieceSet, corpus: SegmentCorpus, room: number): SentencePiece[] {
  const lowest = lowestLogProbability(pieces);
  const chosen = new Map(
    corpus.alphabet.slice(1).map((character, rank) => [character, lowest - MISSING_CHARACTER_STEP * (rank + 1)]),
  );
  const longer: [string, number][] = [];
  for (let index = 0; index < pieces.lengths.length; index++) {
    const score = pieces.logProbabilities[index];
    if (score === -Infinity) continue;
    const text = pieceText(pieces, index, corpus.alphabet);
    if (chosen.has(text)) chosen.set(text, score);
    else longer.push([text, score]);
  }
  const byScore = ([a, x]: [string, number], [b, y]: [string, number]) => y - x || (a < b ? -1 : 1);
  for (const [text, score] of longer.sort(byScore).slice(0, room - chosen.size)) chosen.set(text, score);
  // Scores are stored as 32-bit floats; rounding here lets the model equal its file.
  return [...chosen].sort(byScore).map(([piece, score]) => ({ piece, score: Math.fround(score), type: 'normal' }));
}

function buildModel(pieces: SentencePiece[], settings: UnigramSettings): SentencePieceModel {
  return {
    pieces,
    trainer: trainerSpec({
      algorithm: 'unigram',
      vocabSize: pieces.length,
      characterCoverage: Math.fround(settings.characterCoverage),
      maxPieceLength: settings.maxPieceLength,
      splitByUnicodeScript: settings.splitByUnicodeScript,
      splitByWhitespace: settings.splitByWhitespace,
      splitByNumber: settings.splitByNumber,
      splitDigits: settings.splitDigits,
      byteFallback: settings.byteFallback,
      controlSymbols: [...settings.controlSymbols],
      userDefinedSymbols: [...settings.userDefinedSymbols],
      unkId: settings.unkId,
      bosId: settings.bosId,
      eosId: settings.eosId,
      padId: settings.padId,
    }),
    normalizer: normalizerSpec({ name: 'identity' }),
    unknownFields: new Uint8Array(0),
  };
}
