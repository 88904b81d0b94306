import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countValues, emptyHistogram, leastSquaresRange, percentileRange } from '../../src/model/calibrate.ts';
import {
  activationScale,
  dequantizeWeight,
  quantizeMatrix,
  quantizeWeight,
  reduceRange,
  rowRange,
  toInt8Weight,
} from '../../src/model/quantize.ts';
import { detectInt8 } from '../../src/runtime/cpu.ts';

/**
 * `vpmaddubsw`: two neighbouring u8 x s8 products added in 16 bits with saturation, which AVX2 and AVX-512 without VNNI
 * use.
 */
function saturatingPair(a0: number, a1: number, w0: number, w1: number): number {
  return Math.max(-32768, Math.min(32767, a0 * w0 + a1 * w1));
}

/** A dot product the way such a processor computes it. */
function saturatingDot(activations: ArrayLike<number>, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < activations.length; i += 2)
    sum += saturatingPair(activations[i], activations[i + 1], weights[i], weights[i + 1]);
  return sum;
}

const exactDot = (a: ArrayLike<number>, w: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * w[i], 0);

describe('processors without VNNI', () => {
  it('saturate with 8-bit weights and cannot with 7-bit ones', () => {
    const activations = new Uint8Array(64).fill(255);
    const data = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : -1));
    const eight = quantizeMatrix(data, 1, 64, 8).values;
    expect(saturatingDot(activations.subarray(0, 32), eight.subarray(0, 32))).not.toBe(
      exactDot(activations.subarray(0, 32), eight.subarray(0, 32)),
    );
    for (const seven of [quantizeMatrix(data, 1, 64, 7).values, reduceRange(quantizeWeight(data, 1, 64, 8)).values]) {
      expect(Math.max(...seven.map(Math.abs))).toBe(64);
      for (const part of [
        [0, 32],
        [32, 64],
      ]) {
        expect(saturatingDot(activations.subarray(...part), seven.subarray(...part))).toBe(
          exactDot(activations.subarray(...part), seven.subarray(...part)),
        );
      }
    }
    // The argument in general: the largest magnitude of a pair fits.
    expect(255 * 64 * 2).toBeLessThanOrEqual(32767);
    expect(255 * 127 * 2).toBeGreaterThan(32767);
  });

  it('agree with exact sums for any 7-bit weights and any activations', () => {
    const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 16, maxLength: 16 });
    const floats = fc.array(fc.float({ noNaN: true, min: -10, max: 10 }), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(bytes, floats, (activations, weights) => {
        const { values } = reduceRange(quantizeWeight(Float32Array.from(weights), 1, 16, 8));
        return saturatingDot(activations, values) === exactDot(activations, values);
      }),
    );
  });

  it('are recognised by their flags', () => {
    const linux = (flags: string) =>
      detectInt8({
        platform: 'linux',
        architecture: 'x64',
        readFile: () => `processor : 0\nflags\t\t: fpu ${flags} sse\nbugs :\n`,
      });
    for (const flag of ['avx512_vnni', 'avx_vnni', 'amx_int8'])
      expect(linux(`avx2 ${flag}`)).toMatchObject({ exact: true });
    expect(linux('avx2 avx512f')).toMatchObject({ exact: false });
    expect(detectInt8({ platform: 'darwin', architecture: 'arm64' }).exact).toBe(true);
    expect(detectInt8({ platform: 'win32', architecture: 'x64' }).exact).toBe(false);
    expect(
      detectInt8({
        platform: 'linux',
        architecture: 'x64',
        readFile: () => {
          throw new Error('no /proc');
        },
      }).exact,
    ).toBe(false);
  });
});

describe('quantised weights', () => {
  it('are within half a step, in either layout', () => {
    const data = Float32Array.from({ length: 130 * 70 }, (_, i) => Math.sin(i * 1.7) * (1 + (i % 70)));
    for (const bits of [7, 8] as const) {
      const matrix = quantizeMatrix(data, 130, 70, bits);
      const back = dequantizeWeight(toInt8Weight(matrix, 130, 70));
      back.forEach((value, i) =>
        expect(Math.abs(value - data[i])).toBeLessThanOrEqual(matrix.scales[Math.floor(i / 70)] * 0.5001),
      );
    }
  });

  it('a row of zeros stays zero', () =>
    expect([...dequantizeWeight(quantizeWeight(new Float32Array(8), 2, 4))]).toEqual(new Array(8).fill(0)));
});

describe('activation ranges', () => {
  it('contain zero exactly', () => {
    for (const [range, zeroPoint] of [
      [{ min: -1, max: 1 }, 128],
      [{ min: 0.5, max: 2 }, 0],
      [{ min: -3, max: -1 }, 255],
      [{ min: 0, max: 0 }, 0],
    ] as const) {
      expect(activationScale(range).zeroPoint).toBe(zeroPoint);
    }
  });

  it('cut a lone outlier by count, and by error only when that pays', () => {
    const values = Float32Array.from({ length: 200_000 }, (_, i) => Math.sin(i) * 2);
    values[7] = 100;
    const histogram = emptyHistogram({ min: -2, max: 100 });
    countValues(histogram, values);
    expect(percentileRange(histogram).max).toBeLessThan(2.2);
    expect(percentileRange(histogram).min).toBeCloseTo(-2, 1);
    // Squared error of 200,000 values at step s is 200,000 s^2 / 12: 2,667 with nothing cut, 1,706 + 20^2 at 80, 960 +
    // 40^2 at 60.
    expect(leastSquaresRange(histogram).max).toBeCloseTo(80, 5);
    const even = emptyHistogram({ min: -2, max: 2 });
    countValues(
      even,
      values.map((value) => Math.min(2, value)),
    );
    expect(leastSquaresRange(even)).toEqual({ min: -2, max: 2 });
  });

  it('leave room below zero only where an activation function goes there', () => {
    expect(rowRange('feedForwardInner', 'relu')).toEqual({ zeroPoint: 0, lowest: 0 });
    expect(rowRange('feedForwardInner', 'gelu_tanh')).toEqual({ zeroPoint: 16, lowest: -0.1701 });
    expect(rowRange('attentionContext', 'relu')).toEqual({ zeroPoint: 128 });
  });
});
