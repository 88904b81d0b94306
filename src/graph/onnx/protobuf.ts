const encoder = new TextEncoder();
const BUFFER_SIZE = 1024;

/**
 * Writes protobuf messages as a list of chunks. Large byte fields are referenced, never copied,
 * so that a model with gigabytes of weights costs no second copy in memory.
 */
export class ProtoWriter {
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
    for (const byte of new Uint8Array(Float32Array.of(value).buffer)) this.byte(byte);
    return this;
  }

  /** A length-delimited field (wire type 2) that refers to `bytes` without copying them. */
  bytes(field: number, bytes: Uint8Array): this {
    this.tag(field, 2);
    this.varint(BigInt(bytes.byteLength));
    this.append(bytes);
    return this;
  }

  /** A string field. */
  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  /** A nested message. */
  message(field: number, message: ProtoWriter): this {
    this.tag(field, 2);
    this.varint(BigInt(message.length));
    for (const chunk of message.chunks()) this.append(chunk);
    return this;
  }

  /** The chunks written so far, in order. */
  chunks(): Uint8Array[] {
    this.flush();
    return this.done;
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

  private append(bytes: Uint8Array): void {
    if (bytes.byteLength <= this.buffer.length - this.used) {
      this.buffer.set(bytes, this.used);
      this.used += bytes.byteLength;
    } else {
      this.flush();
      this.done.push(bytes);
    }
    this.length += bytes.byteLength;
  }

  private flush(): void {
    if (this.used === 0) return;
    this.done.push(this.buffer.subarray(0, this.used));
    this.buffer = new Uint8Array(BUFFER_SIZE);
    this.used = 0;
  }
}

/** Chunks as one array. */
export function concatenateChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((total, { byteLength }) => total + byteLength, 0));
  let position = 0;
  for (const chunk of chunks) {
    all.set(chunk, position);
    position += chunk.byteLength;
  }
  return all;
}
