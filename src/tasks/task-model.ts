import { AlbertineError, requireInteger, requireOneOf } from '../core/errors.ts';
import { requireOptions, requireSource, requireTexts, type OptionKinds } from '../core/options.ts';
import { headOf } from '../model/heads.ts';
import type { Albert } from '../loaded/albert.ts';
import { countedFrom, requireFiniteResult } from '../loaded/finite-results.ts';
import { pieceLogits } from './piece-logits.ts';
import {
  storedMaxLength,
  type AskOptions,
  type Encoded,
  type Raw,
  type Task,
  type TaskTypes,
  type TextCounts,
} from './task.ts';
import { LONG_TEXT_POLICIES } from '../loaded/text-windows.ts';

/** Options of asking that every task has; a task adds its own. */
export const ASK_OPTIONS: OptionKinds<AskOptions> = { longText: 'string', maxLength: 'number', batchTokens: 'number' };

/** What was answered, and what happened to the text. */
export type Answer<T extends TaskTypes> = T['output'] & TextCounts;

/** Inputs read ahead and sorted by length together. */
const DEFAULT_LOOK_AHEAD = 256;

/** A model that was fine-tuned for a task, ready to be asked. Dispose it to free the native memory. */
export class TaskModel<T extends TaskTypes> implements Disposable {
  /** The checkpoint that is asked. */
  readonly model: Albert;
  /** What is asked of it, and how answers are read. */
  readonly task: Task<T>;
  /** What the checkpoint says of its answers. */
  readonly facts: T['facts'];
  /** Tokens that it was trained with, special ones included. */
  readonly maxLength: number;
  private readonly kinds: OptionKinds<T['options']>;

  /** Throws `weights_mismatch` where the checkpoint does not have the task's head. */
  constructor(model: Albert, task: Task<T>, kinds: OptionKinds<T['options']>) {
    requireHead(model, task);
    this.model = model;
    this.task = task;
    this.kinds = kinds;
    this.facts = task.facts(model);
    this.maxLength = requireStoredLength(model);
  }

  /** Model and precision that answer. */
  get fingerprint(): string {
    return this.model.fingerprint;
  }

  /**
   * Answers in input order. Throws `invalid_argument` for inputs that are not what the model was fine-tuned on,
   * `text_too_long` with `longText: 'error'`, `not_finite` naming an input.
   */
  async predict(inputs: readonly T['input'][], options: T['options'] = {}): Promise<Answer<T>[]> {
    requireOptions('predict', options, this.kinds);
    const asked = await this.ask('predict', inputs, options);
    return asked.map((raw, i) => ({ ...this.task.decode(inputs[i], raw), ...countsOf(raw.encoded) }));
  }

  /**
   * Answers to a source of any length with bounded memory, in input order; the source is read only as fast as they are
   * taken. `lookAhead` inputs are sorted by length together (default 256; 1 answers each at once).
   */
  async *predictStream(
    source: AsyncIterable<T['input']> | Iterable<T['input']>,
    options: T['options'] & { lookAhead?: number } = {},
  ): AsyncGenerator<Answer<T>> {
    requireSource('predictStream', source);
    requireOptions('predictStream', options, { ...this.kinds, lookAhead: 'number' } as OptionKinds<
      T['options'] & { lookAhead?: number }
    >);
    const { lookAhead, ...rest } = options;
    yield* answerStream((inputs) => this.predict(inputs, rest as T['options']), source, lookAhead);
  }

  /** Frees the model's native memory. Asking afterwards throws `disposed`. */
  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }

  /** What the network says to each input. */
  protected async ask(subject: string, inputs: readonly T['input'][], options: T['options']): Promise<Raw<T>[]> {
    if (!Array.isArray(inputs)) requireTexts(subject, inputs);
    inputs.forEach((input, index) => this.task.requireInput(subject, input, index));
    const longText =
      options.longText === undefined ? undefined : requireOneOf('longText', options.longText, LONG_TEXT_POLICIES);
    const maxLength = requireInteger('maxLength', options.maxLength ?? this.maxLength, {
      min: 3,
      max: this.model.config.maxPositionEmbeddings,
    });
    const {
      facts,
      model: { tokenizer },
    } = this;
    const all = inputs.map((input) => this.task.encode(input, { tokenizer, facts, options, maxLength, longText }));
    const logits = await pieceLogits(
      this.model,
      all.flatMap(({ pieces }) => pieces),
      { head: this.task.head, batchTokens: options.batchTokens },
    );
    let next = 0;
    return all.map((encoded, index) => {
      const own = logits.slice(next, next + encoded.pieces.length);
      next += encoded.pieces.length;
      for (const values of own)
        requireFiniteResult(values, {
          what: 'prediction',
          index,
          text: this.task.text(inputs[index]),
          weights: this.model.weights,
        });
      return { encoded, logits: own, facts, options };
    });
  }
}

/**
 * Answers to a source of any length, `lookAhead` inputs (default 256) at a time. Throws `invalid_argument` for another
 * look-ahead than a whole number of at least 1; errors about one input name its place in the whole source.
 */
export async function* answerStream<I, A>(
  predict: (inputs: I[]) => Promise<A[]>,
  source: AsyncIterable<I> | Iterable<I>,
  lookAhead?: number,
): AsyncGenerator<A> {
  const together = requireInteger('lookAhead', lookAhead ?? DEFAULT_LOOK_AHEAD, { min: 1 });
  let done = 0;
  const answer = async (inputs: I[]): Promise<A[]> => {
    const answers = await predict(inputs).catch((error: unknown) => {
      throw countedFrom(done, error);
    });
    done += inputs.length;
    return answers;
  };
  let waiting: I[] = [];
  for await (const input of source) {
    waiting.push(input);
    if (waiting.length < together) continue;
    yield* await answer(waiting);
    waiting = [];
  }
  if (waiting.length > 0) yield* await answer(waiting);
}

/** How results tell what happened to a text. */
export function countsOf({
  pieces,
  windows = pieces.length,
  tokenCount,
  truncatedTokens,
  unknownTokens,
}: Encoded): TextCounts {
  return { tokenCount, windows, truncatedTokens, ...(unknownTokens > 0 && { unknownTokens }) };
}

function requireHead<T extends TaskTypes>(
  { weights, loaded, checkpoint: { location } }: Albert,
  { name, head }: Task<T>,
): void {
  const { marker, architecture } = headOf(head);
  const others = loaded.heads.filter((other) => headOf(other).marker === marker && other !== head);
  if (weights.has(marker) && others.length === 0) return;
  const noun = head === 'sequenceClassification' ? 'classifier' : head;
  throw new AlbertineError('weights_mismatch', `this checkpoint has no ${noun} head`, {
    value: location,
    hint:
      others.length > 0
        ? `Its head is that of another task (${others.join(', ')}), not of ${architecture}`
        : `Fine-tune one with: albertine finetune ${name}`,
  });
}

function requireStoredLength(model: Albert): number {
  const maxLength = storedMaxLength(model);
  if (Number.isInteger(maxLength) && maxLength >= 3) return maxLength;
  throw new AlbertineError(
    'invalid_config',
    `${model.checkpoint.configFile}: albertine_max_length must be a whole number of at least 3, got ${maxLength}`,
    { value: maxLength },
  );
}
