import { AlbertineError, describeValue, requireInteger } from '../../core/errors.ts';
import { requireText, type OptionKinds } from '../../core/options.ts';
import { softmax } from '../../core/softmax.ts';
import { answerReport } from '../../metrics/answers.ts';
import { countUnknown, pairTokens, type Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Piece } from '../../training/units.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { AskOptions, Encoded, EncodeHow, Raw, Scores, Task, TextCounts } from '../task.ts';
import { ASK_OPTIONS } from '../task-model.ts';
import { tooLong } from '../../loaded/text-windows.ts';

/** A question and the text that answers it, or does not. */
export interface AnswerInput {
  /** What is asked. */
  question: string;
  /** The text in which the answer is looked for. */
  context: string;
  /** Goes into the result. */
  id?: string;
}

/**
 * Options of `AnswerReader.predict`. `longText` is `window` by default: a long context is read in windows that overlap.
 */
export interface AnswerOptions extends AskOptions {
  /** Tokens of an answer at most. Default 30. */
  maxAnswerLength?: number;
  /** Tokens that consecutive windows share. Default: a third of what a window has for the context. */
  stride?: number;
  /**
   * How much more likely no answer has to be (in logits) before the answer is none. Default: the model's, where it was
   * trained on questions without answers; else an answer is always given.
   */
  noAnswerThreshold?: number;
  /** Answers listed in `answers`, best first. Default: none, the best one alone. */
  topK?: number;
}

/** See `requireOptions`. */
export const ANSWER_OPTIONS: OptionKinds<AnswerOptions> = {
  ...ASK_OPTIONS,
  maxAnswerLength: 'number',
  stride: 'number',
  noAnswerThreshold: 'number',
  topK: 'number',
};

/** A stretch of the context. */
export interface ContextSpan {
  /** Exactly as it stands there; empty where there is no answer. */
  answer: string;
  /** UTF-16 positions in the context, `end` exclusive; -1 where there is no answer. */
  start: number;
  /** UTF-16 position where it ends, exclusive; -1 where there is no answer. */
  end: number;
  /** Probability among everything that was considered, no answer included. */
  score: number;
}

/** The answer to a question. */
export interface ReaderAnswer extends ContextSpan {
  /** That of the input. */
  id?: string;
  /** With `topK`. */
  answers?: ContextSpan[];
  /** Logits of no answer less those of the best one; the larger, the less likely an answer. */
  noAnswerMargin: number;
}

/** {@link ReaderAnswer} with what happened to the text. */
export type AnswerPrediction = ReaderAnswer & TextCounts;

/** What is right: the answers and where one of them stands; none where the question has no answer. */
export interface AnswerGold {
  answers: readonly string[];
  start: number;
  end: number;
}

/** What a checkpoint says of its answers. */
export interface ReaderFacts {
  /** Set where it was trained on questions without answers. */
  noAnswerThreshold: number | undefined;
}

/** A window of the context with the question before it. */
export interface AnswerPiece extends Piece {
  /** UTF-16 ranges in the context; `[-1, -1]` for tokens that are no part of it. */
  offsets: readonly (readonly [start: number, end: number])[];
}

/** The types of {@link answerTask}. */
export interface AnswerTypes {
  /** What is asked. */
  input: AnswerInput;
  /** What is right. */
  gold: AnswerGold;
  /** What is answered. */
  output: ReaderAnswer;
  /** What a checkpoint says of its answers. */
  facts: ReaderFacts;
  /** A row for the network: a window of the context. */
  piece: AnswerPiece;
  /** Options of asking. */
  options: AnswerOptions;
}

/** Key of `config.json` that this package adds to a reader. */
export const THRESHOLD_KEY = 'albertine_no_answer_threshold';

const DEFAULT_MAX_ANSWER_LENGTH = 30;
/** Ends and beginnings of a window that are combined, as in the original code. */
const BEST_ENDS = 20;
/** Share of a window that a question may take. */
const LONGEST_QUESTION = 0.5;
/** A token of the question and one of the context, besides the special ones of a pair. */
const SHORTEST_TEXTS = 2;

/** Questions about a text into stretches of it. */
export const answerTask: Task<AnswerTypes> = {
  name: 'answer',
  head: 'questionAnswering',
  metrics: {
    f1: 'higher',
    exactMatch: 'higher',
    hasAnswerExact: 'higher',
    hasAnswerF1: 'higher',
    noAnswerAccuracy: 'higher',
  },
  facts: ({ checkpoint: { details } }: Albert) => {
    const threshold = details.extra[THRESHOLD_KEY];
    return { noAnswerThreshold: typeof threshold === 'number' ? threshold : undefined };
  },
  requireInput(subject, input, index) {
    if (typeof input !== 'object' || input === null)
      throw new AlbertineError(
        'invalid_argument',
        `input ${index} of ${subject} must be { question, context }, got ${describeValue(input)}`,
        { value: input },
      );
    const { question, context } = input as Record<string, unknown>;
    requireText(subject, question, index);
    requireText(subject, context, index);
  },
  text: ({ question }) => question,
  encode,
  decode,
  score(gold, outputs): Scores {
    const { exactMatch, f1, hasAnswerExact, hasAnswerF1, noAnswerAccuracy, questions, unanswerable } = answerReport(
      gold.map(({ answers }) => answers),
      outputs.map(({ answer }) => answer),
    );
    const parts: Record<string, number> =
      unanswerable > 0 && unanswerable < questions ? { hasAnswerExact, hasAnswerF1, noAnswerAccuracy } : {};
    return { metrics: { exactMatch, f1, ...parts }, details: { questions, unanswerable } };
  },
};

