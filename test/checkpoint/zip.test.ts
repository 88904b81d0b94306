import { describe, expect, it } from 'vitest';
import { readZipDirectory } from '../../src/checkpoint/zip.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';

/** One stored entry whose sizes and offset are only in zip64 fields, as in files beyond 4 GiB. */
function zip64File(content: string, method = 0): Uint8Array {
  const name = Buffer.from('archive/data/0');
  const data = Buffer.from(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(name.length, 26);
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(data.length), 4);
  extra.writeBigUInt64LE(BigInt(data.length), 12);
  extra.writeBigUInt64LE(3n, 20);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50, 0);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(0xffffffff, 20);
  entry.writeUInt32LE(0xffffffff, 24);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt16LE(extra.length, 30);
  entry.writeUInt32LE(0xffffffff, 42);
  const start = 3 + local.length + name.length + data.length;
  const length = entry.length + name.length + extra.length;
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(BigInt(length), 40);
  record.writeBigUInt64LE(BigInt(start), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(start + length), 8);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(0xffffffff, 12);
  end.writeUInt32LE(0xffffffff, 16);
  return Buffer.concat([Buffer.from('pad'), local, name, data, entry, name, extra, record, locator, end]);
}

describe('readZipDirectory', () => {
  it('reads zip64 fields', async () => {
    const bytes = zip64File('hello');
    const { start, end } = (await readZipDirectory(memoryFiles({ z: bytes }), 'z')).get('archive/data/0')!;
    expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe('hello');
  });

  it('finds the directory before a comment', async () => {
    const bytes = zip64File('hello');
    bytes[bytes.length - 2] = 4;
    expect((await readZipDirectory(memoryFiles({ z: Buffer.concat([bytes, Buffer.from('note')]) }), 'z')).size).toBe(1);
  });

  it('refuses compressed entries and files that are no zip', async () => {
    await expect(readZipDirectory(memoryFiles({ z: zip64File('hello', 8) }), 'z')).rejects.toMatchObject({
      code: 'unsupported',
    });
    await expect(readZipDirectory(memoryFiles({ z: 'PK\u0003\u0004' }), 'z')).rejects.toMatchObject({
      code: 'invalid_file',
    });
    await expect(readZipDirectory(memoryFiles({ z: zip64File('hello').slice(0, -30) }), 'z')).rejects.toMatchObject({
      code: 'invalid_file',
    });
  });
});
