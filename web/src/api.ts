/** What the server says is wrong, as it says it. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The server does not answer at all. */
export class Unreachable extends Error {}

/** A model as `/v1/about` tells it. */
export interface AboutModel {
  name: string;
  task: string;
  services: string[];
  bytes: number;
  fingerprint?: string;
  /** Numbers of a vector; absent where the folder has no network. */
  dimensions?: number;
  maxLength?: number;
  notes?: string[];
}

/** The answer of `/v1/about`. */
export interface About {
  version: string;
  models: AboutModel[];
}

/** What happened to a text. */
export interface Counts {
  windows?: number;
  truncatedTokens?: number;
  unknownTokens?: number;
}

const KEY = 'albertine-key';

/** Keeps the API key until the tab is closed. */
export const keepKey = (key: string): void => sessionStorage.setItem(KEY, key);

/** Seconds that an overloaded server is waited for, all tries together. */
const MOST_WAIT = 120;

/**
 * Asks a route of the server that the page comes from; with a body by POST. A busy server (429) is asked again when it
 * says. Throws {@link ApiError} with its words, and {@link Unreachable}.
 */
export async function ask<T>(route: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const key = sessionStorage.getItem(KEY);
  const headers = {
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(key && { authorization: `Bearer ${key}` }),
  };
  // The page lies one folder below the routes, whatever both are served under.
  const address = new URL(`..${route}`, document.baseURI);
  const request = {
    ...{ headers, signal: signal ?? null },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  };
  for (let waited = 0; ;) {
    const response = await fetch(address, request).catch((error: Error) => {
      throw error instanceof TypeError ? new Unreachable(error.message) : error;
    });
    if (response.ok) return (await response.json()) as T;
    const seconds = Number(response.headers.get('retry-after') ?? NaN);
    if (response.status !== 429 || !(waited + seconds <= MOST_WAIT)) throw await errorOf(response);
    waited += seconds;
    await sleep(seconds * 1000, signal);
  }
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, String(response.status), text.slice(0, 300) || response.statusText);
  }
}

/** Resolves after so many milliseconds; rejects with the signal's reason when that is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
