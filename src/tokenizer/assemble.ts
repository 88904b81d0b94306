import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import type { EncodeOptions, Encoding, SpecialTokens, WindowOptions } from './tokenizer.ts';

/** The tokens of one text, without special tokens; parallel arrays. */
export interface TextTokens {
  ids: Int32Array;
  starts: Int32Array;
  ends: Int32Array;
  /** Word of each token; -1 for special tokens written in the text. */
  words: Int32Array;
  /** 1 where a special token was written in the text itself. */
  special: Uint8Array;
}

/** A range of a text's tokens. */
interface Cut {
  tokens: TextTokens;
  start: number;
  end: number;
}

/** How a pair is put together. */
export interface PairForm {
  /** Separators between the texts: one in BERT and ALBERT, two in RoBERTa and XLM-R. */
  separators: 1 | 2;
  /** Token type of the second text. */
  secondType: 0 | 1;
}

/** BERT's and ALBERT's. */
export const BERT_PAIR: PairForm = { separators: 1, secondType: 1 };

/** What {@link assemble} and {@link assembleWindows} need to know of the tokeniser. */
export interface AssemblyContext {
  special: SpecialTokens;
  tokenOf: (id: number) => string;
  pair: PairForm;
}

/** `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`, truncated and padded as the options say. */
export function assemble(
  context: AssemblyContext,
  first: TextTokens,
  second: TextTokens | undefined,
  options: EncodeOptions,
): Encoding {
  const { addSpecialTokens = true, maxLength, truncation = 'longest_first', padTo } = options;
  if (truncation !== false) requireOneOf('truncation', truncation, ['longest_first', 'only_first', 'only_second']);
  if (padTo !== undefined) requireInteger('padTo', padTo, { min: 0 });
  const lengths: [number, number] = [first.ids.length, second?.ids.length ?? 0];
  let kept = lengths;
  if (maxLength !== undefined) {
    const capacity = capacityOf(maxLength, addSpecialTokens, second && context.pair);
    if (truncation !== false && lengths[0] + lengths[1] > capacity)
      kept = truncatedLengths(lengths, capacity, truncation);
  }
  const cuts = [
    { tokens: first, start: 0, end: kept[0] },
    ...(second ? [{ tokens: second, start: 0, end: kept[1] }] : []),
  ];
  const truncated = lengths[0] + lengths[1] - kept[0] - kept[1];
  return build(context, cuts, { addSpecialTokens, truncatedTokens: truncated, padTo });
}

/** Windows over the last text; with a pair, every window begins with the whole first text. */
export function assembleWindows(
  context: AssemblyContext,
  first: TextTokens,
  second: TextTokens | undefined,
  options: WindowOptions,
): Encoding[] {
  const { addSpecialTokens = true, maxLength, stride = 0 } = options;
  const fixed: Cut[] = second ? [{ tokens: first, start: 0, end: first.ids.length }] : [];
  const moving = second ?? first;
  const capacity = capacityOf(maxLength, addSpecialTokens, second && context.pair) - (second ? first.ids.length : 0);
  if (capacity < 1) {
    throw new AlbertineError(
      'text_too_long',
      prose`no room for windows: the first text has ${first.ids.length} tokens and ${option('maxLength')} is ${maxLength}`,
      {
        value: first.ids.length,
        hint: prose`Shorten the first text or raise ${option('maxLength')}`,
      },
    );
  }
  requireInteger('stride', stride, { min: 0, max: capacity - 1 });
  const windows: Encoding[] = [];
  for (let start = 0; ; start += capacity - stride) {
    const end = Math.min(moving.ids.length, start + capacity);
    windows.push(build(context, [...fixed, { tokens: moving, start, end }], { addSpecialTokens, truncatedTokens: 0 }));
    if (end === moving.ids.length) return windows;
  }
}

function capacityOf(maxLength: number, addSpecialTokens: boolean, pair: PairForm | undefined): number {
  const reserved = addSpecialTokens ? (pair ? 2 + pair.separators : 2) : 0;
  requireInteger('maxLength', maxLength, { min: reserved });
  return maxLength - reserved;
}

