import { AlbertineError, describeValue } from '../core/errors.ts';
import { RANGE_METHODS, type RangeMethod } from '../model/quantize.ts';
import type { LayerDrift } from '../model/drift.ts';
import { ACTIVATION_QUANTIZATIONS, type ActivationQuantization } from '../model/quantize.ts';

/** How far an int8 model is from its f32 original, on sample text that took no part in calibration. */
export interface QuantizationDrift {
  /** Texts it was measured on. */
  texts: number;
  /** Their tokens. */
  tokens: number;
  /** After every executed layer, the first one first. */
  layers: LayerDrift[];
}

/** What an int8 checkpoint says about itself in `config.json`. */
export interface QuantizationSettings {
  /** How activations become bytes: see `QuantizeOptions.activations`. */
  activations: ActivationQuantization;
  /** Bits of the stored weights of dense layers. */
  bits: 7 | 8;
  /** How ranges were chosen; absent without calibration. */
  ranges?: RangeMethod;
  /** Texts that ranges were calibrated on. */
  calibrationTexts?: number;
  /** As measured when the model was made. */
  drift: QuantizationDrift;
}

const KEY = 'quantization_config';
const METHOD = 'albertine-int8';
const VERSION = 1;

/**
 * The `config.json` entry of an int8 checkpoint. It has a `method` but no `quant_method` on purpose: Python's
 * `transformers` then refuses the checkpoint instead of reading the bytes as floats.
 */
export function writeQuantization(settings: QuantizationSettings): Record<string, unknown> {
  const { activations, bits, ranges, calibrationTexts, drift } = settings;
  return {
    [KEY]: {
      method: METHOD,
      version: VERSION,
      activations,
      weight_bits: bits,
      ...(ranges !== undefined && { activation_ranges: ranges }),
      ...(calibrationTexts !== undefined && { calibration_texts: calibrationTexts }),
      drift: { texts: drift.texts, tokens: drift.tokens, layers: drift.layers.map(roundDrift) },
    },
  };
}

/** Six decimals: enough to tell cosines apart, and readable. */
function roundDrift({ depth, tokens, pooled }: LayerDrift): LayerDrift {
  const round = (value: number): number => Math.round(value * 1e6) / 1e6;
  const summary = ({ min, mean, p5 }: LayerDrift['tokens']) => ({ min: round(min), mean: round(mean), p5: round(p5) });
  return { depth, tokens: summary(tokens), pooled: summary(pooled) };
}

/**
 * Reads the entry from the keys of a config that are not the network's own; returns the other keys. Throws
 * `unsupported` for another program's quantisation or a later version of ours, `invalid_config` for a damaged entry.
 */
export function readQuantization(keys: Record<string, unknown>): {
  settings?: QuantizationSettings;
  others: Record<string, unknown>;
} {
  const { [KEY]: entry, ...others } = keys;
  if (entry === undefined || entry === null) return { others };
  const {
    method,
    quant_method: foreign,
    version,
    activations,
    weight_bits: bits,
    activation_ranges: ranges,
    calibration_texts: calibrationTexts,
    drift,
  } = entry as Record<string, unknown>;
  if (method !== METHOD) {
    throw new AlbertineError(
      'unsupported',
      `the weights are quantised by another program: ${describeValue(method ?? foreign)}`,
      { value: entry, hint: 'Use the unquantised checkpoint; albertine convert --to int8 makes an int8 one from it' },
    );
  }
  if (typeof version !== 'number' || version > VERSION)
    throw new AlbertineError(
      'unsupported',
      `version ${describeValue(version)} of the int8 format is unknown (this program reads ${VERSION})`,
      { value: version, hint: 'Update albertine' },
    );
  const isKnown =
    ACTIVATION_QUANTIZATIONS.some((name) => name === activations) &&
    (bits === 7 || bits === 8) &&
    (ranges === undefined || RANGE_METHODS.some((name) => name === ranges));
  if (!isKnown || !isDrift(drift))
    throw new AlbertineError('invalid_config', `config.${KEY} is damaged: ${describeValue(entry)}`, { value: entry });
  return {
    settings: {
      activations: activations as ActivationQuantization,
      bits: bits as 7 | 8,
      drift,
      ...(ranges !== undefined && { ranges: ranges as RangeMethod }),
      ...(typeof calibrationTexts === 'number' && { calibrationTexts }),
    },
    others,
  };
}

function isDrift(value: unknown): value is QuantizationDrift {
  const drift = value as Partial<QuantizationDrift> | null | undefined;
  return (
    typeof drift?.texts === 'number' &&
    typeof drift.tokens === 'number' &&
    Array.isArray(drift.layers) &&
    drift.layers.length > 0 &&
    drift.layers.every(
      (layer: Partial<LayerDrift>) => typeof layer.pooled?.mean === 'number' && typeof layer.tokens?.mean === 'number',
    )
  );
}

/** The short form for fingerprints: mean cosine of the last layer's pooled vectors to f32, five decimals. */
export function shortDrift({ layers }: QuantizationDrift): string {
  return layers[layers.length - 1].pooled.mean.toFixed(5);
}
