import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { isChineseCharacter } from '../unicode.ts';
import { PairQueue } from './pair-queue.ts';

/** Options of {@link trainWordPiece}. */
export interface WordPieceTrainingOptions {
  /** Tokens, special ones included. Default 30000. */
  vocabSize?: number;
  /** Pairs seen less often are not merged. Default 2. */
  minFrequency?: number;
  /** Share of the text's characters that get a token; words with other characters are `[UNK]`. Default 0.9995. */
  characterCoverage?: number;
  /** First tokens of the vocabulary. Default `[PAD] [UNK] [CLS] [SEP] [MASK]`. */
  specialTokens?: readonly string[];
  /** Marks a token that continues a word. Default `##`. */
  continuingPrefix?: string;
  /** Longest token in characters, prefix not counted. Default 100 (BERT's longest word). */
  maxTokenLength?: number;
  onProgress?: ProgressListener;
  signal?: AbortSignal;
}

/** A WordPiece vocabulary with its figures. */
export interface WordPieceResult {
  /** Id = position; the lines of `vocab.txt`. */
  vocabulary: string[];
  report: {
    vocabSize: number;
    alphabetSize: number;
    characterCoverage: number;
    words: number;
    merges: number;
    /** Tokens a character of the training words, by the merges themselves. */
    tokensPerCharacter: number;
    seconds: number;
  };
}

const DEFAULT_SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/**
 * Learns a WordPiece vocabulary by merging the most frequent neighbouring pair again and again, as Hugging Face's
 * trainer does. Google never published the trainer of BERT; the likelihood-ratio score by which WordPiece was described
 * (Schuster and Nakajima 2012) favours pairs of rare symbols. `words` are the words of BERT's basic tokeniser with
 * their counts. Ties go to the pair that was found first in order of word frequency: deterministic. Throws
 * `invalid_argument` when `vocabSize` has no room for the alphabet, `invalid_data` when there are no words.
 */
