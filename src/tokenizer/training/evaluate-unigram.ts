import type { SentencePieceModel } from '../sentencepiece-model.ts';
import { UnigramLattice } from './expectation.ts';
import { piecesFromTexts } from './pieces.ts';
import { buildSegmentCorpus } from './segment-corpus.ts';
import { SegmentCounter } from './segments.ts';
import { markSpaces } from './unigram-trainer.ts';

/** How well a Unigram vocabulary fits a text. */
export interface UnigramFit {
  /** Unicode characters of the text, one space mark a word included. */
  characters: number;
  /** Pieces of the best segmentation, unknown characters counted one by one. */
  tokens: number;
  tokensPerCharacter: number;
  /** Characters without a piece. */
  unknownCharacters: number;
  /** Natural log-likelihood, all segmentations summed; an unknown character costs the lowest score minus 10. */
  logLikelihood: number;
  /** Log-likelihood of the best segmentation alone. */
  bestLogLikelihood: number;
}

/** Measures a model on normalised texts. Specials and bytes take no part. */
export function evaluateUnigram(model: SentencePieceModel, texts: Iterable<string>): UnigramFit {
  const { splitByWhitespace, splitByUnicodeScript, splitByNumber, splitDigits } = model.trainer;
  const counter = new SegmentCounter({
    splitByWhitespace,
    splitByUnicodeScript,
    splitByNumber,
    splitDigits,
    splitHan: false,
    splitDigitComma: false,
  });
  for (const text of texts) counter.add(markSpaces(text));
  const corpus = buildSegmentCorpus(counter.counts, 1);
  const known = new Set(corpus.alphabet);
  const usable = model.pieces.filter(
    ({ piece, type }) => type === 'normal' && [...piece].every((character) => known.has(character)),
  );
  const scores = model.pieces.filter(({ type }) => type === 'normal').map(({ score }) => score);
  const pieces = piecesFromTexts(
    usable.map(({ piece, score }) => [piece, score] as const),
    corpus.alphabet,
  );
  const lattice = new UnigramLattice(corpus, pieces, { lowest: scores.reduce((a, b) => Math.min(a, b), Infinity) });
  const { counts, unknown, logProbability } = lattice.bestSegmentations();
  const characters = corpus.frequencies.reduce((sum, frequency) => sum + frequency, 0);
  const tokens = counts.reduce((sum, count) => sum + count, unknown);
  return {
    characters,
    tokens,
    tokensPerCharacter: tokens / characters,
    unknownCharacters: unknown,
    logLikelihood: lattice.expectation().logLikelihood,
    bestLogLikelihood: logProbability,
  };
}
