import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  countFloat16Overflow,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../src/core/half.ts';
import { goldenJson, sha256 } from '../checkpoint/goldens.ts';

const oracle = goldenJson<{ widened: Record<string, string>; narrowed: Record<string, string>; narrowedCount: number }>(
  'half-sha256.json',
);
const formats = {
  f16: { widen: float16ToFloat32, narrow: float32ToFloat16 },
  bf16: { widen: bfloat16ToFloat32, narrow: float32ToBfloat16 },
};
const allBits = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/**
 * The generator's inputs: points halfway between neighbours with one step to each side, then pseudo-random bit
 * patterns.
 */
function narrowInputs(): Float32Array {
  const words: number[] = [];
  for (const { widen } of Object.values(formats)) {
    const values = Float64Array.from(widen(allBits))
      .filter((value) => Number.isFinite(value) && Math.abs(value) < 1e38)
      .sort();
    // -0 and 0 are neighbours too; sorting puts -0 first, NumPy keeps them in an order that makes no difference to the
    // middle.
    const middles = new Uint32Array(
      Float32Array.from({ length: values.length - 1 }, (_, i) => (values[i + 1] + values[i]) / 2).buffer,
    );
    for (const step of [-1, 0, 1]) for (const word of middles) words.push((word + step) >>> 0);
  }
  let state = 1;
  for (let i = 0; i < 100_000; i++) words.push((state = (Math.imul(state, 1664525) + 1013904223) >>> 0));
  return new Float32Array(Uint32Array.from(words.filter((word) => (word & 0x7fffffff) <= 0x7f800000)).buffer);
}

describe.each(['f16', 'bf16'] as const)('%s', (name) => {
  const { widen, narrow } = formats[name];

  it('widens all 65,536 bit patterns as PyTorch does', () => {
    const values = widen(allBits);
    const words = new Uint32Array(values.buffer);
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) words[i] = 0x7fc00000;
    expect(sha256(values)).toBe(oracle.widened[name]);
  });

  it('returns every number to its bit pattern', () => {
    const back = narrow(widen(allBits));
    const isNumber = (bits: number) => !Number.isNaN(widen(Uint16Array.of(bits))[0]);
    expect([...allBits].filter((bits) => isNumber(bits) && back[bits] !== bits)).toEqual([]);
  });

  it('rounds to nearest, ties to even, as PyTorch does', () => {
    const inputs = narrowInputs();
    expect(inputs.length).toBe(oracle.narrowedCount);
    expect(sha256(narrow(inputs))).toBe(oracle.narrowed[name]);
  });

  it('keeps NaN', () => {
    const values = new Float32Array(Uint32Array.of(0x7fc00000, 0x7f800001, 0xffffffff).buffer);
    expect([...widen(narrow(values))]).toEqual([NaN, NaN, NaN]);
  });
});

it('counts what half precision cannot hold', () => {
  expect(countFloat16Overflow(Float32Array.of(65504, 65519.99, 65520, -1e6, Infinity, NaN))).toBe(2);
});
