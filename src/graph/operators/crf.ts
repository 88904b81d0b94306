import { AlbertineError } from '../../core/errors.ts';
import { formatShape } from '../dims.ts';
import { graphOf, type Tensor } from '../graph.ts';
import {
  add,
  compare,
  multiply,
  rawAdd,
  rawMultiply,
  rawSubtract,
  rawUnary,
  subtract,
  toReal,
  where,
} from './elementwise.ts';
import { logSumExp, rawSum, sum } from './reduce.ts';
import { gather } from './shape.ts';

/*
 * A linear-chain conditional random field (Lafferty et al. 2001). The recursion along a chain is one ONNX Scan and its
 * gradient another one that runs backwards, so a graph that is compiled once serves chains of every length, and the
 * loss stands in a head like any other. The other ways: steps written out, or a tree of products in log space (log2 of
 * the length many, each of labels^3 instead of labels^2), are another graph for every length; on the host the loss
 * would cut a head in two, with the logits and their gradient copied in between.
 */

/** Chains of labels, one a row of the batch. */
export interface Chains {
  /** Scores of the labels at the first place, `[batch, labels]`. */
  first: Tensor;
  /** Scores at the places after it, `[steps, batch, labels]`; at least one step. */
  following: Tensor;
  /** 1 where a chain has the place, 0 behind its end: `[steps, batch, 1]`. */
  present: Tensor;
  /** What a label scores behind another: `[label before, label]`. */
  transitions: Tensor;
}

/**
 * For each label the logarithm of the sum of `exp(score)` over all paths that have it at the chain's last place:
 * `[batch, labels]`. Differentiable; the gradients are what the paths' probabilities expect.
 */
export function chainScores({ first, following, present, transitions }: Chains): Tensor {
  const graph = graphOf(first, following, present, transitions);
  const [batch, labels] = first.shape;
  if (typeof labels !== 'number')
    throw new AlbertineError(
      'shape_mismatch',
      `chains need a fixed number of labels, got ${formatShape(first.shape)}`,
      { value: first.shape },
    );
  const isPresent = compare('Greater', present, graph.real(0)); // [steps, batch, 1]
  const [row, mark] = [{ shape: first.shape }, { shape: [batch, 1], dtype: 'bool' } as const];
  // Scores are relative to the best of their place, and `total` adds up what was taken away: long chains would lose
  // their digits otherwise.
  const forward = graph.subGraph('chain', [row, { shape: [batch, 1] }, row, mark], ([scores, total, own, isHere]) => {
    const reached = graph.apply('ReduceLogSumExp', [pairScores(scores, transitions), graph.integers([1])], row.shape, {
      attributes: { keepdims: 0 },
    });
    const next = rawAdd(reached, own);
    const best = bestOf(next);
    const before = graph.apply('Identity', [scores], row.shape);
    return [
      where(isHere, rawSubtract(next, best), scores),
      rawAdd(total, where(isHere, best, graph.real(0))),
      before,
      reached,
    ];
  });
  const best = bestOf(first);
  const places = { shape: following.shape };
  const [last, total, before, reached] = graph.node(
    'Scan',
    [rawSubtract(first, best), best, following, isPresent],
    [row, { shape: best.shape }, places, places],
    { attributes: { body: { graph: forward }, num_scan_inputs: 2 } },
  );
  return graph.differentiable(rawAdd(last, total), [first, following, transitions], (gradient, sink) => {
    // The gradient of a label's score is the probability of being there. Each step hands it back in the shares that the
    // labels before had in its sum.
    const pairs = { shape: [labels, labels] };
    const backward = graph.subGraph(
      'chain_gradient',
      [row, pairs, row, row, mark],
      ([flow, counts, scores, sums, isHere]) => {
        const shares = rawUnary('Exp', rawSubtract(pairScores(scores, transitions), unsqueeze(sums, 1))); // [batch, label before, label]
        const flows = rawMultiply(shares, unsqueeze(flow, 1));
        const counted = where(unsqueeze(isHere, 2), flows, graph.real(0));
        return [
          where(isHere, rawSum(flows, [2], false), flow),
          rawAdd(counts, rawSum(counted, [0], false)),
          where(isHere, flow, graph.real(0)),
        ];
      },
    );
    const [start, counts, followed] = graph.node(
      'Scan',
      [gradient, graph.real(0, pairs.shape), before, reached, isPresent],
      [row, pairs, places],
      {
        attributes: {
          body: { graph: backward },
          num_scan_inputs: 3,
          scan_input_directions: [1, 1, 1],
          scan_output_directions: [1],
        },
      },
    );
    sink.add(first, start);
    sink.add(following, followed);
    sink.add(transitions, counts);
  });
}

