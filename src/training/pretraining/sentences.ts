import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** What a document is divided into: the units that pairs are made of. */
export type SegmentUnit = 'sentence' | 'paragraph';

/** Abbreviations after which English sentences rarely end, and initials ("J. "). */
const ABBREVIATION =
  /(?:^|[\s("'])(?:mr|mrs|ms|dr|prof|st|gen|col|lt|capt|sgt|rev|hon|sen|rep|gov|vs|no|vol|fig|al|e\.g|i\.e|cf|approx|jr|sr|u\.s|u\.k|[a-z])\.\s*$/i;

/**
 * Finds sentence boundaries by Unicode's rules (UAX 29, through `Intl.Segmenter`), less those after common English
 * abbreviations.
 */
export class SentenceSplitter {
  private readonly segmenter: Intl.Segmenter;

  /** Throws `RangeError` for a malformed locale. */
  constructor(locale?: string) {
    this.segmenter = new Intl.Segmenter(locale, { granularity: 'sentence' });
  }

  /** Ends of the sentences of a paragraph as UTF-16 positions, white space after a sentence left out; ascending. */
  ends(text: string): number[] {
    const ends: number[] = [];
    let joined = false;
    for (const { segment, index } of this.segmenter.segment(text)) {
      const content = segment.trimEnd();
      if (content === '') continue;
      if (joined) ends.pop();
      ends.push(index + content.length);
      joined = content.endsWith('.') && ABBREVIATION.test(content);
    }
    return ends;
  }
}

/** Tokens of a document and where its segments end. */
export interface EncodedDocument {
  /** Without special tokens. */
  ids: number[];
  /** Token positions, ascending; the last one is the number of tokens. No segment is empty. */
  segmentEnds: number[];
}

/**
 * Encodes paragraphs and divides them into segments. Every paragraph is encoded as one text, so that its segments
 * joined are exactly what {@link Tokenizer.encodeIds} gives for it: a Chinese sentence inside a paragraph gets no
 * word-start mark that it would not have there. A token across a boundary belongs to the segment of its last character.
 */
export function encodeDocument(
  tokenizer: Tokenizer,
  paragraphs: readonly string[],
  splitter: SentenceSplitter | undefined,
): EncodedDocument {
  const ids: number[] = [];
  const segmentEnds: number[] = [];
  const endSegment = (): void => {
    if (ids.length > (segmentEnds.at(-1) ?? 0)) segmentEnds.push(ids.length);
  };
  for (const paragraph of paragraphs) {
    if (!splitter) {
      for (const id of tokenizer.encodeIds(paragraph)) ids.push(id);
    } else {
      const ends = splitter.ends(paragraph);
      const encoding = tokenizer.encode(paragraph, { addSpecialTokens: false });
      let sentence = 0;
      for (let i = 0; i < encoding.ids.length; i++) {
        const end = encoding.offsets[i][1];
        if (end > ends[sentence]) {
          endSegment();
          while (sentence < ends.length - 1 && end > ends[sentence]) sentence++;
        }
        ids.push(encoding.ids[i]);
      }
    }
    endSegment();
  }
  return { ids, segmentEnds };
}
