import { mixSeed } from '../core/random.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { HostTensor } from '../runtime/tensor.ts';
import type { BufferPool } from './buffers.ts';

/**
 * Fills `out` with a dropout mask: 0 with probability `rate`, else `1 / (1 - rate)`.
 * Element i depends only on the seed and i, so masks are the same on every thread count, after resuming, and when the
 * backward pass makes them again instead of keeping them. `rate` is rounded to 1/65536.
 */
export function fillDropoutMask(out: Float32Array, rate: number, seed: number): void {
  const threshold = Math.round(rate * 65536);
  const keep = Math.fround(65536 / (65536 - threshold));
  // Two elements per hashed word; the mixing is core/random's hash32, inlined because this runs for millions of
  // elements.
  for (let i = 0; i < out.length; i += 2) {
    let h = (Math.imul(i, 0x9e3779b1) ^ seed) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    out[i] = (h & 0xffff) < threshold ? 0 : keep;
    if (i + 1 < out.length) out[i + 1] = h >>> 16 < threshold ? 0 : keep;
  }
}

/** Where in the network a mask is applied. */
export type DropoutSite = 'embedding' | 'attention' | 'attentionOutput' | 'feedForward' | 'classifier';
const SITES: DropoutSite[] = ['embedding', 'attention', 'attentionOutput', 'feedForward', 'classifier'];

/** Seed of one mask, from the run's seed and the place and time it is used. */
export function dropoutSeed(
  runSeed: number,
  at: { step: number; microBatch: number; layer: number; site: DropoutSite },
): number {
  return mixSeed(runSeed, at.step, at.microBatch, at.layer, SITES.indexOf(at.site));
}

/** A micro-batch's place in a run and its shape. */
export interface MaskPosition {
  step: number;
  microBatch: number;
  batch: number;
  sequence: number;
}

/** Where a network gets its dropout masks, as feeds by input name; sites without dropout give no feed. */
export interface DropoutSource {
  /** Mask of the embeddings. */
  embedding(at: MaskPosition): Record<string, HostTensor>;
  /** Masks of one executed layer; valid until the next call. */
  layer(at: MaskPosition, layer: number): Record<string, HostTensor>;
  /** Mask before the task head, with a row a text (the default) or a row a token. */
  classifier(at: MaskPosition, rows?: 'texts' | 'tokens'): Record<string, HostTensor>;
}

/** Masks hashed from a seed, in pooled buffers. */
export class DropoutMasks implements DropoutSource {
  private readonly config: AlbertConfig;
  private readonly seed: number;
  private readonly pool: BufferPool;

  constructor(config: AlbertConfig, seed: number, pool: BufferPool) {
    this.config = config;
    this.seed = seed;
    this.pool = pool;
  }

  embedding(at: MaskPosition): Record<string, HostTensor> {
    const { hiddenDropoutProb, embeddingSize } = this.config;
    return this.feeds(at, 0, { embedding: [hiddenDropoutProb, [at.batch * at.sequence, embeddingSize]] });
  }

  layer(at: MaskPosition, layer: number): Record<string, HostTensor> {
    const { hiddenDropoutProb, attentionProbsDropoutProb, numAttentionHeads, hiddenSize } = this.config;
    const hidden = [at.batch * at.sequence, hiddenSize];
    return this.feeds(at, layer, {
      attention: [attentionProbsDropoutProb, [at.batch, numAttentionHeads, at.sequence, at.sequence]],
      attentionOutput: [hiddenDropoutProb, hidden],
      feedForward: [hiddenDropoutProb, hidden],
    });
  }

  classifier(at: MaskPosition, rows: 'texts' | 'tokens' = 'texts'): Record<string, HostTensor> {
    const { classifierDropoutProb, hiddenSize } = this.config;
    return this.feeds(at, 0, {
      classifier: [classifierDropoutProb, [rows === 'tokens' ? at.batch * at.sequence : at.batch, hiddenSize]],
    });
  }

  private feeds(
    at: MaskPosition,
    layer: number,
    sites: Partial<Record<DropoutSite, [rate: number, shape: number[]]>>,
  ): Record<string, HostTensor> {
    const feeds: Record<string, HostTensor> = {};
    for (const [site, [rate, shape]] of Object.entries(sites)) {
      if (rate === 0) continue;
      const mask = this.pool.tensor(`mask ${site}`, shape);
      fillDropoutMask(
        mask.data as Float32Array,
        rate,
        dropoutSeed(this.seed, { ...at, layer, site: site as DropoutSite }),
      );
      feeds[`${site}Mask`] = mask;
    }
    return feeds;
  }
}
