import { AlbertineError, describeValue } from '../core/errors.ts';
import type { FileSource, LocalFile } from '../core/files.ts';
import { repeatedKey } from '../core/json-keys.ts';
import { HEAD_BYTES, requireRealFile } from '../core/wrong-content.ts';
import { countFloat16Overflow, float32ToBfloat16, float32ToFloat16 } from '../core/half.ts';
import type { Weight } from '../model/parameters.ts';
import {
  DTYPE_BYTES,
  elementCount,
  readRanges,
  toFloat32,
  type TensorDtype,
  type TensorInfo,
  type TensorSource,
} from './tensor-source.ts';

/** Limit of the reference implementation; a longer header is an attack or not a safetensors file. */
const MAX_HEADER_BYTES = 100_000_000;

/** A tensor's place in a safetensors file; offsets count from the start of the file. */
export interface SafetensorsEntry extends TensorInfo {
  /** First byte. */
  start: number;
  /** Byte after the last. */
  end: number;
}

/** A safetensors file of which only the header has been read. */
export interface SafetensorsFile extends TensorSource {
  /** By name. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** Strings that the header has under `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens a safetensors file (https://huggingface.co/docs/safetensors): reads and checks the header, reads values on
 * demand. Throws `invalid_file` for anything the format forbids: a header that is too long or not JSON, unknown types,
 * sizes that do not match shapes, a name that occurs twice, overlapping tensors, gaps between them, data missing at the
 * end.
 */
export async function openSafetensors(files: FileSource, name: string): Promise<SafetensorsFile> {
  const size = await files.size(name);
  const fail = (problem: string, value?: unknown): never => {
    throw new AlbertineError('invalid_file', `${name}: ${problem}`, {
      value,
      hint: 'The file is damaged or not a safetensors file',
    });
  };
  const head = await files.read(name, 0, Math.min(size, HEAD_BYTES));
  requireRealFile(name, head);
  if (size < 10 || head.length < 8) fail(`has only ${size} bytes`, size);
  const headerLength = Number(new DataView(head.buffer, head.byteOffset, 8).getBigUint64(0, true));
  if (headerLength > MAX_HEADER_BYTES || headerLength > size - 8)
    fail(`claims a header of ${headerLength} bytes in a file of ${size}`, headerLength);
  const header = await files.read(name, 8, 8 + headerLength);
  const { tensors, metadata } = parseHeader(header, { dataStart: 8 + headerLength, size, fail });
  return {
    source: `safetensors: ${name}`,
    tensors,
    metadata,
    read: async (wanted) => {
      const entries = wanted.map((tensor) => {
        const entry = tensors.get(tensor);
        if (!entry) throw new AlbertineError('not_found', `${name} has no tensor ${tensor}`, { value: tensor });
        return entry;
      });
      const mapped = (entry: SafetensorsEntry): boolean =>
        files.local !== undefined && entry.dtype === 'F32' && entry.end - entry.start >= LATE_BYTES;
      const early = entries.filter((entry) => !mapped(entry));
      const bytes = await readRanges(files, name, early);
      return new Map(
        wanted.map((tensor, index) => {
          const entry = entries[index];
          if (mapped(entry)) return [tensor, lateWeight(files.local!(name), entry)];
          return [tensor, { shape: entry.shape, data: toFloat32(bytes[early.indexOf(entry)], entry.dtype) }];
        }),
      );
    },
  };
}

/**
 * Tensors of local files from this size on are read when their values are asked for; the runtime may map them instead.
 */
const LATE_BYTES = 4 * 2 ** 20;

function lateWeight(file: LocalFile, { shape, start, end }: SafetensorsEntry): Weight {
  let data: Float32Array | undefined;
  const floats = (from: number, to: number): Float32Array => toFloat32(file.readSync(from, to), 'F32');
  return {
    shape,
    get data() {
      return (data ??= floats(start, end));
    },
    file: { path: file.path, offset: start, byteLength: end - start },
    slice: (from, to) => floats(start + 4 * from, start + 4 * to),
  };
}

interface HeaderContext {
  dataStart: number;
  size: number;
  fail: (problem: string, value?: unknown) => never;
}

function parseHeader(
  bytes: Uint8Array,
  context: HeaderContext,
): { tensors: Map<string, SafetensorsEntry>; metadata: Record<string, string> } {
  const { dataStart, size, fail } = context;
  let json: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    fail('the header is not JSON');
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) fail(`the header has ${describeValue(repeated)} twice`, repeated);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) fail('the header is not a JSON object', json);
  const tensors = new Map<string, SafetensorsEntry>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(json as Record<string, unknown>)) {
    if (name === '__metadata__')
      metadata = Object.fromEntries(Object.entries(entry ?? {}).map(([key, value]) => [key, String(value)]));
    else tensors.set(name, parseEntry(name, entry, context));
  }
  let position = dataStart;
  for (const [name, { start, end }] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.end - b.end)) {
    if (start !== position)
      fail(
        `tensor ${name} starts at byte ${start} where ${position} was expected (tensors overlap or leave a gap)`,
        start,
      );
    position = end;
  }
  if (position !== size) fail(`the tensors end at byte ${position} but the file has ${size}`, size);
  return { tensors, metadata };
}

