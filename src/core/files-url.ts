import { AlbertineError, type ErrorCode } from './errors.ts';
import type { FileSource } from './files.ts';

/** Options of {@link urlFiles}. */
export interface UrlFilesOptions {
  /**
   * The names that are there, where they are known; else the usual names of a checkpoint are asked for, see
   * {@link USUAL_FILES}.
   */
  names?: readonly string[];
  /** Sent with every request, such as `{ authorization: 'Bearer ...' }`. */
  headers?: Readonly<Record<string, string>>;
}

/** What a checkpoint may consist of, in so far as its names are fixed. A URL cannot be listed, so these are tried. */
export const USUAL_FILES: readonly string[] = [
  'config.json',
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'spiece.model',
  'vocab.txt',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'modules.json',
  'sentence_bert_config.json',
];

/**
 * A {@link FileSource} over a folder at a URL, such as `/models/mine` or `https://host/path`; in browsers relative to
 * the page. Every file is fetched once, whole. Its promises reject with `file_not_found`, `unauthorized` or `network`,
 * naming the URL and the server's status.
 */
export function urlFiles(base: string | URL, options: UrlFilesOptions = {}): FileSource {
  const folder = folderUrl(base);
  const { names, headers = {} } = options;
  const fetched = new Map<string, Promise<Uint8Array>>();
  let listed: Promise<string[]> | undefined;
  const whole = (name: string): Promise<Uint8Array> => {
    const known = fetched.get(name);
    if (known) return known;
    const reading = request(new URL(name, folder), { headers }).then(
      async (response) => new Uint8Array(await response.arrayBuffer()),
    );
    fetched.set(name, reading);
    // A failure may be a passing one: the next reader asks again.
    reading.catch(() => fetched.delete(name));
    return reading;
  };
  const find = async (): Promise<string[]> => {
    // Without its config nothing else matters, and its own error says most.
    await whole('config.json');
    const found = await Promise.all(
      USUAL_FILES.map(async (name) => name === 'config.json' || (await exists(new URL(name, folder), headers))),
    );
    return USUAL_FILES.filter((_, i) => found[i]);
  };
  return {
    location: folder.href,
    list: () => {
      listed ??= names ? Promise.resolve([...names]) : find();
      listed.catch(() => {
        listed = undefined;
      });
      return listed.then((all) => [...all]);
    },
    size: async (name) => (await whole(name)).byteLength,
    read: async (name, start = 0, end) => (await whole(name)).subarray(start, end),
  };
}

/** The URL with a slash at its end, so that names go below it. */
function folderUrl(base: string | URL): URL {
  const { location } = globalThis as { location?: { href: string } };
  let url: URL;
  try {
    url = new URL(base, location?.href);
  } catch (cause) {
    throw new AlbertineError(
      'invalid_argument',
      `a model's address must be a URL, got ${JSON.stringify(String(base))}`,
      { value: base, cause, hint: 'Such as https://host/models/mine, or in a page /models/mine' },
    );
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

/** Many servers answer with a page for every address that they do not know. */
const isPage = (response: Response): boolean => /^text\/html\b/.test(response.headers.get('content-type') ?? '');

/** Statuses with which servers say that a file is not there; object stores that must not be listed say 403. */
const ABSENT: readonly number[] = [403, 404, 410];
/** A server that knows no HEAD. */
const NO_HEAD: readonly number[] = [405, 501];

async function exists(url: URL, headers: Readonly<Record<string, string>>): Promise<boolean> {
  let response = await send(url, { method: 'HEAD', headers });
  if (NO_HEAD.includes(response.status)) {
    response = await send(url, { headers });
    await response.body?.cancel();
  }
  if (ABSENT.includes(response.status) || (response.ok && isPage(response))) return false;
  if (!response.ok) throw statusError(url, response);
  return true;
}

/** The response to a GET. */
async function request(url: URL, init: RequestInit): Promise<Response> {
  const response = await send(url, init);
  if (!response.ok) throw statusError(url, response);
  if (isPage(response)) {
    throw new AlbertineError('file_not_found', `${url.href} is an HTML page, not a file of a model`, {
      value: url.href,
      hint: 'The server answers unknown addresses with a page; check the address',
    });
  }
  return response;
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (cause) {
    // Browsers tell pages nothing more.
    throw new AlbertineError(
      'network',
      `${url.href} cannot be fetched: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        value: url.href,
        cause,
        hint: 'Is there a connection, and does the server let this page read it (Access-Control-Allow-Origin)?',
      },
    );
  }
}

function statusError(url: URL, { status, statusText }: Response): AlbertineError {
  const code: ErrorCode =
    status === 401 || status === 403 ? 'unauthorized' : status === 404 || status === 410 ? 'file_not_found' : 'network';
  return new AlbertineError(code, `${url.href}: the server answers ${`${status} ${statusText}`.trim()}`, {
    value: status,
    hint: code === 'file_not_found' ? 'Check the address; it must be the folder of the model' : undefined,
  });
}
