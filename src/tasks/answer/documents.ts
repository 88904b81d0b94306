import { Bm25 } from '../../classical/bm25.ts';
import { mixedTerms } from '../../classical/terms.ts';
import { AlbertineError, requireInteger } from '../../core/errors.ts';
import { requireOptions, requireText } from '../../core/options.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { EmbeddingMatrix } from '../../loaded/embed.ts';
import type { AnswerReader } from './reader.ts';

/** A text to be searched. */
export interface SourceDocument {
  /** Comes back with answers: a path, a title. */
  name: string;
  /** The whole text, of any length. */
  text: string;
}

/** A stretch of a document that is read at once. */
export interface Passage {
  /** Index of the document. */
  document: number;
  /** UTF-16 positions in the document. */
  start: number;
  /** UTF-16 position where it ends, exclusive. */
  end: number;
}

/** Options of {@link DocumentReader.answer}. */
export interface DocumentAnswerOptions {
  /** Answers, best first. Default 3. */
  topK?: number;
  /** Passages that are read. Default 10. */
  passages?: number;
  /** Tokens of an answer at most. Default 30. */
  maxAnswerLength?: number;
}

/** An answer with where it stands. */
export interface DocumentAnswer {
  /** The answer as it stands in the document. */
  answer: string;
  /** Of the document, and its place in the list that was given. */
  name: string;
  /** Index of the document in the list that was given. */
  document: number;
  /** UTF-16 positions in the document, `end` exclusive. */
  start: number;
  /** UTF-16 position where it ends, exclusive. */
  end: number;
  /** From 0 to 1: how much likelier than no answer the passage makes it, as the reader sees it. */
  score: number;
  /** The passage that was read. */
  passage: { start: number; end: number; rank: number };
}

const MOST_CHARACTERS = 1200;
/** Of reciprocal-rank fusion (Cormack et al. 2009). */
const FUSION = 60;

