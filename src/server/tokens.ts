import { AlbertineError } from '../core/errors.ts';
import type { Albert } from '../loaded/albert.ts';
import { promptText } from '../loaded/embed-plan.ts';

/** A token as text-embeddings-inference gives it: places are in characters (code points). */
export interface SimpleToken {
  id: number;
  text: string;
  special: boolean;
  start: number | null;
  stop: number | null;
}

/** The tokens of a text, after a prompt. */
export function simpleTokens(
  { tokenizer, prompts }: Albert,
  text: string,
  { special, prompt }: { special: boolean; prompt: string },
): SimpleToken[] {
  const whole = prompt === '' ? text : promptText(prompts, prompt) + text;
  const { ids, tokens, offsets, specialTokensMask } = tokenizer.encode(whole, { addSpecialTokens: special });
  const characters = codePoints(whole);
  return Array.from(ids, (id, i): SimpleToken => {
    const isSpecial = specialTokensMask[i] === 1;
    const [start, end] = offsets[i];
    return {
      id,
      text: isSpecial ? tokens[i] : whole.slice(start, end),
      special: isSpecial,
      start: isSpecial ? null : characters[start],
      stop: isSpecial ? null : characters[end],
    };
  });
}

/** For each UTF-16 position the code points before it. */
function codePoints(text: string): Uint32Array {
  const counts = new Uint32Array(text.length + 1);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    counts[i] = count;
    const isFirstHalf = (text.codePointAt(i) ?? 0) > 0xffff;
    if (isFirstHalf) counts[++i] = count;
    count++;
  }
  counts[text.length] = count;
  return counts;
}

/** Ids back to a text. Throws `invalid_argument` for one that the vocabulary does not have. */
export function decodeIds(
  { tokenizer, config }: Albert,
  ids: readonly number[],
  { skipSpecialTokens }: { skipSpecialTokens: boolean },
): string {
  const wrong = ids.find((id) => id >= config.vocabSize);
  if (wrong !== undefined)
    throw new AlbertineError('invalid_argument', `there is no token ${wrong}`, {
      value: wrong,
      hint: `Ids go from 0 to ${config.vocabSize - 1}`,
    });
  return tokenizer.decode(ids, { skipSpecialTokens });
}
