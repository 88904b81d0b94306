import type { Graph, Tensor } from '../graph/graph.ts';
import { add, multiply, scale, subtract } from '../graph/operators/elementwise.ts';
import { binaryCrossEntropy, meanSquaredError, weightedCrossEntropy } from '../graph/operators/loss.ts';
import { logSumExp, sum } from '../graph/operators/reduce.ts';
import { gather, reshape, slice } from '../graph/operators/shape.ts';
import type { AlbertConfig } from '../model/config.ts';
import { HEADS, headParameters } from '../model/heads.ts';
import { pooler, type ParameterLookup } from '../model/network.ts';
import { embeddingParameters, poolerParameters } from '../model/parameters.ts';
import type { HeadDefinition, HeadTensors } from './head.ts';
import { isShortProduct } from './short-products.ts';

/** What the labels of a classifier are. */
export type ProblemType = 'singleLabel' | 'multiLabel' | 'regression';

/** Options of {@link classificationHead}. */
export interface ClassificationHeadOptions {
  /** Width of the logits. */
  numLabels: number;
  /** The loss: softmax (`singleLabel`), a sigmoid a label (`multiLabel`), squared error (`regression`). */
  problemType: ProblemType;
  /** Share of the target spread over all classes; single-label only. Default 0. */
  labelSmoothing?: number;
}

/**
 * Pooled first tokens, with optional dropout: `[batch, hidden]`. `firstTokens` is an int64 input `[batch]` of row
 * numbers.
 */
export function pooledFirstTokens(graph: Graph, hidden: Tensor, parameter: ParameterLookup): Tensor {
  return pooler(parameter, gather(hidden, graph.input('firstTokens', ['batch'], { dtype: 'int64' })));
}

/**
 * `AlbertForSequenceClassification`: pooled output, dropout, linear. Inputs: `firstTokens`; for single-label `labels`
 * int64 `[batch]` and `rowWeights` `[batch]`; otherwise `targets` and `elementWeights` `[batch, labels]`. Output:
 * `logits`.
 */
export function classificationHead(config: AlbertConfig, options: ClassificationHeadOptions): HeadDefinition {
  const { numLabels, problemType, labelSmoothing = 0 } = options;
  return {
    parameters: [...poolerParameters(config), ...headParameters(config, 'sequenceClassification', numLabels)],
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const pooled = pooledFirstTokens(graph, hidden, parameter);
      const mask = dropout ? graph.input('classifierMask', ['batch', config.hiddenSize]) : undefined;
      const logits = HEADS.sequenceClassification.logits(config, parameter, pooled, mask); // [batch, labels]
      if (problemType === 'singleLabel') {
        const labels = graph.input('labels', ['batch'], { dtype: 'int64' });
        return {
          loss: weightedCrossEntropy(logits, labels, graph.input('rowWeights', ['batch']), labelSmoothing),
          outputs: { logits },
        };
      }
      const targets = graph.input('targets', ['batch', numLabels]);
      const weights = graph.input('elementWeights', ['batch', numLabels]);
      return {
        loss: (problemType === 'multiLabel' ? binaryCrossEntropy : meanSquaredError)(logits, targets, weights),
        outputs: { logits },
      };
    },
  };
}

/**
 * `AlbertForTokenClassification`: dropout and linear on every token. Inputs: `labels` and `rowWeights`
 * `[batch*sequence]`.
 */
export function tokenClassificationHead(config: AlbertConfig, numLabels: number): HeadDefinition {
  return {
    parameters: headParameters(config, 'tokenClassification', numLabels),
    maskRows: 'tokens',
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const mask = dropout ? graph.input('classifierMask', ['batch*sequence', config.hiddenSize]) : undefined;
      const logits = HEADS.tokenClassification.logits(config, parameter, hidden, mask); // [tokens, labels]
      const labels = graph.input('labels', ['batch*sequence'], { dtype: 'int64' });
      return {
        loss: weightedCrossEntropy(logits, labels, graph.input('rowWeights', ['batch*sequence'])),
        outputs: { logits },
      };
    },
  };
}

/**
 * `AlbertForQuestionAnswering`: a linear layer with two outputs a token, and a softmax over the tokens of a text for
 * each. Inputs: `starts` and `ends` `[batch, sequence]`, 1 at the token where the answer begins and ends; `tokenBias`
 * `[batch, sequence]`, 0 or very negative where no answer can be; `rowWeights` `[batch]`. The loss is the mean of both
 * sides. Output: `logits` `[batch*sequence, 2]`.
 */
