import type { EncoderInt8 } from '../model/encoder.ts';
import { reduceRange } from '../model/quantize.ts';
import { detectInt8, type Int8Support } from '../runtime/cpu.ts';
import { loadOrt } from '../runtime/ort.ts';

/** int8 weights that compute exactly here, and what was done to them. */
export interface FittedInt8 {
  int8: EncoderInt8;
  bits: 7 | 8;
  /** Set when precision was given up for this processor. */
  note?: string;
}

/**
 * Brings int8 weights to 7 bits where 8-bit products may saturate (see {@link detectInt8}). `bits` forces either; 8 on
 * a processor without VNNI gives wrong sums wherever two large products meet.
 */
export async function fitToProcessor(
  int8: EncoderInt8,
  storedBits: 7 | 8,
  options: { bits?: 7 | 8 | undefined; support?: Int8Support } = {},
): Promise<FittedInt8> {
  if (storedBits === 7) return { int8, bits: 7 };
  const support = options.support ?? (await supportHere());
  const bits = options.bits ?? (support.exact ? 8 : 7);
  if (bits === 8)
    return {
      int8,
      bits,
      ...(!support.exact && { note: `8-bit weights were asked for although products may saturate: ${support.reason}` }),
    };
  const layers = int8.layers.map((layer) => new Map([...layer].map(([name, weight]) => [name, reduceRange(weight)])));
  const why = options.bits === 7 ? 'as asked' : support.reason;
  return {
    int8: { ...int8, layers },
    bits,
    note: `int8 weights were brought from 8 to 7 bits (${why}); the stored drift is that of 8 bits`,
  };
}

async function supportHere(): Promise<Int8Support> {
  const { engine } = await loadOrt();
  return engine === 'wasm' ? { exact: false, reason: 'WebAssembly hides the processor' } : detectInt8();
}
