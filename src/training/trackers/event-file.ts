import type { HistogramSummary } from './histogram.ts';
import type { HyperParameter, RunOutcome } from './tracker.ts';

/**
 * TensorBoard's on-disk format, encoded by hand: TFRecord framing around `Event` protocol buffers
 * (tensorflow/core/util/event.proto, framework/summary.proto; tensorboard/plugins/hparams/plugin_data.proto).
 */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of `bytes`, unsigned. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as TFRecord stores it: rotated and offset, so that data which embeds checksums does not defeat them. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** One record: length (uint64), its checksum, the data, its checksum; little-endian. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(12 + data.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return record;
}

type Bytes = Uint8Array;

function varint(value: number | bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
}

function concat(parts: readonly (Bytes | readonly number[])[]): Bytes {
  const joined = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}

const littleEndian = (size: 4 | 8, value: number): Bytes => {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return bytes;
};

/** Protocol-buffer fields by wire type. */
const field = {
  integer: (number: number, value: number): Bytes => concat([varint(number << 3), varint(value)]),
  double: (number: number, value: number): Bytes => concat([varint((number << 3) | 1), littleEndian(8, value)]),
  float: (number: number, value: number): Bytes => concat([varint((number << 3) | 5), littleEndian(4, value)]),
  bytes: (number: number, value: Bytes): Bytes => concat([varint((number << 3) | 2), varint(value.length), value]),
  text: (number: number, value: string): Bytes => field.bytes(number, new TextEncoder().encode(value)),
  message: (number: number, ...fields: Bytes[]): Bytes => field.bytes(number, concat(fields)),
  packedDoubles: (number: number, values: readonly number[]): Bytes => field.bytes(number, concat(values.map((value) => littleEndian(8, value)))),
};

/** Numbers of enumerations in TensorFlow's and TensorBoard's protocol buffers. */
const DT_FLOAT = 1;
const DT_STRING = 7;
const DATA_CLASS_TENSOR = 2;
const SESSION_START = 1;
const STATUS: Record<RunOutcome, number> = { finished: 1, failed: 2, interrupted: 2 };

/** An `Event`: the wall time in seconds, the step and one further field. */
function event(seconds: number, step: number, content: Bytes): Bytes {
  return concat([field.double(1, seconds), field.integer(2, step), content]);
}

const summary = (...values: Bytes[]): Bytes => field.message(5, ...values.map((value) => field.bytes(1, value)));
/** `SummaryMetadata` that hands a value to a plug-in. */
const metadata = (plugin: string, content: Bytes = new Uint8Array()): Bytes => field.message(9, field.message(1, field.text(1, plugin), field.bytes(2, content)), field.integer(4, DATA_CLASS_TENSOR));
/** `TensorShapeProto` of a vector. */
const vectorShape = (size: number): Bytes => field.message(2, field.message(2, field.integer(1, size)));

/** The first record of every file. */
export function versionEvent(seconds: number): Bytes {
  return concat([field.double(1, seconds), field.text(3, 'brain.Event:2')]);
}

/** Tells TensorBoard that a resumed run starts at `step`: what earlier files hold for this and later steps is dropped. */
export function sessionStartEvent(seconds: number, step: number): Bytes {
  return event(seconds, step, field.message(7, field.integer(1, SESSION_START)));
}

/** Scalars of one step, stored as float32. */
export function scalarsEvent(seconds: number, step: number, values: readonly (readonly [tag: string, value: number])[]): Bytes {
  return event(seconds, step, summary(...values.map(([tag, value]) => concat([field.text(1, tag), field.float(2, value)]))));
}

/** A Markdown text. */
export function textEvent(seconds: number, step: number, [tag, text]: readonly [tag: string, text: string]): Bytes {
  const tensor = field.message(8, field.integer(1, DT_STRING), vectorShape(1), field.text(8, text));
  return event(seconds, step, summary(concat([field.text(1, tag), tensor, metadata('text')])));
}

/** A histogram as `HistogramProto`. */
export function histogramEvent(seconds: number, step: number, [tag, histogram]: readonly [tag: string, histogram: HistogramSummary]): Bytes {
  const { min, max, count, sum, sumOfSquares, bucketLimits, bucketCounts } = histogram;
  const content = field.message(
    5, field.double(1, min), field.double(2, max), field.double(3, count), field.double(4, sum), field.double(5, sumOfSquares),
    field.packedDoubles(6, bucketLimits), field.packedDoubles(7, bucketCounts),
  );
  return event(seconds, step, summary(concat([field.text(1, tag), content])));
}

/** One value for the hyper-parameter plug-in, which reads the metadata only; the tensor is a placeholder. */
function hyperParameterValue(tag: string, data: Bytes): Bytes {
  const placeholder = field.message(8, field.integer(1, DT_FLOAT), vectorShape(1), field.float(5, 0));
  return concat([field.text(1, tag), placeholder, metadata('hparams', data)]);
}

/** `HParamsPluginData` for a run: the metrics to show, and the settings. */
export function hyperParametersEvent(seconds: number, values: Readonly<Record<string, HyperParameter>>, metricTags: readonly string[]): Bytes {
  const names = Object.keys(values).sort();
  const kinds: Record<string, number> = { string: 1, boolean: 2, number: 3 };
  const infos = names.map((name) => field.message(4, field.text(1, name), field.integer(4, kinds[typeof values[name]])));
  const metrics = metricTags.map((tag) => field.message(5, field.message(1, field.text(2, tag))));
  const experiment = field.message(2, field.double(3, seconds), ...infos, ...metrics);
  const settings = names.map((name) => field.message(1, field.text(1, name), field.bytes(2, structValue(values[name]))));
  const start = field.message(3, ...settings, field.double(5, seconds));
  return event(seconds, 0, summary(hyperParameterValue('_hparams_/experiment', experiment), hyperParameterValue('_hparams_/session_start_info', start)));
}

/** `google.protobuf.Value`. */
function structValue(value: HyperParameter): Bytes {
  if (typeof value === 'number') return field.double(2, value);
  return typeof value === 'string' ? field.text(3, value) : field.integer(4, value ? 1 : 0);
}

/** Tells the hyper-parameter plug-in how the run ended. */
export function sessionEndEvent(seconds: number, outcome: RunOutcome): Bytes {
  const end = field.message(4, field.integer(1, STATUS[outcome]), field.double(2, seconds));
  return event(seconds, 0, summary(hyperParameterValue('_hparams_/session_end_info', end)));
}
