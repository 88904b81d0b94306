import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { withLineFeeds } from '../core/line-ends.ts';

/** Character encodings of text inputs. All keep ASCII bytes as they are, so that lines can be found before decoding. */
export const TEXT_ENCODINGS = [
  'utf-8',
  'latin1',
  'windows-1252',
  'gb18030',
  'big5',
  'euc-jp',
  'euc-kr',
  'shift_jis',
] as const;
/** One of {@link TEXT_ENCODINGS}. */
export type TextEncoding = (typeof TEXT_ENCODINGS)[number];

/** One line of a text input, without its line feed. */
export interface Line {
  /** 1-based. */
  number: number;
  /** Decoded text; a carriage return before the line feed is still there. Bytes that cannot be decoded are U+FFFD. */
  text: string;
  /** Why the line cannot be used: undecodable bytes or too many of them. */
  problem?: string;
}

/** Options of {@link readLines}. */
export interface LineOptions {
  /** Default `utf-8`. Never guessed. */
  encoding?: TextEncoding;
  /** Longest line in bytes; a longer one is a problem and its bytes are dropped. Default 64 MiB. */
  maxLineBytes?: number;
}

/** Default of {@link LineOptions.maxLineBytes}. */
export const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * Splits a stream of bytes into lines, one array of lines for each chunk that ends some; holds one chunk and one line.
 * U+000A (with or without U+000D before it) ends a line; in an input that has none, U+000D alone does. A byte order
 * mark is removed; one of UTF-16 or UTF-32 throws `unsupported`. A line end at the very end does not start another
 * line.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  options: LineOptions = {},
): AsyncGenerator<Line[], void, undefined> {
  const splitter = new LineSplitter(options);
  for await (const chunk of withLineFeeds(chunks)) {
    const lines = splitter.push(chunk);
    if (lines.length > 0) yield lines;
  }
  const last = splitter.finish();
  if (last.length > 0) yield last;
}

class LineSplitter {
  private number = 0;
  private started = false;
  private overlong = false;
  private pending: Uint8Array[] = [];
  private pendingBytes = 0;
  private readonly decode: BytesDecoder;
  private readonly maxLineBytes: number;

  constructor({ encoding = 'utf-8', maxLineBytes = DEFAULT_MAX_LINE_BYTES }: LineOptions) {
    this.decode = bytesDecoder(requireOneOf('encoding', encoding, TEXT_ENCODINGS));
    this.maxLineBytes = maxLineBytes;
  }

  push(chunk: Uint8Array): Line[] {
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end < 0) {
      this.keep(chunk);
      return [];
    }
    const first = chunk.indexOf(LINE_FEED);
    this.keep(chunk.subarray(0, first));
    const lines = [this.endLine()];
    if (end > first) this.splitBlock(chunk.subarray(first + 1, end), lines);
    this.keep(chunk.subarray(end + 1));
    return lines;
  }

  finish(): Line[] {
    return this.pendingBytes > 0 || this.overlong ? [this.endLine()] : [];
  }

  /** Adds bytes of a line whose end has not been seen. */
  private keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.overlong || this.pendingBytes + bytes.length > this.maxLineBytes) {
      this.overlong = true;
      this.pending = [];
      this.pendingBytes = 0;
      return;
    }
    // Copied, because the producer may use its buffer again.
    this.pending.push(bytes.slice());
    this.pendingBytes += bytes.length;
  }

  private endLine(): Line {
    const bytes = this.pending.length === 1 ? this.pending[0] : concatenate(this.pending, this.pendingBytes);
    const { overlong } = this;
    this.pending = [];
    this.pendingBytes = 0;
    this.overlong = false;
    const number = ++this.number;
    if (overlong) return { number, text: '', problem: `the line is longer than ${this.maxLineBytes} bytes` };
    return this.decodeLine(number, this.withoutMark(bytes));
  }

  /** Decodes whole lines at once, and one by one only if something in them is wrong. */
  private splitBlock(block: Uint8Array, lines: Line[]): void {
    const text = this.decode(block);
    if (text !== undefined) {
      for (const line of text.split('\n')) lines.push({ number: ++this.number, text: line });
      return;
    }
    for (let start = 0; start <= block.length;) {
      const found = block.indexOf(LINE_FEED, start);
      const end = found < 0 ? block.length : found;
      lines.push(this.decodeLine(++this.number, block.subarray(start, end)));
      start = end + 1;
    }
  }

  private decodeLine(number: number, bytes: Uint8Array): Line {
    const text = this.decode(bytes);
    if (text !== undefined) return { number, text };
    return {
      number,
      text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes),
      problem: this.decode.explain(bytes),
    };
  }

  private withoutMark(bytes: Uint8Array): Uint8Array {
    if (this.started) return bytes;
    this.started = true;
    if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
      throw new AlbertineError('unsupported', 'the input is UTF-16 or UTF-32', {
        hint: 'Save it as UTF-8, or convert it with: iconv -f UTF-16 -t UTF-8',
      });
    }
    return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  }
}

interface BytesDecoder {
  /** The text, or undefined if some bytes are invalid. */
  (bytes: Uint8Array): string | undefined;
  /** Why {@link bytes} are invalid. */
  explain(bytes: Uint8Array): string;
}

function bytesDecoder(encoding: TextEncoding): BytesDecoder {
  // The web's "latin1" means windows-1252; true ISO 8859-1 maps every byte to the code point of the same value.
  if (encoding === 'latin1') return Object.assign(decodeLatin1, { explain: () => 'not ISO 8859-1' });
  const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
  const decode = (bytes: Uint8Array): string | undefined => {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
  const explain = encoding === 'utf-8' ? describeInvalidUtf8 : () => `the bytes are not valid ${encoding}`;
  return Object.assign(decode, { explain });
}

function decodeLatin1(bytes: Uint8Array): string {
  let text = '';
  // String.fromCharCode takes its input as arguments, of which engines allow some 100,000.
  for (let start = 0; start < bytes.length; start += 32768)
    text += String.fromCharCode(...bytes.subarray(start, start + 32768));
  return text;
}

function describeInvalidUtf8(bytes: Uint8Array): string {
  const position = firstInvalidUtf8(bytes);
  const byte = bytes[position].toString(16).padStart(2, '0');
  return `invalid UTF-8 at byte ${position + 1} of the line (0x${byte}); if the file is in another encoding, name it (${TEXT_ENCODINGS.join(', ')})`;
}

/** Index of the first byte that does not continue valid UTF-8 (Unicode 15, table 3-7), or -1 if all do. */
export function firstInvalidUtf8(bytes: Uint8Array): number {
  let i = 0;
  while (i < bytes.length) {
    const lead = bytes[i];
    if (lead < 0x80) {
      i++;
      continue;
    }
    const length =
      lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    if (length === 0 || i + length > bytes.length) return i;
    // These leads restrict the second byte: no overlong forms, no surrogates, nothing above U+10FFFF.
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (bytes[i + 1] < low || bytes[i + 1] > high) return i;
    for (let k = 2; k < length; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return i;
    i += length;
  }
  return -1;
}

function concatenate(parts: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
