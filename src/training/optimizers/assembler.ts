/**
 * A minimal WebAssembly assembler: just the instructions that the optimiser kernels need, with their encodings from the
 * core specification (binary format, section 5). Code is an array of bytes; expressions nest as function calls.
 */
export type Code = number[];

/** Value types of parameters, results and locals. */
export const VALUE_TYPES = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type ValueType = keyof typeof VALUE_TYPES;

/** A function of the module. It is exported under its name. */
export interface WasmFunction {
  name: string;
  parameters: ValueType[];
  results: ValueType[];
  locals: ValueType[];
  body: Code;
}

const unsigned = (value: number): Code => {
  const bytes: Code = [];
  do {
    const byte = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? byte : byte | 0x80);
  } while (value !== 0);
  return bytes;
};

const signed = (value: number): Code => {
  const bytes: Code = [];
  for (;;) {
    const byte = value & 0x7f;
    value >>= 7;
    const done = (value === 0 && (byte & 0x40) === 0) || (value === -1 && (byte & 0x40) !== 0);
    bytes.push(done ? byte : byte | 0x80);
    if (done) return bytes;
  }
};

const binary =
  (...opcode: Code) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];
const unary =
  (...opcode: Code) =>
  (a: Code): Code => [...a, ...opcode];
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];

/** Both loads and stores state their alignment as an exponent: 2^4 bytes. */
const ALIGNED_16 = [0x04, 0x00];
/** Lanes 8-15 of a vector, moved to the low half. */
const HIGH_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const i32Const = (value: number): Code => [0x41, ...signed(value)];
export const i32Add = binary(0x6a);
export const i32LessUnsigned = binary(0x49);
export const f64Add = binary(0xa0);

export const v128Load = (address: Code): Code => [...address, ...simd(0), ...ALIGNED_16];
export const v128Store = (address: Code, value: Code): Code => [...address, ...value, ...simd(11), ...ALIGNED_16];
export const f32x4Splat = unary(...simd(19));
export const f32x4Sqrt = unary(...simd(227));
export const f32x4Add = binary(...simd(228));
export const f32x4Sub = binary(...simd(229));
export const f32x4Mul = binary(...simd(230));
export const f32x4Div = binary(...simd(231));
export const f64x2Add = binary(...simd(240));
export const f64x2Mul = binary(...simd(242));
/** Lanes 0 and 1 as float64. */
export const f64x2PromoteLow = unary(...simd(95));
/** Lanes 2 and 3 as float64; `vector` is evaluated twice. */
export const f64x2PromoteHigh = (vector: Code): Code =>
  f64x2PromoteLow([...vector, ...vector, ...simd(13), ...HIGH_HALF]);
export const f64x2Lane = (vector: Code, lane: 0 | 1): Code => [...vector, ...simd(33), lane];

/** Runs `body` and repeats it while `condition` (an i32) is not zero: the body runs at least once. */
export const doWhile = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0x00, 0x0b];

/** Bytes of a module with these functions that imports its memory as `env.memory`. */
export function assembleModule(functions: readonly WasmFunction[]): Uint8Array {
  const types = functions.map(({ parameters, results }) => [0x60, ...typeVector(parameters), ...typeVector(results)]);
  const memoryImport = [...text('env'), ...text('memory'), 0x02, 0x00, ...unsigned(1)];
  const bodies = functions.map(({ locals, body }) => {
    const code = [...vector(locals.map((type) => [1, VALUE_TYPES[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0, // "\0asm", version 1
    ...section(1, vector(types)),
    ...section(2, vector([memoryImport])),
    ...section(3, vector(functions.map((_, index) => unsigned(index)))),
    ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
    ...section(10, vector(bodies)),
  ]);
}

const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const typeVector = (types: readonly ValueType[]): Code => vector(types.map((type) => [VALUE_TYPES[type]]));
const text = (value: string): Code => vector([...new TextEncoder().encode(value)].map((byte) => [byte]));
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
