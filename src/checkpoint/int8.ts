import { AlbertineError } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { countFloat16Overflow, float32ToFloat16 } from '../core/half.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { EncoderInt8 } from '../model/encoder.ts';
import { QUANTIZATION_SITES } from '../model/network.ts';
import { layerPrefix, type Weight, type Weights } from '../model/parameters.ts';
import {
  needsCalibration,
  quantizeMatrix,
  QUANTIZED_DENSE,
  toInt8Weight,
  type Calibration,
  type Int8Matrix,
  type Int8Weight,
} from '../model/quantize.ts';
import { weightsFingerprint } from './fingerprint.ts';
import type { QuantizationSettings } from './quantization.ts';
import { headerBytes, openSafetensors, type SafetensorsOutput } from './safetensors.ts';
import { DTYPE_BYTES, readRanges, type TensorDtype, type TensorSource } from './tensor-source.ts';

/*
 * The int8 format, in one `model.safetensors`:
 * - dense weights of the layers and the word embeddings: I8 `[rows, width]` under their usual name (a dense weight as
 *   `[outputs, inputs]`, as Hugging Face has it), and `<name>_scale` F32 `[rows, 1]`, so that `weight * weight_scale`
 *   gives the float weight back;
 * - other matrices (positions, mapping, pooler, heads): F16; vectors (biases, LayerNorm): F32;
 * - `activation_ranges` F32 `[executed layers, sites, 2]` (minimum, maximum; sites in execution order) when activations
 *   are `static` or `mixed`.
 */

const SCALE = '_scale';
const RANGES = 'activation_ranges';
const WORD_EMBEDDINGS = 'albert.embeddings.word_embeddings.weight';
const LAYER = /^albert\.encoder\.albert_layer_groups\.\d+\.albert_layers\.\d+\.(.+)\.weight$/;

/** True for the dense weights that int8 inference reads as bytes. */
export function isQuantizedDense(name: string): boolean {
  return QUANTIZED_DENSE.includes(LAYER.exec(name)?.[1] ?? '');
}

interface StoredTensor {
  name: string;
  dtype: TensorDtype;
  shape: number[];
  data: Int8Array | Uint16Array | Float32Array;
}

