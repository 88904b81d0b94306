/**
 * The part of the `WebAssembly` global that this package uses. TypeScript declares it only together with the browser's
 * DOM types, which a library for Node must not pull in.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

interface WasmApi {
  Memory: new (description: { initial: number; maximum: number }) => WasmMemory;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: Record<string, Record<string, unknown>>,
  ) => { exports: Record<string, unknown> };
  validate(bytes: Uint8Array): boolean;
}

const PAGE_BYTES = 65536;
/** One page below 4 GiB, so that a buffer's end is still a 32-bit address. */
const MAX_PAGES = 65535;
const wasm = (globalThis as { WebAssembly?: WasmApi }).WebAssembly;

/**
 * Zeroed memory of at least `bytes` that never grows (growing would detach every view); undefined where it cannot be
 * had.
 */
export function allocateWasmMemory(bytes: number): WasmMemory | undefined {
  const pages = Math.max(1, Math.ceil(bytes / PAGE_BYTES));
  if (!wasm || pages > MAX_PAGES) return undefined;
  try {
    return new wasm.Memory({ initial: pages, maximum: pages });
  } catch {
    // An engine or address-space limit; the caller falls back to ordinary arrays.
    return undefined;
  }
}

/** Compiles a module that imports `memory` as `env.memory`; undefined when the engine lacks one of its instructions. */
export function instantiateWasm(bytes: Uint8Array, memory: WasmMemory): Record<string, unknown> | undefined {
  if (!wasm?.validate(bytes)) return undefined;
  return new wasm.Instance(new wasm.Module(bytes), { env: { memory } }).exports;
}
