import { requireInteger } from '../../core/errors.ts';
import { createPause, requireNotInterrupted } from '../../core/interrupt.ts';
import { embeddingTables, padPieces } from '../../model/batch.ts';
import type { TextClassifier } from '../../tasks/classify/classifier.ts';
import { encodingsOf } from '../../tasks/classify/task.ts';
import { pieceLogits } from '../../tasks/piece-logits.ts';
import { countUnknown, type Encoding } from '../../tokenizer/tokenizer.ts';
import { LogitGradients } from './gradients.ts';
import type { ExplainedModel, ExplainedPiece, PlacedToken, Side } from './model.ts';

/** Options of {@link explainedClassifier}. */
export interface ExplainedClassifierOptions {
  /** Tokens of a window, special ones included. Default: the length that the model was trained with. */
  maxLength?: number | undefined;
  /** Padded tokens that are computed at a time without gradients. Default 1024. */
  batchTokens?: number | undefined;
  /** Processor threads of gradients. Default: those the process may use. */
  threads?: number | undefined;
  /** Ends what is asked before its next batch goes through the network: `interrupted`, or the signal's own reason. */
  signal?: AbortSignal | undefined;
  /** Told how many more passes through the network there were, after each batch. */
  onPasses?: ((passes: number) => void) | undefined;
}

/** Passes between which an interruption is noticed; fewer would leave batches of short texts half empty. */
const PASSES = 32;

/**
 * A fine-tuned classifier (one label, several, a number; texts or pairs) as explanations use it. Long texts are read in
 * windows as `predict` reads them; disposing it disposes the classifier.
 */
export function explainedClassifier(
  classifier: TextClassifier,
  options: ExplainedClassifierOptions = {},
): ExplainedModel {
  const { model, facts, problem } = classifier;
  const { tokenizer, config } = model;
  const { batchTokens, threads, signal, onPasses } = options;
  const maxLength = requireInteger('maxLength', options.maxLength ?? classifier.maxLength, {
    min: 3,
    max: config.maxPositionEmbeddings,
  });
  const isNumber = problem === 'regression';
  const outputs = isNumber ? ['value'] : facts.labels;
  const { word } = embeddingTables(config, model.weights);
  let gradients: LogitGradients | undefined;
  const pause = createPause(signal);
  const passed = async (passes: number): Promise<void> => {
    onPasses?.(passes);
    await pause();
  };
  /** Some at a time. */
  const inParts = async <I>(
    items: readonly I[],
    asking: (some: readonly I[]) => Promise<Float32Array[]>,
  ): Promise<Float32Array[]> => {
    requireNotInterrupted(signal);
    const all: Float32Array[] = [];
    for (let first = 0; first < items.length; first += PASSES) {
      const some = items.slice(first, first + PASSES);
      all.push(...(await asking(some)));
      await passed(some.length);
    }
    return all;
  };
  return {
    tokenizer,
    fingerprint: `${model.fingerprint};length=${maxLength}`,
    outputs,
    isNumber,
    isMultiLabel: problem === 'multiLabel',
    embeddingSize: config.embeddingSize,
    embedding: (id) => word.subarray(id * config.embeddingSize, (id + 1) * config.embeddingSize),
    encode(input) {
      const encodings = encodingsOf(input, { tokenizer, facts, maxLength, longText: undefined });
      const total = encodings.reduce((count, { ids }) => count + ids.length, 0);
      const pieces = encodings.map((encoding) => placed(encoding, encoding.ids.length / total));
      const truncatedTokens = encodings.reduce((count, encoding) => count + encoding.truncatedTokens, 0);
      const unknownTokens = encodings.reduce((count, { ids }) => count + countUnknown(tokenizer, ids), 0);
      const tokenCount = pieces.flatMap(({ tokens }) => tokens).filter(({ start }) => start >= 0).length;
      return {
        pieces,
        counts: {
          tokenCount: tokenCount + truncatedTokens,
          windows: pieces.length,
          truncatedTokens,
          ...(unknownTokens > 0 && { unknownTokens }),
        },
      };
    },
    logits: (pieces) =>
      inParts(pieces, (some) => pieceLogits(model, some, { head: 'sequenceClassification', batchTokens })),
    ask: (inputs) =>
      inParts(inputs, async (some) => {
        const { logits } = await classifier.logits(some, {
          maxLength,
          ...(batchTokens !== undefined && { batchTokens }),
        });
        return some.map((_, row) => logits.subarray(row * outputs.length, (row + 1) * outputs.length));
      }),
    answer(logits) {
      if (isNumber) return { label: String(logits[0]), score: logits[0], probabilities: logits };
      const probabilities = classifier.probabilities(logits);
      const best = probabilities.indexOf(Math.max(...probabilities));
      return { label: outputs[best], score: probabilities[best], probabilities };
    },
    async gradients(piece, points) {
      requireNotInterrupted(signal);
      gradients ??= LogitGradients.of(model, outputs.length, { threads });
      return await gradients.at(piece, points, passed);
    },
    async attentions(piece) {
      const batch = padPieces([piece], { sequenceLength: piece.ids.length, padTokenId: config.padTokenId });
      return (await model.encoder.forward(batch, { attentions: true })).attentions;
    },
    [Symbol.dispose]() {
      gradients?.[Symbol.dispose]();
      classifier[Symbol.dispose]();
    },
  };
}

/** Tokens with their places. In a pair the second text begins after the special token that ends the first. */
function placed({ ids, typeIds, tokens, offsets, wordIds }: Encoding, weight: number): ExplainedPiece {
  let side: Side = 'text';
  return {
    ids,
    typeIds,
    weight,
    tokens: tokens.map((token, i): PlacedToken => {
      const [start, end] = offsets[i];
      if (i > 0 && start < 0) side = 'pair';
      return { token, start, end, word: wordIds[i], side: start < 0 ? 'text' : side };
    }),
  };
}
