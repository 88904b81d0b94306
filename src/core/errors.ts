import { option, prose, type OptionMention, type Prose } from './prose.ts';

/** Machine-readable reasons for an {@link AlbertineError}. */
export type ErrorCode =
  | 'invalid_argument'
  | 'invalid_config'
  | 'invalid_data'
  | 'invalid_file'
  | 'file_not_found'
  | 'file_system'
  | 'unsupported'
  | 'shape_mismatch'
  | 'weights_mismatch'
  | 'tokenizer_not_found'
  | 'text_too_long'
  | 'not_finite'
  | 'runtime_unavailable'
  | 'runtime_failed'
  | 'disposed'
  | 'network'
  | 'not_found'
  | 'unauthorized'
  | 'checksum_mismatch'
  | 'offline'
  | 'interrupted'
  | 'out_of_memory'
  | 'overloaded'
  | 'timed_out'
  | 'too_large'
  | 'training_diverged';

/** What an {@link AlbertineError} carries besides its code and message. */
export interface ErrorDetails {
  /** The offending value, kept as it was given. */
  value?: unknown;
  /** What the reader can do about it; printed after the message. */
  hint?: string | Prose | undefined;
  /** The option whose value cannot be right, whatever the data. */
  option?: string | undefined;
  /** The lower-level error. */
  cause?: unknown;
}

/**
 * Every error this package throws on purpose.
 * `message` names the subject first, the offending value last, then what to do.
 */
export class AlbertineError extends Error {
  /** The reason, for programs to compare. */
  readonly code: ErrorCode;
  /** What was wrong, as it was given; undefined where there is no such thing. */
  readonly value: unknown;
  /** What to do about it, also at the end of `message`. */
  readonly hint: string | undefined;
  /**
   * The option of the called function whose value cannot be right, such as `maxLength`; undefined where the data or the
   * machine decide.
   */
  readonly option: string | undefined;
  readonly #statement: Prose;
  readonly #hint: Prose | undefined;

  constructor(code: ErrorCode, message: string | Prose, details: ErrorDetails = {}) {
    const { value, hint, option: name, cause } = details;
    super(String(hint ? prose`${message}. ${hint}` : message), { cause });
    this.name = 'AlbertineError';
    this.code = code;
    this.value = value;
    this.hint = hint && String(hint);
    this.option = name;
    this.#statement = prose`${message}`;
    this.#hint = hint ? prose`${hint}` : undefined;
  }

  /** The message with the options it names as `spell` has them, such as flags. */
  spelled(spell: (mention: OptionMention) => string): string {
    return [this.#statement, ...(this.#hint ? [this.#hint] : [])].map((part) => part.spelled(spell)).join('. ');
  }

  /** The same error with another statement, made of this one, and other details where they are given. */
  restated(restate: (statement: Prose) => string | Prose, details: ErrorDetails = {}): AlbertineError {
    const { code, value, option: name } = this;
    return new AlbertineError(code, restate(this.#statement), {
      value,
      hint: this.#hint,
      option: name,
      cause: this.cause ?? this,
      ...details,
    });
  }
}

/** The error of an option whose value is against its rule: `maxLength must be an integer >= 3, got 1`. */
export function wrongOption(
  name: string,
  rule: string | Prose,
  { value, hint }: { value: unknown; hint?: string | Prose },
): AlbertineError {
  return new AlbertineError('invalid_argument', prose`${option(name)} must be ${rule}, got ${describeValue(value)}`, {
    value,
    hint,
    option: name,
  });
}

/** Throws `invalid_argument` for an entry of a list that stands twice. */
export function requireDistinct(name: string, entries: readonly string[]): void {
  const twice = entries.find((entry, i) => entries.indexOf(entry) !== i);
  if (twice !== undefined)
    throw new AlbertineError('invalid_argument', prose`${option(name)} has ${describeValue(twice)} twice`, {
      value: twice,
      option: name,
    });
}

/**
 * The error with the name of the file (or other source) that it comes from in front, unless its message has it already;
 * other errors as they are.
 */
export function namingSource(error: unknown, name: string): unknown {
  if (!(error instanceof AlbertineError) || error.message.includes(name)) return error;
  return error.restated((statement) => prose`${name}: ${statement}`);
}

/** Shortens any value to one readable line for an error message (at most `limit` characters). */
export function describeValue(value: unknown, limit = 80): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (safeJson(value) ?? String(value));
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

function safeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  } catch {
    return undefined;
  }
}

/** Throws `invalid_argument` unless `value` is an integer in `[min, max]`; returns it. */
export function requireInteger(name: string, value: unknown, range: { min?: number; max?: number } = {}): number {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    const bounds = [
      ...(min === Number.MIN_SAFE_INTEGER ? [] : [`>= ${min}`]),
      ...(max === Number.MAX_SAFE_INTEGER ? [] : [`<= ${max}`]),
    ].join(' and ');
    throw wrongOption(name, `an integer${bounds && ` ${bounds}`}`, { value });
  }
  return value;
}

/** Throws `invalid_argument` unless `value` is one of `allowed`; returns it. */
export function requireOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    throw wrongOption(name, `one of ${allowed.join(', ')}`, { value });
  }
  return value as T;
}
