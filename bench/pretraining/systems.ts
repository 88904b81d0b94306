import { cosine, type Albert } from '../../src/index.ts';
import { embeddingTables } from '../../src/model/batch.ts';
import type { Terms } from '../../src/classical/terms.ts';
import { sparseCosine, TfIdf } from '../../src/classical/tf-idf.ts';

/** Cosine of the texts with these indices. */
export type Similarity = (a: number, b: number) => number;

/** A way to compare texts. */
export interface System {
  name: string;
  /** Looks at all texts once. */
  compare(texts: readonly string[]): Promise<Similarity> | Similarity;
}

/**
 * What `albertine embed` writes with no option but `--model`. A text is embedded once, however often it is compared.
 */
export function embedSystem(name: string, model: Albert): System {
  const known = new Map<string, Float32Array>();
  return {
    name: `${name}: embed`,
    compare: async (texts) => {
      const fresh = [...new Set(texts)].filter((text) => !known.has(text));
      const vectors = await model.embed(fresh);
      fresh.forEach((text, row) => known.set(text, vectors.row(row)));
      const rows = texts.map((text) => known.get(text)!);
      return (a, b) => cosine(rows[a], rows[b]);
    },
  };
}

/**
 * The mean of the word embeddings of a text's tokens, without special tokens: what the same model knows without its
 * layers.
 */
export function staticSystem(name: string, model: Albert): System {
  return {
    name: `${name}: averaged static embeddings`,
    compare: (texts) => {
      const vectors = texts.map((text) => averageEmbedding(model, text));
      return (a, b) => cosine(vectors[a], vectors[b]);
    },
  };
}

function averageEmbedding({ config, tokenizer, weights }: Albert, text: string): Float64Array {
  const width = config.embeddingSize;
  const { word } = embeddingTables(config, weights); // [vocabulary, embedding]
  const mean = new Float64Array(width);
  const ids = tokenizer.encodeIds(text);
  for (const id of ids) for (let i = 0; i < width; i++) mean[i] += word[id * width + i] / ids.length;
  return mean;
}

/** Cosine of term counts weighted by how rare the terms are in `documents`. */
export function tfIdfSystem(documents: readonly string[], terms: Terms): System {
  const tfIdf = new TfIdf(documents, terms);
  return {
    name: 'tf-idf',
    compare: (texts) => {
      const vectors = texts.map((text) => tfIdf.vector(text));
      return (a, b) => sparseCosine(vectors[a], vectors[b]);
    },
  };
}
