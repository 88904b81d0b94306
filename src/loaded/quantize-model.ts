import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { memoryFiles } from '../core/files-memory.ts';
import { requireOptions, type OptionKinds } from '../core/options.ts';
import { ProgressMeter, type ProgressListener } from '../core/progress.ts';
import { writeConfig } from '../checkpoint/config-json.ts';
import { encodeInt8 } from '../checkpoint/int8.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { writeQuantization, type QuantizationDrift, type QuantizationSettings } from '../checkpoint/quantization.ts';
import type { SafetensorsOutput } from '../checkpoint/safetensors.ts';
import type { EncoderBatch } from '../model/batch.ts';
import { calibrate } from '../model/calibrate.ts';
import { RANGE_METHODS, type RangeMethod } from '../model/quantize.ts';
import { measureDrift, type LayerDrift } from '../model/drift.ts';
import { AlbertEncoder, type EncoderInt8 } from '../model/encoder.ts';
import { requireFiniteWeights } from '../model/finite.ts';
import type { Weights } from '../model/parameters.ts';
import { ACTIVATION_QUANTIZATIONS, needsCalibration, type ActivationQuantization } from '../model/quantize.ts';
import type { Albert } from './albert.ts';
import { fitToProcessor } from './int8-processor.ts';
import { SAMPLE_TEXTS } from './sample-texts.ts';
import { splitText } from './text-windows.ts';

const QUANTIZE_OPTIONS: OptionKinds<QuantizeOptions> = {
  activations: 'string',
  ranges: 'string',
  bits: 'number',
  sampleTexts: 'list',
  onProgress: 'function',
  signal: 'object',
};

/** Options of {@link quantizeModel}. */
export interface QuantizeOptions {
  /**
   * Default `mixed`: 2 to 5 % slower than `static`, as independent of batch mates, and several times closer to f32
   * wherever single tokens have far larger values than the others; `perRow` is as close, slower, and needs no sample.
   */
  activations?: ActivationQuantization;
  /**
   * How calibrated ranges are chosen. Default `minMax`: cutting ranges gained nothing measurable and risks the rare
   * large values.
   */
  ranges?: RangeMethod;
  /**
   * Bits of stored dense weights. Default 8; 7 gives the same vectors on every processor, with twice the rounding
   * error.
   */
  bits?: 7 | 8;
  /**
   * Every third text measures the drift, the others calibrate (`static` and `mixed`). At least 3. Default: sixty
   * sentences, English and Chinese.
   */
  sampleTexts?: readonly string[];
  /** Told about texts that calibrate or measure. */
  onProgress?: ProgressListener;
  /** Stops between texts with `interrupted`. */
  signal?: AbortSignal;
}

/** An int8 model, ready to be saved or run. */
export interface QuantizedModel {
  /** What is stored beside the weights so that the model runs as it was measured. */
  settings: QuantizationSettings;
  /** Also in `settings`. */
  drift: QuantizationDrift;
  /** The bytes of `model.safetensors`. */
  tensors: SafetensorsOutput;
  /** Everything but the dense weights of the layers, as rounded for storage. */
  weights: Weights;
  /** As stored, 8-bit weights even where the processor wants 7. */
  int8: EncoderInt8;
  /** What the user should know. */
  notes: string[];
}

/** Longest sample used, in tokens; the rest of a text is left out. */
const SAMPLE_TOKENS = 128;
/** More texts than this add time, not precision: of a longer sample this many are taken, evenly spread. */
const MAX_SAMPLES = 300;

