import { float32 } from '../runtime/tensor.ts';
import { firstTokens, type HeadFeeds, type Piece, type UnitBatch } from '../training/units.ts';
import { countUnknown, pairTokens, type Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Encoded } from './task.ts';
import { tooLong, type LongTextPolicy } from '../loaded/text-windows.ts';

/* What tasks share that judge several options of one question, each with the question in a piece of its own. */

/** A piece with the option that it is of. */
export interface OptionPiece extends Piece {
  option: number;
}

/** How two texts share a piece. */
export interface OptionHow {
  tokenizer: Tokenizer;
  maxLength: number;
  longText: LongTextPolicy;
  /**
   * Which of the two is cut, or read in windows: the passage of a question is its first text, the document of a query
   * its second.
   */
  long: 'first' | 'second';
}

/** A piece for each option, or several where one is read in windows. */
export function encodeOptions(
  pairs: readonly (readonly [first: string, second: string])[],
  how: OptionHow,
): Encoded<OptionPiece> {
  const all = pairs.map((pair, option) => encodePair(pair, option, how));
  const sum = (of: (one: (typeof all)[number]) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    pieces: all.flatMap(({ pieces }) => pieces),
    windows: Math.max(...all.map(({ pieces }) => pieces.length)),
    tokenCount: sum(({ tokenCount }) => tokenCount),
    truncatedTokens: sum(({ truncatedTokens }) => truncatedTokens),
    unknownTokens: sum(({ unknownTokens }) => unknownTokens),
  };
}

function encodePair(
  [first, second]: readonly [string, string],
  option: number,
  { tokenizer, maxLength, longText, long }: OptionHow,
): Encoded<OptionPiece> {
  const whole = tokenizer.encode(first, { pair: second });
  const special = pairTokens(tokenizer);
  const tokenCount = whole.ids.length - special;
  const unknownTokens = countUnknown(tokenizer, whole.ids);
  if (whole.ids.length <= maxLength)
    return {
      pieces: [{ ids: whole.ids, typeIds: whole.typeIds, option }],
      tokenCount,
      truncatedTokens: 0,
      unknownTokens,
    };
  if (longText === 'error') throw tooLong(tokenCount, maxLength - special);
  const windows = longText === 'window' ? windowsOf(tokenizer, [first, second], { maxLength, long }) : [];
  if (windows.length > 0)
    return { pieces: windows.map((piece) => ({ ...piece, option })), tokenCount, truncatedTokens: 0, unknownTokens };
  const cut = cutPair(tokenizer, [first, second], { maxLength, long });
  return {
    pieces: [{ ...cut, option }],
    tokenCount,
    truncatedTokens: tokenCount - (cut.ids.length - special),
    unknownTokens,
  };
}

/** The long text cut; where the other one alone is too long, both are. */
function cutPair(
  tokenizer: Tokenizer,
  [first, second]: readonly [string, string],
  { maxLength, long }: Pick<OptionHow, 'maxLength' | 'long'>,
): Piece {
  const other = tokenizer.encodeIds(long === 'first' ? second : first).length;
  const { ids, typeIds } = tokenizer.encode(first, {
    pair: second,
    maxLength,
    truncation:
      other < maxLength - pairTokens(tokenizer) ? (long === 'first' ? 'only_first' : 'only_second') : 'longest_first',
  });
  return { ids, typeIds };
}

/** Windows over the long text, each with the whole other one; none where that leaves no room. */
function windowsOf(
  tokenizer: Tokenizer,
  [first, second]: readonly [string, string],
  { maxLength, long }: Pick<OptionHow, 'maxLength' | 'long'>,
): Piece[] {
  const other = tokenizer.encodeIds(long === 'first' ? second : first).length;
  const room = maxLength - pairTokens(tokenizer) - other;
  if (room < Math.max(8, maxLength / 8)) return [];
  const stride = Math.floor(room / 4);
  if (long === 'second')
    return tokenizer
      .encodeWindows(first, { pair: second, maxLength, stride })
      .map(({ ids, typeIds }) => ({ ids, typeIds }));
  const { offsets } = tokenizer.encode(first, { addSpecialTokens: false });
  const starts = [0];
  while (starts[starts.length - 1] + room < offsets.length) starts.push(starts[starts.length - 1] + room - stride);
  return starts.map((start) => {
    const part = first.slice(offsets[start][0], offsets[Math.min(offsets.length, start + room) - 1][1]);
    const { ids, typeIds } = tokenizer.encode(part, { pair: second, maxLength, truncation: 'only_first' });
    return { ids, typeIds };
  });
}

/** The logit of each option: of one read in windows, the largest. */
export function optionLogits(
  pieces: readonly OptionPiece[],
  logits: readonly Float32Array[],
  options: number,
): number[] {
  const best = new Array<number>(options).fill(-Infinity);
  pieces.forEach(({ option }, piece) => (best[option] = Math.max(best[option], logits[piece][0])));
  return best;
}

/** Added to the logit of another question's option: far below any, and finite. */
const BARRED = -1e30;

/** Feeds of `optionsHead`; a unit is a question, and `shares` say what is right of its pieces. */
export function optionFeeds(batch: UnitBatch<unknown>, shares: (unit: number) => readonly number[]): HeadFeeds {
  const { units, pieces, totalWeight } = batch;
  const shape = [units.length, pieces.length];
  const [bias, right] = [
    new Float32Array(units.length * pieces.length).fill(BARRED),
    new Float32Array(units.length * pieces.length),
  ];
  let column = 0;
  units.forEach((unit, question) => {
    shares(question).forEach((share, i) => {
      bias[question * pieces.length + column + i] = 0;
      right[question * pieces.length + column + i] = share;
    });
    column += unit.pieces.length;
  });
  return {
    feeds: {
      firstTokens: firstTokens(batch),
      optionBias: float32(shape, bias),
      optionShares: float32(shape, right),
      questionWeights: float32(
        [units.length],
        Float32Array.from(units, ({ weight }) => weight / totalWeight),
      ),
    },
    sizes: { questions: units.length },
  };
}