/** Lays out an int8 `model.safetensors` from f32 weights. Peak memory: the bytes of the file. */
export function encodeInt8(
  weights: Weights,
  options: { bits: 7 | 8; calibration?: Calibration | undefined },
): SafetensorsOutput {
  const tensors = [...weights].flatMap(([name, weight]) => storeWeight(name, weight, options.bits));
  if (options.calibration) tensors.push(storeRanges(options.calibration));
  // Wide types first: every tensor then starts at a multiple of its element size.
  tensors.sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  const header: Record<string, unknown> = { __metadata__: { format: 'albertine-int8' } };
  let offset = 0;
  for (const { name, dtype, shape, data } of tensors)
    header[name] = { dtype, shape, data_offsets: [offset, (offset += data.byteLength)] };
  const prefix = headerBytes(header);
  return {
    byteLength: prefix.length + offset,
    *chunks() {
      yield prefix;
      for (const { data } of tensors) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  };
}

function storeWeight(name: string, { shape, data }: Weight, bits: 7 | 8): StoredTensor[] {
  if (name === WORD_EMBEDDINGS || isQuantizedDense(name)) {
    const [rows, width] = shape;
    // The embedding table is never multiplied as bytes, so it needs no reduced range.
    const { values, scales } = quantizeMatrix(data, rows, width, name === WORD_EMBEDDINGS ? 8 : bits);
    return [
      { name, dtype: 'I8', shape, data: values },
      { name: name + SCALE, dtype: 'F32', shape: [rows, 1], data: scales },
    ];
  }
  const fitsHalf = shape.length > 1 && countFloat16Overflow(data) === 0;
  return [fitsHalf ? { name, dtype: 'F16', shape, data: float32ToFloat16(data) } : { name, dtype: 'F32', shape, data }];
}

function storeRanges(calibration: Calibration): StoredTensor {
  const data = Float32Array.from(
    calibration.flatMap((sites) => QUANTIZATION_SITES.flatMap((site) => [sites[site].min, sites[site].max])),
  );
  return { name: RANGES, dtype: 'F32', shape: [calibration.length, QUANTIZATION_SITES.length, 2], data };
}

/** A view of an int8 file in which every weight is a float: what f32 loading, other converters and training read. */
export function dequantizingSource(source: TensorSource): TensorSource {
  const isScale = (name: string): boolean =>
    name.endsWith(SCALE) && source.tensors.get(name.slice(0, -SCALE.length))?.dtype === 'I8';
  const isQuantized = (name: string): boolean =>
    source.tensors.get(name)?.dtype === 'I8' && source.tensors.has(name + SCALE);
  const visible = [...source.tensors].filter(([name]) => !isScale(name) && name !== RANGES);
  return {
    source: `${source.source} (int8)`,
    tensors: new Map(
      visible.map(([name, info]) => [name, isQuantized(name) ? { ...info, dtype: 'F32' as const } : info]),
    ),
    read: async (names) => {
      const stored = await source.read([...names, ...names.filter(isQuantized).map((name) => name + SCALE)]);
      for (const name of names)
        if (isQuantized(name))
          scaleRows(stored.get(name)!, requireScales(stored.get(name + SCALE)!, stored.get(name)!, name));
      return new Map(names.map((name) => [name, stored.get(name)!]));
    },
  };
}

function scaleRows({ shape, data }: Weight, scales: Float32Array): void {
  const width = data.length / shape[0];
  for (let row = 0; row < shape[0]; row++) for (let i = row * width; i < (row + 1) * width; i++) data[i] *= scales[row];
}

function requireScales(scales: Weight, weight: { shape: number[] }, name: string): Float32Array {
  if (scales.data.length !== weight.shape[0]) {
    throw new AlbertineError(
      'weights_mismatch',
      `${name}${SCALE} has ${scales.data.length} values, the weight ${weight.shape[0]} rows`,
      { value: scales.shape, hint: 'The file is damaged' },
    );
  }
  if (!scales.data.every(Number.isFinite))
    throw new AlbertineError('not_finite', `${name}${SCALE} holds values that are not finite`, {
      value: name,
      hint: 'The file is damaged',
    });
  return scales.data;
}

/**
 * The bytes of the layers' dense weights, and the calibrated ranges, of an int8 file. Its other tensors are read as
 * floats through {@link dequantizingSource}. Throws `weights_mismatch` for missing or misshapen tensors.
 */
export async function readInt8(
  files: FileSource,
  fileName: string,
  context: { config: AlbertConfig; settings: QuantizationSettings },
): Promise<EncoderInt8> {
  const { config, settings } = context;
  const file = await openSafetensors(files, fileName);
  const readDense = async (name: string): Promise<Int8Weight> => {
    const entry = file.tensors.get(name);
    if (entry?.dtype !== 'I8' || !file.tensors.has(name + SCALE))
      throw new AlbertineError(
        'weights_mismatch',
        `${name} must be stored as I8 with ${name}${SCALE}, got ${entry?.dtype ?? 'nothing'}`,
        { value: name },
      );
    const [[bytes], scales] = await Promise.all([readRanges(files, fileName, [entry]), file.read([name + SCALE])]);
    const [outputs, inputs] = entry.shape;
    const matrix: Int8Matrix = {
      values: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      scales: requireScales(scales.get(name + SCALE)!, entry, name),
    };
    return toInt8Weight(matrix, outputs, inputs);
  };
  const layers: EncoderInt8['layers'] = [];
  for (let group = 0; group < config.numHiddenGroups; group++) {
    for (let layer = 0; layer < config.innerGroupNum; layer++) {
      const dense = new Map<string, Int8Weight>();
      for (const name of QUANTIZED_DENSE)
        dense.set(name, await readDense(`${layerPrefix(group, layer)}.${name}.weight`));
      layers.push(dense);
    }
  }
  const calibration = needsCalibration(settings.activations)
    ? parseRanges(config, file.tensors.has(RANGES) ? (await file.read([RANGES])).get(RANGES) : undefined)
    : undefined;
  return { layers, activations: settings.activations, calibration };
}

function parseRanges(config: AlbertConfig, stored: Weight | undefined): Calibration {
  const shape = [config.numHiddenLayers * config.innerGroupNum, QUANTIZATION_SITES.length, 2];
  if (stored?.shape.join() !== shape.join()) {
    throw new AlbertineError(
      'weights_mismatch',
      `${RANGES} must have shape [${shape.join(', ')}], ${stored ? `has [${stored.shape.join(', ')}]` : 'is missing'}`,
      { value: stored?.shape },
    );
  }
  return Array.from(
    { length: shape[0] },
    (_, layer) =>
      Object.fromEntries(
        QUANTIZATION_SITES.map((site, i) => {
          const at = (layer * QUANTIZATION_SITES.length + i) * 2;
          return [site, { min: stored.data[at], max: stored.data[at + 1] }];
        }),
      ) as Calibration[number],
  );
}

/**
 * Content hash of an int8 model: bytes, scales and calibrated ranges besides the float weights. See
 * {@link weightsFingerprint}.
 */
export async function int8Fingerprint(weights: Weights, int8: EncoderInt8): Promise<string> {
  const all: Weights = new Map(weights);
  int8.layers.forEach((layer, index) => {
    for (const [name, { inputs, outputs, values, scales }] of layer) {
      all.set(`int8.${index}.${name}.weight`, { shape: [inputs, outputs], data: asWords(values) });
      all.set(`int8.${index}.${name}.weight${SCALE}`, { shape: [outputs], data: scales });
    }
  });
  if (int8.calibration) {
    const { shape, data } = storeRanges(int8.calibration);
    all.set(RANGES, { shape, data: data as Float32Array });
  }
  return weightsFingerprint(all);
}

/** The same bytes seen as 32-bit words, zero-filled to a whole number of them. */
function asWords(bytes: Int8Array): Float32Array {
  const whole = bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0;
  const padded = whole ? bytes : new Int8Array(Math.ceil(bytes.length / 4) * 4);
  if (!whole) padded.set(bytes);
  return new Float32Array(padded.buffer, padded.byteOffset, padded.length / 4);
}
