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
  | 'training_diverged';

/** What an {@link AlbertineError} carries besides its code and message. */
export interface ErrorDetails {
  /** The offending value, kept as it was given. */
  value?: unknown;
  /** What the reader can do about it; printed after the message. */
  hint?: string | undefined;
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

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(details.hint ? `${message}. ${details.hint}` : message, { cause: details.cause });
    this.name = 'AlbertineError';
    this.code = code;
    this.value = details.value;
    this.hint = details.hint;
  }
}

/** The error with the name of the file (or other source) that it comes from in front, unless its message has it already; other errors as they are. */
export function namingSource(error: unknown, name: string): unknown {
  if (!(error instanceof AlbertineError) || error.message.includes(name)) return error;
  const { code, message, value, hint } = error;
  return new AlbertineError(code, `${name}: ${hint ? message.slice(0, -hint.length - 2) : message}`, { value, hint, cause: error.cause ?? error });
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
    const bounds = [...(min === Number.MIN_SAFE_INTEGER ? [] : [`>= ${min}`]), ...(max === Number.MAX_SAFE_INTEGER ? [] : [`<= ${max}`])].join(' and ');
    throw new AlbertineError('invalid_argument', `${name} must be an integer${bounds && ` ${bounds}`}, got ${describeValue(value)}`, { value });
  }
  return value;
}

/** Throws `invalid_argument` unless `value` is one of `allowed`; returns it. */
export function requireOneOf<T extends string>(name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T)) {
    throw new AlbertineError('invalid_argument', `${name} must be one of ${allowed.join(', ')}, got ${describeValue(value)}`, { value });
  }
  return value as T;
}
