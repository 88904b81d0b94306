import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { DocumentTokens, TokenArray } from './blocks.ts';
import { bytesPerToken } from './blocks.ts';
import type { Paragraphs } from './documents-node.ts';
import { encodeDocument, SentenceSplitter, type SegmentUnit } from './sentences.ts';

/** What every encoder of a build has in common. */
export interface EncoderSettings {
  segments: SegmentUnit;
}

/** Consecutive documents of a source, to be encoded on one thread. */
export interface EncodeJob {
  documents: Paragraphs[];
  locale?: string | undefined;
}

/** Documents as flat arrays, which pass between threads without a copy. */
export interface EncodedDocuments {
  ids: TokenArray;
  /** Token positions within the document. */
  segmentEnds: Uint32Array;
  /** Segments of every document; 0 for one without tokens. */
  documentSegments: Uint32Array;
  /** UTF-16 units of every document's text. */
  documentCharacters: Uint32Array;
}

/** Encodes batches of documents. */
export class DocumentEncoder {
  private readonly tokenizer: Tokenizer;
  private readonly settings: EncoderSettings;
  private readonly splitters = new Map<string | undefined, SentenceSplitter>();

  constructor(tokenizer: Tokenizer, settings: EncoderSettings) {
    this.tokenizer = tokenizer;
    this.settings = settings;
  }

  encode({ documents, locale }: EncodeJob): EncodedDocuments {
    const splitter = this.splitter(locale);
    const encoded = documents.map((paragraphs) => encodeDocument(this.tokenizer, paragraphs, splitter));
    const total = encoded.reduce((sum, { ids }) => sum + ids.length, 0);
    const ids = bytesPerToken(this.tokenizer.vocabSize) === 2 ? new Uint16Array(total) : new Uint32Array(total);
    let at = 0;
    for (const document of encoded) {
      ids.set(document.ids, at);
      at += document.ids.length;
    }
    return {
      ids,
      segmentEnds: Uint32Array.from(encoded.flatMap(({ segmentEnds }) => segmentEnds)),
      documentSegments: Uint32Array.from(encoded, ({ segmentEnds }) => segmentEnds.length),
      documentCharacters: Uint32Array.from(documents, (paragraphs) =>
        paragraphs.reduce((length, text) => length + text.length, 0),
      ),
    };
  }

  private splitter(locale: string | undefined): SentenceSplitter | undefined {
    if (this.settings.segments === 'paragraph') return undefined;
    let splitter = this.splitters.get(locale);
    if (!splitter) this.splitters.set(locale, (splitter = new SentenceSplitter(locale)));
    return splitter;
  }
}

/** The documents of {@link EncodedDocuments} one by one, those without tokens as undefined. */
export function* unpackDocuments({
  ids,
  segmentEnds,
  documentSegments,
}: EncodedDocuments): Generator<DocumentTokens | undefined> {
  let token = 0;
  let segment = 0;
  for (const count of documentSegments) {
    if (count === 0) {
      yield undefined;
      continue;
    }
    const ends = segmentEnds.subarray(segment, segment + count);
    const length = ends[count - 1];
    yield { ids: ids.subarray(token, token + length), segmentEnds: ends };
    token += length;
    segment += count;
  }
}
