/*
 * Results without copies. onnxruntime-node 1.30 copies every result of a run into a new, zero-filled ArrayBuffer, those
 * too that the run has just written into memory of ours (its pull request 32346 would end that). In a training step
 * this took a twentieth of the time, and memory that only the next garbage collection gave back. The copying goes
 * through the outputs in order and throws at one that is not a tensor; by then the run is complete. So compiled graphs
 * begin with such an output, an empty sequence, and a run whose results all have their place asks for it and takes that
 * very error for success. A release that leaves results alone makes test/runtime/uncopied.test.ts fail: then this file
 * can go.
 */
import { concatenate, ProtobufWriter } from '../core/protobuf.ts';
import { Graph } from '../graph/graph.ts';
import { writeOnnx } from '../graph/onnx/model.ts';
import { rawUnary } from '../graph/operators/elementwise.ts';
import type { Ort } from './ort.ts';

/** Name of the output at which copying ends. */
export const STOP_OUTPUT = 'albertine.stop';

/** ONNX's number for float32. */
const FLOAT = 1;

/**
 * Bytes to put in front of a serialised model; as messages that follow each other are merged, they make
 * {@link STOP_OUTPUT} its first output.
 */
export function stopPrefix(): Uint8Array[] {
  const node = new ProtobufWriter().string(2, STOP_OUTPUT).string(3, STOP_OUTPUT).string(4, 'SequenceEmpty');
  const tensorType = new ProtobufWriter().message(1, new ProtobufWriter().integer(1, FLOAT));
  const sequenceType = new ProtobufWriter().message(4, new ProtobufWriter().message(1, tensorType));
  const output = new ProtobufWriter().string(1, STOP_OUTPUT).message(2, sequenceType);
  return new ProtobufWriter().message(7, new ProtobufWriter().message(1, node).message(12, output)).chunks();
}

let probing: Promise<string | undefined> | undefined;

/**
 * The message of the error that ends a run which asks for {@link STOP_OUTPUT}, found by trying it once; undefined for a
 * binding that does not behave as above, with which results have to be taken as they come.
 */
export function stopMessage(ort: Ort): Promise<string | undefined> {
  probing ??= probe(ort);
  return probing;
}

async function probe(ort: Ort): Promise<string | undefined> {
  const graph = new Graph();
  const { chunks } = writeOnnx(graph, { outputs: { y: rawUnary('Neg', graph.input('x', [1])) } });
  const y = Float32Array.of(0);
  try {
    const session = await ort.InferenceSession.create(concatenate([...stopPrefix(), ...chunks]), {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    try {
      await session.run(
        { x: new ort.Tensor('float32', Float32Array.of(1), [1]) },
        { [STOP_OUTPUT]: null, y: new ort.Tensor('float32', y, [1]) },
      );
    } finally {
      await session.release();
    }
  } catch (error) {
    return y[0] === -1 && error instanceof Error ? error.message : undefined;
  }
  return undefined;
}
