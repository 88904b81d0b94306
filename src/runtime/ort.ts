import { AlbertineError, requireOneOf } from '../core/errors.ts';
import { disableTelemetry } from './telemetry.ts';
import type * as OrtModule from 'onnxruntime-web';

export type { OrtModule };

/** ONNX Runtime's JavaScript interface; the native and the WebAssembly package share it. */
export type Ort = typeof OrtModule;
export type OrtTensor = OrtModule.Tensor;

const ENGINES = ['native', 'wasm'] as const;

/** Which build of ONNX Runtime is in use. */
export type Engine = (typeof ENGINES)[number];

/** The loaded runtime, and why it is not the native one if it is not. */
export interface LoadedOrt {
  /** The module `onnxruntime-node` or `onnxruntime-web`. */
  ort: Ort;
  /** Which of the two it is. */
  engine: Engine;
  /** Set when the native package could not be loaded and WebAssembly (about four times slower) stands in. */
  fallbackReason?: string;
}

const INSTALL_HINT =
  'Install it with: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node (the variable avoids a CUDA download that is not needed).';

let wasmFile: string | undefined;

/**
 * Says where the WebAssembly engine's file `ort-wasm-simd-threaded.wasm` (of `onnxruntime-web/dist`) is served. Needed
 * where a bundler does not take it along, as esbuild does not, to have it from another server, or for threads, which
 * need the engine's script `ort-wasm-simd-threaded.mjs` beside it. A relative URL is relative to the page. Call it
 * before the first model is opened: the engine is loaded once.
 */
export function setWasmFile(url: string | URL): void {
  const { location } = globalThis as { location?: { href: string } };
  wasmFile = location ? new URL(url, location.href).href : String(url);
}

let loading: Promise<LoadedOrt> | undefined;

/**
 * Loads ONNX Runtime once: `onnxruntime-node` where it is installed, else `onnxruntime-web`, with a process warning
 * (code `ALBERTINE_WASM`) in Node. The environment variable `ALBERTINE_ENGINE=native|wasm` forces one.
 * Throws `runtime_unavailable` when none loads, `invalid_argument` for another value of the variable.
 */
export function loadOrt(): Promise<LoadedOrt> {
  loading ??= loadOnce().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function loadOnce(): Promise<LoadedOrt> {
  const inNode = typeof process !== 'undefined' && Boolean(process.versions?.node);
  const forced = (inNode && process.env['ALBERTINE_ENGINE']) || undefined;
  if (forced !== undefined) requireOneOf('ALBERTINE_ENGINE', forced, ENGINES);
  let nativeFailure: unknown;
  if (inNode && forced !== 'wasm') {
    try {
      await disableTelemetry();
      // Bundlers leave it to Node: its binaries fit into no bundle. For browsers package.json has nothing in its place.
      const native = (await import(
        /* webpackIgnore: true */ /* turbopackIgnore: true */ 'onnxruntime-node'
      )) as unknown as Ort & { default?: Ort };
      return { ort: native.InferenceSession ? native : native.default!, engine: 'native' };
    } catch (cause) {
      if (forced === 'native')
        throw new AlbertineError('runtime_unavailable', `onnxruntime-node cannot be loaded: ${firstLine(cause)}`, {
          cause,
          hint: INSTALL_HINT,
        });
      nativeFailure = cause;
    }
  }
  const ort = await loadWasm(nativeFailure);
  if (nativeFailure === undefined) return { ort, engine: 'wasm' };
  const fallbackReason = firstLine(nativeFailure);
  const message = `onnxruntime-node cannot be loaded (${fallbackReason}), so models run on WebAssembly, about four times slower. ${INSTALL_HINT}`;
  process.emitWarning(message, { code: 'ALBERTINE_WASM' });
  return { ort, engine: 'wasm', fallbackReason };
}

async function loadWasm(nativeFailure: unknown): Promise<Ort> {
  try {
    // Its plain build for the processor: the default one has WebGPU's kernels too, at twice the size.
    // @ts-expect-error Its types are declared for the package's own names, not for ours.
    const ort: Ort = await import('#onnxruntime-web');
    if (wasmFile !== undefined) ort.env.wasm.wasmPaths = { wasm: wasmFile };
    return ort;
  } catch (cause) {
    const native =
      nativeFailure === undefined ? '' : `onnxruntime-node cannot be loaded (${firstLine(nativeFailure)}), and `;
    const hint = nativeFailure === undefined ? 'Install it with: npm install onnxruntime-web' : INSTALL_HINT;
    throw new AlbertineError('runtime_unavailable', `${native}onnxruntime-web cannot be loaded: ${firstLine(cause)}`, {
      cause,
      hint,
    });
  }
}

/**
 * Sets the threads of the WebAssembly engine. It has one pool for the whole process, created with the first session, so
 * only the first call counts. A page has one thread unless it is cross-origin isolated and says where the engine is
 * ({@link setWasmFile}): threads are started on the engine's script, which a bundler has made part of another.
 */
export function setWasmThreads(ort: Ort, threads: number): void {
  const { crossOriginIsolated, document } = globalThis as { crossOriginIsolated?: boolean; document?: unknown };
  if (document !== undefined && (crossOriginIsolated !== true || wasmFile === undefined)) {
    ort.env.wasm.numThreads = 1;
    return;
  }
  ort.env.wasm.numThreads = threads;
  if (wasmFile !== undefined && threads > 1)
    ort.env.wasm.wasmPaths = { wasm: wasmFile, mjs: wasmFile.replace(/\.wasm(?=$|\?)/, '.mjs') };
}

/**
 * Has ONNX Runtime print nothing of its own beside the error that it throws where a device is not there. Its level of
 * the session does not reach the code that loads a provider; that of the process does, and counts where no session was
 * made before. The processor's sessions are as they were.
 */
export function quietBeside(ort: Ort, device: string): void {
  if (device !== 'cpu') ort.env.logLevel = 'fatal';
}

function firstLine(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0] : String(error);
}