/** What the main entry's function of this name loads; it says more. */
export async function quantizeModel(model: Albert, options: QuantizeOptions = {}): Promise<QuantizedModel> {
  requireOptions('quantizeModel', options, QUANTIZE_OPTIONS);
  const { bits = 8, signal } = options;
  const activations = requireOneOf('activations', options.activations ?? 'mixed', ACTIVATION_QUANTIZATIONS);
  const ranges = requireOneOf('ranges', options.ranges ?? 'minMax', RANGE_METHODS);
  if (model.loaded.int8)
    throw new AlbertineError('invalid_argument', 'this model is int8 already', {
      value: model.fingerprint,
      hint: 'Quantise the f32 checkpoint it was made from; rounding twice loses precision.',
    });
  requireFiniteWeights(model.weights, model.loaded.source);
  const sample = splitSample(model, options.sampleTexts ?? SAMPLE_TEXTS);
  const passes = !needsCalibration(activations) ? 0 : ranges === 'minMax' ? 1 : 2;
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'quantising',
    unit: 'texts',
    total: passes * sample.calibration.length + sample.heldOut.length,
  });
  const track = (batches: readonly EncoderBatch[]): Iterable<EncoderBatch> => ({
    [Symbol.iterator]: () => tracked(batches, { meter, signal }),
  });
  const calibration = needsCalibration(activations)
    ? await calibrate(model.encoder, track(sample.calibration), ranges)
    : undefined;
  const tensors = encodeInt8(model.weights, { bits, calibration });
  const settings: Omit<QuantizationSettings, 'drift'> = {
    activations,
    bits,
    ...(calibration && { ranges, calibrationTexts: sample.calibration.length }),
  };
  const stored = await reopen(model, tensors, settings);
  const fitted = await fitToProcessor(stored.int8, bits);
  const layers = await driftOf(model, { ...stored, int8: fitted.int8 }, track(sample.heldOut));
  meter.finish();
  const drift = {
    texts: sample.heldOut.length,
    tokens: sample.heldOut.reduce((sum, { sequenceLength }) => sum + sequenceLength, 0),
    layers,
  };
  const notes = [
    ...sample.notes,
    ...(fitted.bits < bits ? [`this processor runs 7 bits, and so the drift was measured (${fitted.note ?? ''})`] : []),
  ];
  return { settings: { ...settings, drift }, drift, tensors, ...stored, notes };
}

/** The weights exactly as a reader of the stored file gets them. */
async function reopen(
  model: Albert,
  tensors: SafetensorsOutput,
  settings: Omit<QuantizationSettings, 'drift'>,
): Promise<{ weights: Weights; int8: EncoderInt8 }> {
  const bytes = new Uint8Array(tensors.byteLength);
  let position = 0;
  for (const chunk of tensors.chunks()) {
    bytes.set(chunk, position);
    position += chunk.byteLength;
  }
  const unmeasured: LayerDrift[] = [
    { depth: 0, tokens: { min: 1, mean: 1, p5: 1 }, pooled: { min: 1, mean: 1, p5: 1 } },
  ];
  const extra = writeQuantization({ ...settings, drift: { texts: 0, tokens: 0, layers: unmeasured } });
  const config = writeConfig(model.config, { ...model.checkpoint.details, extra });
  const checkpoint = await openCheckpoint(
    memoryFiles({ 'model.safetensors': bytes, 'config.json': JSON.stringify(config) }),
  );
  const { weights, int8 } = await checkpoint.load({ int8: true, heads: model.loaded.heads });
  return { weights, int8: int8! };
}

async function driftOf(
  model: Albert,
  stored: { weights: Weights; int8: EncoderInt8 },
  batches: Iterable<EncoderBatch>,
): Promise<LayerDrift[]> {
  const encoder = await AlbertEncoder.create(model.config, stored.weights, { int8: stored.int8 });
  try {
    return await measureDrift(model.encoder, encoder, batches);
  } finally {
    encoder[Symbol.dispose]();
  }
}

interface Sample {
  calibration: EncoderBatch[];
  heldOut: EncoderBatch[];
  notes: string[];
}

/** One batch a text, so that nothing is padded; every third text is held out. */
function splitSample(model: Albert, texts: readonly string[]): Sample {
  const filled = texts.filter((text) => text.trim() !== '');
  if (filled.length < 3)
    throw new AlbertineError('invalid_argument', `an int8 sample needs at least 3 texts, got ${filled.length}`, {
      value: filled.length,
      hint: 'A hundred sentences like the ones to be embedded are plenty.',
    });
  const used =
    filled.length <= MAX_SAMPLES
      ? filled
      : Array.from({ length: MAX_SAMPLES }, (_, i) => filled[Math.floor((i * filled.length) / MAX_SAMPLES)]);
  const notes =
    used.length < texts.length
      ? [
          `${used.length} of ${texts.length} sample texts were used (empty ones are passed over, longer samples thinned out)`,
        ]
      : [];
  const maxLength = Math.min(SAMPLE_TOKENS, model.config.maxPositionEmbeddings);
  const sample: Sample = { calibration: [], heldOut: [], notes };
  used.forEach((text, index) => {
    const [inputIds] = splitText(model.tokenizer, text, { longText: 'truncate', maxLength, stride: 0 }).windows;
    (index % 3 === 2 ? sample.heldOut : sample.calibration).push({
      batchSize: 1,
      sequenceLength: inputIds.length,
      inputIds,
    });
  });
  return sample;
}

function* tracked(
  batches: readonly EncoderBatch[],
  { meter, signal }: { meter: ProgressMeter; signal: AbortSignal | undefined },
): Generator<EncoderBatch> {
  for (const batch of batches) {
    signal?.throwIfAborted();
    yield batch;
    meter.add(1);
  }
}
