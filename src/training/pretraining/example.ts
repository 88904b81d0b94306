import type { SpecialTokens } from '../../tokenizer/tokenizer.ts';
import type { TokenArray } from './blocks.ts';
import type { Masker } from './masking.ts';
import type { ExamplePlan } from './segments.ts';

/** One row of a pretraining batch, not yet padded. */
export interface PretrainingExample {
  /** Name of the source its (first) segment is from. */
  source: string;
  /** `[CLS] A [SEP] B [SEP]`, or `[CLS] A [SEP]`, masked. */
  inputIds: Int32Array;
  /** Position of the first token of B, from which token types are 1; the length when there is no B. */
  secondStart: number;
  /** Ascending positions of the tokens to be predicted. */
  maskedPositions: Int32Array;
  /** The ids that were at `maskedPositions`. */
  maskedLabels: Int32Array;
  /** See {@link ExamplePlan.pairLabel}; undefined when there is nothing to be learnt about the pair. */
  pairLabel: 0 | 1 | undefined;
  /** Tokens cut off to make the pair fit. */
  truncatedTokens: number;
}

/** Looks up a plan's tokens, adds the special ones and masks. `seed` determines the masks. */
export function createExample(
  plan: ExamplePlan,
  parts: {
    tokensOf: (block: number) => TokenArray;
    special: SpecialTokens;
    masker: Masker;
    seed: number;
    source: string;
  },
): PretrainingExample {
  const { tokensOf, special, masker, seed, source } = parts;
  const { first, second, pairLabel, truncatedTokens } = plan;
  const firstLength = first.end - first.start;
  const secondStart = firstLength + 2;
  const inputIds = new Int32Array(second ? secondStart + second.end - second.start + 1 : secondStart);
  inputIds[0] = special.cls;
  inputIds.set(tokensOf(first.block).subarray(first.start, first.end), 1);
  inputIds[firstLength + 1] = special.sep;
  if (second) {
    inputIds.set(tokensOf(second.block).subarray(second.start, second.end), secondStart);
    inputIds[inputIds.length - 1] = special.sep;
  }
  const { positions, labels } = masker.apply(inputIds, seed);
  return {
    source,
    inputIds,
    secondStart,
    maskedPositions: positions,
    maskedLabels: labels,
    pairLabel,
    truncatedTokens,
  };
}
