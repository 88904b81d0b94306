import { AlbertineError } from '../core/errors.ts';

/** Element types of matrices that are written as `.npy`, by numpy's names. */
export const NPY_DTYPES = ['float32', 'int8', 'uint8'] as const;
/** One of {@link NPY_DTYPES}. */
export type NpyDtype = (typeof NPY_DTYPES)[number];

/** Bytes of one element. */
export const NPY_ITEM_BYTES: Record<NpyDtype, number> = { float32: 4, int8: 1, uint8: 1 };

const DESCRIPTIONS: Record<NpyDtype, string> = { float32: '<f4', int8: '|i1', uint8: '|u1' };

/** Typed arrays that a `.npy` file may hold. */
export type NpyData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

const READERS: Record<string, { name: string; bytes: number; view: (buffer: ArrayBuffer) => NpyData }> = {
  '<f4': { name: 'float32', bytes: 4, view: (buffer) => new Float32Array(buffer) },
  '<f8': { name: 'float64', bytes: 8, view: (buffer) => new Float64Array(buffer) },
  '|i1': { name: 'int8', bytes: 1, view: (buffer) => new Int8Array(buffer) },
  '|u1': { name: 'uint8', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  '|b1': { name: 'bool', bytes: 1, view: (buffer) => new Uint8Array(buffer) },
  '<i2': { name: 'int16', bytes: 2, view: (buffer) => new Int16Array(buffer) },
  '<u2': { name: 'uint16', bytes: 2, view: (buffer) => new Uint16Array(buffer) },
  '<i4': { name: 'int32', bytes: 4, view: (buffer) => new Int32Array(buffer) },
  '<u4': { name: 'uint32', bytes: 4, view: (buffer) => new Uint32Array(buffer) },
  '<i8': { name: 'int64', bytes: 8, view: (buffer) => new BigInt64Array(buffer) },
  '<u8': { name: 'uint64', bytes: 8, view: (buffer) => new BigUint64Array(buffer) },
};

/** Length of every header that {@link npyHeader} makes; it does not depend on the number of rows. */
export const NPY_HEADER_BYTES = 128;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** The header (format version 1.0) of a row-major matrix; the same bytes that numpy writes. */
export function npyHeader(dtype: NpyDtype, rows: number, columns: number): Uint8Array {
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`;
  const header = new Uint8Array(NPY_HEADER_BYTES).fill(0x20);
  header.set(MAGIC);
  header.set([1, 0, (NPY_HEADER_BYTES - 10) & 0xff, (NPY_HEADER_BYTES - 10) >> 8], 6);
  header.set(new TextEncoder().encode(text), 10);
  header[NPY_HEADER_BYTES - 1] = 0x0a;
  return header;
}

/** What a `.npy` header says. */
export interface NpyHeader {
  /** Element type by numpy's name, such as `float32`. */
  dtype: string;
  /** Outermost dimension first; `[]` is a scalar. */
  shape: number[];
  /** Bytes of one element. */
  itemBytes: number;
  /** Where the data starts. */
  dataOffset: number;
}

/** Reads a header from the first bytes of a file (versions 1 to 3). Throws `invalid_file` or `unsupported`. */
export function parseNpyHeader(bytes: Uint8Array): NpyHeader {
  const bad = (reason: string): never => {
    throw new AlbertineError('invalid_file', `not a .npy file: ${reason}`);
  };
  if (bytes.length < 12 || MAGIC.some((byte, index) => bytes[index] !== byte)) bad('it does not start with \\x93NUMPY');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes[6] === 1 ? 10 : 12;
  const dataOffset = start + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataOffset > bytes.length) bad('the header is cut off');
  const text = new TextDecoder('latin1').decode(bytes.subarray(start, dataOffset));
  const description = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1] ?? bad(`no element type in ${text.trim()}`);
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1] ?? bad(`no shape in ${text.trim()}`);
  const reader = READERS[description];
  if (!reader)
    throw new AlbertineError('unsupported', `.npy elements of type ${description} are not supported`, {
      value: description,
    });
  if (/'fortran_order'\s*:\s*True/.test(text)) {
    throw new AlbertineError('unsupported', 'a .npy array in column-major (Fortran) order is not supported', {
      hint: 'Save numpy.ascontiguousarray(array)',
    });
  }
  return {
    dtype: reader.name,
    itemBytes: reader.bytes,
    dataOffset,
    shape: shape
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean)
      .map(Number),
  };
}

/** An array from a `.npy` file, row-major. */
export interface NpyArray {
  /** numpy's name of the element type. Booleans are 0 and 1 in a Uint8Array. */
  dtype: string;
  /** Outermost dimension first; `[]` is a scalar. */
  shape: number[];
  /** All elements. */
  data: NpyData;
}

/**
 * Reads a whole `.npy` file from memory. Throws `invalid_file` if data is missing; bytes after it are left alone, as
 * numpy does.
 */
export function parseNpy(bytes: Uint8Array): NpyArray {
  const { dtype, shape, itemBytes, dataOffset } = parseNpyHeader(bytes);
  const length = shape.reduce((product, size) => product * size, 1) * itemBytes;
  if (dataOffset + length > bytes.length) {
    throw new AlbertineError(
      'invalid_file',
      `the .npy file of shape (${shape.join(', ')}) needs ${dataOffset + length} bytes and has ${bytes.length}`,
      {
        value: bytes.length,
      },
    );
  }
  // Copied, because a view must start at a multiple of its element size.
  const buffer = new ArrayBuffer(length);
  new Uint8Array(buffer).set(bytes.subarray(dataOffset, dataOffset + length));
  const reader = Object.values(READERS).find(({ name }) => name === dtype)!;
  return { dtype, shape, data: reader.view(buffer) };
}
