import { AlbertineError } from '../core/errors.ts';

/** One field of a protobuf message: its number, wire type and payload. */
export interface ProtobufField {
  number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  wireType: 0 | 1 | 2 | 5;
  /** The varint's value (wire type 0), else 0. 64-bit varints are exact up to 2^53; a negative int32 reads as itself. */
  varint: number;
  /** The payload without tag and length (empty for varints). */
  bytes: Uint8Array;
  /** Tag, length and payload as they stand in the file, to copy fields one does not know. */
  raw: Uint8Array;
}

/**
 * Walks the fields of a protobuf message in place: {@link FieldReader.next} moves to a field, and the properties then describe it.
 * Nothing is allocated a field, which counts for messages of tens of thousands of small ones. Throws `invalid_file` on truncated or malformed input.
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
    if (wireType !== 0 && wireType !== 1 && wireType !== 2 && wireType !== 5) return this.fail(`unknown wire type ${wireType}`);
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
    throw new AlbertineError('invalid_file', `malformed protobuf: ${what} at byte ${this.position}`, { value: this.position });
  }
}

/** The fields of one protobuf message as objects; see {@link FieldReader} for long ones. Throws `invalid_file` on truncated or malformed input. */
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

/** Appends protobuf fields to a growing buffer. */
export class ProtobufWriter {
  private buffer = new Uint8Array(1024);
  private length = 0;

  /** Appends raw bytes, for fields copied as they stand. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A varint field; a negative value is written as protobuf's int32 is, in ten bytes. */
  varint(number: number, value: number): void {
    this.writeVarint(number * 8);
    this.writeVarint(value);
  }

  /** A little-endian float32 field. */
  float(number: number, value: number): void {
    this.writeVarint(number * 8 + 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.raw(bytes);
  }

  /** A length-delimited field: bytes, a string's UTF-8, or a nested message. */
  bytes(number: number, content: Uint8Array): void {
    this.writeVarint(number * 8 + 2);
    this.writeVarint(content.length);
    this.raw(content);
  }

  /** What has been written so far. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  private writeVarint(value: number): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.buffer[this.length++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
  }

  private reserve(extra: number): void {
    if (this.length + extra <= this.buffer.length) return;
    const larger = new Uint8Array(Math.max(this.buffer.length * 2, this.length + extra));
    larger.set(this.buffer.subarray(0, this.length));
    this.buffer = larger;
  }
}
