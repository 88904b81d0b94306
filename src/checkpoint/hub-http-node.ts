import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AlbertineError, describeValue } from '../core/errors.ts';
import { proxyAuthorization, proxyFor, tunnelAgent } from './hub-proxy-node.ts';
import type { HubSettings } from './hub-settings-node.ts';

const MAXIMUM_REDIRECTS = 10;
const MAXIMUM_DELAY = 30_000;

/** What is being asked for, for messages. */
export interface HubSubject {
  /** Repository id. */
  id: string;
  revision: string;
  file?: string;
}

/** A failure that may pass by itself: {@link withRetries} tries again. */
export class TransientFailure extends Error {
  /** Milliseconds the server asked to wait. */
  readonly wait: number | undefined;
  constructor(message: string, options: { wait?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.wait = options.wait;
  }
}

/**
 * Connections to one hub and to the hosts it redirects to. Call `close()` at the end, or idle sockets keep the process
 * alive.
 */
export class HubConnections {
  readonly settings: HubSettings;
  private readonly agents = new Map<string, HttpAgent>();

  constructor(settings: HubSettings) {
    this.settings = settings;
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }

  /**
   * Sends one request and resolves with the response's head; the body is still to be read.
   * The token goes to the endpoint's own origin only.
   * Rejects with {@link TransientFailure}, or `interrupted`, or `network` for failures that a retry cannot cure.
   * @internal Declared for us alone, as is all that speaks of Node's responses: users' compilers may not know Node's
   * types.
   */
  async send(method: 'GET' | 'HEAD', url: URL, headers: Record<string, string> = {}): Promise<IncomingMessage> {
    const { settings } = this;
    if (settings.offline) throw new AlbertineError('offline', `offline mode forbids a request to ${url.href}`);
    if (settings.signal?.aborted) throw interrupted(settings.signal.reason);
    const own = url.origin === settings.endpoint.origin && settings.token;
    const allHeaders = {
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'albertine',
      ...(own && { authorization: `Bearer ${settings.token}` }),
      ...headers,
    };
    return new Promise((resolve, reject) => {
      const options = {
        method,
        headers: allHeaders,
        timeout: settings.stallTimeout,
        ...(settings.signal && { signal: settings.signal }),
      };
      const request = this.open(url, options);
      let response: IncomingMessage | undefined;
      request.once('response', (head) => resolve((response = head)));
      request.on('error', (error) => reject(this.classify(error, url)));
      request.once('timeout', () => {
        const stalled = new TransientFailure(`${url.host} sent nothing for ${settings.stallTimeout / 1000} s`);
        // The body's reader first: it would otherwise learn only that the request was aborted.
        response?.destroy(stalled);
        request.destroy(stalled);
      });
      request.end();
    });
  }

  private open(url: URL, options: RequestOptions): ReturnType<typeof httpRequest> {
    const proxy = proxyFor(url);
    const secure = url.protocol === 'https:';
    const key = `${url.protocol}${proxy?.href ?? ''}`;
    const agent =
      this.agents.get(key) ??
      (secure
        ? proxy
          ? tunnelAgent(proxy)
          : new HttpsAgent({ keepAlive: true })
        : new HttpAgent({ keepAlive: true }));
    this.agents.set(key, agent);
    if (secure) return httpsRequest(url, { ...options, agent });
    if (!proxy) return httpRequest(url, { ...options, agent });
    const headers = { ...(options.headers as Record<string, string>), host: url.host, ...proxyAuthorization(proxy) };
    return httpRequest({ ...options, agent, headers, host: proxy.hostname, port: proxy.port || 80, path: url.href });
  }

  /** Turns a socket's error into one of ours. */
  classify(error: unknown, url: URL): Error {
    if (error instanceof AlbertineError || error instanceof TransientFailure) return error;
    if (this.settings.signal?.aborted) return interrupted(error);
    const { code = '', message } = error as NodeJS.ErrnoException;
    // Nobody listens, no such host, or no trust: waiting a few seconds does not change that.
    if (/^(ENOTFOUND|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH)$/.test(code) || /CERT|ERR_TLS|SSL|SELF_SIGNED/.test(code)) {
      return new AlbertineError('network', `cannot connect to ${url.host}: ${message}`, {
        hint: 'Check the connection, HF_ENDPOINT and HTTPS_PROXY; files downloaded earlier can be used with HF_HUB_OFFLINE=1',
        cause: error,
      });
    }
    return new TransientFailure(`the connection to ${url.host} broke: ${message}`, { cause: error });
  }

