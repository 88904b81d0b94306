import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { requireRealFile } from '../core/wrong-content.ts';
import type { Weight } from '../model/parameters.ts';
import { unpickle, PickleGlobal } from './pickle.ts';
import {
  DTYPE_BYTES,
  elementCount,
  readRanges,
  toFloat32,
  type ByteRange,
  type TensorDtype,
  type TensorSource,
} from './tensor-source.ts';
import { readZipDirectory, requireChecksum, type ZipEntry } from './zip.ts';

/** Element type of each PyTorch storage class. */
const STORAGE_TYPES: Record<string, TensorDtype> = {
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.DoubleStorage': 'F64',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};
const REBUILD_TENSOR = new Set(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2']);
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const ORDERED_DICT = 'collections.OrderedDict';
const allowed = (name: string): boolean =>
  Object.hasOwn(STORAGE_TYPES, name) || REBUILD_TENSOR.has(name) || name === REBUILD_PARAMETER || name === ORDERED_DICT;

/** Where `model.state_dict()` is looked for when the file holds more than that. */
const STATE_KEYS = ['state_dict', 'model_state_dict', 'model'];

/** Longest tensor that may be larger than its storage (as `expand` makes them). */
const MAX_EXPANDED = 1 << 28;

interface Storage {
  key: string;
  dtype: TensorDtype;
  count: number;
}

/** A tensor as PyTorch describes it: a strided window on a storage that others may share. */
interface StridedTensor {
  storage: Storage;
  /** In elements, from the start of the storage. */
  offset: number;
  shape: number[];
  /** In elements. */
  strides: number[];
}

/**
 * Opens a `pytorch_model.bin`: the zip form of PyTorch >= 1.6 or the older plain one. The pickle is read without
 * executing anything: a name other than a tensor, a storage or an `OrderedDict` throws `unsupported` naming it. Values
 * are read on demand; contiguous f32 tensors are views of the bytes read, other layouts are gathered.
 */
export async function openTorchFile(files: FileSource, name: string): Promise<TensorSource> {
  const start = await files.read(name, 0, 4);
  const isZip = start.length === 4 && start[0] === 0x50 && start[1] === 0x4b && start[2] === 3 && start[3] === 4;
  const { root, ranges } = isZip ? await readZipForm(files, name) : await readLegacyForm(files, name);
  const tensors = collectTensors(root, name);
  return {
    source: `pytorch: ${name}`,
    tensors: new Map([...tensors].map(([key, { shape, storage }]) => [key, { shape, dtype: storage.dtype }])),
    read: async (wanted) => {
      const found = wanted.map((key): [string, StridedTensor, StorageRange] => {
        const tensor = tensors.get(key);
        if (!tensor) throw new AlbertineError('not_found', `${name} has no tensor ${key}`, { value: key });
        return [key, tensor, storageRange(tensor.storage, ranges, name)];
      });
      const bytes = await readRanges(
        files,
        name,
        found.map(([, , range]) => range),
      );
      found.forEach(([, { storage }, { checksum }], index) =>
        requireChecksum(bytes[index], checksum, `${name}: storage ${storage.key}`),
      );
      return new Map(found.map(([key, tensor], index) => [key, materialise(tensor, bytes[index])]));
    },
  };
}

/** The bytes of a storage; the older form of the files has no checksums. */
type StorageRange = ByteRange & Partial<Pick<ZipEntry, 'checksum'>>;

interface TorchContent {
  root: unknown;
  /** Bytes of each storage by key. */
  ranges: Map<string, StorageRange>;
}

async function readZipForm(files: FileSource, name: string): Promise<TorchContent> {
  const entries = await readZipDirectory(files, name);
  const pickleName = [...entries.keys()].find((entry) => entry === 'data.pkl' || entry.endsWith('/data.pkl'));
  if (pickleName === undefined) {
    throw new AlbertineError('unsupported', `${name} is a zip file without data.pkl`, {
      value: [...entries.keys()].slice(0, 5),
      hint: 'It was not written by torch.save',
    });
  }
  const prefix = pickleName.slice(0, -'data.pkl'.length);
  const order = entries.get(`${prefix}byteorder`);
  if (order) {
    const text = new TextDecoder().decode(await files.read(name, order.start, order.end)).trim();
    if (text !== 'little') throw new AlbertineError('unsupported', `${name} has ${text}-endian data`, { value: text });
  }
  const { start, end, checksum } = entries.get(pickleName)!;
  const pickle = await files.read(name, start, end);
  requireChecksum(pickle, checksum, `${name}: ${pickleName}`);
  const { value } = unpickle(pickle, { file: name, allowed, call, persistent });
  const storages = `${prefix}data/`;
  return {
    root: value,
    ranges: new Map(
      [...entries]
        .filter(([entry]) => entry.startsWith(storages))
        .map(([entry, range]) => [entry.slice(storages.length), range]),
    ),
  };
}

/** Marks a file of PyTorch < 1.6. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;

/**
 * Magic number, protocol, system information, object, list of storage keys (five pickles), then the storages with their
 * lengths.
 */
async function readLegacyForm(files: FileSource, name: string): Promise<TorchContent> {
  const bytes = await files.read(name);
  const storages = new Map<string, Storage>();
  const remember = (id: unknown): Storage => {
    const storage = persistent(id);
    storages.set(storage.key, storage);
    return storage;
  };
  const options = { file: name, allowed, call, persistent: remember };
  let end = 0;
  const next = (): unknown => {
    const result = unpickle(bytes, { ...options, start: end });
    end = result.end;
    return result.value;
  };
  requireRealFile(name, bytes);
  if (bytes[0] !== 0x80 || next() !== LEGACY_MAGIC) {
    throw new AlbertineError('invalid_file', `${name} is neither a zip nor an old-style PyTorch file`, {
      hint: 'The file is damaged; download it again',
    });
  }
  next();
  const system = next();
  if (system instanceof Map && system.get('little_endian') === false)
    throw new AlbertineError('unsupported', `${name} has big-endian data`);
  const root = next();
  const keys = next();
  const ranges = new Map<string, StorageRange>();
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const key of Array.isArray(keys) ? keys.map(String) : []) {
    const storage = storages.get(key);
    if (!storage)
      throw new AlbertineError('unsupported', `${name}: storage ${key} belongs to no tensor`, { value: key });
    const length = storage.count * DTYPE_BYTES[storage.dtype];
    if (end + 8 + length > bytes.length || Number(data.getBigInt64(end, true)) !== storage.count) {
      throw new AlbertineError('invalid_file', `${name}: storage ${key} does not have its ${storage.count} values`, {
        value: key,
        hint: 'The file is cut short; copy or download it again',
      });
    }
    ranges.set(key, { start: end + 8, end: end + 8 + length });
    end += 8 + length;
  }
  return { root, ranges };
}

function call(name: string, args: unknown[]): unknown {
  if (name === ORDERED_DICT) {
    const entries = Array.isArray(args[0]) ? (args[0] as unknown[]) : [];
    if (!entries.every((entry): entry is [unknown, unknown] => Array.isArray(entry)))
      throw new AlbertineError('invalid_file', 'an OrderedDict is not made of pairs', { value: entries.length });
    return new Map(entries);
  }
  if (name === REBUILD_PARAMETER) return args[0];
  if (REBUILD_TENSOR.has(name)) {
    const [storage, offset, shape, strides] = args as [Storage, number, number[], number[]];
    const wellFormed =
      typeof storage === 'object' &&
      storage !== null &&
      'dtype' in storage &&
      Array.isArray(shape) &&
      Array.isArray(strides) &&
      shape.length === strides.length &&
      elementCount([offset]) !== undefined &&
      elementCount(shape) !== undefined &&
      strides.every((stride) => elementCount([stride]) !== undefined);
    if (!wellFormed)
      throw new AlbertineError(
        'invalid_file',
        `a tensor is not described by a storage, an offset, a shape and strides but by ${args.map(kindOf).join(', ')}`,
        { value: args.length },
      );
    return { storage, offset, shape, strides } satisfies StridedTensor;
  }
  throw new AlbertineError('unsupported', `the pickle calls ${name}`, {
    value: name,
    hint: 'Nothing was executed. Save the weights as safetensors instead',
  });
}

function persistent(id: unknown): Storage {
  const [kind, type, key, , count] = Array.isArray(id) ? (id as unknown[]) : [];
  const dtype = type instanceof PickleGlobal ? STORAGE_TYPES[type.name] : undefined;
  if (kind !== 'storage' || !dtype || elementCount([count]) === undefined)
    throw new AlbertineError('unsupported', `the pickle refers to something other than a storage, ${kindOf(id)}`, {
      value: kindOf(id),
    });
  return { key: String(key), dtype, count: count as number };
}

/** Never the value itself: pickles can nest one list in another so often that no text can hold them. */
function kindOf(value: unknown): string {
  return Array.isArray(value)
    ? `a list of ${value.length}`
    : value instanceof PickleGlobal
      ? value.name
      : value === null
        ? 'None'
        : value instanceof Map
          ? 'a dictionary'
          : typeof value;
}

function isTensor(value: unknown): value is StridedTensor {
  return typeof value === 'object' && value !== null && 'storage' in value && 'strides' in value;
}

function collectTensors(root: unknown, name: string): Map<string, StridedTensor> {
  const candidates = root instanceof Map ? [...STATE_KEYS.map((key) => root.get(key) as unknown), root] : [];
  for (const candidate of candidates) {
    if (!(candidate instanceof Map)) continue;
    const tensors = [...candidate].filter(
      (entry): entry is [string, StridedTensor] => typeof entry[0] === 'string' && isTensor(entry[1]),
    );
    if (tensors.length > 0) return new Map(tensors);
  }
  throw new AlbertineError('invalid_file', `${name} holds no tensors`, {
    hint: `Save model.state_dict(), alone or under ${STATE_KEYS.join(', ')}`,
  });
}

function storageRange(storage: Storage, ranges: ReadonlyMap<string, StorageRange>, name: string): StorageRange {
  const range = ranges.get(storage.key);
  if (!range || range.end - range.start < storage.count * DTYPE_BYTES[storage.dtype]) {
    throw new AlbertineError(
      'invalid_file',
      `${name}: storage ${storage.key} does not have its ${storage.count} values`,
      { value: storage.key },
    );
  }
  return range;
}

/** The tensor's values in row-major order. */
function materialise(tensor: StridedTensor, bytes: Uint8Array): Weight {
  const { storage, offset, shape, strides } = tensor;
  const count = elementCount(shape)!;
  if (count > Math.max(storage.count, MAX_EXPANDED))
    throw new AlbertineError(
      'invalid_file',
      `a tensor of shape [${shape.join(', ')}] repeats a storage of ${storage.count} values`,
      { value: shape },
    );
  const last =
    count === 0 ? offset : offset + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 0) + 1;
  if (last > storage.count)
    throw new AlbertineError(
      'invalid_file',
      `a tensor of shape [${shape.join(', ')}] reaches value ${last} of a storage of ${storage.count}`,
      { value: shape },
    );
  const size = DTYPE_BYTES[storage.dtype];
  if (isContiguous(shape, strides))
    return { shape, data: toFloat32(bytes.subarray(offset * size, (offset + count) * size), storage.dtype) };
  const values = toFloat32(bytes.subarray(0, storage.count * size), storage.dtype);
  const data = new Float32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < count; to++) {
    data[to] = values[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return { shape, data };
}

function isContiguous(shape: number[], strides: number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}
