import { AlbertineError } from './errors.ts';

/** One field of a protobuf message: its number, wire type and payload. */
export interface ProtobufField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wireType: 0 | 1 | 2 | 5;
  /**
   * The varint's value (wire type 0), else 0. 64-bit varints are exact up to 2^53; a negative int32 reads as itself.
   */
  varint: number;
  /** The payload without tag and length (empty for varints). */
  bytes: Uint8Array;
  /** Tag, length and payload as they stand in the file, to copy fields one does not know. */
  raw: Uint8Array;
}

/**
 * Walks the fields of a protobuf message in place: {@link FieldReader.next} moves to a field, and the properties then
 * describe it. Nothing is allocated a field, which counts for messages of tens of thousands of small ones. Throws
 * `invalid_file` on truncated or malformed input.
 */
export class FieldReader {
  readonly message: Uint8Array;
  number = 0;
  wireType: ProtobufField['wireType'] = 0;
  /** As in {@link ProtobufField}. */
  varint = 0;
  /** Where the field's tag is; its payload is `[start, end)`. */
  tagStart = 0;
  start = 0;
  end = 0;
  private position = 0;
  private limit = 0;
  private readonly view: DataView;

  /** Reads the bytes `[from, to)` of `message`. */
  constructor(message: Uint8Array, from = 0, to = message.length) {
    this.message = message;
    this.view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    this.enter(from, to);
  }

  /** Starts over with the message in `[from, to)`, such as the payload of another reader's field. */
  enter(from: number, to: number): void {
    this.position = from;
    this.limit = to;
  }

  /** Moves to the next field; false at the end of the message. */
  next(): boolean {
    if (this.position >= this.limit) return false;
    this.tagStart = this.position;
    const tag = this.readVarint();
    const number = Math.floor(tag / 8);
    const wireType = tag & 7;
    if (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5)
      return this.fail(`unknown wire type ${wireType}`);
    if (number < 1) return this.fail(`field number ${number}`);
    this.number = number;
    this.wireType = wireType;
    this.varint = wireType === 0 ? this.readVarint() : 0;
    const length = wireType === 0 ? 0 : wireType === 1 ? 8 : wireType === 5 ? 4 : this.readVarint();
    if (length < 0 || this.position + length > this.limit) return this.fail(`field ${number} runs past the end`);
    this.start = this.position;
    this.position += length;
    this.end = this.position;
    return true;
  }

  /** Little-endian float32 payload of a wire-type-5 field. */
  float(): number {
    return this.view.getFloat32(this.start, true);
  }

  private readVarint(): number {
    // Nearly all are one byte.
    const first = this.message[this.position];
    if (first < 0x80 && this.position < this.limit) {
      this.position++;
      return first;
    }
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.position >= this.limit) this.fail('a number runs past the end');
      const byte = this.message[this.position++];
      if (shift < 28) low |= (byte & 0x7f) << shift;
      else if (shift === 28) {
        low |= (byte & 0x0f) << 28;
        high |= (byte & 0x7f) >> 4;
      } else if (shift < 63) high |= (byte & 0x7f) << (shift - 32);
      else high |= byte << 31;
      if (byte < 0x80) return (high | 0) * 4294967296 + (low >>> 0);
    }
    return this.fail('a number longer than ten bytes');
  }

  private fail(what: string): never {
    throw new AlbertineError('invalid_file', `malformed protobuf: ${what} at byte ${this.position}`, {
      value: this.position,
    });
  }
}

/**
 * The fields of one protobuf message as objects; see {@link FieldReader} for long ones. Throws `invalid_file` on
 * truncated or malformed input.
 */
export function* readFields(message: Uint8Array): Generator<ProtobufField> {
  const reader = new FieldReader(message);
  while (reader.next()) {
    const { number, wireType, varint, tagStart, start, end } = reader;
    yield { number, wireType, varint, bytes: message.subarray(start, end), raw: message.subarray(tagStart, end) };
  }
}

/** Little-endian float32 payload of a wire-type-5 field. */
export function floatOf(field: ProtobufField): number {
  return new DataView(field.bytes.buffer, field.bytes.byteOffset, 4).getFloat32(0, true);
}

const encoder = new TextEncoder();
const BUFFER_SIZE = 1024;

/**
 * Writes a protobuf message as a list of chunks. Large byte fields are referenced, never copied,
 * so that a model with gigabytes of weights costs no second copy in memory.
 */
export class ProtobufWriter {
  private readonly done: Uint8Array[] = [];
  private buffer = new Uint8Array(BUFFER_SIZE);
  private used = 0;
  /** Bytes written so far. */
  length = 0;

  /** A varint field (wire type 0); negative numbers are written in two's complement as int64. */
  integer(field: number, value: number | bigint): this {
    this.tag(field, 0);
    this.varint(BigInt.asUintN(64, BigInt(value)));
    return this;
  }

  /** A 32-bit float field (wire type 5). */
  float(field: number, value: number): this {
    this.tag(field, 5);
    return this.raw(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** A 64-bit float field (wire type 1). */
  double(field: number, value: number): this {
    this.tag(field, 1);
    return this.raw(new Uint8Array(Float64Array.of(value).buffer));
  }

  /** A packed field of 64-bit floats. */
  packedDoubles(field: number, values: readonly number[]): this {
    return this.bytes(field, new Uint8Array(Float64Array.from(values).buffer));
  }

  /** A length-delimited field (wire type 2) that refers to `bytes` without copying them. */
  bytes(field: number, bytes: Uint8Array): this {
    this.tag(field, 2);
    this.varint(BigInt(bytes.byteLength));
    return this.raw(bytes);
  }

  /** A string field. */
  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  /** A nested message. */
  message(field: number, message: ProtobufWriter): this {
    this.tag(field, 2);
    this.varint(BigInt(message.length));
    for (const chunk of message.chunks()) this.raw(chunk);
    return this;
  }

  /** Whole fields as they stand elsewhere, referenced, never copied. */
  raw(bytes: Uint8Array): this {
    if (bytes.byteLength <= this.buffer.length - this.used) {
      this.buffer.set(bytes, this.used);
      this.used += bytes.byteLength;
    } else {
      this.flush();
      this.done.push(bytes);
    }
    this.length += bytes.byteLength;
    return this;
  }

  /** The chunks written so far, in order. */
  chunks(): Uint8Array[] {
    this.flush();
    return this.done;
  }

  /** What was written so far, as one array. */
  finish(): Uint8Array {
    return concatenate(this.chunks());
  }

  private tag(field: number, wireType: number): void {
    this.varint(BigInt(field * 8 + wireType));
  }

  private varint(value: bigint): void {
    let rest = value;
    while (rest > 127n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  private byte(value: number): void {
    if (this.used === this.buffer.length) this.flush();
    this.buffer[this.used++] = value;
    this.length++;
  }

  private flush(): void {
    if (this.used === 0) return;
    this.done.push(this.buffer.subarray(0, this.used));
    this.buffer = new Uint8Array(BUFFER_SIZE);
    this.used = 0;
  }
}

/** Chunks as one array. */
export function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((total, { byteLength }) => total + byteLength, 0));
  let position = 0;
  for (const chunk of chunks) {
    all.set(chunk, position);
    position += chunk.byteLength;
  }
  return all;
}