  /**
   * Sends a request, follows redirects and resolves with the final successful response. Rejects with `unauthorized`
   * (401, 403), `not_found` (404), `network` (other statuses) or {@link TransientFailure} (408, 429, 5xx).
   * @internal
   */
  async follow(
    method: 'GET' | 'HEAD',
    start: URL,
    subject: HubSubject,
    options: FollowOptions = {},
  ): Promise<{ response: IncomingMessage; url: URL }> {
    let url = start;
    for (let hops = 0; hops <= MAXIMUM_REDIRECTS; hops++) {
      const response = await this.send(method, url, options.headers);
      const status = response.statusCode ?? 0;
      options.onResponse?.(response);
      const location = [301, 302, 303, 307, 308].includes(status) ? response.headers.location : undefined;
      if (location === undefined) {
        if ((status >= 200 && status < 300) || options.accept?.includes(status)) return { response, url };
        throw await statusError(this.settings, { response, url, subject });
      }
      response.resume();
      const next = redirectTarget(location, url);
      if (next.origin !== url.origin && options.stopBeforeLeaving?.()) return { response, url };
      url = next;
    }
    throw new AlbertineError('network', `more than ${MAXIMUM_REDIRECTS} redirects from ${start.href}`, {
      value: start.href,
    });
  }
}

/** How {@link HubConnections.follow} treats what comes back. */
export interface FollowOptions {
  headers?: Record<string, string>;
  /** Statuses outside 200-299 to return instead of throwing. */
  accept?: readonly number[];
  /** Asked before a redirect to another host is followed; true returns the redirect itself. */
  stopBeforeLeaving?: () => boolean;
  /** Sees the head of every response on the way. @internal */
  onResponse?: (response: IncomingMessage) => void;
}

/** Where a redirect leads. Throws `network` for one that leaves https for http, or for another protocol. */
export function redirectTarget(location: string, from: URL): URL {
  const next = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  const allowed = next && (next.protocol === 'https:' || (next.protocol === 'http:' && from.protocol === 'http:'));
  if (!allowed)
    throw new AlbertineError(
      'network',
      `${from.host} redirects to an address that is not followed: ${describeValue(location)}`,
      { value: location },
    );
  return next;
}

/** An `interrupted` error. */
export function interrupted(cause: unknown): AlbertineError {
  return new AlbertineError('interrupted', 'the download was stopped', {
    hint: 'What was received is kept; run it again to go on',
    cause,
  });
}

/** "owner/name", with file and revision where known. */
export function describeSubject({ id, revision, file }: HubSubject): string {
  return `${file ? `${file} of ` : ''}${id}@${revision}`;
}

async function statusError(
  settings: HubSettings,
  context: { response: IncomingMessage; url: URL; subject: HubSubject },
): Promise<Error> {
  const { response, url, subject } = context;
  const status = response.statusCode ?? 0;
  const reason = header(response, 'x-error-code');
  const detail = header(response, 'x-error-message') ?? (await firstCharacters(response));
  const said = `${status} ${response.statusMessage ?? ''}`.trim();
  if (status === 401 || status === 403) return unauthorized(settings, { subject, reason, said });
  if (status === 404) return notFound(subject, reason, url);
  if (status === 408 || status === 429 || status >= 500) {
    const wait = retryAfter(response);
    const asked = wait === undefined ? '' : `, asking to wait ${Math.ceil(wait / 1000)} s`;
    return new TransientFailure(`${url.host} answered ${said}${asked}`, { wait });
  }
  return new AlbertineError(
    'network',
    `${url.host} answered ${said} for ${describeSubject(subject)}: ${describeValue(detail)}`,
    { value: status },
  );
}

function unauthorized(
  settings: HubSettings,
  { subject, reason, said }: { subject: HubSubject; reason: string | undefined; said: string },
): AlbertineError {
  const page = `${settings.endpoint.href.replace(/\/$/, '')}/${subject.id}`;
  const token = settings.token
    ? 'The token sent does not give access; check HF_TOKEN'
    : 'Set HF_TOKEN to a token that may read it';
  const gated =
    reason === 'GatedRepo'
      ? `This model is gated: accept its terms at ${page} first`
      : 'It may be private or gated, or not exist under this name';
  return new AlbertineError('unauthorized', `no access to ${describeSubject(subject)} (${said})`, {
    value: subject.id,
    hint: `${gated}. ${token}`,
  });
}

function notFound(subject: HubSubject, reason: string | undefined, url: URL): AlbertineError {
  const { id, revision, file } = subject;
  const hint = `Asked ${url.host}; check the spelling`;
  if (reason === 'RevisionNotFound')
    return new AlbertineError('not_found', `${id} has no revision ${describeValue(revision)}`, {
      value: revision,
      hint,
    });
  if (file)
    return new AlbertineError('not_found', `${id} has no file ${describeValue(file)} at revision ${revision}`, {
      value: file,
      hint,
    });
  return new AlbertineError('not_found', `no model ${describeValue(id)} with revision ${revision}`, {
    value: id,
    hint,
  });
}

/**
 * Milliseconds until a server wants to be asked again: `Retry-After` (seconds or a date), or an exhausted `RateLimit`.
 */
function retryAfter(response: IncomingMessage): number | undefined {
  const limit = /;\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)/.exec(header(response, 'ratelimit') ?? '');
  if (limit) return Number(limit[1]) * 1000;
  const text = header(response, 'retry-after');
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text.trim())) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** A response header as one string. @internal */
export function header(response: IncomingMessage, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The first characters of a body, for messages; the rest is thrown away. @internal */
export async function firstCharacters(response: IncomingMessage): Promise<string> {
  const body = await readBody(response, 400, true).catch(() => Buffer.alloc(0));
  return body.toString('utf8').replace(/\s+/g, ' ').trim().slice(0, 80);
}

/** Reads at most `limit` bytes of a body; a longer one is cut (`cut`) or rejected with `network`. @internal */
export async function readBody(response: IncomingMessage, limit: number, cut = false): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit && cut) break;
    if (length > limit) throw new AlbertineError('network', `a listing of more than ${limit} bytes`, { value: length });
  }
  return Buffer.concat(chunks).subarray(0, limit);
}

