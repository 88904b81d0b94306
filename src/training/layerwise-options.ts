import { type EncoderBatch } from '../model/batch.ts';
import type { CompileOptions } from '../runtime/compile.ts';
import { HostTensor } from '../runtime/tensor.ts';
import { type DropoutSource } from './dropout.ts';
import { type LayerExtension } from '../model/extension.ts';

/**
 * Which depths keep their intermediate values for the backward pass: all, the first n, or none (all are recomputed).
 */
export type SaveActivations = 'all' | 'none' | number;

/** Options of {@link LayerwiseNetwork}. */
export interface LayerwiseOptions extends CompileOptions {
  /**
   * Default `all`. Each depth that is not kept costs one more forward pass and saves its memory. Of a kept one only
   * products are held.
   */
  saveActivations?: SaveActivations;
  /** Seed of the dropout masks. Default 0. */
  seed?: number;
  /** Replaces the hashed masks, in checks against another implementation. */
  dropout?: DropoutSource;
  /** Takes batches with `causalFrom`, and only those. Default false. */
  causal?: boolean;
  /** Weights besides ALBERT's; the arena holds `extensionParameters` too. */
  extension?: LayerExtension;
}

/** Looks into, and at, the embeddings of a step. On the CPU only. */
export interface StepHooks {
  /** Added to the sum of the embeddings, before LayerNorm: `[batch*sequence, embeddingSize]`. */
  embeddingShift?: Float32Array;
  /**
   * Gets the loss's gradient with respect to that sum, `[batch*sequence, embeddingSize]`; valid until the next step.
   */
  onEmbeddingGradient?: (gradient: Float32Array) => void;
}

/** When a micro-batch is run; with the seed it determines the dropout masks. */
export interface StepPosition {
  /** Optimiser step, 0-based. */
  step: number;
  /** Its micro-batch, 0-based. */
  microBatch: number;
}

/** Rows and padded tokens of a micro-batch. */
export type BatchShape = Pick<EncoderBatch, 'batchSize' | 'sequenceLength'>;

/** A rectangle of tokens with the feeds that the head declared (targets, positions, weights). */
export interface TrainingBatch extends EncoderBatch {
  /** Values of the head's inputs, by name. */
  headFeeds: Readonly<Record<string, HostTensor>>;
  /** Sizes of dimensions that only the head's inputs have. */
  headSizes?: Readonly<Record<string, number>>;
}
