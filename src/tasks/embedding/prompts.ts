import type { SentencePrompts } from '../../checkpoint/sentence-transformers.ts';
import { promptText } from '../../loaded/embed-plan.ts';

/** What stands before texts that are trained or evaluated. */
export interface PromptOptions {
  /**
   * Name of a prompt of the model's folder, or the text itself, such as `query: `; before both texts of a pair.
   * Default: the folder's default prompt, else none.
   */
  prompt?: string;
  /** The same before the second text of a pair, where it differs: `passage: `. Default: as `prompt`. */
  pairPrompt?: string;
}

/** The prompts of the first and of the second text. */
export function promptPair(
  prompts: SentencePrompts | undefined,
  { prompt, pairPrompt }: PromptOptions,
): [first: string, second: string] {
  const first = promptText(prompts, prompt);
  return [first, pairPrompt === undefined ? first : promptText(prompts, pairPrompt, 'pairPrompt')];
}

/**
 * The prompts that a trained model is stored with: the folder's and those of the training, which are its default where
 * both texts had the same.
 */
export function trainedPrompts(
  stored: SentencePrompts | undefined,
  options: PromptOptions,
): SentencePrompts | undefined {
  const texts = { ...stored?.texts };
  const nameOf = (text: string, name: string): string => {
    const known = Object.keys(texts).find((other) => texts[other] === text) ?? name;
    texts[known] = text;
    return known;
  };
  const [first, second] = promptPair(stored, options);
  const names = [
    [first, 'text'],
    [second, 'pair'],
  ].map(([text, name]) => (text === '' ? undefined : nameOf(text, name)));
  const defaultName = first === second ? names[0] : stored?.defaultName;
  return Object.keys(texts).length === 0 ? undefined : { texts, ...(defaultName !== undefined && { defaultName }) };
}