/**
 * Throws `network` with the content type and the first characters when a page for people came instead of data.
 * @internal
 */
export async function refuseHtml(response: IncomingMessage, url: URL, subject: HubSubject): Promise<void> {
  const type = header(response, 'content-type') ?? '';
  if (!/^\s*(text\/html|application\/xhtml)/i.test(type)) return;
  throw new AlbertineError(
    'network',
    `${url.host} sent ${type} in place of ${describeSubject(subject)}: ${describeValue(await firstCharacters(response), 100)}`,
    {
      value: type,
      hint: 'A login page, a proxy or a wrong HF_ENDPOINT answers instead of the hub',
    },
  );
}

/** Counts tries; work that gets somewhere calls `progressed` to be allowed all of them again. */
export interface Attempts {
  progressed(): void;
}

/**
 * Runs `work` until it succeeds, waiting 1, 2, 4 ... 30 s (or as long as the server asks) after a
 * {@link TransientFailure}. Rejects with `network` naming the last failure after `settings.retries` retries, or at once
 * when the server asks for more than `maximumWait`.
 */
export async function withRetries<T>(
  settings: HubSettings,
  subject: HubSubject,
  work: (attempts: Attempts) => Promise<T>,
): Promise<T> {
  let failures = 0;
  const attempts = { progressed: (): void => void (failures = 0) };
  for (;;) {
    try {
      return await work(attempts);
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      failures++;
      const delay =
        error.wait ?? Math.min(MAXIMUM_DELAY, settings.retryDelay * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
      if (failures > settings.retries || delay > settings.maximumWait) throw givenUp(error, subject, failures);
      const seconds = Math.ceil(delay / 1000);
      settings.onProgress?.({
        stage: `retrying ${describeSubject(subject)} in ${seconds} s: ${error.message}`,
        done: 0,
        total: seconds,
        unit: 'seconds',
        rate: 0,
      });
      await sleep(delay, undefined, { signal: settings.signal }).catch((cause: unknown) =>
        Promise.reject(interrupted(cause)),
      );
    }
  }
}

function givenUp(error: TransientFailure, subject: HubSubject, tries: number): AlbertineError {
  const wait = error.wait === undefined ? '' : `Wait ${Math.ceil(error.wait / 1000)} s. `;
  return new AlbertineError(
    'network',
    `cannot get ${describeSubject(subject)} after ${tries} ${tries === 1 ? 'try' : 'tries'}: ${error.message}`,
    {
      value: tries,
      hint: `${wait}Run it again later; what was received is kept`,
      cause: error,
    },
  );
}
