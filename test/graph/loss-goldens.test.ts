import { describe, expect, it } from 'vitest';
import { grad } from '../../src/graph/autodiff.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import {
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  weightedCrossEntropy,
} from '../../src/graph/operators/loss.ts';
import { compile } from '../../src/runtime/compile.ts';
import { HostTensor, int64 } from '../../src/runtime/tensor.ts';
import { loadLossGoldens, type LossGolden } from '../oracle/goldens.ts';

const golden = loadLossGoldens();
const rows = golden.logits.length;
const classes = golden.logits[0].length;
const { ignoreIndex, labelSmoothing } = golden;

interface Inputs {
  x: Tensor;
  labels: Tensor;
  ignored: Tensor;
  classWeights: Tensor;
  multiLabels: Tensor;
  targets: Tensor;
  rowWeights: Tensor;
  elementWeights: Tensor;
}

const LOSSES: Record<string, [LossGolden, (t: Inputs) => Tensor]> = {
  crossEntropy: [golden.crossEntropy, (t) => crossEntropy(t.x, t.labels)],
  crossEntropyIgnoreIndex: [golden.crossEntropyIgnoreIndex, (t) => crossEntropy(t.x, t.ignored, { ignoreIndex })],
  crossEntropyClassWeights: [
    golden.crossEntropyClassWeights,
    (t) => crossEntropy(t.x, t.ignored, { ignoreIndex, classWeights: t.classWeights }),
  ],
  crossEntropyLabelSmoothing: [
    golden.crossEntropyLabelSmoothing,
    (t) => crossEntropy(t.x, t.ignored, { ignoreIndex, labelSmoothing }),
  ],
  crossEntropyClassWeightsLabelSmoothing: [
    golden.crossEntropyClassWeightsLabelSmoothing,
    (t) => crossEntropy(t.x, t.ignored, { ignoreIndex, labelSmoothing, classWeights: t.classWeights }),
  ],
  weightedCrossEntropy: [
    golden.crossEntropyLabelSmoothing,
    (t) => weightedCrossEntropy(t.x, t.labels, t.rowWeights, labelSmoothing),
  ],
  binaryCrossEntropy: [golden.binaryCrossEntropy, (t) => binaryCrossEntropy(t.x, t.multiLabels)],
  binaryCrossEntropyPositiveWeights: [
    golden.binaryCrossEntropyPositiveWeights,
    (t) => binaryCrossEntropy(t.x, t.multiLabels, t.elementWeights),
  ],
  meanSquaredError: [golden.meanSquaredError, (t) => meanSquaredError(t.x, t.targets)],
};

const counted = golden.labelsWithIgnored.filter((label) => label !== ignoreIndex).length;
const REALS: Record<string, [number[], number[]]> = {
  x: [[rows, classes], golden.logits.flat()],
  classWeights: [[classes], golden.classWeights],
  multiLabels: [[rows, classes], golden.multiLabels.flat()],
  targets: [[rows, classes], golden.targets.flat()],
  rowWeights: [[rows], golden.labelsWithIgnored.map((label) => (label === ignoreIndex ? 0 : 1 / counted))],
  elementWeights: [
    [rows, classes],
    golden.multiLabels
      .flat()
      .map((label, i) => (1 + (golden.classWeights[i % classes] - 1) * label) / (rows * classes)),
  ],
};

describe.each([
  ['float64', 1e-14],
  ['cpu', 2e-6],
  ['onnx', 2e-6],
] as const)('losses against PyTorch, target %s', (target, tolerance) => {
  it.each(Object.entries(LOSSES))('%s', async (_name, [expected, build]) => {
    const graph = new Graph(target);
    const tensors: Record<string, Tensor> = {};
    const feeds: Record<string, HostTensor> = {
      labels: int64([rows], golden.labels),
      ignored: int64([rows], golden.labelsWithIgnored),
    };
    for (const name of ['labels', 'ignored']) tensors[name] = graph.input(name, ['rows'], { dtype: 'int64' });
    for (const [name, [shape, values]] of Object.entries(REALS)) {
      tensors[name] = graph.input(
        name,
        shape.map((size) => (size === rows ? 'rows' : size)),
        { differentiable: name === 'x' },
      );
      feeds[name] = new HostTensor(
        graph.floatType,
        shape,
        graph.floatType === 'float64' ? Float64Array.from(values) : Float32Array.from(values),
      );
    }
    const loss = build(tensors as unknown as Inputs);
    const [gradient] = grad(loss, [tensors['x']]);
    using compiled = await compile({ outputs: { loss, gradient } });
    const outputs = await compiled.run(feeds);
    expect(Math.abs((outputs['loss'].data as Float64Array)[0] - expected.loss) / expected.loss).toBeLessThan(tolerance);
    const difference = Math.max(
      ...expected.gradient.flat().map((value, i) => Math.abs(value - (outputs['gradient'].data as Float64Array)[i])),
    );
    expect(difference).toBeLessThan(tolerance);
  });

  it('is NaN when no row counts, as in PyTorch', async () => {
    const graph = new Graph(target);
    const logits = graph.input('logits', ['rows', 3]);
    const labels = graph.input('labels', ['rows'], { dtype: 'int64' });
    using compiled = await compile({ outputs: { loss: crossEntropy(logits, labels) } });
    const values = graph.floatType === 'float64' ? new Float64Array(6) : new Float32Array(6);
    const { loss } = await compiled.run({
      logits: new HostTensor(graph.floatType, [2, 3], values),
      labels: int64([2], [-100, -100]),
    });
    expect((loss.data as Float64Array)[0]).toBeNaN();
  });
});
