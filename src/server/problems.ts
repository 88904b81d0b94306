import { AlbertineError, type ErrorCode } from '../core/errors.ts';
import { OverloadedError } from './admission.ts';

/** An error as a client is told it. */
export interface Problem {
  status: number;
  code: string;
  message: string;
  headers: Record<string, string>;
  /** It is our fault: for the log, never for the client. */
  isOurs: boolean;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_argument: 400,
  invalid_data: 400,
  shape_mismatch: 400,
  weights_mismatch: 400,
  unsupported: 400,
  text_too_long: 413,
  too_large: 413,
  unauthorized: 401,
  not_found: 404,
  overloaded: 429,
  timed_out: 504,
  interrupted: 499,
  disposed: 503,
  out_of_memory: 503,
};

/** What a client is told of any error. Of those that are not meant for it only that there was one. */
export function problemOf(error: unknown): Problem {
  if (error instanceof AlbertineError) {
    const status = STATUS[error.code] ?? 500;
    const headers: Record<string, string> =
      error instanceof OverloadedError ? { 'retry-after': String(error.retryAfter) } : {};
    const isOurs = status >= 500 && error.code !== 'timed_out';
    return { status, code: error.code, message: isOurs ? HIDDEN : error.message, headers, isOurs };
  }
  const { statusCode, code, message, headers = {} } = error as HttpError;
  if (typeof statusCode === 'number' && statusCode < 500)
    return { status: statusCode, code: codeOf(statusCode, code), message, headers, isOurs: false };
  return { status: 500, code: 'internal_error', message: HIDDEN, headers: {}, isOurs: true };
}

const HIDDEN = 'the server failed; its log says how';

/** As the framework and its plugins throw them. */
interface HttpError extends Error {
  statusCode?: number;
  code?: string;
  headers?: Record<string, string>;
}

function codeOf(status: number, code: string | undefined): string {
  if (status === 401) return 'unauthorized';
  if (status === 404) return 'not_found';
  if (status === 413) return 'too_large';
  if (status === 415) return 'unsupported_media_type';
  if (status === 429) return 'rate_limited';
  return code === 'FST_ERR_VALIDATION' || status === 400 ? 'invalid_argument' : 'invalid_request';
}
