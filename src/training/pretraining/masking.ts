import { AlbertineError, requireInteger, requireOneOf, wrongOption } from '../../core/errors.ts';
import { createRandom, type Random } from '../../core/random.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { MASKING_SETTINGS } from './settings.ts';
import { WordBoundaries, type WordSegmentation } from './words.ts';

/** Options of masked language modelling. */
export interface MaskingOptions {
  /** `dynamic`: other masks at each visit (RoBERTa); `static`: the same ones every time (BERT). Default `dynamic`. */
  masks?: 'dynamic' | 'static';
  /** Share of an example's tokens to predict. Default 0.15. */
  probability?: number;
  /** Longest run of words masked together; length n has probability proportional to 1/n. Default 3 (ALBERT). */
  maxNgram?: number;
  /** Most predictions in an example. Default: no limit besides the share. */
  maxPredictions?: number;
  /** Of the chosen tokens, the share that becomes `[MASK]`. Default 0.8. */
  maskShare?: number;
  /** Of the chosen tokens, the share that becomes a random token; the rest stay. Default 0.1. */
  randomShare?: number;
  /** Masks whole words. Default true. */
  wholeWords?: boolean;
  /** What a Chinese or Japanese word is: a piece of the vocabulary, or what `Intl.Segmenter` says. Default `pieces`. */
  wordSegmenter?: WordSegmentation;
}

/** What the model must predict: positions in the example, ascending, and the ids that were there. */
export interface MaskedTokens {
  positions: Int32Array;
  labels: Int32Array;
}

/**
 * Chooses and replaces the tokens to be predicted, as ALBERT's `create_masked_lm_predictions`. One instance serves one
 * thread.
 */
export class Masker {
  private readonly options: Required<Omit<MaskingOptions, 'masks' | 'wordSegmenter'>>;
  private readonly words: WordBoundaries;
  private readonly mask: number;
  private starts = new Uint8Array(512);
  private covered = new Uint8Array(512);

  /** Throws `invalid_argument` for shares out of range or a tokeniser without mask token. */
  constructor(tokenizer: Tokenizer, options: MaskingOptions = {}) {
    const usual = MASKING_SETTINGS;
    const {
      probability = usual.probability.default,
      maxNgram = usual.maxNgram.default,
      maxPredictions = Number.MAX_SAFE_INTEGER,
      maskShare = usual.maskShare.default,
      randomShare = usual.randomShare.default,
      wholeWords = usual.wholeWords.default,
      wordSegmenter = usual.wordSegmenter.default,
    } = options;
    if (tokenizer.special.mask === undefined)
      throw new AlbertineError('invalid_argument', 'the tokeniser has no mask token', { value: tokenizer.special });
    requireInteger('maxNgram', maxNgram, { min: 1, max: 64 });
    requireInteger('maxPredictions', maxPredictions, { min: 1 });
    requireOneOf('wordSegmenter', wordSegmenter, ['pieces', 'intl']);
    for (const [name, value] of Object.entries({
      probability,
      maskShare,
      randomShare,
      'maskShare + randomShare': maskShare + randomShare,
    })) {
      if (!(value >= 0 && value <= 1)) throw wrongOption(name, 'in [0, 1]', { value });
    }
    this.options = { probability, maxNgram, maxPredictions, maskShare, randomShare, wholeWords };
    this.words = new WordBoundaries(tokenizer, wordSegmenter);
    this.mask = tokenizer.special.mask;
  }

  /**
   * Masks an example in place. Special and unknown tokens are never chosen nor drawn as replacements, and a run of
   * words never spans a special token. `max(1, round(probability * length))` tokens are chosen as long as whole words
   * fit; the same `seed` gives the same masks.
   */
  apply(ids: Int32Array, seed: number): MaskedTokens {
    const { probability, maxPredictions, wholeWords } = this.options;
    if (probability === 0) return { positions: new Int32Array(0), labels: new Int32Array(0) };
    if (this.starts.length < ids.length) {
      this.starts = new Uint8Array(2 * ids.length);
      this.covered = new Uint8Array(2 * ids.length);
    }
    if (wholeWords) this.words.mark(ids, this.starts);
    else this.starts.fill(1, 0, ids.length);
    const random = createRandom(seed);
    this.choose(ids, random, Math.min(maxPredictions, Math.max(1, Math.round(ids.length * probability))));
    const positions: number[] = [];
    for (let i = 0; i < ids.length; i++) if (this.covered[i]) positions.push(i);
    const labels = Int32Array.from(positions, (position) => ids[position]);
    for (const position of positions) ids[position] = this.replacement(ids[position], random);
    return { positions: Int32Array.from(positions), labels };
  }

  /** Marks the chosen tokens in `covered`: runs of words in random order while they fit the budget. */
  private choose(ids: Int32Array, random: Random, budget: number): void {
    const { covered } = this;
    covered.fill(0, 0, ids.length);
    const { starts, ends } = this.listWords(ids);
    const order = Array.from(starts.keys());
    let chosen = 0;
    for (let i = 0; i < order.length && chosen < budget; i++) {
      const j = i + random.integer(order.length - i);
      [order[i], order[j]] = [order[j], order[i]];
      const word = order[i];
      const start = starts[word];
      let n = this.drawLength(adjacentWords(starts, ends, word, this.options.maxNgram), random);
      // A run that does not fit is shortened, and left out when its first word does not fit.
      while (n > 0 && chosen + ends[word + n - 1] - start > budget) n--;
      if (n === 0) continue;
      const end = ends[word + n - 1];
      if (covered.subarray(start, end).includes(1)) continue;
      covered.fill(1, start, end);
      chosen += end - start;
    }
  }

  /**
   * Words as ranges of tokens that may be masked. A continuation without the start of its word (cut off) is a word too.
   */
  private listWords(ids: Int32Array): { starts: number[]; ends: number[] } {
    const starts: number[] = [];
    const ends: number[] = [];
    let open = false;
    for (let i = 0; i < ids.length; i++) {
      const special = this.words.isSpecial(ids[i]);
      if (open && (special || this.starts[i])) ends.push(i);
      if (!special && (!open || this.starts[i])) starts.push(i);
      open = !special;
    }
    if (open) ends.push(ids.length);
    return { starts, ends };
  }

  /** A number of words in `[1, available]` with probability proportional to 1/n. */
  private drawLength(available: number, random: Random): number {
    let rest = 0;
    for (let n = 1; n <= available; n++) rest += 1 / n;
    rest *= random.uniform();
    let n = 1;
    while (n < available && (rest -= 1 / n) >= 0) n++;
    return n;
  }

  private replacement(id: number, random: Random): number {
    const { maskShare, randomShare } = this.options;
    const draw = random.uniform();
    if (draw < maskShare) return this.mask;
    return draw < maskShare + randomShare ? this.words.ordinaryIds[random.integer(this.words.ordinaryIds.length)] : id;
  }
}

/** Words from `word` on that follow each other directly, at most `limit`. */
function adjacentWords(starts: readonly number[], ends: readonly number[], word: number, limit: number): number {
  let count = 1;
  while (count < limit && word + count < starts.length && starts[word + count] === ends[word + count - 1]) count++;
  return count;
}
