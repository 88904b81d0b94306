import { AlbertineError } from '../core/errors.ts';
import { bfloat16ToFloat32, float16ToFloat32 } from '../core/half.ts';
import type { FileSource } from '../core/files.ts';
import type { Weight } from '../model/parameters.ts';

/** Element types of stored tensors, by safetensors' names. */
export type TensorDtype =
  'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U64' | 'U32' | 'U16' | 'U8' | 'BOOL';

/** Bytes of one element. */
export const DTYPE_BYTES: Record<TensorDtype, number> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** What is known of a stored tensor before its values are read. */
export interface TensorInfo {
  /** Outermost dimension first. */
  shape: number[];
  /** Type of the stored elements. */
  dtype: TensorDtype;
}

/** Named tensors in one or more files, whatever the format; values are read on demand. */
export interface TensorSource {
  /** Format and file names, for messages and reports. */
  readonly source: string;
  /** By the names that the file has. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /**
   * Values of several tensors as 32-bit floats; neighbours in the file are read together. The arrays may share one
   * buffer.
   */
  read(names: readonly string[]): Promise<Map<string, Weight>>;
}

/** A source with further tensors in memory, which take the place of those of the same name. */
export function withTensors(source: TensorSource, tensors: ReadonlyMap<string, Weight>): TensorSource {
  const infos = [...tensors].map(([name, { shape }]): [string, TensorInfo] => [name, { shape, dtype: 'F32' }]);
  return {
    source: source.source,
    tensors: new Map([...source.tensors, ...infos]),
    read: async (names) => {
      const found = await source.read(names.filter((name) => !tensors.has(name)));
      for (const name of names) if (tensors.has(name)) found.set(name, tensors.get(name)!);
      return found;
    },
  };
}

/** Number of elements of a shape, or `undefined` if a dimension is not a whole number or the product is not exact. */
export function elementCount(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * Little-endian tensor bytes as 32-bit floats. F32 bytes at a multiple of four in their buffer are returned as a view
 * of them; everything else is converted or copied. 64-bit types lose precision.
 */
export function toFloat32(bytes: Uint8Array, dtype: TensorDtype): Float32Array {
  const size = DTYPE_BYTES[dtype];
  // Not `slice`, which of Node's Buffer is a view at the same place.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  const length = Math.floor(aligned.byteLength / size);
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, length);
    case 'F16':
      return float16ToFloat32(new Uint16Array(buffer, byteOffset, length));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(buffer, byteOffset, length));
    case 'F64':
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, length), Number);
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, length), Number);
    case 'I32':
      return Float32Array.from(new Int32Array(buffer, byteOffset, length));
    case 'U32':
      return Float32Array.from(new Uint32Array(buffer, byteOffset, length));
    case 'I16':
      return Float32Array.from(new Int16Array(buffer, byteOffset, length));
    case 'U16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, length));
    case 'I8':
      return Float32Array.from(new Int8Array(buffer, byteOffset, length));
    case 'U8':
    case 'BOOL':
      return Float32Array.from(aligned);
  }
}

/** A half-open range of bytes in a file. */
export interface ByteRange {
  start: number;
  end: number;
}

/** Ranges closer than this are read together: a read call costs more than the bytes between them. */
const MERGE_GAP = 1 << 16;
/** Longest single read; keeps one buffer below what every engine can allocate. */
const MAX_READ = 1 << 30;

/**
 * Reads many ranges of one file with few calls and returns their bytes in the given order, as views of the larger
 * reads. A range keeps its file offset modulo eight, so aligned tensors stay aligned. Throws `invalid_file` if the file
 * ends early.
 */
export async function readRanges(files: FileSource, name: string, ranges: readonly ByteRange[]): Promise<Uint8Array[]> {
  const order = ranges.map((_, index) => index).sort((a, b) => ranges[a].start - ranges[b].start);
  const found = new Array<Uint8Array>(ranges.length);
  for (let first = 0; first < order.length;) {
    const start = ranges[order[first]].start - (ranges[order[first]].start % 8);
    let end = ranges[order[first]].end;
    let next = first + 1;
    while (
      next < order.length &&
      ranges[order[next]].start <= end + MERGE_GAP &&
      ranges[order[next]].end - start <= MAX_READ
    ) {
      end = Math.max(end, ranges[order[next]].end);
      next++;
    }
    const bytes = await files.read(name, start, end);
    if (bytes.byteLength < end - start) {
      throw new AlbertineError(
        'invalid_file',
        `${name} ends after ${start + bytes.byteLength} bytes where ${end} are needed`,
        { value: end, hint: 'The file is cut short; copy or download it again' },
      );
    }
    for (const index of order.slice(first, next))
      found[index] = bytes.subarray(ranges[index].start - start, ranges[index].end - start);
    first = next;
  }
  return found;
}