export async function trainWordPiece(
  words: ReadonlyMap<string, number>,
  options: WordPieceTrainingOptions = {},
): Promise<WordPieceResult> {
  const started = performance.now();
  const vocabSize = requireInteger('vocabSize', options.vocabSize ?? 30000, { min: 1 });
  const specialTokens = options.specialTokens ?? DEFAULT_SPECIAL_TOKENS;
  const { alphabet, coverage } = chooseAlphabet(words, options.characterCoverage ?? 0.9995);
  const symbols = new SymbolTable(options.continuingPrefix ?? '##');
  const corpus = encodeWords(words, alphabet, symbols);
  const letters = symbols.texts.length;
  const room = vocabSize - specialTokens.length - letters;
  if (room < 0) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('vocabSize')} must hold ${specialTokens.length} special tokens and ${letters} letters, got ${vocabSize}`,
      {
        value: vocabSize,
        hint: prose`Raise ${option('vocabSize')} or lower ${option('characterCoverage')}`,
      },
    );
  }
  const merges = await mergePairs(corpus, symbols, { ...options, room });
  const vocabulary = [...new Set([...specialTokens, ...symbols.texts])];
  let tokens = 0;
  let characters = 0;
  for (const [index, count] of corpus.counts.entries()) {
    tokens += count * corpus.symbols[index].length;
    characters += count * corpus.lengths[index];
  }
  return {
    vocabulary,
    report: {
      vocabSize: vocabulary.length,
      alphabetSize: alphabet.size,
      characterCoverage: coverage,
      words: corpus.counts.length,
      merges,
      tokensPerCharacter: characters === 0 ? 0 : tokens / characters,
      seconds: (performance.now() - started) / 1000,
    },
  };
}

/** Symbols by number; a symbol is a text and whether it continues a word. */
class SymbolTable {
  /** As in the vocabulary, with the prefix. */
  readonly texts: string[] = [];
  /** Characters without the prefix. */
  readonly lengths: number[] = [];
  private readonly idOf = new Map<string, number>();
  private readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  add(text: string, length: number): number {
    const known = this.idOf.get(text);
    if (known !== undefined) return known;
    this.idOf.set(text, this.texts.length);
    this.lengths.push(length);
    return this.texts.push(text) - 1;
  }

  letter(character: string, continues: boolean): number {
    return this.add(continues ? this.prefix + character : character, 1);
  }

  /** The symbol that replaces `left right`; `right` always continues a word. */
  joined(left: number, right: number): number {
    return this.add(
      this.texts[left] + this.texts[right].slice(this.prefix.length),
      this.lengths[left] + this.lengths[right],
    );
  }
}

interface WordCorpus {
  symbols: number[][];
  counts: number[];
  lengths: number[];
}

function chooseAlphabet(
  words: ReadonlyMap<string, number>,
  characterCoverage: number,
): { alphabet: Set<string>; coverage: number } {
  const counts = new Map<string, number>();
  let total = 0;
  for (const [word, count] of words) {
    for (const character of word) {
      counts.set(character, (counts.get(character) ?? 0) + count);
      total += count;
    }
  }
  if (total === 0)
    throw new AlbertineError('invalid_data', 'there are no words to learn a vocabulary from', { value: words.size });
  const alphabet = new Set<string>();
  let covered = 0;
  for (const [character, count] of [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))) {
    if (covered / total >= characterCoverage) break;
    alphabet.add(character);
    covered += count;
  }
  return { alphabet, coverage: covered / total };
}

/**
 * Words with a character outside the alphabet would be `[UNK]` and take no part. Letters get both forms so that any
 * word of them can be written.
 */
function encodeWords(
  words: ReadonlyMap<string, number>,
  alphabet: ReadonlySet<string>,
  symbols: SymbolTable,
): WordCorpus {
  for (const character of alphabet) symbols.letter(character, false);
  for (const character of alphabet) {
    // BERT makes every Chinese character and every punctuation mark a word, so these never continue one.
    if (!isChineseCharacter(character.codePointAt(0)!) && !/[\p{P}\p{S}]/u.test(character))
      symbols.letter(character, true);
  }
  const corpus: WordCorpus = { symbols: [], counts: [], lengths: [] };
  for (const [word, count] of [...words].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))) {
    const characters = [...word];
    if (characters.length === 0 || !characters.every((character) => alphabet.has(character))) continue;
    corpus.symbols.push(characters.map((character, at) => symbols.letter(character, at > 0)));
    corpus.counts.push(count);
    corpus.lengths.push(characters.length);
  }
  return corpus;
}

async function mergePairs(
  corpus: WordCorpus,
  symbols: SymbolTable,
  options: WordPieceTrainingOptions & { room: number },
): Promise<number> {
  const { room, minFrequency = 2, maxTokenLength = 100 } = options;
  const queue = new PairQueue();
  for (const [word, parts] of corpus.symbols.entries()) {
    for (let at = 0; at + 1 < parts.length; at++)
      queue.add({ left: parts[at], right: parts[at + 1] }, corpus.counts[word], word);
  }
  const meter = new ProgressMeter(options.onProgress, { stage: 'merging pairs', unit: 'tokens', total: room });
  const before = symbols.texts.length;
  let merges = 0;
  while (symbols.texts.length - before < room) {
    const best = queue.takeBest(minFrequency);
    if (!best) break;
    if (symbols.lengths[best.left] + symbols.lengths[best.right] > maxTokenLength) continue;
    const sizeBefore = symbols.texts.length;
    const joined = symbols.joined(best.left, best.right);
    for (const word of best.words) mergeInWord(corpus, word, { ...best, joined, queue });
    merges++;
    meter.add(symbols.texts.length - sizeBefore);
    if (merges % 256 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (options.signal?.aborted)
        throw new AlbertineError('interrupted', 'vocabulary training was interrupted', {
          value: options.signal.reason,
          hint: 'The same call with resume goes on after the last finished stage',
        });
    }
  }
  meter.finish();
  return merges;
}

/** Replaces `left right` in one word and moves the counts of its neighbouring pairs. */
function mergeInWord(
  corpus: WordCorpus,
  word: number,
  merge: { left: number; right: number; joined: number; queue: PairQueue },
): void {
  const { left, right, joined, queue } = merge;
  const parts = corpus.symbols[word];
  const count = corpus.counts[word];
  for (let at = 0; at + 1 < parts.length; at++) {
    if (parts[at] !== left || parts[at + 1] !== right) continue;
    if (at > 0) {
      queue.add({ left: parts[at - 1], right: left }, -count);
      queue.add({ left: parts[at - 1], right: joined }, count, word);
    }
    if (at + 2 < parts.length) {
      queue.add({ left: right, right: parts[at + 2] }, -count);
      queue.add({ left: joined, right: parts[at + 2] }, count, word);
    }
    parts.splice(at, 2, joined);
  }
}
