import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  appendFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  countCompleteRecords,
  formatFloat32,
  metadataPath,
  npyHeader,
  openEmbeddingWriter,
  openNpyWriter,
  openRecordWriter,
  openRows,
  partialPath,
  readEmbeddingMetadata,
  readNpy,
  toJson,
} from '../../src/data/index.ts';
import { collect } from './collect.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-write-'));
afterAll(() => rmSync(folder, { recursive: true }));
const golden = join(import.meta.dirname, 'golden');
let path = '';
let counter = 0;
const fresh = (name: string): string => join(folder, String(counter++), name);

const vector = (index: number, dimensions = 3): Float32Array =>
  Float32Array.from({ length: dimensions }, (_, i) => Math.sin(index * 10 + i));
const record = (
  index: number,
): { index: number; embedding: Float32Array; tokenCount: number; windows: number; truncatedTokens: number } => ({
  index,
  embedding: vector(index),
  tokenCount: index + 2,
  windows: 1,
  truncatedTokens: 0,
});

describe('npy', () => {
  it('has the same bytes as numpy', async () => {
    const { float32 } = JSON.parse(readFileSync(join(golden, 'expected.json'), 'utf8')) as { float32: number[] };
    path = fresh('a.npy');
    const writer = await openNpyWriter(path, { columns: 4 });
    await writer.write(float32.slice(0, 4));
    await writer.write(float32.slice(4));
    expect(writer.rows).toBe(3);
    await writer.close();
    expect(readFileSync(path)).toEqual(readFileSync(join(golden, 'float32.npy')));
    const small = fresh('b.npy');
    const bytes = await openNpyWriter(small, { columns: 2, dtype: 'int8' });
    await bytes.write([-128, 0, 1, 127, 2, 3]);
    await bytes.close();
    expect(readFileSync(small)).toEqual(readFileSync(join(golden, 'int8.npy')));
  });

  it('reads what numpy wrote', async () => {
    expect(await readNpy(join(golden, 'int64.npy'))).toEqual({
      dtype: 'int64',
      shape: [3],
      data: BigInt64Array.of(1n, -2n, 2n ** 40n),
    });
    expect((await readNpy(join(golden, 'float32.npy'))).shape).toEqual([3, 4]);
    await expect(readNpy(join(golden, 'tricky.csv'))).rejects.toMatchObject({ code: 'invalid_file' });
    await expect(readNpy(join(folder, 'none.npy'))).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('keeps its header length whatever the number of rows', () => {
    expect(npyHeader('float32', Number.MAX_SAFE_INTEGER, 99_999).length).toBe(128);
    expect(Buffer.from(npyHeader('uint8', Number.MAX_SAFE_INTEGER, 99_999)).toString('latin1')).toMatch(
      /\(9007199254740991, 99999\), } *\n$/,
    );
  });

  it('is valid at any time after a flush and can be continued', async () => {
    path = fresh('c.npy');
    const partial = partialPath(path);
    const first = await openNpyWriter(path, { columns: 2 });
    expect((await readNpy(partial)).shape).toEqual([0, 2]);
    await first.write([1, 2]);
    await first.flush();
    expect((await readNpy(partial)).shape).toEqual([1, 2]);
    await first.write([3, 4]);
    await first.flush();
    // As if killed in the middle of the next row, which the header does not count yet.
    await first.abort();
    appendFileSync(partial, Buffer.from([1, 2, 3]));
    expect((await readNpy(partial)).shape).toEqual([2, 2]);
    expect(await countCompleteRecords(partial)).toEqual({ records: 2, bytes: 128 + 16, tornBytes: 3 });
    expect(existsSync(path)).toBe(false);
    const second = await openNpyWriter(path, { columns: 2, resume: true });
    await second.write([5, 6]);
    await second.close();
    expect(await readNpy(path)).toEqual({ dtype: 'float32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) });
    // A file that lost its end: the header counts more than is there.
    truncateSync(path, 128 + 8 + 5);
    expect((await countCompleteRecords(path)).records).toBe(1);
    expect((await readNpy(path)).shape).toEqual([1, 2]);
    await expect(openNpyWriter(path, { columns: 3, resume: true })).rejects.toMatchObject({ code: 'shape_mismatch' });
  });

  it('refuses rows of another width and numbers that do not fit', async () => {
    const writer = await openNpyWriter(fresh('d.npy'), { columns: 2, dtype: 'uint8' });
    await expect(writer.write([1, 2, 3])).rejects.toThrow(/a row has 2 numbers, got 3/);
    await expect(writer.write([1, 256])).rejects.toThrow(/does not fit uint8: 256/);
    await writer.close();
    await writer.close();
    await expect(writer.write([1, 2])).rejects.toMatchObject({ code: 'disposed' });
  });
});

describe('JSON of records', () => {
  it('writes 32-bit floats shortly and exactly', () => {
    expect(
      toJson({
        a: Float32Array.of(0.1, -1, 1e-7, 16777216),
        b: Int8Array.of(-1),
        c: [1, null, undefined],
        d: undefined,
        e: '"\u2028',
        f: true,
      }),
    ).toBe('{"a":[0.1,-1,1e-7,16777216],"b":[-1],"c":[1,null,null],"e":"\\"\u2028","f":true}');
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(formatFloat32(value)))).toBe(value === 0 ? 0 : value);
      }),
    );
    expect(() => toJson({ a: [NaN] })).toThrow(/cannot hold the number NaN/);
  });
});

