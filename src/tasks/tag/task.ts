import { AlbertineError, describeValue, requireInteger, requireOneOf } from '../../core/errors.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import { option, prose } from '../../core/prose.ts';
import { logSoftmaxRow } from '../../core/softmax.ts';
import { entityReport, type Span } from '../../metrics/entities.ts';
import { CRF } from '../../model/heads.ts';
import type { Piece } from '../../training/units.ts';
import { countUnknown } from '../../tokenizer/tokenizer.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskOptions, Encoded, EncodeHow, Raw, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';
import { tooLong, windowStarts } from '../../loaded/text-windows.ts';
import { bestPath, greedyPath, spansOfPath, tagProbabilities, tagSet, type TagCrf, type TagSet } from './decode.ts';
import { placeTokens, segmentWords, type PlacedToken, type Range } from './words.ts';

/**
 * How the tokens of a word say its tag together, as in Hugging Face: `first` token, `average` or `max` of them;
 * `simple` gives every token a tag of its own.
 */
export const AGGREGATIONS = ['first', 'average', 'max', 'simple'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

/** How tags become a sequence: the best one as a whole, or word by word. */
export const TAG_DECODINGS = ['viterbi', 'greedy'] as const;

/**
 * A text; with its words where they are known, which are given one label each. Without, words are runs of letters and
 * digits, single marks and Chinese characters.
 */
export type TagInput = string | { text: string; words?: readonly Range[] };

/**
 * Options of `EntityTagger.predict`. `longText` is `window` by default: every token is judged in the window where it
 * has most context.
 */
export interface TagOptions extends AskOptions {
  /** Default: as it was trained, `first` unless with all tokens of a word, then `average`. */
  aggregation?: Aggregation;
  /** Default `viterbi`. */
  decoding?: (typeof TAG_DECODINGS)[number];
  /** Tokens that consecutive windows share. Default: a quarter of a window. */
  stride?: number;
}

/** See `requireOptions`. */
export const TAG_OPTIONS: OptionKinds<TagOptions> = {
  ...ASK_OPTIONS,
  aggregation: 'string',
  decoding: 'string',
  stride: 'number',
};

/** A named thing in a text. */
export interface Entity {
  /** What kind of thing it is. */
  label: string;
  /** UTF-16 positions in the text, `end` exclusive. */
  start: number;
  /** Where it ends, exclusive. */
  end: number;
  /** The stretch of the text itself. */
  text: string;
  /**
   * Mean probability of its words' tags; of a tagger with a CRF in the light of the whole text: the share of all valid
   * sequences that have the tag there.
   */
  score: number;
}

/** What was found in one text, in its order; entities do not overlap. */
export interface EntityAnswer {
  /** In the order of the text. */
  entities: Entity[];
}

/** {@link EntityAnswer} with what happened to the text. */
export type TagPrediction = EntityAnswer & TextCounts;

/** What a tagger's checkpoint says of it. */
export interface TaggerFacts {
  /** Names of its outputs. */
  tags: readonly string[];
  /** Chinese characters are tokenised one by one. */
  characters: boolean;
  /** It was trained on all tokens of a word, not on the first alone. */
  allTokens: boolean;
  /** What follows what, from word to word. */
  crf?: TagCrf;
}

/** A window with what decoding needs: which tokens of the text it has, and for which of them it is the one to ask. */
export interface TagPiece extends Piece {
  /** The whole text's, the same for all its windows. */
  tokens: readonly PlacedToken[];
  words: readonly Range[];
  /** Token of the text at position 1 of the window. */
  first: number;
  /** Tokens of the text that are judged here: `[from, to)`. */
  own: Range;
}

/** The types of {@link tagTask}. A gold is the entities in characters. */
export interface TagTypes {
  /** What is asked. */
  input: TagInput;
  /** What is right. */
  gold: readonly Span[];
  /** What is answered. */
  output: EntityAnswer;
  /** What a checkpoint says of its answers. */
  facts: TaggerFacts;
  /** A row for the network: the text, or a window of it. */
  piece: TagPiece;
  /** Options of asking. */
  options: TagOptions;
}

/** Keys of `config.json` that this package adds to a tagger. */
export const TAGGER_KEYS = { characters: 'albertine_tag_characters', allTokens: 'albertine_tag_all_tokens' } as const;

/** Texts into the entities in them. */
export const tagTask: Task<TagTypes> = {
  name: 'tag',
  head: 'tokenClassification',
  metrics: { f1: 'higher', precision: 'higher', recall: 'higher', macroF1: 'higher', weightedF1: 'higher' },
  facts: readFacts,
  requireInput(subject, input, index) {
    if (typeof input !== 'object' || input === null) return requireText(subject, input, index);
    const { text, words } = input as Record<string, unknown>;
    requireText(subject, text, index);
    if (words !== undefined) requireWords(words, text, index);
  },
  text: (input) => (typeof input === 'string' ? input : input.text),
  encode,
  decode,
  score: scoreEntities,
};

function readFacts({ checkpoint: { details }, weights, config: { hiddenSize } }: Albert): TaggerFacts {
  const outputs = weights.get('classifier.weight')!.shape[0];
  const tags = details.labels ?? Array.from({ length: outputs }, (_, i) => `LABEL_${i}`);
  if (tags.length !== outputs)
    throw new AlbertineError(
      'weights_mismatch',
      `the config names ${tags.length} tags, and the head has ${outputs} outputs`,
      { value: [outputs, hiddenSize], hint: 'The config belongs to another checkpoint' },
    );
  const crf = weights.has(CRF.transitions) && {
    transitions: weights.get(CRF.transitions)!.data,
    start: weights.get(CRF.start)!.data,
    end: weights.get(CRF.end)!.data,
  };
  return {
    tags,
    characters: details.extra[TAGGER_KEYS.characters] === true,
    allTokens: details.extra[TAGGER_KEYS.allTokens] === true,
    ...(crf && { crf }),
  };
}

function requireWords(words: unknown, text: string, index: number): void {
  const isRange = (word: unknown, i: number, all: unknown[]): boolean =>
    Array.isArray(word) &&
    word.length === 2 &&
    Number.isInteger(word[0]) &&
    word[0] < word[1] &&
    word[1] <= text.length &&
    word[0] >= (i === 0 ? 0 : (all[i - 1] as number[])[1]);
  if (Array.isArray(words) && words.every(isRange)) return;
  throw new AlbertineError(
    'invalid_argument',
    `words of input ${index} must be ranges of positions in the text, in order, got ${describeValue(words)}`,
    { value: words, hint: 'Such as [[0, 3], [4, 9]]' },
  );
}

function encode(
  input: TagInput,
  { tokenizer, facts, options, maxLength, longText = 'window' }: EncodeHow<TagTypes>,
): Encoded<TagPiece> {
  const text = typeof input === 'string' ? input : input.text;
  const tokens = placeTokens(tokenizer, text, facts.characters);
  const simple = (options.aggregation ?? 'first') === 'simple';
  if (simple && facts.crf) throw simpleWithCrf();
  const words = simple
    ? tokens.map(({ start, end }): Range => [start, end])
    : ((typeof input === 'string' ? undefined : input.words) ?? segmentWords(text));
  const room = maxLength - 2; // [CLS] and [SEP]
  if (longText === 'error' && tokens.length > room) throw tooLong(tokens.length, room);
  const stride = Math.min(options.stride ?? Math.floor(room / 4), room - 1);
  requireInteger('stride', stride, { min: 0 });
  const starts = longText === 'window' ? windowStarts(tokens.length, room, stride) : [0];
  const ids = Int32Array.from(tokens, ({ id }) => id);
  const pieces = starts.map((first, window): TagPiece => {
    const own = ids.subarray(first, first + room);
    const all = Int32Array.from([tokenizer.special.cls, ...own, tokenizer.special.sep]);
    return {
      ids: all,
      typeIds: new Int32Array(all.length),
      tokens,
      words,
      first,
      own: ownedRange(starts, window, { room, total: tokens.length }),
    };
  });
  return {
    pieces,
    tokenCount: tokens.length,
    truncatedTokens: longText === 'window' ? 0 : Math.max(0, tokens.length - room),
    unknownTokens: countUnknown(tokenizer, ids),
  };
}

/** The two cannot go together. */
export const simpleWithCrf = (): AlbertineError =>
  new AlbertineError(
    'invalid_argument',
    prose`${option('aggregation', 'simple')} gives every token a tag of its own, and a CRF goes from word to word`,
    { value: 'simple', option: 'aggregation', hint: 'Use first, average or max' },
  );

/** Windows that overlap share their common tokens: each is judged where it stands farther from an edge. */
function ownedRange(
  starts: readonly number[],
  window: number,
  { room, total }: { room: number; total: number },
): Range {
  const meeting = (left: number): number => Math.ceil((starts[left + 1] + Math.min(total, starts[left] + room)) / 2);
  return [
    window === 0 ? 0 : meeting(window - 1),
    window === starts.length - 1 ? Math.min(total, starts[window] + room) : meeting(window),
  ];
}

/** What is given one tag: a word, or several that begin in one token, such as the characters of a piece. */
export interface TaggedUnit {
  start: number;
  end: number;
  /** Its words: `[from, to)`. */
  words: Range;
  /** Tokens that overlap it, ascending. */
  tokens: number[];
}

/** The units of a text. Words without a token (control characters) are in none. */
export function taggedUnits(tokens: readonly PlacedToken[], words: readonly Range[]): TaggedUnit[] {
  const units: TaggedUnit[] = [];
  let from = 0;
  words.forEach(([start, end], word) => {
    while (from < tokens.length && tokens[from].end <= start) from++;
    const own: number[] = [];
    for (let at = from; at < tokens.length && tokens[at].start < end; at++) own.push(at);
    if (own.length === 0) return;
    const last = units.at(-1);
    if (last?.tokens[0] !== own[0]) units.push({ start, end, words: [word, word + 1], tokens: own });
    else
      units[units.length - 1] = {
        ...last,
        end,
        words: [last.words[0], word + 1],
        tokens: [...new Set([...last.tokens, ...own])],
      };
  });
  return units;
}

function decode(
  input: TagInput,
  { encoded: { pieces, truncatedTokens }, logits, facts: { tags, allTokens, crf }, options }: Raw<TagTypes>,
): EntityAnswer {
  const aggregation = requireOneOf(
    'aggregation',
    options.aggregation ?? (allTokens ? 'average' : 'first'),
    AGGREGATIONS,
  );
  const decoding = requireOneOf('decoding', options.decoding ?? 'viterbi', TAG_DECODINGS);
  // The end of a text that was cut is not seen.
  const set = tagSet(tags, crf && truncatedTokens > 0 ? { ...crf, end: new Float32Array(tags.length) } : crf);
  const { tokens, words } = pieces[0];
  const rows = logProbabilities(pieces, logits, set);
  const known = taggedUnits(tokens, words)
    .map((unit) => ({ ...unit, tokens: unit.tokens.filter((token) => rows[token] !== undefined) }))
    .filter((unit) => unit.tokens.length > 0);
  const scores = known.map((unit) =>
    combine(
      unit.tokens.map((token) => rows[token]!),
      aggregation,
    ),
  );
  const path = decoding === 'viterbi' ? bestPath(scores, set) : greedyPath(scores, set);
  const inContext = crf && tagProbabilities(scores, set);
  const probability = (word: number, tag: number): number => inContext?.[word][tag] ?? Math.exp(scores[word][tag]);
  const text = typeof input === 'string' ? input : input.text;
  return {
    entities: spansOfPath(path, set).map(({ label, start: from, end: to }) => {
      const [{ start }, { end }] = [known[from], known[to - 1]];
      const score = path.slice(from, to).reduce((sum, tag, i) => sum + probability(from + i, tag), 0) / (to - from);
      return { label, start, end, text: text.slice(start, end), score };
    }),
  };
}

/** Logarithms of the probabilities of tags, a row a token of the text; undefined for tokens that were cut off. */
function logProbabilities(
  pieces: readonly TagPiece[],
  logits: readonly Float32Array[],
  { tags: { length: width } }: TagSet,
): (Float32Array | undefined)[] {
  const rows = new Array<Float32Array | undefined>(pieces[0].tokens.length).fill(undefined);
  pieces.forEach(({ own: [from, to], first }, piece) => {
    for (let token = from; token < to; token++) {
      const at = (1 + token - first) * width;
      rows[token] = logSoftmaxRow(logits[piece].subarray(at, at + width));
    }
  });
  return rows;
}

/** One row of log probabilities for a word from those of its tokens. */
function combine(rows: readonly Float32Array[], aggregation: Aggregation): Float32Array {
  if (rows.length === 1 || aggregation === 'first' || aggregation === 'simple') return rows[0];
  if (aggregation === 'average')
    return rows[0].map((_, tag) => Math.log(rows.reduce((sum, row) => sum + Math.exp(row[tag]), 0) / rows.length));
  // The token that is surest of its tag speaks for the word.
  return rows.reduce((surest, row) => (Math.max(...row) > Math.max(...surest) ? row : surest));
}

function scoreEntities(gold: readonly (readonly Span[])[], outputs: readonly EntityAnswer[]): Scores {
  const { precision, recall, f1, macroPrecision, macroRecall, macroF1, weightedF1, support, perLabel } = entityReport(
    gold,
    outputs.map(({ entities }) => entities),
  );
  return {
    metrics: { f1, precision, recall, macroF1, weightedF1 },
    details: { macroPrecision, macroRecall, entities: support, perLabel },
    tables: () => [
      {
        columns: ['label', 'precision', 'recall', 'F1', 'entities'],
        rows: perLabel.map((row) => [row.label, row.precision, row.recall, row.f1, String(row.support)]),
      },
    ],
    ...(support === 0 && { notes: ['the data have no entity: figures of 0 say nothing'] }),
  };
}
