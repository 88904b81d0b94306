import { AlbertineError, describeValue } from '../core/errors.ts';
import { describeNonFinite, findNonFinite } from '../model/finite.ts';
import type { Weights } from '../model/parameters.ts';

/** Whose numbers {@link requireFiniteResult} looks at. */
export interface ResultOrigin {
  /** What the numbers are, for the message: `vector`, `prediction`. */
  what: string;
  /** 0-based place of the text among those given. */
  index: number;
  text: string;
  /** Searched for the cause. */
  weights: Weights;
}

const SUBJECT = /^text \d+/;

/**
 * The one check of numbers that leave a model, whatever they are then written as. Throws `not_finite`, naming the text
 * (its index is the error's `value`) and the tensors that are the likely cause, if any number is NaN or infinite.
 */
export function requireFiniteResult(numbers: ArrayLike<number>, { what, index, text, weights }: ResultOrigin): void {
  for (let i = 0; i < numbers.length; i++) {
    if (Number.isFinite(numbers[i])) continue;
    const tensors = findNonFinite(weights);
    throw new AlbertineError(
      'not_finite',
      `text ${index} (${describeValue(text, 40)}) gives a ${what} that is not finite: ${numbers[i]} at place ${i}`,
      {
        value: index,
        hint:
          tensors.length > 0
            ? `The likely cause is in the weights: ${describeNonFinite(tensors)}`
            : 'The weights are finite, and their products are beyond 32-bit floats',
      },
    );
  }
}

/**
 * The error of a text that was counted from 0 in a part of a source, with its place in the whole source. Other errors
 * as they are.
 */
export function countedFrom(first: number, error: unknown): unknown {
  if (
    first === 0 ||
    !(error instanceof AlbertineError) ||
    error.code !== 'not_finite' ||
    typeof error.value !== 'number'
  )
    return error;
  const index = first + error.value;
  return error.restated((statement) => String(statement).replace(SUBJECT, `text ${index}`), { value: index });
}