describe('record writers', () => {
  it.each(['jsonl', 'csv', 'tsv', 'parquet'])('%s: what is written is read back', async (format) => {
    path = fresh(`a.${format}`);
    const writer = await openRecordWriter(path);
    const texts = ['plain', 'two\nlines', 'a "quote", a\ttab', '中文 😀', ''];
    for (const [id, text] of texts.entries()) await writer.write({ id, text, score: id / 2, ok: id > 1 });
    await writer.close();
    await writer.close();
    const rows = await collect(openRows(path));
    expect(rows.map(({ fields }) => fields.text)).toEqual(texts);
    const typed = format === 'jsonl' || format === 'parquet';
    expect(rows[3].fields).toEqual(
      typed ? { id: 3, text: texts[3], score: 1.5, ok: true } : { id: '3', text: texts[3], score: '1.5', ok: 'true' },
    );
  });

  it('refuses records of other columns', async () => {
    const writer = await openRecordWriter(fresh('b.csv'));
    await writer.write({ a: 1 });
    await expect(async () => writer.write({ b: 1 })).rejects.toThrow(/columns \(b\) are not those of the file \(a\)/);
    await writer.abort();
    await expect(openRecordWriter(fresh('b.txt'))).rejects.toThrow(/cannot tell/);
    await expect(openRecordWriter(fresh('b.jsonl.gz'))).rejects.toThrow(/cannot tell/);
  });
});

