let segmenter: Intl.Segmenter | undefined;

/** A word, or what is between two. */
export interface WordSegment {
  segment: string;
  /** UTF-16 position in the text. */
  index: number;
  isWordLike: boolean;
}

/** Characters that are segmented at a time: V8's segmenter takes time by the square of them. */
const PIECE = 1024;

/**
 * Words and what is between them, by Unicode's rules and ICU's dictionaries (UAX 29). One segmenter for all: building
 * it takes long, and it has no state. Its locale only matters where no dictionary decides.
 */
export function* wordSegments(text: string): Generator<WordSegment> {
  segmenter ??= new Intl.Segmenter('zh', { granularity: 'word' });
  for (let start = 0; start < text.length;) {
    const end = pieceEnd(text, start);
    for (const { segment, index, isWordLike } of segmenter.segment(text.slice(start, end)))
      yield { segment, index: start + index, isWordLike: isWordLike ?? false };
    start = end;
  }
}

/** A word ends before a space and around these marks whatever is beside them, so that pieces change nothing. */
const BEFORE_SPACE = /[^\s\u200d](?= )|[。！？](?=[^\p{M}\u200d])/gu;

/** End of the piece that begins at `start`: the first safe place after so many characters. */
function pieceEnd(text: string, start: number): number {
  if (text.length - start <= PIECE) return text.length;
  BEFORE_SPACE.lastIndex = start + PIECE;
  const found = BEFORE_SPACE.exec(text);
  return found ? found.index + found[0].length : text.length;
}
