import { AlbertineError } from '../../core/errors.ts';

/** A request to a tracking server. */
export interface ServerRequest {
  /** What the server is called in messages: `MLflow`. */
  server: string;
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Posted as JSON; without it the request is a GET. */
  body?: object;
  /** What to think of where the answer is not JSON. */
  hint: string;
}

const TIMEOUT_MS = 30_000;

/**
 * Sends JSON and reads JSON. Throws `not_found` (404), `unauthorized` (401, 403), `invalid_data` (other 4xx, which
 * repeating cannot cure) or `network`.
 */
export async function requestJson({ server, url, headers, body, hint }: ServerRequest): Promise<unknown> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(url, {
    ...init,
    headers: { 'content-type': 'application/json', ...headers },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new AlbertineError('network', `cannot reach the ${server} server at ${url}`, { value: url, cause });
  });
  const text = await response.text().catch((cause: unknown) => {
    throw new AlbertineError('network', `the ${server} server broke off its answer to ${url}`, { value: url, cause });
  });
  if (!response.ok) {
    const place = new URL(url).pathname;
    const said = text.slice(0, 300);
    throw new AlbertineError(
      codeOf(response.status),
      `${server} server answered ${response.status} to ${place}: ${said}`,
      {
        value: response.status,
      },
    );
  }
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new AlbertineError('network', `${url} did not answer with JSON`, { value: text.slice(0, 100), hint, cause });
  }
}

function codeOf(status: number): 'not_found' | 'unauthorized' | 'network' | 'invalid_data' {
  if (status === 404) return 'not_found';
  if (status === 401 || status === 403) return 'unauthorized';
  return status >= 500 || status === 429 || status === 408 ? 'network' : 'invalid_data';
}

/** `Authorization` of a user with a password. */
export const basicAuthorization = (user: string, password: string): string =>
  `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`)))}`;