const bestOf = (scores: Tensor): Tensor =>
  scores.graph.apply('ReduceMax', [scores, scores.graph.integers([1])], [scores.shape[0], 1], {
    attributes: { keepdims: 1 },
  });

/** Scores of each label after each label before: `[batch, label before, label]`. */
const pairScores = (scores: Tensor, transitions: Tensor): Tensor => rawAdd(unsqueeze(scores, 2), transitions);

function unsqueeze(x: Tensor, axis: number): Tensor {
  return x.graph.apply('Unsqueeze', [x, x.graph.integers([axis])], x.shape.toSpliced(axis, 0, 1), { dtype: x.dtype });
}

/** What {@link crfNegativeLogLikelihood} reads: scores, and the right labels (int64). */
export interface CrfTensors extends Chains {
  /** What a label scores at the beginning of a chain, `[labels]`. */
  start: Tensor;
  /** What a label scores at the end of a chain, `[labels]`. */
  end: Tensor;
  /** 1 where a chain begins at its first place, 0 where it was cut out of a longer one: `[batch, 1]`. */
  begins: Tensor;
  /** 1 where a chain ends at its last place: `[batch, 1]`. */
  ends: Tensor;
  /** Right label of the first place, `[batch]`. */
  firstLabels: Tensor;
  /** Right labels of the places after it, `[steps, batch]`; any label where there is no place. */
  labels: Tensor;
  /** Right label of the place before each of those, `[steps, batch]`. */
  labelsBefore: Tensor;
  /** Right label of the last place, `[batch]`. */
  lastLabels: Tensor;
}

/**
 * Negative log-likelihood of each chain's right labels, `[batch]`: of all paths, the sum of `exp(score)` over that of
 * the right one. Differentiable in all scores.
 */
export function crfNegativeLogLikelihood({
  first,
  following,
  present,
  transitions,
  start,
  end,
  begins,
  ends,
  ...right
}: CrfTensors): Tensor {
  // Every score is taken relative to the right path's, so that what is summed up is the likelihood itself and not a
  // small difference of large numbers.
  const opening = add(first, multiply(begins, start)); // [batch, labels]
  const closing = multiply(ends, end); // [batch, labels]
  const stepping = add(following, gather(transitions, right.labelsBefore)); // [steps, batch, labels]
  const totals = chainScores({
    first: subtract(opening, scoresAt(opening, right.firstLabels)),
    following: subtract(following, scoresAt(stepping, right.labels)),
    present,
    transitions,
  });
  return logSumExp(add(totals, subtract(closing, scoresAt(closing, right.lastLabels))), [1]); // [batch]
}

/** Of each row the score of one label: `[..., labels]` and `[...]` to `[..., 1]`. */
function scoresAt(scores: Tensor, labels: Tensor): Tensor {
  const { graph } = scores;
  const axis = labels.shape.length;
  const all = graph.integers(Array.from({ length: Number(scores.shape[axis]) }, (_, label) => label));
  return sum(multiply(scores, toReal(compare('Equal', unsqueeze(labels, axis), all))), [axis], { keepDims: true });
}
