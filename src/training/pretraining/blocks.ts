import { AlbertineError } from '../../core/errors.ts';

/** Unsigned integers that hold token ids: 16 bits up to 65,536 different ids, else 32. */
export type TokenArray = Uint16Array | Uint32Array;

/**
 * A self-contained stretch of a shard: some documents (or one part of a long document) with their segments. It is what
 * one read fetches and what the global shuffle moves; examples are made inside it.
 */
export interface Block {
  /** Number of the first document in its source; the others follow. */
  firstDocument: number;
  tokens: TokenArray;
  /** Ends of the segments in tokens. */
  segmentEnds: Uint16Array;
  /** Ends of the documents in segments. */
  documentEnds: Uint16Array;
}

/** Most tokens of a block: positions in it are 16-bit. */
export const MAX_BLOCK_TOKENS = 65_535;

const HEADER_BYTES = 16;

/** Bytes for a token id of this vocabulary. */
export function bytesPerToken(vocabSize: number): 2 | 4 {
  return vocabSize <= 65_536 ? 2 : 4;
}

/**
 * Serialises a block, little-endian: uint32 tokens, segments, documents, first document; the tokens; then uint16
 * segment ends and document ends; padded to a multiple of 4 bytes.
 */
export function encodeBlock(block: Block): Uint8Array {
  const { tokens, segmentEnds, documentEnds } = block;
  const size = HEADER_BYTES + tokens.byteLength + segmentEnds.byteLength + documentEnds.byteLength;
  const bytes = new Uint8Array(Math.ceil(size / 4) * 4);
  new Uint32Array(bytes.buffer, 0, 4).set([
    tokens.length,
    segmentEnds.length,
    documentEnds.length,
    block.firstDocument,
  ]);
  let at = HEADER_BYTES;
  for (const part of [tokens, segmentEnds, documentEnds]) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

/** Reads {@link encodeBlock}'s bytes. Throws `invalid_file` when lengths, order or ids do not fit together. */
export function decodeBlock(bytes: Uint8Array, vocabSize: number, place: string): Block {
  const damaged = (what: string): never => {
    throw new AlbertineError('invalid_file', `${place} is damaged: ${what}`, {
      value: place,
      hint: 'Build the shards again; finished ones are kept.',
    });
  };
  if (bytes.byteLength < HEADER_BYTES) damaged(`${bytes.byteLength} bytes`);
  // A copy begins on an aligned address, whatever buffer the bytes came in.
  const { buffer } = bytes.slice();
  const [tokenCount, segmentCount, documentCount, firstDocument] = new Uint32Array(buffer, 0, 4);
  const width = bytesPerToken(vocabSize);
  const size = HEADER_BYTES + tokenCount * width + (segmentCount + documentCount) * 2;
  if (Math.ceil(size / 4) * 4 !== bytes.byteLength) damaged(`${bytes.byteLength} bytes where ${size} are expected`);
  const tokens =
    width === 2 ? new Uint16Array(buffer, HEADER_BYTES, tokenCount) : new Uint32Array(buffer, HEADER_BYTES, tokenCount);
  const segmentEnds = new Uint16Array(buffer, HEADER_BYTES + tokenCount * width, segmentCount);
  const documentEnds = new Uint16Array(buffer, HEADER_BYTES + tokenCount * width + segmentCount * 2, documentCount);
  if (!isPartition(segmentEnds, tokenCount) || !isPartition(documentEnds, segmentCount))
    damaged('segments that do not add up');
  for (let i = 0; i < tokenCount; i++)
    if (tokens[i] >= vocabSize) damaged(`token id ${tokens[i]} of a vocabulary of ${vocabSize}`);
  return { firstDocument, tokens, segmentEnds, documentEnds };
}

function isPartition(ends: Uint16Array, total: number): boolean {
  for (let i = 0; i < ends.length; i++) if (ends[i] <= (i === 0 ? 0 : ends[i - 1])) return false;
  return (ends.length === 0 ? 0 : ends[ends.length - 1]) === total;
}

/** A document to be put into blocks: ids and the ends of its segments, in tokens. */
export interface DocumentTokens {
  ids: ArrayLike<number>;
  segmentEnds: ArrayLike<number>;
}

/**
 * Collects documents into blocks of at most `blockTokens` tokens. Short documents share a block. A document that does
 * not fit goes on in the next one, in parts of about equal length cut between segments; a segment longer than a block
 * is cut too. Nothing is lost.
 */
export class BlockBuilder {
  private readonly blockTokens: number;
  private readonly wide: boolean;
  private readonly emit: (block: Block) => void;
  private firstDocument = 0;
  private ids: number[] = [];
  private segmentEnds: number[] = [];
  private documentEnds: number[] = [];

  constructor(options: { blockTokens: number; vocabSize: number; emit: (block: Block) => void }) {
    this.blockTokens = options.blockTokens;
    this.wide = bytesPerToken(options.vocabSize) === 4;
    this.emit = options.emit;
  }

  /** Adds a document, which must have tokens. `number` is its place among the source's documents with tokens. */
  add(document: DocumentTokens, number: number): void {
    const total = document.ids.length;
    const parts = Math.ceil(total / this.blockTokens);
    let start = 0;
    for (let part = 0; start < total; part++) {
      const end = this.partEnd(
        document.segmentEnds,
        start,
        Math.max(start + 1, Math.ceil((total * (part + 1)) / parts)),
      );
      this.place(document, { start, end, number });
      start = end;
    }
  }

  /** Ends the current block, if it has anything. */
  flush(): void {
    if (this.ids.length === 0) return;
    const { firstDocument, ids } = this;
    const tokens = this.wide ? Uint32Array.from(ids) : Uint16Array.from(ids);
    this.emit({
      firstDocument,
      tokens,
      segmentEnds: Uint16Array.from(this.segmentEnds),
      documentEnds: Uint16Array.from(this.documentEnds),
    });
    this.ids = [];
    this.segmentEnds = [];
    this.documentEnds = [];
  }

  /**
   * The segment end nearest to `wanted` that keeps the part within a block; a cut inside a segment when there is none.
   */
  private partEnd(segmentEnds: ArrayLike<number>, start: number, wanted: number): number {
    const limit = start + this.blockTokens;
    let best = 0;
    for (let i = 0; i < segmentEnds.length && segmentEnds[i] <= limit; i++) {
      if (segmentEnds[i] > start && (best === 0 || Math.abs(segmentEnds[i] - wanted) < Math.abs(best - wanted)))
        best = segmentEnds[i];
    }
    return best === 0 ? limit : best;
  }

  private place({ ids, segmentEnds }: DocumentTokens, part: { start: number; end: number; number: number }): void {
    const { start, end, number } = part;
    // Two short parts of one document must not pass for two documents.
    const consecutive = number === this.firstDocument + this.documentEnds.length;
    if (this.ids.length > 0 && (this.ids.length + end - start > this.blockTokens || !consecutive)) this.flush();
    if (this.ids.length === 0) this.firstDocument = number;
    const base = this.ids.length - start;
    for (let i = start; i < end; i++) this.ids.push(ids[i]);
    for (let i = 0; i < segmentEnds.length && segmentEnds[i] < end; i++)
      if (segmentEnds[i] > start) this.segmentEnds.push(segmentEnds[i] + base);
    this.segmentEnds.push(end + base);
    this.documentEnds.push(this.segmentEnds.length);
  }
}