export function questionAnsweringHead(config: AlbertConfig): HeadDefinition {
  return {
    parameters: headParameters(config, 'questionAnswering'),
    build(graph, hidden, parameter): HeadTensors {
      const logits = HEADS.questionAnswering.logits(config, parameter, hidden); // [batch*sequence, 2]
      const bias = graph.input('tokenBias', ['batch', 'sequence']);
      const weights = graph.input('rowWeights', ['batch']);
      const sides = ['starts', 'ends'].map((name, column) => {
        const scores = add(reshape(slice(logits, 1, { start: column, end: column + 1 }), ['batch', 'sequence']), bias);
        const right = sum(multiply(scores, graph.input(name, ['batch', 'sequence'])), [1]); // [batch]
        return sum(multiply(subtract(logSumExp(scores, [1]), right), weights), [0]);
      });
      return { loss: scale(add(sides[0], sides[1]), 0.5), outputs: { logits } };
    },
  };
}

/**
 * One logit for each option and a softmax over those of a question, which may have any number:
 * `AlbertForMultipleChoice`, and a ranking of candidates. Inputs: `firstTokens`; `optionBias` `[questions, batch]`, 0
 * where an option belongs to the question, else very negative; `optionShares` `[questions, batch]`, what is right (1
 * for one option, or shares that add up to 1); `questionWeights` `[questions]`. Output: `logits` `[batch, 1]`.
 */
export function optionsHead(config: AlbertConfig, head: 'multipleChoice' | 'sequenceClassification'): HeadDefinition {
  return {
    parameters: [...poolerParameters(config), ...headParameters(config, head, 1)],
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const pooled = pooledFirstTokens(graph, hidden, parameter);
      const mask = dropout ? graph.input('classifierMask', ['batch', config.hiddenSize]) : undefined;
      const logits = HEADS[head].logits(config, parameter, pooled, mask); // [batch, 1]
      const row = reshape(logits, [1, 'batch']);
      const total = logSumExp(add(row, graph.input('optionBias', ['questions', 'batch'])), [1]); // [questions]
      const right = sum(multiply(row, graph.input('optionShares', ['questions', 'batch'])), [1]); // [questions]
      return {
        loss: sum(multiply(subtract(total, right), graph.input('questionWeights', ['questions'])), [0]),
        outputs: { logits },
      };
    },
  };
}

/** Which pretraining losses are computed. */
export interface PretrainingHeadOptions {
  /** The loss over masked words. */
  maskedLm: boolean;
  /** Sentence order or next sentence: both are a two-way classifier on the pooled output. */
  sentencePair: boolean;
}

/**
 * `AlbertForPreTraining`: masked LM on gathered positions (decoder tied to the word embeddings) plus the sentence-pair
 * loss. Inputs: `maskedPositions`, `maskedLabels` int64 and `maskedWeights`, all `[masked]`; `firstTokens`,
 * `pairLabels` int64 and `pairWeights`, all `[batch]`. Outputs: `maskedLmLoss`, `maskedLmPredictions` (int64
 * `[masked]`), `pairLoss`, `pairLogits`.
 */
export function pretrainingHead(config: AlbertConfig, options: PretrainingHeadOptions): HeadDefinition {
  const wordEmbeddings = embeddingParameters(config)[0];
  return {
    parameters: [
      ...(options.maskedLm ? [...headParameters(config, 'maskedLm'), wordEmbeddings] : []),
      ...(options.sentencePair ? [...poolerParameters(config), ...headParameters(config, 'sentenceOrder')] : []),
    ],
    build(graph, hidden, parameter, { dropout }): HeadTensors {
      const losses: Tensor[] = [];
      const outputs: Record<string, Tensor> = {};
      if (options.maskedLm) {
        const selected = gather(hidden, graph.input('maskedPositions', ['masked'], { dtype: 'int64' })); // [masked, hidden]
        const logits = HEADS.maskedLm.logits(config, parameter, selected); // [masked, vocab]
        const loss = weightedCrossEntropy(
          logits,
          graph.input('maskedLabels', ['masked'], { dtype: 'int64' }),
          graph.input('maskedWeights', ['masked']),
        );
        losses.push(loss);
        outputs['maskedLmLoss'] = loss;
        outputs['maskedLmPredictions'] = graph.apply('ArgMax', [logits], ['masked'], {
          dtype: 'int64',
          attributes: { axis: 1, keepdims: 0 },
        });
      }
      if (options.sentencePair) {
        const pooled = pooledFirstTokens(graph, hidden, parameter);
        const mask = dropout ? graph.input('classifierMask', ['batch', config.hiddenSize]) : undefined;
        const logits = HEADS.sentenceOrder.logits(config, parameter, pooled, mask); // [batch, 2]
        const loss = weightedCrossEntropy(
          logits,
          graph.input('pairLabels', ['batch'], { dtype: 'int64' }),
          graph.input('pairWeights', ['batch']),
        );
        losses.push(loss);
        outputs['pairLoss'] = loss;
        outputs['pairLogits'] = logits;
      }
      return { loss: losses.length === 2 ? add(losses[0], losses[1]) : losses[0], outputs };
    },
    oneThread: ({ maskedPositions }) =>
      maskedPositions !== undefined && isShortProduct(maskedPositions.shape[0], config),
  };
}
