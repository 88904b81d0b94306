import type { TextCounts } from '../../tasks/task.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Piece } from '../../training/units.ts';

/** A text, or a pair of texts. */
export type ExplainedInput = string | { text: string; pair?: string };

/** Which text of a pair something is in. */
export type Side = 'text' | 'pair';

/** A token with its place; special tokens that the tokeniser adds have no place: `start` is -1. */
export interface PlacedToken {
  /** String of the vocabulary. */
  token: string;
  /** UTF-16 half-open range in its text. */
  start: number;
  /** End of that range, exclusive. */
  end: number;
  /** Word within its text; null for special tokens. */
  word: number | null;
  /** The text that it is in. */
  side: Side;
}

/** What the network reads at once (a text, one of its windows, a pair), and where its tokens stand. */
export interface ExplainedPiece extends Piece {
  /** As many as ids. */
  tokens: PlacedToken[];
  /** Its part in the output; those of a text add up to 1. */
  weight: number;
}

/** An input as the network reads it. */
export interface ExplainedText {
  /** Windows, or the whole text. */
  pieces: ExplainedPiece[];
  /** What happened to the text. */
  counts: TextCounts;
}

/** What a model answers. */
export interface ExplainedAnswer {
  /** Best label; of a regression the number as text. */
  label: string;
  /** Its probability; of a regression the number. */
  score: number;
  /** Probability of every output; of a regression the number. */
  probabilities: Float32Array;
}

/** One point at which a gradient is wanted. */
export interface GradientPoint {
  /** Output whose gradient is wanted. */
  output: number;
  /** Added to the word embeddings of the piece: `[tokens, embeddingSize]`. Default: nothing. */
  shift?: Float32Array;
}

/** Outputs at a point, and the gradient of one of them. */
export interface GradientValue {
  /** Logit of the output that was asked for. */
  logit: number;
  /** With respect to the word embeddings, `[tokens, embeddingSize]`; the caller's own. */
  gradient: Float32Array;
}

/**
 * What explanations need of a model: the one seam between methods and tasks. Outputs are logits (of a regression the
 * number), and linear in those of the pieces: a text's is the weighted sum.
 */
export interface ExplainedModel extends Disposable {
  /** The model's tokeniser. */
  readonly tokenizer: Tokenizer;
  /** Identifies weights, tokeniser and precision. */
  readonly fingerprint: string;
  /** Names of the outputs: labels, or `value`. */
  readonly outputs: readonly string[];
  /** Whether the answer is a number, not a label. */
  readonly isNumber: boolean;
  /** Whether several labels may be right at once. */
  readonly isMultiLabel: boolean;
  /** Numbers of a word embedding. */
  readonly embeddingSize: number;
  /** Row of the word embeddings; not to be changed. */
  embedding(id: number): Float32Array;
  /** Tokenises an input. Throws `invalid_argument` where the model does not take it. */
  encode(input: ExplainedInput): ExplainedText;
  /** `[outputs]` of every piece. */
  logits(pieces: readonly Piece[]): Promise<Float32Array[]>;
  /** `[outputs]` of whole inputs, windows and all. */
  ask(inputs: readonly ExplainedInput[]): Promise<Float32Array[]>;
  /** Reads an answer out of `[outputs]`. */
  answer(logits: Float32Array): ExplainedAnswer;
  /** Gradients of one piece at several points. Throws `unsupported` for weights that have none (int8). */
  gradients(piece: Piece, points: readonly GradientPoint[]): Promise<GradientValue[]>;
  /** Attention probabilities of one piece, an executed layer each: `[heads, query, key]`. */
  attentions(piece: Piece): Promise<Float32Array[]>;
}
