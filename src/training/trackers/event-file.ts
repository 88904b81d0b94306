import { maskedCrc32c } from '../../checkpoint/crc32.ts';
import { ProtobufWriter } from '../../core/protobuf.ts';
import type { HistogramSummary } from './histogram.ts';
import type { HyperParameter, RunOutcome } from './tracker.ts';

/**
 * TensorBoard's on-disk format: TFRecord framing around `Event` protocol buffers
 * (tensorflow/core/util/event.proto, framework/summary.proto; tensorboard/plugins/hparams/plugin_data.proto).
 */

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

/** Numbers of enumerations in TensorFlow's and TensorBoard's protocol buffers. */
const DT_FLOAT = 1;
const DT_STRING = 7;
const DATA_CLASS_TENSOR = 2;
const SESSION_START = 1;
const STATUS: Record<RunOutcome, number> = { finished: 1, failed: 2, interrupted: 2 };

const message = (): ProtobufWriter => new ProtobufWriter();

/** Adds the same field for each of `items`. */
function repeated(writer: ProtobufWriter, field: number, items: readonly ProtobufWriter[]): ProtobufWriter {
  for (const item of items) writer.message(field, item);
  return writer;
}

/** An `Event`: the wall time in seconds and the step; one further field follows. */
const event = (seconds: number, step: number): ProtobufWriter => message().double(1, seconds).integer(2, step);
/** An `Event` with a `Summary` of these values. */
const summaryEvent = (seconds: number, step: number, values: readonly ProtobufWriter[]): Uint8Array =>
  event(seconds, step)
    .message(5, repeated(message(), 1, values))
    .finish();
/** `SummaryMetadata` that hands a value to a plug-in. */
const metadata = (plugin: string, content = message()): ProtobufWriter =>
  message().message(1, message().string(1, plugin).message(2, content)).integer(4, DATA_CLASS_TENSOR);
/** `TensorShapeProto` of a vector. */
const vectorShape = (size: number): ProtobufWriter => message().message(2, message().integer(1, size));

/** The first record of every file. */
export function versionEvent(seconds: number): Uint8Array {
  return message().double(1, seconds).string(3, 'brain.Event:2').finish();
}

/**
 * Tells TensorBoard that a resumed run starts at `step`: what earlier files hold for this and later steps is dropped.
 */
export function sessionStartEvent(seconds: number, step: number): Uint8Array {
  return event(seconds, step).message(7, message().integer(1, SESSION_START)).finish();
}

/** Scalars of one step, stored as float32. */
export function scalarsEvent(
  seconds: number,
  step: number,
  values: readonly (readonly [tag: string, value: number])[],
): Uint8Array {
  return summaryEvent(
    seconds,
    step,
    values.map(([tag, value]) => message().string(1, tag).float(2, value)),
  );
}

/** A Markdown text. */
export function textEvent(
  seconds: number,
  step: number,
  [tag, text]: readonly [tag: string, text: string],
): Uint8Array {
  const tensor = message().integer(1, DT_STRING).message(2, vectorShape(1)).string(8, text);
  return summaryEvent(seconds, step, [message().string(1, tag).message(8, tensor).message(9, metadata('text'))]);
}

/** A histogram as `HistogramProto`. */
export function histogramEvent(
  seconds: number,
  step: number,
  [tag, histogram]: readonly [tag: string, histogram: HistogramSummary],
): Uint8Array {
  const { min, max, count, sum, sumOfSquares, bucketLimits, bucketCounts } = histogram;
  const content = message()
    .double(1, min)
    .double(2, max)
    .double(3, count)
    .double(4, sum)
    .double(5, sumOfSquares)
    .packedDoubles(6, bucketLimits)
    .packedDoubles(7, bucketCounts);
  return summaryEvent(seconds, step, [message().string(1, tag).message(5, content)]);
}

/** One value for the hyper-parameter plug-in, which reads the metadata only; the tensor is a placeholder. */
function hyperParameterValue(tag: string, data: ProtobufWriter): ProtobufWriter {
  const placeholder = message().integer(1, DT_FLOAT).message(2, vectorShape(1)).float(5, 0);
  return message().string(1, tag).message(8, placeholder).message(9, metadata('hparams', data));
}

/** `HParamsPluginData` for a run: the metrics to show, and the settings. */
export function hyperParametersEvent(
  seconds: number,
  values: Readonly<Record<string, HyperParameter>>,
  metricTags: readonly string[],
): Uint8Array {
  const names = Object.keys(values).sort();
  const kinds: Record<string, number> = { string: 1, boolean: 2, number: 3 };
  const experiment = message().double(3, seconds);
  repeated(
    experiment,
    4,
    names.map((name) =>
      message()
        .string(1, name)
        .integer(4, kinds[typeof values[name]]),
    ),
  );
  repeated(
    experiment,
    5,
    metricTags.map((tag) => message().message(1, message().string(2, tag))),
  );
  const start = repeated(
    message(),
    1,
    names.map((name) => message().string(1, name).message(2, structValue(values[name]))),
  ).double(5, seconds);
  return summaryEvent(seconds, 0, [
    hyperParameterValue('_hparams_/experiment', message().message(2, experiment)),
    hyperParameterValue('_hparams_/session_start_info', message().message(3, start)),
  ]);
}

/** `google.protobuf.Value`. */
function structValue(value: HyperParameter): ProtobufWriter {
  if (typeof value === 'number') return message().double(2, value);
  return typeof value === 'string' ? message().string(3, value) : message().integer(4, value ? 1 : 0);
}

/** Tells the hyper-parameter plug-in how the run ended. */
export function sessionEndEvent(seconds: number, outcome: RunOutcome): Uint8Array {
  const end = message().integer(1, STATUS[outcome]).double(2, seconds);
  return summaryEvent(seconds, 0, [hyperParameterValue('_hparams_/session_end_info', message().message(4, end))]);
}
