import type { SentencePrompts } from '../checkpoint/sentence-transformers.ts';
import { promptText } from '../loaded/embed-plan.ts';

/** Names that models have for the prompt of documents, as sentence-transformers looks for them. */
const DOCUMENT = ['document', 'passage', 'corpus'];

/** What stands before documents: what is asked for, else the model's own prompt for them. */
export function documentPrompt(prompts: SentencePrompts | undefined, given: string | undefined): string {
  return promptText(prompts, given ?? named(prompts, DOCUMENT));
}

/** What stands before queries. */
export function queryPrompt(prompts: SentencePrompts | undefined, given?: string): string {
  return promptText(prompts, given ?? named(prompts, ['query']));
}

const named = (prompts: SentencePrompts | undefined, names: readonly string[]): string | undefined =>
  names.find((name) => prompts && Object.hasOwn(prompts.texts, name));
