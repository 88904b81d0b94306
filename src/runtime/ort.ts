import { AlbertineError } from '../core/errors.ts';
import type * as OrtModule from 'onnxruntime-web';

/** ONNX Runtime's JavaScript interface; the native and the WebAssembly package share it. */
export type Ort = typeof OrtModule;
export type OrtTensor = OrtModule.Tensor;
export type OrtSession = OrtModule.InferenceSession;

/** Which build of ONNX Runtime is in use. */
export type Engine = 'native' | 'wasm';

/** The loaded runtime, and why it is not the native one if it is not. */
export interface LoadedOrt {
  ort: Ort;
  engine: Engine;
  /** Set when the native package could not be loaded and WebAssembly (about five times slower) stands in. */
  fallbackReason?: string;
}

let loading: Promise<LoadedOrt> | undefined;

/**
 * Loads ONNX Runtime once: `onnxruntime-node` where it is installed, else `onnxruntime-web`.
 * `ALBERTINE_ENGINE=native|wasm` forces one. Throws `runtime_unavailable` when neither loads.
 */
export function loadOrt(): Promise<LoadedOrt> {
  loading ??= loadOnce().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function loadOnce(): Promise<LoadedOrt> {
  const forced = typeof process === 'undefined' ? undefined : process.env['ALBERTINE_ENGINE'];
  let fallbackReason: string | undefined;
  if (forced !== 'wasm' && typeof process !== 'undefined' && process.versions?.node) {
    try {
      const native = (await import('onnxruntime-node')) as unknown as Ort & { default?: Ort };
      return { ort: native.InferenceSession ? native : native.default!, engine: 'native' };
    } catch (cause) {
      fallbackReason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
      if (forced === 'native') throw unavailable('onnxruntime-node', cause);
    }
  }
  try {
    const ort = await import('onnxruntime-web');
    return { ort, engine: 'wasm', ...(fallbackReason !== undefined && { fallbackReason }) };
  } catch (cause) {
    throw unavailable('onnxruntime-web', cause);
  }
}

function unavailable(name: string, cause: unknown): AlbertineError {
  return new AlbertineError('runtime_unavailable', `${name} cannot be loaded`, {
    value: name,
    cause,
    hint: 'Install it with: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node (the variable avoids a CUDA download that is not needed).',
  });
}
