import { AlbertEncoder } from '../../src/model/encoder.ts';
import { loadOrt } from '../../src/runtime/ort.ts';
import { exampleBatch, exampleModel } from './example-model.ts';

/** Run by engine.test.ts in processes of their own, because a process loads ONNX Runtime once. Prints JSON. */
const { engine, fallbackReason } = await loadOrt();
const { config, weights } = exampleModel();
const encoder = await AlbertEncoder.create(config, weights, { threads: Number(process.argv[2] ?? 1) });
const { lastHiddenState, hiddenStates } = await encoder.forward(exampleBatch(2, 7), { layers: 'all' });
encoder[Symbol.dispose]();
const first = hiddenStates.get(1)!;
process.stdout.write(
  JSON.stringify({ engine, fallbackReason, last: Array.from(lastHiddenState), first: Array.from(first) }),
);
