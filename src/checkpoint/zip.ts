import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { crc32 } from './crc32.ts';
import type { ByteRange } from './tensor-source.ts';

const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_LOCATOR = 0x07064b50;
const ZIP64_END = 0x06064b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
const UNSET_32 = 0xffffffff;

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Where a zip entry's bytes are, and the CRC-32 that they should have. */
export interface ZipEntry extends ByteRange {
  /** Undefined where the writer left it out, as PyTorch can be told to. */
  checksum: number | undefined;
}

/**
 * Places of the stored (uncompressed) entries of a zip file, by name, zip64 included.
 * PyTorch never compresses, so a compressed entry throws `unsupported`; a damaged file throws `invalid_file`.
 */
export async function readZipDirectory(files: FileSource, name: string): Promise<Map<string, ZipEntry>> {
  const size = await files.size(name);
  const fail = (problem: string): never => {
    throw new AlbertineError('invalid_file', `${name}: ${problem}`, {
      hint: 'The file is damaged or cut short; copy or download it again',
    });
  };
  const directory = await locateDirectory(files, { name, size, fail });
  const bytes = await files.read(name, directory.start, directory.end);
  const entries = new Map<string, ZipEntry>();
  const data = view(bytes);
  for (let at = 0; at < bytes.length;) {
    if (at + 46 > bytes.length || data.getUint32(at, true) !== DIRECTORY_ENTRY) fail('the zip directory is damaged');
    const nameLength = data.getUint16(at + 28, true);
    const extraLength = data.getUint16(at + 30, true);
    const next = at + 46 + nameLength + extraLength + data.getUint16(at + 32, true);
    if (next > bytes.length) fail('the zip directory is damaged');
    const entryName = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
    if (data.getUint16(at + 10, true) !== 0)
      throw new AlbertineError('unsupported', `${name}: entry ${entryName} is compressed`, {
        value: entryName,
        hint: 'Re-save the file with torch.save, which stores entries',
      });
    const { length, header } = entryPlace(data, at, { nameLength, extraLength });
    if (header + 30 > size) fail(`entry ${entryName} starts beyond the end of the file`);
    const local = await files.read(name, header, header + 30);
    if (local.length < 30 || view(local).getUint32(0, true) !== LOCAL_HEADER)
      fail(`entry ${entryName} has no local header`);
    const start = header + 30 + view(local).getUint16(26, true) + view(local).getUint16(28, true);
    if (start + length > size) fail(`entry ${entryName} ends at byte ${start + length} but the file has ${size}`);
    if (entries.has(entryName)) fail(`entry ${entryName} occurs twice`);
    entries.set(entryName, { start, end: start + length, checksum: data.getUint32(at + 16, true) || undefined });
    at = next;
  }
  return entries;
}

async function locateDirectory(
  files: FileSource,
  context: { name: string; size: number; fail: (problem: string) => never },
): Promise<ByteRange> {
  const { name, size, fail } = context;
  // The end record has 22 bytes and a comment of at most 65,535.
  const tailStart = Math.max(0, size - 22 - 65535 - 20);
  const tail = await files.read(name, tailStart, size);
  const data = view(tail);
  let at = tail.length - 22;
  while (at >= 0 && data.getUint32(at, true) !== END_OF_DIRECTORY) at--;
  if (at < 0) fail('no zip directory found');
  let length = data.getUint32(at + 12, true);
  let start = data.getUint32(at + 16, true);
  if (at >= 20 && data.getUint32(at - 20, true) === ZIP64_LOCATOR) {
    const recordStart = Number(data.getBigUint64(at - 20 + 8, true));
    if (recordStart + 56 > size) fail('the zip64 record lies beyond the end of the file');
    const record = view(await files.read(name, recordStart, recordStart + 56));
    if (record.byteLength < 56 || record.getUint32(0, true) !== ZIP64_END) fail('the zip64 record is damaged');
    length = Number(record.getBigUint64(40, true));
    start = Number(record.getBigUint64(48, true));
  }
  if (start + length > size) fail('the zip directory lies beyond the end of the file');
  return { start, end: start + length };
}

/**
 * Stored length and local header's offset of the directory entry at `at`, from the zip64 extra field where the 32-bit
 * ones overflow.
 */
function entryPlace(
  data: DataView,
  at: number,
  lengths: { nameLength: number; extraLength: number },
): { length: number; header: number } {
  let length = data.getUint32(at + 20, true);
  let header = data.getUint32(at + 42, true);
  const uncompressed = data.getUint32(at + 24, true);
  let extra = at + 46 + lengths.nameLength;
  const end = extra + lengths.extraLength;
  while (extra + 4 <= end) {
    const id = data.getUint16(extra, true);
    const next = extra + 4 + data.getUint16(extra + 2, true);
    if (id === 1) {
      // Holds, in this order, only the fields that are unset in the fixed part.
      let field = extra + 4;
      if (uncompressed === UNSET_32) field += 8;
      if (length === UNSET_32 && field + 8 <= end) {
        length = Number(data.getBigUint64(field, true));
        field += 8;
      }
      if (header === UNSET_32 && field + 8 <= end) header = Number(data.getBigUint64(field, true));
    }
    extra = next;
  }
  return { length, header };
}

/** Throws `checksum_mismatch` unless an entry's bytes have their checksum. */
export function requireChecksum(bytes: Uint8Array, checksum: number | undefined, place: string): void {
  if (checksum === undefined || crc32(bytes) === checksum) return;
  throw new AlbertineError('checksum_mismatch', `${place} has a wrong checksum`, {
    value: checksum,
    hint: 'The file is damaged; copy or download it again',
  });
}