function encode(
  { question, context }: AnswerInput,
  { tokenizer, maxLength, options, longText = 'window' }: EncodeHow<AnswerTypes>,
): Encoded<AnswerPiece> {
  const special = pairTokens(tokenizer); // [CLS], [SEP] and [SEP]; one more in XLM-R
  const shortest = SHORTEST_TEXTS + special;
  requireInteger('maxLength', maxLength, { min: shortest });
  const asked = cutQuestion(
    tokenizer,
    question,
    Math.min(Math.floor(maxLength * LONGEST_QUESTION), maxLength - shortest + 1),
  );
  const room = maxLength - asked.tokens - special;
  const all = tokenizer.encode(context, { addSpecialTokens: false });
  if (longText === 'error' && (asked.lost > 0 || all.ids.length > room))
    throw tooLong(asked.tokens + asked.lost + all.ids.length, maxLength - special);
  const stride = requireInteger('stride', Math.min(options.stride ?? Math.floor(room / 3), room - 1), { min: 0 });
  const encodings =
    longText === 'window'
      ? tokenizer.encodeWindows(asked.text, { pair: context, maxLength, stride })
      : [tokenizer.encode(asked.text, { pair: context, maxLength, truncation: 'only_second' })];
  const contextStart = asked.tokens + special - 1; // the last special token stands behind the context
  const pieces = encodings.map(({ ids, typeIds, offsets, specialTokensMask }): AnswerPiece => ({
    ids,
    typeIds,
    offsets: offsets.map((range, i) => (i >= contextStart && specialTokensMask[i] === 0 ? range : NOWHERE)),
  }));
  const lost = longText === 'window' ? 0 : Math.max(0, all.ids.length - room);
  return {
    pieces,
    tokenCount: asked.tokens + asked.lost + all.ids.length,
    truncatedTokens: asked.lost + lost,
    unknownTokens: countUnknown(tokenizer, all.ids) + asked.unknown,
  };
}

const NOWHERE = [-1, -1] as const;

/** A question that leaves room for a context; what is behind the limit is lost, and counted. */
function cutQuestion(
  tokenizer: Tokenizer,
  question: string,
  limit: number,
): { text: string; tokens: number; lost: number; unknown: number } {
  const { ids, offsets } = tokenizer.encode(question, { addSpecialTokens: false });
  const unknown = countUnknown(tokenizer, ids);
  if (ids.length <= limit) return { text: question, tokens: ids.length, lost: 0, unknown };
  const text = question.slice(0, offsets[limit - 1][1]);
  const tokens = tokenizer.encode(text, { addSpecialTokens: false }).ids.length;
  return { text, tokens, lost: ids.length - tokens, unknown };
}

/** A stretch of tokens of one window, by its logits. */
interface Candidate {
  start: number;
  end: number;
  logit: number;
}

function decode(
  { context, id }: AnswerInput,
  { encoded: { pieces }, logits, facts, options }: Raw<AnswerTypes>,
): ReaderAnswer {
  const longest = requireInteger('maxAnswerLength', options.maxAnswerLength ?? DEFAULT_MAX_ANSWER_LENGTH, { min: 1 });
  const threshold = options.noAnswerThreshold ?? facts.noAnswerThreshold;
  const candidates = merge(pieces.flatMap((piece, window) => candidatesOf(piece, logits[window], longest)));
  // A window says that there is no answer in it; only if all do, there is none.
  const none = Math.min(...logits.map((row) => row[0] + row[1]));
  const best = candidates[0];
  const noAnswerMargin = best === undefined ? Infinity : none - best.logit;
  const shares = softmax([...candidates.map(({ logit }) => logit), ...(threshold === undefined ? [] : [none])]);
  const spans = candidates.map(({ start, end }, i): ContextSpan => ({
    answer: context.slice(start, end),
    start,
    end,
    score: shares[i],
  }));
  const empty: ContextSpan = {
    answer: '',
    start: -1,
    end: -1,
    score: best === undefined ? 1 : threshold === undefined ? 0 : shares.at(-1)!,
  };
  const chosen = best === undefined || (threshold !== undefined && noAnswerMargin > threshold) ? empty : spans[0];
  const topK = options.topK === undefined ? undefined : requireInteger('topK', options.topK, { min: 1 });
  return {
    ...(id !== undefined && { id }),
    ...chosen,
    ...(topK !== undefined && { answers: spans.slice(0, topK) }),
    noAnswerMargin,
  };
}

/** The best stretches of a window: every likely beginning with every likely end that may go with it. */
function candidatesOf({ offsets, ids }: AnswerPiece, logits: Float32Array, longest: number): Candidate[] {
  const inContext = Array.from(ids.keys()).filter(
    (token) => offsets[token][0] >= 0 && offsets[token][1] > offsets[token][0],
  );
  const best = (column: number): number[] =>
    [...inContext].sort((a, b) => logits[2 * b + column] - logits[2 * a + column]).slice(0, BEST_ENDS);
  const ends = best(1);
  return best(0).flatMap((first) =>
    ends
      .filter((last) => last >= first && last < first + longest)
      .map((last): Candidate => ({
        start: offsets[first][0],
        end: offsets[last][1],
        logit: logits[2 * first] + logits[2 * last + 1],
      })),
  );
}

/** The same stretch in two windows counts once, where it is likelier; best first. */
function merge(candidates: readonly Candidate[]): Candidate[] {
  const kept = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const key = `${candidate.start} ${candidate.end}`;
    if ((kept.get(key)?.logit ?? -Infinity) < candidate.logit) kept.set(key, candidate);
  }
  return [...kept.values()].sort((a, b) => b.logit - a.logit || a.start - b.start || a.end - b.end).slice(0, BEST_ENDS);
}
