import { AlignedText } from '../aligned-text.ts';
import { Charsmap } from '../charsmap.ts';
import type { NormalizerSpec } from '../sentencepiece-model.ts';
import { type AlbertPreparation, AlbertPreparer, SentencePieceNormalizer } from '../unigram-normalizer.ts';
import { cleaningRules, compileCharsmap } from './charsmap-builder.ts';

/** How raw text is normalised before its words are counted, and what the model file then says about it. */
export interface NormalizationOptions {
  /** ALBERT's own preparation (spaces, quotes, NFKD, marks, case), done outside SentencePiece. Default true. */
  albertPreparation?: boolean;
  /** Default true; with `albertPreparation` only. */
  lowerCase?: boolean;
  /** Default false; with `albertPreparation` only. */
  keepAccents?: boolean;
  /**
   * Rules inside the model file: `clean` (see `cleaningRules`; the default) or `identity`.
   */
  charsmap?: 'clean' | 'identity';
  /**
   * Further rules inside the model file, source to replacement, such as traditional characters to simplified ones. They
   * see prepared text (with `albertPreparation`: lower-case, decomposed). SentencePiece and Hugging Face's tokenisers
   * follow them too, as part of the charsmap.
   */
  rewrite?: Readonly<Record<string, string>>;
}

/** Turns raw text into what the encoder will see, spaces marked. */
export interface TrainingNormalizer {
  normalize(text: string): string;
  /** What to store in the model. */
  spec: Pick<NormalizerSpec, 'name' | 'precompiledCharsmap'>;
  preparation: AlbertPreparation;
}

/** Builds the normaliser that the finished tokeniser will use, so that training and encoding cannot differ. */
export function createTrainingNormalizer(
  options: NormalizationOptions = {},
  userDefinedSymbols: readonly string[] = [],
): TrainingNormalizer {
  const { albertPreparation = true, lowerCase = true, keepAccents = false, charsmap = 'clean', rewrite = {} } = options;
  const preparation: AlbertPreparation = albertPreparation
    ? { collapseSpaces: true, straightenQuotes: true, stripMarks: keepAccents ? false : 'combining', lowerCase }
    : { collapseSpaces: false, straightenQuotes: false, stripMarks: false, lowerCase: false };
  const precompiledCharsmap = compileCharsmap(
    new Map([...(charsmap === 'clean' ? cleaningRules() : []), ...Object.entries(rewrite)]),
  );
  const preparer = new AlbertPreparer(preparation);
  const normalizer = new SentencePieceNormalizer(new Charsmap(precompiledCharsmap), {
    addDummyPrefix: true,
    removeExtraWhitespaces: true,
    escapeWhitespaces: true,
    whitespaceAsSuffix: false,
    protectedSymbols: byFirstUnit(userDefinedSymbols),
  });
  const prepared = new AlignedText();
  const normalized = new AlignedText();
  return {
    normalize: (text) => {
      preparer.prepare(text, prepared);
      normalizer.normalize(prepared, normalized);
      return normalized.toString();
    },
    spec: { name: Object.keys(rewrite).length > 0 ? `${charsmap}_rewrite` : charsmap, precompiledCharsmap },
    preparation,
  };
}

function byFirstUnit(symbols: readonly string[]): Map<number, string[]> {
  const result = new Map<number, string[]>();
  for (const symbol of [...symbols].sort((a, b) => b.length - a.length)) {
    const unit = symbol.charCodeAt(0);
    result.set(unit, [...(result.get(unit) ?? []), symbol]);
  }
  return result;
}
