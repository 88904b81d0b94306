import { short } from '../data/json.ts';
import type { Albert } from '../loaded/albert.ts';
import type { EmbeddedText, EmbeddingMatrix } from '../loaded/embed.ts';
import type { EmbedOptions } from '../loaded/embed-plan.ts';
import type { LongTextPolicy } from '../loaded/text-windows.ts';
import { dot } from '../metrics/similarity.ts';
import { inSlices } from './asking.ts';

/** A text, or one that is tokenised already with this model's tokeniser. */
export type EmbedInput = string | readonly number[];

/** Vectors with what happened to their texts. */
export interface Embedded {
  vectors: Float32Array[];
  texts: EmbeddedText[];
  fingerprint: string;
}

/** Vectors of texts and of token ids, in their order. Special tokens at the ends of ids are not doubled. */
export async function embedInputs(
  model: Albert,
  inputs: readonly EmbedInput[],
  options: EmbedOptions,
): Promise<Embedded> {
  let fingerprint = '';
  const isIds = typeof inputs[0] !== 'string';
  const withoutPrompt = { ...options };
  delete withoutPrompt.prompt;
  const rows = await inSlices(inputs, async (slice) => {
    const matrix: EmbeddingMatrix = isIds
      ? await model.embedIds(
          (slice as readonly (readonly number[])[]).map((ids) => withoutSpecial(model, ids)),
          withoutPrompt,
        )
      : await model.embed(slice as readonly string[], options);
    fingerprint = matrix.fingerprint;
    return matrix.texts.map((text, row) => ({ text, vector: matrix.row(row) }));
  });
  return { vectors: rows.map(({ vector }) => vector), texts: rows.map(({ text }) => text), fingerprint };
}

function withoutSpecial({ tokenizer: { special } }: Albert, ids: readonly number[]): readonly number[] {
  return ids.slice(ids[0] === special.cls ? 1 : 0, ids.at(-1) === special.sep ? -1 : undefined);
}

/** The texts and the number of ids among inputs: what they cost. */
export function costOf(inputs: readonly EmbedInput[]): { texts: string[]; tokens: number } {
  const texts: string[] = [];
  let tokens = 0;
  for (const input of inputs) {
    if (typeof input === 'string') texts.push(input);
    else tokens += input.length;
  }
  return { texts, tokens };
}

/** The numbers of a vector with the digits that 32 bits have: further ones would be noise, and cost bytes. */
export const plain = (vector: Float32Array): number[] => Array.from(vector, short);

/** Cosines of texts with one, and what happened to all of them. */
export async function similarities(
  model: Albert,
  [source, ...texts]: readonly string[],
  options: Pick<EmbedOptions, 'longText' | 'prompt'>,
): Promise<{ cosines: number[]; texts: EmbeddedText[] }> {
  const { vectors, texts: told } = await embedInputs(model, [source, ...texts], { ...options, normalize: true });
  return { cosines: vectors.slice(1).map((vector) => short(Math.fround(dot(vectors[0], vector)))), texts: told };
}

/** What Hugging Face's `truncate` means: true cuts, false refuses, without it as the server has it. */
export const policyOf = (truncate: unknown, usual: LongTextPolicy): LongTextPolicy =>
  truncate === true ? 'truncate' : truncate === false ? 'error' : usual;
