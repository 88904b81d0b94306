import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { encodeSafetensors, openSafetensors, type StorageDtype } from '../../src/checkpoint/safetensors.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { expected, golden, goldenFolder, goldenJson, plain, sha256 } from './goldens.ts';

function encode(weights: Weights, dtype?: StorageDtype): Uint8Array {
  const output = encodeSafetensors(weights, dtype ? { dtype } : {});
  const bytes = Buffer.concat([...output.chunks()]);
  expect(bytes.length).toBe(output.byteLength);
  return bytes;
}

/** A file with the given header and `dataLength` zero bytes. */
function handmade(header: unknown, dataLength: number, headerLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataLength);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(memoryFiles({ 'model.safetensors': bytes }), 'model.safetensors');
const names = Object.keys(expected);
const original: Weights = new Map(
  Object.entries(expected).map(([name, { shape, values }]) => [name, { shape, data: Float32Array.from(values) }]),
);

describe('reading', () => {
  it('reads a file of the official library', async () => {
    const file = await openSafetensors(goldenFolder({ a: 'official-float32.safetensors' }), 'a');
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(plain(await file.read(names))).toEqual(expected);
  });

  it.each(['float16', 'bfloat16'])('widens %s as PyTorch does', async (kind) => {
    const file = await openSafetensors(goldenFolder({ a: `official-${kind}.safetensors` }), 'a');
    const values = await file.read(names);
    expect(
      sha256(
        Buffer.concat(
          names.map(
            (name) =>
              new Uint8Array(
                values.get(name)!.data.buffer,
                values.get(name)!.data.byteOffset,
                values.get(name)!.data.byteLength,
              ),
          ),
        ),
      ),
    ).toBe(goldenJson<Record<string, string>>('rounded-sha256.json')[kind]);
  });

  it('gives views of the bytes read for aligned f32 tensors', async () => {
    const bytes = golden('official-float32.safetensors');
    const values = await (await open(bytes)).read(names);
    expect([...values.values()].every(({ data }) => data.buffer === bytes.buffer)).toBe(true);
  });

  it('copies tensors that are not aligned', async () => {
    const json = { x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    const bytes = handmade(`${JSON.stringify(json)} `.padEnd(Math.ceil(JSON.stringify(json).length / 4) * 4 + 1), 8);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer), bytes.length - 8);
    expect(plain(await (await open(bytes)).read(['x']))).toEqual({ x: { shape: [2], values: [1.5, -2] } });
  });

  it('rejects unknown names', async () => {
    await expect((await open(golden('official-float32.safetensors'))).read(['nope'])).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});

describe('hostile files', () => {
  const f32 = (begin: unknown, end: unknown, shape: unknown = [1]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });
  it.each<[string, Uint8Array]>([
    ['empty', new Uint8Array(0)],
    ['shorter than its length field', new Uint8Array(9)],
    ['a header longer than the file', handmade({}, 0, 1000n)],
    ['a header of 2^63 bytes', handmade({}, 8, 1n << 63n)],
    ['not JSON', handmade('{"x":', 8)],
    [
      'not UTF-8',
      (() => {
        const bytes = handmade('{"xx":1}', 0);
        bytes[10] = 0xff;
        return bytes;
      })(),
    ],
    ['an array', handmade([1], 0)],
    ['null', handmade('null', 8)],
    ['a tensor that is a number', handmade({ x: 3 }, 4)],
    ['an unknown type', handmade({ x: { dtype: 'F4', shape: [1], data_offsets: [0, 4] } }, 4)],
    ['a type from the prototype', handmade({ x: { dtype: 'constructor', shape: [1], data_offsets: [0, 4] } }, 4)],
    ['no shape', handmade({ x: { dtype: 'F32', data_offsets: [0, 4] } }, 4)],
    ['a negative size', handmade({ x: f32(0, 4, [-1]) }, 4)],
    ['a fractional size', handmade({ x: f32(0, 4, [1.5]) }, 4)],
    ['a shape that overflows', handmade({ x: f32(0, 4, [2 ** 40, 2 ** 40]) }, 4)],
    ['a size that does not match', handmade({ x: f32(0, 4, [2]) }, 4)],
    ['offsets beyond the end', handmade({ x: f32(0, 8, [2]) }, 4)],
    ['offsets in the wrong order', handmade({ x: f32(4, 0) }, 4)],
    ['negative offsets', handmade({ x: f32(-4, 0) }, 4)],
    ['offsets that are strings', handmade({ x: f32('0', '4') }, 4)],
    ['overlapping tensors', handmade({ x: f32(0, 8, [2]), y: f32(4, 12, [2]) }, 12)],
    ['a gap between tensors', handmade({ x: f32(0, 4), y: f32(8, 12) }, 12)],
    ['bytes after the last tensor', handmade({ x: f32(0, 4) }, 8)],
  ])('%s', async (_name, bytes) => {
    await expect(open(bytes)).rejects.toMatchObject({ code: 'invalid_file', name: 'AlbertineError' });
  });

  it('a truncated real file', async () => {
    await expect(open(golden('official-float32.safetensors').slice(0, -1))).rejects.toThrow(/ends? at byte|outside/);
  });

  it('any bytes give an AlbertineError or a file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20000), fc.nat(255), async (position, value) => {
        const bytes = golden('official-float32.safetensors');
        bytes[position % 4000] = value;
        await open(bytes).then(
          (file) => file.read([...file.tensors.keys()]),
          (error: Error) => expect(error.name).toBe('AlbertineError'),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('writing', () => {
  it('writes what it reads', async () => {
    const file = await open(encode(original));
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(plain(await file.read(names))).toEqual(expected);
  });

  it.each([
    ['f16', 'float16'],
    ['bf16', 'bfloat16'],
  ] as const)('rounds to %s as the official file has it', async (dtype, kind) => {
    const ours = await (await open(encode(original, dtype))).read(names);
    const official = await (
      await openSafetensors(goldenFolder({ a: `official-${kind}.safetensors` }), 'a')
    ).read(names);
    expect(plain(ours)).toEqual(plain(official));
  });

  it('starts the data at a multiple of eight', async () => {
    const file = await open(encode(new Map([['é', { shape: [1], data: Float32Array.of(1) }]])));
    expect(file.tensors.get('é')!.start % 8).toBe(0);
  });

  it('does not copy f32 values', () => {
    const chunks = [...encodeSafetensors(original).chunks()];
    expect(chunks[1].buffer).toBe(original.get(names[0])!.data.buffer);
  });

  it('keeps empty tensors and scalars', async () => {
    const weights: Weights = new Map([
      ['empty', { shape: [0, 3], data: new Float32Array(0) }],
      ['scalar', { shape: [], data: Float32Array.of(2) }],
    ]);
    expect(plain(await (await open(encode(weights))).read(['empty', 'scalar']))).toEqual({
      empty: { shape: [0, 3], values: [] },
      scalar: { shape: [], values: [2] },
    });
  });

  it('refuses values that f16 cannot hold and shapes that do not match', () => {
    expect(() => encodeSafetensors([['x', { shape: [1], data: Float32Array.of(70000) }]], { dtype: 'f16' })).toThrow(
      /x has 1 values beyond f16/,
    );
    expect(() => encodeSafetensors([['x', { shape: [2], data: Float32Array.of(1) }]])).toThrow(/shape \[2\]/);
  });
});
