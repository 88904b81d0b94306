import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { float32ToFloat16 } from '../../src/core/half.ts';
import { npyHeader, parseNpy } from '../../src/data/npy.ts';
import { NpyRows, StackedRows } from '../../src/data/vector-rows-node.ts';
import { TokenFile } from '../../src/training/distill/token-file-node.ts';

const folder = mkdtempSync(join(tmpdir(), 'albertine-vectors-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A `.npy` file of another element type than `npyHeader` writes. */
function npy(description: string, rows: number, columns: number, data: ArrayBufferView): Buffer {
  const text = `{'descr': '${description}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const head = Buffer.alloc(128, 0x20);
  head.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0]);
  head.set(Buffer.from(text), 10);
  head[127] = 0x0a;
  return Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]);
}

function write(name: string, content: Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const VALUES = Float32Array.from({ length: 12 }, (_, i) => (i - 5) / 8);

describe('vectors read row by row', () => {
  it('are the numbers of the file, in any order and of any float type', async () => {
    for (const [name, data] of [
      ['<f4', VALUES],
      ['<f8', Float64Array.from(VALUES)],
      ['<f2', float32ToFloat16(VALUES)],
    ] as const) {
      const bytes = npy(name, 4, 3, data);
      using rows = await NpyRows.open(write(`${name.slice(1)}.npy`, bytes));
      expect([rows.rows, rows.columns]).toEqual([4, 3]);
      const into = new Float32Array(3);
      for (const row of [3, 0, 2, 1, 3]) {
        rows.read(row, into);
        expect(into, name).toEqual(VALUES.subarray(3 * row, 3 * row + 3));
      }
      expect(Array.from(parseNpy(bytes).data as Float32Array)).toEqual(Array.from(VALUES));
    }
  });

  it('of several files are one after the other', async () => {
    const paths = [2, 1, 3].map((count, i) =>
      write(
        `part-${i}.npy`,
        npy(
          '<f4',
          count,
          2,
          Float32Array.from({ length: 2 * count }, (_, k) => 10 * i + k),
        ),
      ),
    );
    using rows = await StackedRows.open(paths);
    expect(rows.rows).toBe(6);
    const into = new Float32Array(2);
    const first = Array.from({ length: 6 }, (_, row) => {
      rows.read(row, into);
      return into[0];
    });
    expect(first).toEqual([0, 2, 10, 20, 22, 24]);
    const other = write('other.npy', npy('<f4', 1, 3, new Float32Array(3)));
    await expect(StackedRows.open([paths[0], other])).rejects.toMatchObject({
      code: 'shape_mismatch',
      message: expect.stringMatching(/part-0\.npy has vectors of 2 numbers, .*other\.npy of 3/) as string,
    });
  });

  it('take no memory: three gigabytes of vectors are read in a few kilobytes', async () => {
    const [rows, columns] = [2_000_000, 384];
    const path = join(folder, 'large.npy');
    const file = openSync(path, 'w');
    writeSync(file, npyHeader('float32', rows, columns));
    // Holes: nothing is on the disk but the last row.
    writeSync(
      file,
      new Uint8Array(Float32Array.from({ length: columns }, (_, i) => i + 1).buffer),
      0,
      4 * columns,
      128 + 4 * columns * (rows - 1),
    );
    closeSync(file);
    const before = process.memoryUsage().arrayBuffers;
    using large = await NpyRows.open(path);
    const into = new Float32Array(columns);
    for (let i = 0; i < 2000; i++) large.read((i * 7919) % rows, into);
    large.read(rows - 1, into);
    expect([into[0], into[columns - 1]]).toEqual([1, columns]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4e6);
  });

  it('refuse what is no matrix of floats, and what is cut off', async () => {
    await expect(NpyRows.open(join(folder, 'absent.npy'))).rejects.toMatchObject({ code: 'file_not_found' });
    await expect(NpyRows.open(write('bytes.npy', npy('|i1', 2, 2, new Int8Array(4))))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringMatching(/holds int8, and vectors are float16, float32 or float64.*astype/) as string,
    });
    await expect(NpyRows.open(write('text.npy', Buffer.from('not an array at all')))).rejects.toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(/text\.npy: not a \.npy file/) as string,
    });
    const cut = write('cut.npy', npy('<f4', 4, 3, VALUES));
    const file = openSync(cut, 'r+');
    ftruncateSync(file, 128 + 30);
    closeSync(file);
    await expect(NpyRows.open(cut)).rejects.toMatchObject({
      code: 'invalid_file',
      message: expect.stringMatching(/cut\.npy is cut off: it has 2 of 4 rows/) as string,
    });
  });
});

describe('TokenFile', () => {
  it('gives back sequences of any length, while it is written and afterwards', () => {
    const path = join(folder, 'tokens.bin');
    using tokens = new TokenFile(path);
    const sequence = (i: number): Int32Array =>
      Int32Array.from({ length: i === 50 ? 70_000 : (i * 37) % 900 }, (_, k) => i * 1000 + k);
    for (let i = 0; i < 300; i++) tokens.add(sequence(i));
    expect(tokens.sequence(50)).toEqual(sequence(50));
    for (let i = 300; i < 400; i++) tokens.add(sequence(i));
    expect([tokens.length, tokens.lengthOf(7)]).toEqual([400, 259]);
    for (const i of [399, 0, 1, 299, 300, 50]) expect(tokens.sequence(i)).toEqual(sequence(i));
  });
});
