import { formatShape, sameShape, type Dim } from '../dims.ts';
import { graphOf, lastDim, type Tensor } from '../graph.ts';
import {
  add,
  compare,
  multiply,
  rawAdd,
  rawDivide,
  rawMultiply,
  rawSubtract,
  rawUnary,
  softplus,
  subtract,
  toReal,
  where,
} from './elementwise.ts';
import { mean, rawReshape, rawSum, sum } from './reduce.ts';
import { sumAll } from './shape.ts';
import { AlbertineError } from '../../core/errors.ts';

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** Rows with this label count neither in the loss nor in the mean. Default -100. */
  ignoreIndex?: number;
  /** Share of the target spread evenly over all classes (Szegedy et al. 2016). Default 0. */
  labelSmoothing?: number;
  /**
   * One non-negative weight a class: `[classes]`; the mean is then a weighted mean. With smoothing, each class's share
   * is weighted too, as in PyTorch.
   */
  classWeights?: Tensor;
}

/**
 * Mean cross-entropy of `logits: [rows, classes]` against `labels: [rows]` (int64), as a scalar.
 * With no countable row the loss is NaN, as in PyTorch.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { graph } = logits;
  const { ignoreIndex = -100, labelSmoothing = 0, classWeights } = options;
  const valid = toReal(
    graph.apply('Not', [compare('Equal', labels, graph.integer(ignoreIndex))], labels.shape, { dtype: 'bool' }),
  );
  const safe = where(compare('Equal', labels, graph.integer(ignoreIndex)), graph.integer(0), labels);
  if (!classWeights)
    return weightedCrossEntropy(logits, safe, rawDivide(valid, rawSum(valid, [0], false)), labelSmoothing);
  const ofLabel = rawMultiply(
    valid,
    graph.apply('Gather', [classWeights, safe], labels.shape, { attributes: { axis: 0 } }),
  );
  const total = rawSum(ofLabel, [0], false);
  const onLabel = weightedCrossEntropy(
    logits,
    safe,
    rawMultiply(rawDivide(ofLabel, total), graph.real(1 - labelSmoothing)),
  );
  if (labelSmoothing === 0) return onLabel;
  const share = rawMultiply(rawDivide(valid, total), graph.real(labelSmoothing / fixedClasses(logits)));
  return add(onLabel, crossEntropyOfAllClasses(logits, share, classWeights));
}

/**
 * `sum_i rowWeights[i] * CE(logits[i], labels[i])`, the form a trainer needs when the mean runs over several
 * micro-batches: the caller puts `1 / total count` (and 0 for ignored rows, whose label must still be a valid class)
 * into `rowWeights: [rows]`. A row's loss is capped where its probability underflows (about 87 in float32); its
 * gradient is exact.
 */
export function weightedCrossEntropy(logits: Tensor, labels: Tensor, rowWeights: Tensor, labelSmoothing = 0): Tensor {
  const graph = graphOf(logits, labels, rowWeights);
  const [rows] = logits.shape;
  const classes = fixedClasses(logits);
  const probabilities = rawSoftmax(logits);
  const column = graph.apply('Unsqueeze', [labels, graph.integers([1])], [rows, 1], { dtype: 'int64' });
  const weights = rawReshape(rowWeights, [rows, 1]);
  const losses = smoothedLosses({ probabilities, column, classes, labelSmoothing });
  const loss = rawReshape(rawSum(rawMultiply(losses, weights), [0, 1], true), []);
  return graph.differentiable(loss, [logits], (dLoss, sink) => {
    // d/dlogits = (p - target) * weight: the target is 1 - smoothing on the label plus smoothing / classes everywhere.
    const spread =
      labelSmoothing === 0 ? probabilities : rawSubtract(probabilities, graph.real(labelSmoothing / classes));
    const onLabel = graph.apply(
      'Expand',
      [graph.real(labelSmoothing - 1, [1, 1]), graph.runtimeShape([rows, 1])],
      [rows, 1],
    );
    const difference = graph.apply('ScatterElements', [spread, column, onLabel], logits.shape, {
      attributes: { axis: 1, reduction: 'add' },
    });
    sink.add(logits, rawMultiply(difference, rawMultiply(weights, dLoss)));
  });
}