function parseEntry(name: string, entry: unknown, context: HeaderContext): SafetensorsEntry {
  const { dataStart, size, fail } = context;
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (typeof entry === 'object' && entry !== null ? entry : {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(DTYPE_BYTES, dtype))
    fail(`tensor ${name} has dtype ${describeValue(dtype)}, not one of ${Object.keys(DTYPE_BYTES).join(', ')}`, dtype);
  const count = Array.isArray(shape) ? elementCount(shape) : undefined;
  if (count === undefined) fail(`tensor ${name} has shape ${describeValue(shape)}`, shape);
  const [begin, end] = Array.isArray(offsets) && offsets.length === 2 ? (offsets as unknown[]) : [];
  if (!isOffset(begin) || !isOffset(end) || begin > end || end > size - dataStart)
    fail(
      `tensor ${name} has data_offsets ${describeValue(offsets)} outside the ${size - dataStart} bytes of data`,
      offsets,
    );
  const bytes = count! * DTYPE_BYTES[dtype as TensorDtype];
  if ((end as number) - (begin as number) !== bytes)
    fail(
      `tensor ${name} of shape ${describeValue(shape)} and dtype ${String(dtype)} needs ${bytes} bytes but has ${(end as number) - (begin as number)}`,
      offsets,
    );
  return {
    dtype: dtype as TensorDtype,
    shape: shape as number[],
    start: dataStart + (begin as number),
    end: dataStart + (end as number),
  };
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Types that weights can be stored in. */
export type StorageDtype = 'f32' | 'f16' | 'bf16';
const STORAGE_NAMES: Record<StorageDtype, TensorDtype> = { f32: 'F32', f16: 'F16', bf16: 'BF16' };

/** A safetensors file about to be written. */
export interface SafetensorsOutput {
  /** Size of the whole file. */
  byteLength: number;
  /**
   * The file's bytes in order. f32 chunks are views of the weights; 16-bit ones are converted as they are asked for.
   */
  chunks(): Generator<Uint8Array>;
}

/** Elements converted at once when storing 16-bit types; 2 MiB of output. */
const CHUNK_ELEMENTS = 1 << 20;

/**
 * Lays out a safetensors file holding `weights` in their order. `metadata` defaults to `{ format: 'pt' }`, which
 * Python's `transformers` insists on. With `f16`, values beyond 65,504 throw `invalid_data` naming the tensor instead
 * of becoming infinite.
 */
export function encodeSafetensors(
  weights: Iterable<[string, Weight]>,
  options: { dtype?: StorageDtype; metadata?: Record<string, string> } = {},
): SafetensorsOutput {
  const { dtype = 'f32', metadata = { format: 'pt' } } = options;
  const list = [...weights];
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { shape, data }] of list) {
    if (elementCount(shape) !== data.length)
      throw new AlbertineError('shape_mismatch', `${name} has ${data.length} values but shape [${shape.join(', ')}]`, {
        value: shape,
      });
    const overflow = dtype === 'f16' ? countFloat16Overflow(data) : 0;
    if (overflow > 0)
      throw new AlbertineError('invalid_data', `${name} has ${overflow} values beyond f16's 65,504`, {
        value: name,
        hint: 'Store as bf16 or f32',
      });
    const end = offset + data.length * DTYPE_BYTES[STORAGE_NAMES[dtype]];
    header[name] = { dtype: STORAGE_NAMES[dtype], shape, data_offsets: [offset, end] };
    offset = end;
  }
  const prefix = headerBytes(header);
  return {
    byteLength: prefix.length + offset,
    *chunks() {
      yield prefix;
      for (const [, { data }] of list) yield* storageChunks(data, dtype);
    },
  };
}

/**
 * The length field and the JSON of a header, with spaces up to a multiple of eight so that readers can view the data in
 * place.
 */
export function headerBytes(header: Readonly<Record<string, unknown>>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}

function* storageChunks(data: Float32Array, dtype: StorageDtype): Generator<Uint8Array> {
  if (dtype === 'f32') {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return;
  }
  const convert = dtype === 'f16' ? float32ToFloat16 : float32ToBfloat16;
  for (let start = 0; start < data.length; start += CHUNK_ELEMENTS) {
    const bits = convert(data.subarray(start, start + CHUNK_ELEMENTS));
    yield new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  }
}
