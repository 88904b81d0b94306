import { ask } from '../api.ts';

/** Texts and characters of one request: small enough that others get a turn and progress is seen. */
const [MOST_TEXTS, MOST_CHARACTERS] = [64, 40_000];

/** Vectors of length 1 of texts, with what computed them. */
export interface Embedded {
  vectors: number[][];
  fingerprint: string;
}

/** Embeds texts in requests of a few, one after the other. */
export async function embedTexts(
  texts: readonly string[],
  { model, signal, onDone }: { model: string; signal: AbortSignal; onDone: (done: number) => void },
): Promise<Embedded> {
  const vectors: number[][] = [];
  let fingerprint = '';
  while (vectors.length < texts.length) {
    const start = vectors.length;
    let end = start;
    for (let characters = 0; end < texts.length && end - start < MOST_TEXTS && characters < MOST_CHARACTERS; end++)
      characters += texts[end].length;
    const body = { model, texts: texts.slice(start, end), options: { normalize: true } };
    const answer = await ask<{ results: { vector: number[] }[]; fingerprint: string }>('/v1/embed', body, signal);
    for (const { vector } of answer.results) vectors.push(vector);
    fingerprint = answer.fingerprint;
    onDone(vectors.length);
  }
  return { vectors, fingerprint };
}