/** Paragraphs of a text, long ones cut between sentences, short neighbours together. */
export function splitPassages(text: string): { start: number; end: number }[] {
  const passages: { start: number; end: number }[] = [];
  let open: { start: number; end: number } | undefined;
  for (const { 0: sentence, index } of text.matchAll(
    /[^\n]*?(?:[.!?。！？][)"'”’」』]*(?=\s|[\u3000-\u9fff]|$)|\n+|$)/gsu,
  )) {
    if (sentence === '') continue;
    const end = index + sentence.length;
    const isFull = open !== undefined && end - open.start > MOST_CHARACTERS;
    if (open && isFull) passages.push(open);
    open = open && !isFull ? { start: open.start, end } : { start: index, end };
    // An empty line ends a paragraph.
    if (/\n\s*\n/.test(sentence)) {
      passages.push(open);
      open = undefined;
    }
  }
  if (open) passages.push(open);
  return passages.flatMap((passage) => {
    const own = text.slice(passage.start, passage.end);
    const [before, after] = [own.length - own.trimStart().length, own.length - own.trimEnd().length];
    return before === own.length ? [] : [{ start: passage.start + before, end: passage.end - after }];
  });
}

/**
 * Answers to questions from a collection of documents: passages are found by their words (BM25) and, with an embedder,
 * by their meaning, both ranks joined; the best are read. All in memory and exact: ten thousand passages take well
 * under a second for a question.
 */
export class DocumentReader {
  /** As they were given. */
  readonly documents: readonly SourceDocument[];
  /** The stretches of documents that are searched and read. */
  readonly passages: readonly Passage[];
  private readonly reader: AnswerReader;
  private readonly words: Bm25;
  private readonly embedder: Albert | undefined;
  private readonly vectors: EmbeddingMatrix | undefined;

  private constructor(parts: {
    documents: readonly SourceDocument[];
    passages: readonly Passage[];
    reader: AnswerReader;
    words: Bm25;
    embedder: Albert | undefined;
    vectors: EmbeddingMatrix | undefined;
  }) {
    this.documents = parts.documents;
    this.passages = parts.passages;
    this.reader = parts.reader;
    this.words = parts.words;
    this.embedder = parts.embedder;
    this.vectors = parts.vectors;
  }

  /**
   * Splits and indexes documents. `embedder` is a model of sentence embeddings: slower to index, and finds what is said
   * in other words or in another language. Neither model is disposed with this.
   */
  static async create(
    documents: readonly SourceDocument[],
    reader: AnswerReader,
    { embedder }: { embedder?: Albert } = {},
  ): Promise<DocumentReader> {
    const passages = documents.flatMap(({ text }, document) =>
      splitPassages(text).map((range): Passage => ({ document, ...range })),
    );
    if (passages.length === 0)
      throw new AlbertineError('invalid_data', 'the documents are empty: there is nothing to answer from', {
        value: documents.map(({ name }) => name),
      });
    const texts = passages.map(({ document, start, end }) => documents[document].text.slice(start, end));
    const vectors = embedder && (await embedder.embed(texts, { normalize: true }));
    return new DocumentReader({ documents, passages, reader, words: new Bm25(texts, mixedTerms), embedder, vectors });
  }

  /** The best answers to a question, with where they stand; fewer where the documents do not have as many. */
  async answer(question: string, options: DocumentAnswerOptions = {}): Promise<DocumentAnswer[]> {
    requireText('answer', question, 0);
    requireOptions('answer', options, { topK: 'number', passages: 'number', maxAnswerLength: 'number' });
    const topK = requireInteger('topK', options.topK ?? 3, { min: 1 });
    const found = await this.find(question, requireInteger('passages', options.passages ?? 10, { min: 1 }));
    const asked = found.map((passage) => ({ question, context: this.textOf(this.passages[passage]) }));
    // Each passage says how likely its best answer is beside none: that can be compared between passages.
    const read = await this.reader.predict(asked, {
      noAnswerThreshold: Infinity,
      ...(options.maxAnswerLength !== undefined && { maxAnswerLength: options.maxAnswerLength }),
    });
    const answers = read.flatMap(({ answer, start, end, noAnswerMargin }, i): DocumentAnswer[] => {
      const passage = this.passages[found[i]];
      if (answer === '') return [];
      return [
        {
          answer,
          name: this.documents[passage.document].name,
          document: passage.document,
          start: passage.start + start,
          end: passage.start + end,
          score: 1 / (1 + Math.exp(noAnswerMargin)),
          passage: { start: passage.start, end: passage.end, rank: i + 1 },
        },
      ];
    });
    return answers.sort((a, b) => b.score - a.score || a.passage.rank - b.passage.rank).slice(0, topK);
  }

  /** Indices of the passages that fit a question best. */
  async find(question: string, count: number): Promise<number[]> {
    const byWords = this.words.scores(question);
    const rankings = [bestOf(byWords, count * 5, 0)];
    if (this.embedder && this.vectors) {
      const query = (await this.embedder.embed([question], { normalize: true })).row(0);
      rankings.push(bestOf(cosines(this.vectors, query), count * 5, -Infinity));
    }
    const fused = new Map<number, number>();
    for (const ranking of rankings)
      ranking.forEach((passage, rank) => fused.set(passage, (fused.get(passage) ?? 0) + 1 / (FUSION + rank + 1)));
    return [...fused]
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
      .slice(0, count)
      .map(([passage]) => passage);
  }

  private textOf({ document, start, end }: Passage): string {
    return this.documents[document].text.slice(start, end);
  }
}

function cosines(
  { data, dimensions, rows }: Pick<EmbeddingMatrix, 'data' | 'dimensions' | 'rows'>,
  query: Float32Array,
): Float64Array {
  const scores = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < dimensions; i++, at++) sum += data[at] * query[i];
    scores[row] = sum;
  }
  return scores;
}

/** Indices of the highest scores above a floor, best first. */
function bestOf(scores: Float64Array, count: number, floor: number): number[] {
  return Array.from(scores.keys())
    .filter((index) => scores[index] > floor)
    .sort((a, b) => scores[b] - scores[a] || a - b)
    .slice(0, count);
}
