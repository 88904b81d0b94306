import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFiles } from '../../src/core/files-memory.ts';
import type { FileSource } from '../../src/core/files.ts';
import type { Weight, Weights } from '../../src/model/parameters.ts';

const folder = join(import.meta.dirname, 'goldens');

/** Bytes of a golden file in a buffer of their own. */
export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, name)));
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(folder, name), 'utf8')) as T;
}

/** A folder in memory; each value is a golden's name or bytes. */
export function goldenFolder(files: Record<string, string | Uint8Array>): FileSource {
  return memoryFiles(
    Object.fromEntries(
      Object.entries(files).map(([name, source]) => [name, typeof source === 'string' ? golden(source) : source]),
    ),
  );
}

export type Expected = Record<string, { shape: number[]; values: number[] }>;

export const expected = goldenJson<Expected>('expected.json');

/** Weights as plain objects with exact 32-bit values, for `toEqual`. */
export function plain(weights: Weights | Map<string, Weight>): Expected {
  return Object.fromEntries([...weights].map(([name, { shape, data }]) => [name, { shape, values: [...data] }]));
}

export function sha256(array: ArrayBufferView): string {
  return createHash('sha256')
    .update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
    .digest('hex');
}
