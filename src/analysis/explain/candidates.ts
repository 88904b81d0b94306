import { vocabularyWords, type VocabularyWord } from '../../tokenizer/vocabulary-words.ts';
import type { ExplainedModel } from './model.ts';

/** Words that may stand in the place of another one, best first; `before` and `after` are the text around it. */
export type WordCandidates = (
  word: string,
  place: { before: string; after: string; count: number },
) => Promise<string[]> | string[];

const HAN = /^\p{Script=Han}+$/u;
const LETTERS = /^\p{L}[\p{L}\p{M}'’-]*$/u;

/**
 * The nearest words of the model's own vocabulary, by the cosine of the word embeddings: words that stand in the same
 * places, so opposites are among them. Chinese for Chinese, letters for letters; a capital stays one.
 */
export function nearestWords(model: ExplainedModel): WordCandidates {
  let words: VocabularyWord[] | undefined;
  const lengths = new Map<number, number>();
  return (word, { count }) => {
    words ??= vocabularyWords(model.tokenizer);
    const own = model.tokenizer.encodeIds(word);
    const isHan = HAN.test(word);
    if (own.length === 0 || !(isHan || LETTERS.test(word))) return [];
    const wanted = meanEmbedding(model, own);
    const best: { text: string; score: number }[] = [];
    for (const candidate of words) {
      if (candidate.isHan !== isHan || candidate.text.toLowerCase() === word.toLowerCase()) continue;
      const score = similarity(model.embedding(candidate.id), wanted, lengths, candidate.id);
      if (best.length === count && score <= best[count - 1].score) continue;
      best.push({ text: candidate.text, score });
      best.sort((a, b) => b.score - a.score);
      if (best.length > count) best.pop();
    }
    const capital = /^\p{Lu}/u.test(word);
    return best.map(({ text }) => (capital ? text[0].toUpperCase() + text.slice(1) : text));
  };
}

function meanEmbedding(model: ExplainedModel, ids: Int32Array): Float32Array {
  const mean = new Float32Array(model.embeddingSize);
  for (const id of ids) model.embedding(id).forEach((value, i) => (mean[i] += value / ids.length));
  return mean;
}

/** Cosine up to the length of `b`, which is the same for all that are compared. */
function similarity(a: Float32Array, b: Float32Array, lengths: Map<number, number>, id: number): number {
  let [product, square] = [0, 0];
  const known = lengths.get(id);
  for (let i = 0; i < a.length; i++) {
    product += a[i] * b[i];
    if (known === undefined) square += a[i] * a[i];
  }
  const length = known ?? Math.sqrt(square);
  lengths.set(id, length);
  return length === 0 ? -Infinity : product / length;
}
