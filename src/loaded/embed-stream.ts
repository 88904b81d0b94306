import { requireInteger } from '../core/errors.ts';
import { requireText } from '../core/options.ts';
import { embedTexts, type EmbeddedText } from './embed.ts';
import { type EmbeddingModel, type EmbedOptions } from './embed-plan.ts';
import { countedFrom } from './finite-results.ts';

/** Options of {@link embedStream}. */
export interface StreamOptions extends EmbedOptions {
  /**
   * Texts read ahead and sorted by length together: more gives fuller batches, and later first results. Default 1024.
   */
  lookAhead?: number;
}

/** One embedded text of a stream. */
export interface EmbeddingRow extends EmbeddedText {
  /** 0-based place in the source. */
  index: number;
  /** Its vector, of the model's hidden size unless options say otherwise. */
  embedding: Float32Array;
}

/**
 * Embeds texts as they arrive, in input order, holding at most two look-ahead windows in memory: while one is computed
 * the next is read from the source, and nothing more is read until the consumer has taken the rows.
 */
export async function* embedStream(
  model: EmbeddingModel,
  source: AsyncIterable<string> | Iterable<string>,
  options: StreamOptions = {},
): AsyncGenerator<EmbeddingRow> {
  const lookAhead = requireInteger('lookAhead', options.lookAhead ?? 1024, { min: 1 });
  const texts = toAsyncIterator(source);
  let pending = takeTexts(texts, lookAhead, 0);
  let index = 0;
  try {
    for (;;) {
      const window = await pending;
      if (window.length === 0) return;
      const embedding = embedTexts(model, window, options);
      pending = takeTexts(texts, lookAhead, index + window.length);
      // A failing source must not raise an unhandled rejection while the rows before it are still being consumed.
      pending.catch(() => undefined);
      const matrix = await embedding.catch((error: unknown) => {
        throw countedFrom(index, error);
      });
      for (let row = 0; row < matrix.rows; row++)
        yield { index: index++, embedding: matrix.row(row).slice(), ...matrix.texts[row] };
    }
  } finally {
    await texts.return?.();
  }
}

async function takeTexts(texts: AsyncIterator<string>, count: number, first: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await texts.next();
    if (next.done) break;
    requireText('embedStream', next.value, first + taken.length);
    taken.push(next.value);
  }
  return taken;
}

function toAsyncIterator(source: AsyncIterable<string> | Iterable<string>): AsyncIterator<string> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  const iterator = source[Symbol.iterator]();
  return {
    next: async () => iterator.next(),
    return: async () => iterator.return?.() ?? { done: true, value: undefined },
  };
}
