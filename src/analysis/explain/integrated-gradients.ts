import { AlbertineError } from '../../core/errors.ts';
import type { ExplainedModel, ExplainedPiece, GradientPoint } from './model.ts';
import { gaussLegendre } from './quadrature.ts';

/** What the words of a text are compared with: the embedding of a token, or zeros. */
export type Baseline = 'mask' | 'pad' | 'zero';
/** All of them. */
export const BASELINES = ['mask', 'pad', 'zero'] as const satisfies readonly Baseline[];

/** Whether attributions account for what they claim to. */
export interface Completeness {
  /** The output less that of the baseline: what attributions ought to add up to. */
  difference: number;
  /** What they add up to. */
  sum: number;
  /** How far apart these are. */
  error: number;
  /** Steps of the integral, of the window with most. */
  steps: number;
  /**
   * Whether the error is at most a thousandth of the difference (of 0.1, where the difference is smaller), and at most
   * 0.001 for logits.
   */
  complete: boolean;
}

/** Attributions of a piece's tokens, and what they were checked by. */
export interface PieceGradients {
  /** One a token, special ones included. */
  values: Float64Array;
  completeness: Completeness;
}

/** Options of {@link integratedGradients}. */
export interface IntegratedGradientsOptions {
  baseline: Baseline;
  /** Points of the integral. Default: 32, doubled until the attributions are complete, up to 1024. */
  steps?: number | undefined;
}

const [FIRST_STEPS, MOST_STEPS] = [32, 1024];
/**
 * Part of the difference that attributions may miss: of one below 0.1 that part of 0.1, of logits further apart than 1
 * that of 1.
 */
const [TOLERANCE, SMALL, LARGE] = [1e-3, 0.1, 1];
/** Points whose gradients are held at a time. */
const POINTS = 32;

/**
 * Integrated gradients (Sundararajan, Taly & Yan 2017) of one output with respect to the word embeddings, before
 * positions are added and before LayerNorm: along the straight line from the baseline's embeddings to the text's.
 * Special tokens stay as they are. The integral is Gauss-Legendre's.
 */
export async function integratedGradients(
  model: ExplainedModel,
  piece: ExplainedPiece,
  { output, baseline, steps }: IntegratedGradientsOptions & { output: number },
): Promise<PieceGradients> {
  const toBaseline = baselineShift(model, piece, baseline);
  const scaled = (share: number): Float32Array => toBaseline.map((value) => share * value);
  const [whole, bare] = await model.gradients(piece, [{ output }, { output, shift: toBaseline }]);
  const difference = whole.logit - bare.logit;
  for (let count = steps ?? FIRST_STEPS; ; count *= 2) {
    const { points, weights } = gaussLegendre(count);
    const values = new Float64Array(piece.ids.length);
    // A few points at a time: each holds a gradient as large as the embeddings.
    for (let first = 0; first < count; first += POINTS) {
      const part = Array.from(points.subarray(first, first + POINTS));
      const asked = part.map((point): GradientPoint => ({ output, shift: scaled(1 - point) }));
      (await model.gradients(piece, asked)).forEach(({ gradient }, i) =>
        addProducts(values, { gradient, direction: toBaseline, factor: -weights[first + i] }),
      );
    }
    const sum = values.reduce((total, value) => total + value, 0);
    const error = Math.abs(sum - difference);
    const complete = error <= tolerated(difference, model.isNumber);
    if (complete || steps !== undefined || count >= MOST_STEPS)
      return { values, completeness: { difference, sum, error, steps: count, complete } };
  }
}

/** Gradient times input (Shrikumar et al. 2016): the product of each token's word embedding with its gradient. */
export async function gradientTimesInput(
  model: ExplainedModel,
  piece: ExplainedPiece,
  output: number,
): Promise<Float64Array> {
  const values = new Float64Array(piece.ids.length);
  const [{ gradient }] = await model.gradients(piece, [{ output }]);
  const embeddings = new Float32Array(gradient.length);
  piece.ids.forEach((id, i) => embeddings.set(model.embedding(id), i * model.embeddingSize));
  addProducts(values, { gradient, direction: embeddings, factor: 1 });
  return values;
}

/** Numbers may be of any size, logits are not. */
function tolerated(difference: number, isNumber: boolean): number {
  const size = Math.max(Math.abs(difference), SMALL);
  return TOLERANCE * (isNumber ? size : Math.min(size, LARGE));
}

/** Completeness of a text from that of its windows. */
export function joinCompleteness(parts: readonly { completeness: Completeness; weight: number }[]): Completeness {
  const total = (name: 'difference' | 'sum'): number =>
    parts.reduce((all, { completeness, weight }) => all + weight * completeness[name], 0);
  const [difference, sum] = [total('difference'), total('sum')];
  return {
    difference,
    sum,
    error: Math.abs(sum - difference),
    steps: Math.max(...parts.map(({ completeness }) => completeness.steps)),
    complete: parts.every(({ completeness }) => completeness.complete),
  };
}

/** Id of the token that stands for "no word". Throws `unsupported` where the vocabulary does not have it. */
export function baselineId({ tokenizer }: Pick<ExplainedModel, 'tokenizer'>, baseline: 'mask' | 'pad'): number {
  const id = tokenizer.special[baseline];
  if (id !== undefined && id >= 0) return id;
  throw new AlbertineError('unsupported', `the vocabulary has no [${baseline.toUpperCase()}] token as a baseline`, {
    value: baseline,
    hint: 'Choose another baseline',
  });
}

/** What has to be added to a piece's word embeddings to make them the baseline's; 0 for special tokens. */
function baselineShift(model: ExplainedModel, piece: ExplainedPiece, baseline: Baseline): Float32Array {
  const width = model.embeddingSize;
  const target = baseline === 'zero' ? new Float32Array(width) : model.embedding(baselineId(model, baseline));
  const shift = new Float32Array(piece.ids.length * width);
  piece.tokens.forEach(({ start }, token) => {
    if (start < 0) return;
    const own = model.embedding(piece.ids[token]);
    for (let i = 0; i < width; i++) shift[token * width + i] = target[i] - own[i];
  });
  return shift;
}

/** Adds to each token the product of its gradient with a direction, `[tokens, width]` both. */
function addProducts(
  values: Float64Array,
  { gradient, direction, factor }: { gradient: Float32Array; direction: Float32Array; factor: number },
): void {
  const width = gradient.length / values.length;
  for (let token = 0; token < values.length; token++) {
    let sum = 0;
    for (let i = token * width; i < (token + 1) * width; i++) sum += gradient[i] * direction[i];
    values[token] += factor * sum;
  }
}
