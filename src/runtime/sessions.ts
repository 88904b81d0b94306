import type { OrtModule, OrtTensor } from './ort.ts';

/** What a compiled graph needs of ONNX Runtime's session. */
export interface RunnableSession {
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor | null>>,
  ): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/**
 * Where sessions are made and run, if not on the thread that asks: see `openSessionThread`. Its runs give all results in
 * memory of their own, and none can stay on a device.
 */
export interface SessionHost {
  /** `model` is a serialised ONNX model; it is handed over and must not be used afterwards. */
  create(model: Uint8Array, options: OrtModule.InferenceSession.SessionOptions): Promise<RunnableSession>;
}
