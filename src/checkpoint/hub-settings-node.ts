import type { OptionKinds } from '../core/options.ts';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { AlbertineError, describeValue } from '../core/errors.ts';
import type { ProgressListener } from '../core/progress.ts';

/** How to reach a hub and where to keep what it sends. Everything left out comes from the environment, as in Python. */
export interface HubOptions {
  /** Branch, tag or commit; default `main`. An `@revision` in the id must agree with it. */
  revision?: string;
  /** Told about bytes received, and about waits before a retry. */
  onProgress?: ProgressListener;
  /**
   * Access token; `false` sends none. Default `HF_TOKEN`, then the file `$HF_HOME/token` that `hf auth login` writes.
   */
  token?: string | false;
  /** Address of the hub; default `HF_ENDPOINT`, then https://huggingface.co. */
  endpoint?: string;
  /** Cache folder; default `HF_HUB_CACHE`, then `$HF_HOME/hub`, then `~/.cache/huggingface/hub`. */
  cacheFolder?: string;
  /** Never open a socket; default `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`). */
  offline?: boolean;
  /** Exact names of the files wanted instead of those an ALBERT needs. */
  files?: readonly string[];
  /** Stops the download; what was received stays for the next try. Rejects with `interrupted`. */
  signal?: AbortSignal;
  /**
   * Milliseconds without a byte before a transfer counts as stalled; default `HF_HUB_DOWNLOAD_TIMEOUT` (seconds), then
   * 30,000.
   */
  stallTimeout?: number;
  /** Further tries after a failure that may pass (5xx, 429, cut connection, stall); default 5. */
  retries?: number;
  /** Milliseconds before the first retry, doubled each time up to 30,000; default 1,000. */
  retryDelay?: number;
  /**
   * Longest wait in milliseconds that a server's `Retry-After` may ask for before it is reported as an error; default
   * 120,000.
   */
  maximumWait?: number;
}

/** Kinds of {@link HubOptions}, for `requireOptions`. */
export const HUB_OPTIONS: OptionKinds<HubOptions> = {
  revision: 'string',
  onProgress: 'function',
  token: 'any',
  endpoint: 'string',
  cacheFolder: 'string',
  offline: 'boolean',
  files: 'list',
  signal: 'object',
  stallTimeout: 'number',
  retries: 'number',
  retryDelay: 'number',
  maximumWait: 'number',
};

/** {@link HubOptions} with every default filled in from the environment. */
export interface HubSettings {
  endpoint: URL;
  token: string | undefined;
  cacheFolder: string;
  offline: boolean;
  useSymlinks: boolean;
  stallTimeout: number;
  retries: number;
  retryDelay: number;
  maximumWait: number;
  onProgress: ProgressListener | undefined;
  signal: AbortSignal | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Fills in the defaults. Throws `invalid_argument` for an endpoint that is not an http(s) address. */
export async function readHubSettings(
  options: HubOptions,
  environment: Environment = process.env,
): Promise<HubSettings> {
  const timeout = Number(environment.HF_HUB_DOWNLOAD_TIMEOUT);
  return {
    endpoint: parseEndpoint(options.endpoint ?? (environment.HF_ENDPOINT || 'https://huggingface.co')),
    token: await findToken(options.token, environment),
    cacheFolder: hubCacheFolder(options.cacheFolder, environment),
    offline: options.offline ?? isTrue(environment.HF_HUB_OFFLINE || environment.TRANSFORMERS_OFFLINE),
    useSymlinks: !isTrue(environment.HF_HUB_DISABLE_SYMLINKS),
    stallTimeout: options.stallTimeout ?? (timeout > 0 ? timeout * 1000 : 30_000),
    retries: options.retries ?? 5,
    retryDelay: options.retryDelay ?? 1000,
    maximumWait: options.maximumWait ?? 120_000,
    onProgress: options.onProgress,
    signal: options.signal,
  };
}

/** The cache folder Python's `huggingface_hub` would use, with `~` and `$NAME` expanded. */
export function hubCacheFolder(given: string | undefined, environment: Environment = process.env): string {
  const folder =
    given ?? (environment.HF_HUB_CACHE || environment.HUGGINGFACE_HUB_CACHE || join(hubHome(environment), 'hub'));
  return resolve(expandPath(folder, environment));
}

/** Replaces a leading `~` with the home folder and `$NAME` or `${NAME}` with variables that are set. */
export function expandPath(path: string, environment: Environment = process.env): string {
  const home = /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : path;
  return home.replace(
    /\$(?:\{(\w+)\}|(\w+))/g,
    (whole, braced: string | undefined, plain: string | undefined) => environment[braced ?? plain ?? ''] ?? whole,
  );
}

function hubHome(environment: Environment): string {
  const home = environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  return expandPath(home, environment);
}

/** The environment's idea of yes, as Python's `huggingface_hub` reads it. */
function isTrue(value: string | undefined): boolean {
  return ['1', 'ON', 'YES', 'TRUE'].includes((value ?? '').toUpperCase());
}

function parseEndpoint(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new AlbertineError(
      'invalid_argument',
      `the hub's address must start with https:// or http://, got ${describeValue(address)}`,
      {
        value: address,
        hint: 'Check the endpoint option or HF_ENDPOINT',
      },
    );
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

async function findToken(given: string | false | undefined, environment: Environment): Promise<string | undefined> {
  if (given === false) return undefined;
  if (given !== undefined) return cleanToken(given);
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const fromEnvironment = cleanToken(environment.HF_TOKEN || environment.HUGGING_FACE_HUB_TOKEN || '');
  if (fromEnvironment) return fromEnvironment;
  const file = expandPath(environment.HF_TOKEN_PATH || join(hubHome(environment), 'token'), environment);
  return cleanToken(await readFile(file, 'utf8').catch(() => ''));
}

function cleanToken(token: string): string | undefined {
  const clean = token.replace(/[\r\n]/g, '').trim();
  // The value is not repeated in the message: it is a secret.
  if (/[^\x21-\x7e]/.test(clean))
    throw new AlbertineError('invalid_argument', 'the hub token has characters that no token has');
  return clean || undefined;
}
