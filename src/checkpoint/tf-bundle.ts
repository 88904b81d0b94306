import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { HEAD_BYTES, requireRealFile } from '../core/wrong-content.ts';
import type { Weight } from '../model/parameters.ts';
import { readFields } from '../core/protobuf.ts';
import { maskedCrc32c } from './crc32.ts';
import { readTable } from './sstable.ts';
import { DTYPE_BYTES, elementCount, readRanges, toFloat32, type TensorDtype } from './tensor-source.ts';

/** TensorFlow's `DataType` numbers that a weight may have. */
const DATA_TYPES: Record<number, TensorDtype> = {
  1: 'F32',
  2: 'F64',
  3: 'I32',
  4: 'U8',
  5: 'I16',
  6: 'I8',
  9: 'I64',
  10: 'BOOL',
  14: 'BF16',
  17: 'U16',
  19: 'F16',
  22: 'U32',
  23: 'U64',
};

/** More files than any checkpoint has; the number stands in their names. */
const MAX_SHARDS = 99_999;

/** A variable of a TensorFlow checkpoint. `dtype` is absent for strings and other types that hold no numbers. */
export interface TfVariable {
  /** Outermost dimension first. */
  shape: number[];
  /** Type of the stored elements. */
  dtype?: TensorDtype;
  /** Number of the data file that holds it. */
  shard: number;
  /** First byte in that file. */
  offset: number;
  /** Its bytes. */
  size: number;
  /** Masked CRC-32C of the bytes. */
  checksum: number;
  /** Saved in slices of a partitioned variable, each with an entry of its own. */
  sliced: boolean;
}

/**
 * A TensorFlow checkpoint (`prefix.index` and `prefix.data-00000-of-00001` ...) of which only the index has been read.
 */
export interface TfBundle {
  /** Path without `.index`. */
  readonly prefix: string;
  /** By TensorFlow's names. */
  readonly variables: ReadonlyMap<string, TfVariable>;
  /** Values as 32-bit floats, checksums verified. */
  read(names: readonly string[]): Promise<Map<string, Weight>>;
}

/**
 * Opens a checkpoint of `tf.train.Saver` (version 2, the default since TensorFlow 1.0). `prefix` is the path without
 * `.index`. Throws `invalid_file`, `checksum_mismatch`, or `unsupported` for big-endian files.
 */
export async function openTfBundle(files: FileSource, prefix: string): Promise<TfBundle> {
  const indexName = `${prefix}.index`;
  const fail = (problem: string): never => {
    throw new AlbertineError('invalid_file', `${indexName}: ${problem}`, { hint: 'The file is damaged' });
  };
  const index = await files.read(indexName);
  requireRealFile(indexName, index);
  const [header, ...entries] = readTable(index, indexName);
  if (header?.key !== '') fail('has no bundle header');
  const shards = readHeader(header.value, indexName);
  const variables = new Map(entries.map(({ key, value }) => [key, readVariable(value, { name: key, shards, fail })]));
  return { prefix, variables, read: (names) => readVariables({ files, prefix, variables, shards }, names) };
}

type Fail = (problem: string) => never;

/** `BundleHeaderProto`: 1 = shards, 2 = endianness, 3 = version. */
function readHeader(message: Uint8Array, indexName: string): number {
  let shards = 1;
  for (const { number, varint } of readFields(message)) {
    if (number === 1) shards = varint;
    if (number === 2 && varint === 1) throw new AlbertineError('unsupported', `${indexName} describes big-endian data`);
  }
  return shards;
}

/** `BundleEntryProto`: 1 = dtype, 2 = shape, 3 = shard, 4 = offset, 5 = size, 6 = checksum, 7 = slices. */
function readVariable(message: Uint8Array, context: { name: string; shards: number; fail: Fail }): TfVariable {
  const { name, shards, fail } = context;
  const variable: TfVariable = { shape: [], shard: 0, offset: 0, size: 0, checksum: 0, sliced: false };
  for (const { number, varint, bytes } of readFields(message)) {
    switch (number) {
      case 1:
        variable.dtype = DATA_TYPES[varint];
        break;
      case 2:
        variable.shape = readShape(bytes);
        break;
      case 3:
        variable.shard = varint;
        break;
      case 4:
        variable.offset = varint;
        break;
      case 5:
        variable.size = varint;
        break;
      case 6:
        variable.checksum =
          bytes.length === 4
            ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
            : fail(`variable ${name} has no checksum`);
        break;
      case 7:
        variable.sliced = true;
        break;
    }
  }
  const { shape, shard, offset, size, dtype, sliced } = variable;
  const count = elementCount(shape);
  if (shards > MAX_SHARDS || count === undefined || shard < 0 || shard >= shards || offset < 0 || size < 0)
    fail(`variable ${name} has shape [${shape.join(', ')}] at byte ${offset} of shard ${shard} of ${shards}`);
  if (dtype && !sliced && count! * DTYPE_BYTES[dtype] !== size)
    fail(`variable ${name} of shape [${shape.join(', ')}] cannot have ${size} bytes`);
  return variable;
}

/** `TensorShapeProto`: 2 = dimensions, each with 1 = size. */
function readShape(message: Uint8Array): number[] {
  const shape: number[] = [];
  for (const dimension of readFields(message)) {
    if (dimension.number !== 2) continue;
    const size = [...readFields(dimension.bytes)].find(({ number }) => number === 1);
    shape.push(size?.varint ?? 0);
  }
  return shape;
}

interface BundleContext {
  files: FileSource;
  prefix: string;
  variables: ReadonlyMap<string, TfVariable>;
  shards: number;
}

async function readVariables(context: BundleContext, names: readonly string[]): Promise<Map<string, Weight>> {
  const { files, prefix, variables, shards } = context;
  const byShard = new Map<number, string[]>();
  for (const name of names) {
    const { shard } = requireReadable(prefix, name, variables.get(name));
    byShard.set(shard, [...(byShard.get(shard) ?? []), name]);
  }
  const weights = new Map<string, Weight>();
  for (const [shard, members] of byShard) {
    const file = `${prefix}.data-${String(shard).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}`;
    const ranges = members
      .map((name) => variables.get(name)!)
      .map(({ offset, size }) => ({ start: offset, end: offset + size }));
    const chunks = await readRanges(files, file, ranges).catch(async (error: unknown) => {
      requireRealFile(file, await files.read(file, 0, HEAD_BYTES));
      throw error;
    });
    members.forEach((name, index) => {
      const { shape, dtype, checksum } = variables.get(name)!;
      if (maskedCrc32c(chunks[index]) !== checksum) {
        throw new AlbertineError('checksum_mismatch', `${file}: variable ${name} has a wrong checksum`, {
          value: name,
          hint: 'The file is damaged; copy or download it again',
        });
      }
      weights.set(name, { shape, data: toFloat32(chunks[index], dtype!) });
    });
  }
  return weights;
}

function requireReadable(prefix: string, name: string, variable: TfVariable | undefined): TfVariable {
  if (!variable) throw new AlbertineError('not_found', `${prefix} has no variable ${name}`, { value: name });
  if (variable.sliced)
    throw new AlbertineError('unsupported', `variable ${name} of ${prefix} is partitioned`, {
      value: name,
      hint: 'Save the checkpoint again without a partitioner',
    });
  if (!variable.dtype)
    throw new AlbertineError('unsupported', `variable ${name} of ${prefix} holds no numbers`, { value: name });
  return variable;
}
