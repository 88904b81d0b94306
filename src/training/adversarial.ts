import { AlbertineError } from '../core/errors.ts';
import { createRandom, mixSeed } from '../core/random.ts';
import type { HeadResults } from './head.ts';
import type { LayerwiseNetwork, StepPosition, TrainingBatch } from './layerwise.ts';

/** Training on texts whose embeddings are moved to where the loss is higher. */
export interface AdversarialOptions {
  /**
   * `fgm`: every micro-batch once more, moved by one step along its gradient (Miyato et al. 2017). `freelb`: several
   * passes from a random start, each moving farther, whose gradients are averaged (Zhu et al. 2020).
   */
  method: 'fgm' | 'freelb';
  /** Length of the move of a text: of all its embeddings together, before LayerNorm. Default 0.3. */
  epsilon?: number;
  /** `freelb`: passes. Default 3. */
  steps?: number;
  /** `freelb`: length of one step. Default `epsilon` over the steps, times 1.5. */
  stepSize?: number;
}

const DEFAULT_EPSILON = 0.3;
const DEFAULT_STEPS = 3;

/** Passes over a micro-batch. */
export const passesOf = ({ method, steps = DEFAULT_STEPS }: AdversarialOptions): number =>
  method === 'fgm' ? 2 : steps;

/** What gradients of all passes are multiplied by: those of FGM add up, those of FreeLB are averaged. */
export const gradientFactorOf = (options: AdversarialOptions): number =>
  options.method === 'fgm' ? 1 : 1 / passesOf(options);

/**
 * Adds the gradients of all passes over a micro-batch and returns the head's results of the first. On the processor
 * only. Throws `unsupported` elsewhere.
 */
export async function accumulateAdversarially(
  network: LayerwiseNetwork,
  batch: TrainingBatch,
  { at, seed, options }: { at: StepPosition; seed: number; options: AdversarialOptions },
): Promise<HeadResults> {
  if (network.device.name !== 'cpu')
    throw new AlbertineError('unsupported', 'adversarial training is for the processor only', {
      value: network.device.name,
      hint: 'Use the device cpu',
    });
  const { method, epsilon = DEFAULT_EPSILON } = options;
  const passes = passesOf(options);
  const stepSize = method === 'fgm' ? epsilon : (options.stepSize ?? (1.5 * epsilon) / passes);
  const width = network.config.embeddingSize;
  const size = batch.sequenceLength * width;
  const shift = new Float32Array(batch.batchSize * size);
  // FGM's first pass is of the texts as they are.
  if (method === 'freelb') startAtRandom(shift, batch, { seed, at, epsilon, width });
  let first: HeadResults | undefined;
  for (let pass = 0; pass < passes; pass++) {
    const isPlain = method === 'fgm' && pass === 0;
    const results = await network.accumulate(batch, at, {
      ...(!isPlain && { embeddingShift: shift }),
      ...(pass < passes - 1 && {
        onEmbeddingGradient: (gradient) => moveAlong(shift, gradient, { size, stepSize, epsilon }),
      }),
    });
    first ??= results;
  }
  return first!;
}

/** Moves every text by a step along its gradient, and back onto the ball around where it was. */
function moveAlong(
  shift: Float32Array,
  gradient: Float32Array,
  { size, stepSize, epsilon }: { size: number; stepSize: number; epsilon: number },
): void {
  for (let start = 0; start < shift.length; start += size) {
    const own = shift.subarray(start, start + size);
    const slope = gradient.subarray(start, start + size);
    const length = lengthOf(slope);
    if (!(length > 0 && Number.isFinite(length))) continue;
    for (let i = 0; i < size; i++) own[i] += (stepSize / length) * slope[i];
    shorten(own, epsilon);
  }
}

/** Uniform values at real tokens, of length `epsilon` at most. */
function startAtRandom(
  shift: Float32Array,
  { batchSize, sequenceLength, attentionMask }: TrainingBatch,
  { seed, at, epsilon, width }: { seed: number; at: StepPosition; epsilon: number; width: number },
): void {
  const random = createRandom(mixSeed(seed, at.step, at.microBatch, 0xadf));
  for (let row = 0; row < batchSize; row++) {
    const own = shift.subarray(row * sequenceLength * width, (row + 1) * sequenceLength * width);
    let tokens = 0;
    for (let token = 0; token < sequenceLength; token++) {
      if (attentionMask && !attentionMask[row * sequenceLength + token]) continue;
      tokens++;
      for (let i = 0; i < width; i++) own[token * width + i] = 2 * random.uniform() - 1;
    }
    const factor = epsilon / Math.sqrt(Math.max(1, tokens * width));
    for (let i = 0; i < own.length; i++) own[i] *= factor;
  }
}

const lengthOf = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

function shorten(values: Float32Array, longest: number): void {
  const length = lengthOf(values);
  if (length <= longest) return;
  for (let i = 0; i < values.length; i++) values[i] *= longest / length;
}