function truncatedLengths(
  [first, second]: [number, number],
  capacity: number,
  strategy: 'longest_first' | 'only_first' | 'only_second',
): [number, number] {
  if (strategy === 'longest_first') {
    // Token by token from the longer text, from the second when equal: the shorter keeps everything up to half.
    const half = Math.ceil(capacity / 2);
    if (second <= capacity - half) return [capacity - second, second];
    if (first <= half) return [first, capacity - first];
    return [half, capacity - half];
  }
  const [cut, other] = strategy === 'only_first' ? [first, second] : [second, first];
  if (other > capacity) {
    throw new AlbertineError(
      'text_too_long',
      `truncation ${strategy} cannot make room: the other text alone has ${other} tokens for ${capacity} places`,
      {
        value: other,
        hint: prose`Use longest_first or a larger ${option('maxLength')}`,
      },
    );
  }
  const kept = Math.min(cut, capacity - other);
  return strategy === 'only_first' ? [kept, other] : [other, kept];
}

interface BuildOptions {
  addSpecialTokens: boolean;
  truncatedTokens: number;
  padTo?: number;
}

function build(context: AssemblyContext, cuts: Cut[], options: BuildOptions): Encoding {
  const { addSpecialTokens, truncatedTokens, padTo = 0 } = options;
  const { special, pair } = context;
  if (addSpecialTokens) requireSpecial(special);
  const textLength = cuts.reduce((sum, { start, end }) => sum + end - start, 0);
  const length = textLength + (addSpecialTokens ? (cuts.length > 1 ? 2 + pair.separators : 2) : 0);
  const total = Math.max(length, padTo);
  const encoding: Encoding = {
    ids: new Int32Array(total).fill(special.pad, length),
    tokens: new Array<string>(total),
    typeIds: new Int32Array(total),
    attentionMask: new Int32Array(total).fill(1, 0, length),
    specialTokensMask: new Int32Array(total),
    wordIds: new Array<number | null>(total),
    offsets: new Array<[number, number]>(total),
    truncatedTokens,
  };
  let position = 0;
  const addSpecial = (id: number, type: number): void => {
    encoding.ids[position] = id;
    encoding.tokens[position] = context.tokenOf(id);
    encoding.typeIds[position] = type;
    encoding.specialTokensMask[position] = 1;
    encoding.wordIds[position] = null;
    encoding.offsets[position++] = [-1, -1];
  };
  if (addSpecialTokens) addSpecial(special.cls, 0);
  cuts.forEach((cut, index) => {
    const type = index === 0 ? 0 : pair.secondType;
    position = copyText(encoding, cut, { type, position, tokenOf: context.tokenOf });
    const separators = index === 0 && cuts.length > 1 ? pair.separators : 1;
    for (let i = 0; addSpecialTokens && i < separators; i++) addSpecial(special.sep, type);
  });
  while (position < total) addSpecial(requirePad(special), 0);
  return encoding;
}

function copyText(
  encoding: Encoding,
  cut: Cut,
  place: { type: number; position: number; tokenOf: (id: number) => string },
): number {
  const { tokens, start, end } = cut;
  let { position } = place;
  for (let i = start; i < end; i++, position++) {
    encoding.ids[position] = tokens.ids[i];
    encoding.tokens[position] = place.tokenOf(tokens.ids[i]);
    encoding.typeIds[position] = place.type;
    encoding.specialTokensMask[position] = tokens.special[i];
    encoding.wordIds[position] = tokens.words[i] < 0 ? null : tokens.words[i];
    encoding.offsets[position] = [tokens.starts[i], tokens.ends[i]];
  }
  return position;
}

function requireSpecial(special: SpecialTokens): void {
  if (special.cls >= 0 && special.sep >= 0) return;
  throw new AlbertineError('invalid_file', 'the vocabulary has no classification and separator tokens', {
    value: special,
    hint: 'Encode with addSpecialTokens: false, or name cls_token and sep_token in tokenizer_config.json',
  });
}

function requirePad(special: SpecialTokens): number {
  if (special.pad >= 0) return special.pad;
  throw new AlbertineError('invalid_file', 'the vocabulary has no padding token', {
    value: special,
    hint: 'Name pad_token in tokenizer_config.json',
  });
}
