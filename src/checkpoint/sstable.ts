import { AlbertineError } from '../core/errors.ts';
import { maskedCrc32c } from './crc32.ts';
import { decompressSnappy } from './snappy.ts';

/** Last eight bytes of every LevelDB table. */
const MAGIC = 0xdb4775248b80fb57n;
const FOOTER_BYTES = 48;
/** Longest decompressed block that is believed; TensorFlow's are 256 KiB. */
const MAX_BLOCK_BYTES = 1 << 28;

/** One pair of a table. */
export interface TableEntry {
  key: string;
  value: Uint8Array;
}

/**
 * Reads all entries of a LevelDB table (the `.index` file of a TensorFlow checkpoint), in key order: a footer, an index
 * block, and data blocks with prefix-compressed keys, stored plain or with Snappy. Every block's checksum is verified.
 * Throws `invalid_file` (or `checksum_mismatch`) naming `file`.
 */
export function readTable(bytes: Uint8Array, file: string): TableEntry[] {
  const fail = (problem: string): never => {
    throw new AlbertineError('invalid_file', `${file}: ${problem}`, {
      hint: 'The file is damaged or not the .index of a TensorFlow checkpoint',
    });
  };
  if (bytes.length < FOOTER_BYTES) fail(`has only ${bytes.length} bytes`);
  const footer = bytes.subarray(bytes.length - FOOTER_BYTES);
  if (new DataView(footer.buffer, footer.byteOffset).getBigUint64(40, true) !== MAGIC) fail('is not a LevelDB table');
  const cursor = new Cursor(footer, fail);
  cursor.varint(); // The handle of the meta-index, which TensorFlow leaves empty.
  cursor.varint();
  const index = readBlock(bytes, { offset: cursor.varint(), size: cursor.varint() }, { file, fail });
  const entries: TableEntry[] = [];
  for (const { value } of blockEntries(index, fail)) {
    const handle = new Cursor(value, fail);
    entries.push(
      ...blockEntries(readBlock(bytes, { offset: handle.varint(), size: handle.varint() }, { file, fail }), fail),
    );
  }
  return entries;
}

type Fail = (problem: string) => never;

/** Contents of the block at a handle; after them come a compression byte and the masked CRC of both. */
function readBlock(
  bytes: Uint8Array,
  handle: { offset: number; size: number },
  context: { file: string; fail: Fail },
): Uint8Array {
  const end = handle.offset + handle.size;
  if (end + 5 > bytes.length) context.fail(`a block ends at byte ${end + 5} but the file has ${bytes.length}`);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end + 1, 4).getUint32(0, true);
  if (maskedCrc32c(bytes.subarray(handle.offset, end + 1)) !== stored) {
    throw new AlbertineError(
      'checksum_mismatch',
      `${context.file}: the block at byte ${handle.offset} has a wrong checksum`,
      { hint: 'The file is damaged; copy or download it again' },
    );
  }
  const content = bytes.subarray(handle.offset, end);
  const compression = bytes[end];
  if (compression === 0) return content;
  if (compression === 1) return decompressSnappy(content, MAX_BLOCK_BYTES);
  return context.fail(`a block has the unknown compression ${compression}`);
}

/**
 * Entries of a block: each key shares a prefix with the one before; the restart points at the end are not needed to
 * read in order.
 */
function blockEntries(block: Uint8Array, fail: Fail): TableEntry[] {
  if (block.length < 4) fail('a block is too short');
  const restarts = new DataView(block.buffer, block.byteOffset + block.length - 4, 4).getUint32(0, true);
  const end = block.length - 4 - 4 * restarts;
  if (end < 0) fail('a block has too many restart points');
  const cursor = new Cursor(block.subarray(0, end), fail);
  const entries: TableEntry[] = [];
  let key = new Uint8Array(0);
  while (!cursor.done) {
    const shared = cursor.varint();
    const unshared = cursor.varint();
    const valueLength = cursor.varint();
    if (shared > key.length) fail('a key shares more than the previous one has');
    const next = new Uint8Array(shared + unshared);
    next.set(key.subarray(0, shared));
    next.set(cursor.bytes(unshared), shared);
    key = next;
    entries.push({ key: new TextDecoder().decode(key), value: cursor.bytes(valueLength) });
  }
  return entries;
}

/** Reads varints and byte strings one after the other. */
class Cursor {
  private readonly data: Uint8Array;
  private readonly fail: Fail;
  private at = 0;

  constructor(data: Uint8Array, fail: Fail) {
    this.data = data;
    this.fail = fail;
  }

  get done(): boolean {
    return this.at >= this.data.length;
  }

  /** An unsigned LEB128 integer up to 2^53. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes(1)[0];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return Number.isSafeInteger(value) ? value : this.fail(`an integer is too large`);
    }
    return this.fail('an integer is too long');
  }

  bytes(count: number): Uint8Array {
    if (this.at + count > this.data.length) this.fail('cut short');
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }
}