function smoothedLosses(parts: {
  probabilities: Tensor;
  column: Tensor;
  classes: number;
  labelSmoothing: number;
}): Tensor {
  const { probabilities, column, classes, labelSmoothing } = parts;
  const { graph } = probabilities;
  const rows: Dim = probabilities.shape[0];
  const onLabel = negativeLog(
    graph.apply('GatherElements', [probabilities, column], [rows, 1], { attributes: { axis: 1 } }),
  );
  if (labelSmoothing === 0) return onLabel; // [rows, 1]
  const average = rawMultiply(rawSum(negativeLog(probabilities), [1], true), graph.real(1 / classes));
  return rawAdd(rawMultiply(onLabel, graph.real(1 - labelSmoothing)), rawMultiply(average, graph.real(labelSmoothing)));
}

/**
 * `sum_i rowWeights[i] * sum_c classWeights[c] * -log p_i(c)`: the part of a smoothed loss that does not depend on the
 * label.
 */
function crossEntropyOfAllClasses(logits: Tensor, rowWeights: Tensor, classWeights: Tensor): Tensor {
  const { graph } = logits;
  const probabilities = rawSoftmax(logits);
  const weights = rawReshape(rowWeights, [logits.shape[0], 1]);
  const loss = rawReshape(
    rawSum(rawMultiply(rawMultiply(negativeLog(probabilities), classWeights), weights), [0, 1], true),
    [],
  );
  return graph.differentiable(loss, [logits], (dLoss, sink) => {
    const difference = rawSubtract(rawMultiply(probabilities, rawSum(classWeights, [0], true)), classWeights);
    sink.add(logits, rawMultiply(difference, rawMultiply(weights, dLoss)));
  });
}

const rawSoftmax = (logits: Tensor): Tensor =>
  logits.graph.apply('Softmax', [logits], logits.shape, { attributes: { axis: -1 } });

function negativeLog(p: Tensor): Tensor {
  const { graph } = p;
  const tiny = graph.real(graph.floatType === 'float64' ? 1e-300 : 1.1754944e-38);
  return rawUnary('Neg', rawUnary('Log', graph.apply('Max', [p, tiny], p.shape)));
}

function fixedClasses(logits: Tensor): number {
  const classes = lastDim(logits);
  if (typeof classes !== 'number')
    throw new AlbertineError(
      'shape_mismatch',
      `crossEntropy needs a fixed number of classes, got ${formatShape(logits.shape)}`,
      { value: logits.shape },
    );
  return classes;
}

/**
 * Mean binary cross-entropy of `logits` against `targets` in [0, 1], both `[rows, labels]`: the multi-label loss.
 * `elementWeights`, if given, replaces the mean by a weighted sum. (PyTorch's `pos_weight` for targets of 0 and 1 is an
 * element weight of `(1 + (positiveWeight - 1) * target) / elements`.)
 */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, elementWeights?: Tensor): Tensor {
  requireSame(logits, targets, 'binaryCrossEntropy');
  const losses = subtract(softplus(logits), multiply(logits, targets));
  return elementWeights
    ? sumAll(multiply(losses, elementWeights))
    : mean(
        losses,
        losses.shape.map((_, axis) => axis),
      );
}

/** Mean squared error of two tensors of one shape. `elementWeights`, if given, replaces the mean by a weighted sum. */
export function meanSquaredError(predictions: Tensor, targets: Tensor, elementWeights?: Tensor): Tensor {
  requireSame(predictions, targets, 'meanSquaredError');
  const difference = subtract(predictions, targets);
  const squares = multiply(difference, difference);
  const axes = squares.shape.map((_, axis) => axis);
  return elementWeights ? sum(multiply(squares, elementWeights), axes) : mean(squares, axes);
}

function requireSame(a: Tensor, b: Tensor, subject: string): void {
  if (!sameShape(a.shape, b.shape))
    throw new AlbertineError(
      'shape_mismatch',
      `${subject}: shapes ${formatShape(a.shape)} and ${formatShape(b.shape)} differ`,
      { value: b.shape },
    );
}
