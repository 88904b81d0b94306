import { crfNegativeLogLikelihood } from '../graph/operators/crf.ts';
import { multiply } from '../graph/operators/elementwise.ts';
import { sum } from '../graph/operators/reduce.ts';
import { gather } from '../graph/operators/shape.ts';
import type { AlbertConfig } from '../model/config.ts';
import { CRF, HEADS, headOf, headParameters } from '../model/heads.ts';
import { float32, int64 } from '../runtime/tensor.ts';
import type { HeadDefinition, HeadTensors } from './head.ts';
import type { HeadFeeds } from './units.ts';

/** The labels of a text, or of a window of one: a path through the labels that the CRF learns to find likely. */
export interface LabelledChain {
  /** Rows of the logits that have a label, in order; there may be none. */
  rows: readonly number[];
  /** The label of each of them. */
  labels: readonly number[];
  /** Whether the text begins here, and is no later window's. */
  begins: boolean;
  /** Whether the text ends here. */
  ends: boolean;
}

/** Names of the results that are the CRF as it has been learned so far. */
export const CRF_RESULTS = { transitions: 'transitions', start: 'startTransitions', end: 'endTransitions' } as const;

/**
 * `AlbertForTokenClassification` with a linear-chain CRF on its logits. Inputs: those of {@link chainFeeds}. The loss
 * is the sum of the chains' negative log-likelihoods times `chainWeights`. Outputs: `logits`
 * `[batch*sequence, labels]`, and the transitions under {@link CRF_RESULTS}. Transitions that are all zero make it the
 * loss of the plain head.
 */
export function crfHead(config: AlbertConfig, numLabels: number): HeadDefinition {
  return {
    parameters: [
      ...headParameters(config, 'tokenClassification', numLabels),
      ...headOf('tokenClassification').optional!.parameters(numLabels),
    ],
    maskRows: 'tokens',
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const mask = dropout ? graph.input('classifierMask', ['batch*sequence', config.hiddenSize]) : undefined;
      const logits = HEADS.tokenClassification.logits(config, parameter, hidden, mask); // [tokens, labels]
      const whole = (name: string, shape: string[]) => graph.input(name, shape, { dtype: 'int64' });
      const [transitions, start, end] = [parameter(CRF.transitions), parameter(CRF.start), parameter(CRF.end)];
      const losses = crfNegativeLogLikelihood({
        first: gather(logits, whole('firstRows', ['batch'])),
        following: gather(logits, whole('rows', ['steps', 'batch'])), // [batch, labels], [steps, batch, labels]
        present: graph.input('present', ['steps', 'batch', 1]),
        begins: graph.input('begins', ['batch', 1]),
        ends: graph.input('ends', ['batch', 1]),
        firstLabels: whole('firstLabels', ['batch']),
        labels: whole('labels', ['steps', 'batch']),
        labelsBefore: whole('labelsBefore', ['steps', 'batch']),
        lastLabels: whole('lastLabels', ['batch']),
        transitions,
        start,
        end,
      });
      const loss = sum(multiply(losses, graph.input('chainWeights', ['batch'])), [0]);
      return {
        loss,
        outputs: { logits, [CRF_RESULTS.transitions]: transitions, [CRF_RESULTS.start]: start, [CRF_RESULTS.end]: end },
      };
    },
  };
}

/**
 * Feeds for {@link crfHead}, one chain for each text or window of the batch, each with its weight in the loss; chains
 * without a label count nothing.
 */
export function chainFeeds(chains: readonly LabelledChain[], weights: readonly number[]): HeadFeeds {
  const batch = chains.length;
  const steps = Math.max(1, ...chains.map(({ rows }) => rows.length - 1)); // the graph needs one
  const table = (value: (chain: LabelledChain, place: number) => number | undefined): number[] =>
    Array.from({ length: steps * batch }, (_, i) => value(chains[i % batch], 1 + Math.floor(i / batch)) ?? 0);
  const one = (value: (chain: LabelledChain, index: number) => number | undefined): number[] =>
    chains.map((chain, index) => value(chain, index) ?? 0);
  const real = (shape: number[], values: number[]) => float32(shape, Float32Array.from(values));
  return {
    feeds: {
      firstRows: int64(
        [batch],
        one(({ rows }) => rows[0]),
      ),
      rows: int64(
        [steps, batch],
        table(({ rows }, place) => rows[place]),
      ),
      present: real(
        [steps, batch, 1],
        table(({ rows }, place) => Number(place < rows.length)),
      ),
      begins: real(
        [batch, 1],
        one(({ begins }) => Number(begins)),
      ),
      ends: real(
        [batch, 1],
        one(({ ends }) => Number(ends)),
      ),
      firstLabels: int64(
        [batch],
        one(({ labels }) => labels[0]),
      ),
      labels: int64(
        [steps, batch],
        table(({ labels }, place) => labels[place]),
      ),
      labelsBefore: int64(
        [steps, batch],
        table(({ labels }, place) => labels[place - 1]),
      ),
      lastLabels: int64(
        [batch],
        one(({ labels }) => labels.at(-1)),
      ),
      chainWeights: real(
        [batch],
        one(({ rows }, index) => (rows.length === 0 ? 0 : weights[index])),
      ),
    },
    sizes: { steps },
  };
}
