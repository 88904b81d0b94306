/**
 * The layout of `words.bin`, which holds the words of all chunks for BM25. Numbers are little-endian.
 *
 *     header     64 bytes: "ALBWORDS", then seven float64: version of layout and terms; documents; their terms in
 *                all, repetitions counted; distinct terms; bytes of the postings; bytes of the terms; bytes of the file
 *     postings   of one term after the other; filled up with zeros to a multiple of 8
 *     places     float64 [terms + 1]: where in the postings those of each term begin, and the end of the last
 *     lengths    uint32 [documents]: terms of each, repetitions counted
 *     found      uint32 [terms]: documents that have the term
 *     starts     uint32 [terms + 1]: where in the terms each one begins, and the end of the last
 *     terms      UTF-8, ascending by UTF-16 code units, one after the other without anything between
 *
 * A posting is a document that has the term, with how often: twice the distance to the document before (of the first:
 * to document 0), plus 1 where the term occurs more than once, in which case the count follows. Both are varints: seven
 * bits a byte, lowest first, the highest bit set where more follow. So the postings of a term are those of the first
 * documents and then those of later ones, and parts that were made one after the other are joined by writing one
 * distance anew.
 */
import type { Posting } from '../../classical/bm25.ts';

/** File of the words. */
export const WORDS = 'words.bin';
/** First bytes of it. */
export const MAGIC = 'ALBWORDS';
/** To be raised with the layout, and when `mixedTerms` gives other terms. */
export const VERSION = 1;
/** Bytes of the header. */
export const HEADER_BYTES = 64;

/** What the header says. */
export interface WordsHeader {
  documents: number;
  totalLength: number;
  terms: number;
  postingBytes: number;
  termBytes: number;
}

/** Where the parts of the file begin. */
export function sectionsOf({ documents, terms, postingBytes, termBytes }: WordsHeader) {
  const places = HEADER_BYTES + Math.ceil(postingBytes / 8) * 8;
  const lengths = places + 8 * (terms + 1);
  const found = lengths + 4 * documents;
  const starts = found + 4 * terms;
  const text = starts + 4 * (terms + 1);
  return { places, lengths, found, starts, text, end: text + termBytes };
}

/** The header as bytes. */
export function headerBytes(header: WordsHeader): Buffer {
  const { documents, totalLength, terms, postingBytes, termBytes } = header;
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 'latin1');
  [VERSION, documents, totalLength, terms, postingBytes, termBytes, sectionsOf(header).end].forEach((value, i) =>
    bytes.writeDoubleLE(value, 8 * (i + 1)),
  );
  return bytes;
}

/** What a header says: `older` where another version wrote it, undefined where it is none, or of a file of another size. */
export function parseHeader(bytes: Buffer, size: number): WordsHeader | 'older' | undefined {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined;
  const [version, documents, totalLength, terms, postingBytes, termBytes] = Array.from({ length: 6 }, (_, i) =>
    bytes.readDoubleLE(8 * (i + 1)),
  );
  if (version !== VERSION) return 'older';
  const header = { documents, totalLength, terms, postingBytes, termBytes };
  return sectionsOf(header).end === size && bytes.readDoubleLE(56) === size ? header : undefined;
}

/** Bytes that grow. */
export class ByteBuffer {
  /** How many there are. */
  length = 0;
  private bytes = Buffer.allocUnsafe(1 << 12);

  /** A whole number of up to 53 bits. */
  varint(value: number): void {
    this.reserve(8);
    let rest = value;
    // Shifts are of 32 bits.
    for (; rest >= 2 ** 28; rest = Math.floor(rest / 128)) this.bytes[this.length++] = (rest % 128) | 128;
    for (; rest >= 128; rest >>>= 7) this.bytes[this.length++] = (rest & 127) | 128;
    this.bytes[this.length++] = rest;
  }

  append(more: Uint8Array): void {
    this.reserve(more.length);
    this.bytes.set(more, this.length);
    this.length += more.length;
  }

  /** Begins anew. */
  clear(): void {
    this.length = 0;
  }

  /** Those that there are, in the memory that the next ones go into. */
  get content(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.length + more, 2 * this.bytes.length));
    larger.set(this.content);
    this.bytes = larger;
  }
}

/** Bytes of a number as a varint. */
export function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Adds a posting after that of the document `before`. */
export function writePosting(to: ByteBuffer, { document, count }: { document: number; count: number }, before: number) {
  to.varint(2 * (document - before) + (count > 1 ? 1 : 0));
  if (count > 1) to.varint(count);
}

/** A number at a place, and the place after it. */
export function readVarint(bytes: Uint8Array, at: number): [value: number, next: number] {
  let [value, factor] = [0, 1];
  for (; at < bytes.length && bytes[at] >= 128; factor *= 128) value += factor * (bytes[at++] & 127);
  return [value + factor * bytes[at], at + 1];
}

/** All postings of a term, `found` of them; undefined where the bytes are none of `documents` documents. */
export function readPostings(
  bytes: Uint8Array,
  { found, documents: total }: { found: number; documents: number },
): Posting | undefined {
  const [documents, counts] = [new Uint32Array(found), new Uint32Array(found).fill(1)];
  let [at, document] = [0, 0];
  for (let i = 0; i < found; i++) {
    // The one-byte case apart from the rest, since nearly all are so.
    let code = bytes[at++];
    if (code >= 128) [code, at] = readVarint(bytes, at - 1);
    document += Math.floor(code / 2);
    documents[i] = document;
    if (code % 2 === 1) [counts[i], at] = readVarint(bytes, at);
    if (!(document < total)) return undefined;
  }
  return at === bytes.length ? { documents, counts } : undefined;
}