describe('embedding writers', () => {
  it.each(['jsonl', 'csv', 'tsv', 'npy'])(
    '%s: continues after being cut anywhere and ends up the same',
    async (format) => {
      const whole = fresh(`whole.${format}`);
      const options = { dimensions: 3, fingerprint: 'f1', details: { pooling: 'mean' } };
      const writer = await openEmbeddingWriter(whole, options);
      for (let index = 0; index < 5; index++) await writer.write(record(index));
      await writer.close({ seconds: 1 });
      expect(await readEmbeddingMetadata(whole)).toEqual({
        pooling: 'mean',
        seconds: 1,
        fingerprint: 'f1',
        dimensions: 3,
        dtype: 'float32',
        rows: 5,
        complete: true,
      });
      const bytes = readFileSync(whole);
      path = fresh(`cut.${format}`);
      const partial = partialPath(path);
      await (await openEmbeddingWriter(path, options)).abort();
      expect(existsSync(partial)).toBe(false);
      for (let length = format === 'npy' ? 128 : 0; length <= bytes.length; length += 5) {
        writeFileSync(partial, bytes.subarray(0, length));
        writeFileSync(metadataPath(partial), readFileSync(metadataPath(whole)));
        const resumed = await openEmbeddingWriter(path, { ...options, resume: true });
        for (let index = resumed.existing; index < 5; index++) await resumed.write(record(index));
        await resumed.close();
        expect(
          [readFileSync(path).equals(bytes), existsSync(partial), existsSync(metadataPath(partial))],
          `cut at ${length}`,
        ).toEqual([true, false, false]);
      }
    },
  );

  it('parquet: vectors are lists of float, a partial file is valid, and continuing is refused', async () => {
    path = fresh('a.parquet');
    const writer = await openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f1' });
    for (let index = 0; index < 4; index++) await writer.write(record(index));
    await writer.abort();
    const rows = await collect(openRows(partialPath(path)));
    expect(rows.map(({ number, fields }) => [number, fields.index, fields.tokenCount])).toEqual([
      [1, 0, 2],
      [2, 1, 3],
      [3, 2, 4],
      [4, 3, 5],
    ]);
    expect(Float32Array.from(rows[3].fields.embedding as number[])).toEqual(vector(3));
    expect((await readEmbeddingMetadata(partialPath(path)))?.complete).toBe(false);
    await expect(openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f1', resume: true })).rejects.toMatchObject({
      code: 'unsupported',
    });
  });

  it('parquet: several row groups, only the fields asked for', async () => {
    path = fresh('b.parquet');
    const writer = await openEmbeddingWriter(path, { dimensions: 1 << 18 });
    for (let index = 0; index < 9; index++)
      await writer.write({ index, embedding: new Float32Array(1 << 18).fill(index), note: `n${index}` });
    await writer.close();
    expect((await collect(openRows(path, { fields: ['note'] }))).map(({ fields }) => fields)).toEqual(
      Array.from({ length: 9 }, (_, index) => ({ note: `n${index}` })),
    );
    await expect(collect(openRows(path, { fields: ['text'] }))).rejects.toThrow(
      /no field "text"; the fields present are "index", "embedding", "note"/,
    );
    writeFileSync(path, readFileSync(path).subarray(0, 1000));
    await expect(collect(openRows(path))).rejects.toMatchObject({ code: 'invalid_file' });
  });

  it('parquet: other compression, 64-bit integers, and text that is not UTF-8', async () => {
    const { parquetWriteFile } = await import('hyparquet-writer');
    path = join(folder, 'c.parquet');
    parquetWriteFile({
      filename: path,
      codec: 'GZIP',
      compressors: { GZIP: (bytes) => new Uint8Array(gzipSync(bytes)) },
      schema: [
        { name: 'root', num_children: 2 },
        { name: 'text', type: 'BYTE_ARRAY', converted_type: 'UTF8' },
        { name: 'id', type: 'INT64' },
      ],
      columnData: [
        { name: 'text', data: [Buffer.from('ok 中文'), Uint8Array.of(0x61, 0xff), Buffer.from('fine')] },
        { name: 'id', data: [1n, 2n, 2n ** 60n] },
      ],
    });
    const source = openRows(path, { onError: 'skip' });
    expect((await collect(source)).map(({ number, fields }) => [number, fields])).toEqual([
      [1, { text: 'ok 中文', id: 1 }],
      [3, { text: 'fine', id: 2n ** 60n }],
    ]);
    expect(source.report.issues).toEqual([{ row: 2, reason: 'invalid UTF-8 at byte 2 of field "text"' }]);
  });

  it('does not continue an output of another model, width or unknown origin', async () => {
    path = fresh('c.jsonl');
    const writer = await openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f1' });
    await writer.write(record(0));
    await expect(writer.write({ index: 1, embedding: [1] })).rejects.toThrow(/has 3 numbers, got 1/);
    await writer.abort();
    await expect(openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f2', resume: true })).rejects.toThrow(
      /its fingerprint is f1, this run's is f2/,
    );
    await expect(openEmbeddingWriter(path, { dimensions: 4, fingerprint: 'f1', resume: true })).rejects.toThrow(
      /dimensions is 3/,
    );
    rmSync(metadataPath(partialPath(path)));
    await expect(openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f1', resume: true })).rejects.toThrow(
      /no .*meta\.json/,
    );
    const again = await openEmbeddingWriter(path, { dimensions: 3, fingerprint: 'f2' });
    expect([again.existing, statSync(partialPath(path)).size]).toEqual([0, 0]);
    await again.close();
  });

  it('writes per-token records as JSON lines, and not as a matrix', async () => {
    path = fresh('d.jsonl');
    const tokens = [{ token: '▁a', id: 21, start: 0, end: 1, embedding: vector(1) }];
    const writer = await openEmbeddingWriter(path, { dimensions: 3 });
    await writer.write({ index: 0, tokens });
    await writer.close();
    const [line] = readFileSync(path, 'utf8').split('\n');
    expect(JSON.parse(line)).toMatchObject({ index: 0, tokens: [{ token: '▁a', id: 21, start: 0, end: 1 }] });
    const matrix = await openEmbeddingWriter(fresh('d.npy'), { dimensions: 3 });
    await expect(matrix.write({ index: 0, tokens })).rejects.toThrow(/one vector a text/);
    await matrix.abort();
  });

  it('leaves a valid file when there is nothing to write', async () => {
    path = fresh('e.parquet');
    await (await openEmbeddingWriter(path, { dimensions: 3 })).close();
    expect(await collect(openRows(path))).toEqual([]);
    expect(existsSync(metadataPath(path))).toBe(true);
  });
});

describe('resuming delimited text', () => {
  it('does not count line breaks inside quotes, nor the header', async () => {
    path = fresh('f.csv');
    const writer = await openRecordWriter(path);
    await writer.write({ text: 'a\nb', label: '"' });
    await writer.write({ text: '', label: 'x' });
    await writer.close();
    appendFileSync(path, '"torn\n');
    expect(await countCompleteRecords(path)).toMatchObject({ records: 2, tornBytes: 6 });
    await expect(countCompleteRecords(join(golden, 'make_golden.py'))).rejects.toMatchObject({ code: 'unsupported' });
  });
});
