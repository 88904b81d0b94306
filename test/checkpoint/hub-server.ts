import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Ways in which the server misbehaves for one request; several may be combined. */
export interface Fault {
  /** Close the socket after this many bytes of the body. */
  cutAfter?: number;
  /** Stop sending after this many bytes, without closing. */
  stallAfter?: number;
  /** Answer with this status instead. */
  status?: number;
  headers?: Record<string, string>;
  body?: string;
  /** Add this to the Content-Length announced. */
  lengthError?: number;
  /** Send the whole file for a Range request. */
  ignoreRange?: boolean;
  /** Answer a Range request from another position. */
  wrongRange?: boolean;
  /** Send other bytes of the same length. */
  damage?: boolean;
  /** Send chunked, without a Content-Length, and stop after this many bytes as if that were all. */
  endAfter?: number;
  /** Send further bytes after the right ones, without a Content-Length. */
  extra?: number;
}

export interface LoggedRequest {
  host: 'hub' | 'storage';
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  status: number;
}

export interface Repository {
  commit: string;
  files: Record<string, Buffer>;
  /** Names served from the storage host, as Git LFS files are. */
  large: string[];
  /** Names to put in the listing besides the files. */
  alsoListed?: string[];
  token?: string;
  gated?: boolean;
  /** The id it has now; requests under the old id are redirected. */
  renamedTo?: string;
  /** ETag to send for a file in place of its hash. */
  etags?: Record<string, string>;
}

interface Rule {
  match: (host: string, method: string, path: string) => boolean;
  fault: Fault;
  times: number;
}

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
export const gitHash = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/** A small Hugging Face hub on 127.0.0.1 and, on another port, the storage host it redirects large files to. */
export class HubServer {
  readonly log: LoggedRequest[] = [];
  readonly repositories = new Map<string, Repository>();
  private rules: Rule[] = [];
  private readonly hub: Server;
  private readonly storage: Server;

  private constructor() {
    this.hub = createServer((request, response) => this.answerHub(request, response));
    this.storage = createServer((request, response) => this.answerStorage(request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const each of [server.hub, server.storage])
      await new Promise<void>((done) => each.listen(0, '127.0.0.1', done));
    return server;
  }

  async stop(): Promise<void> {
    for (const each of [this.hub, this.storage]) {
      each.closeAllConnections();
      await new Promise((done) => each.close(done));
    }
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.hub.address() as AddressInfo).port}`;
  }

  get storageAddress(): string {
    return `http://127.0.0.1:${(this.storage.address() as AddressInfo).port}`;
  }

  /** Makes the next `times` requests whose "host METHOD path" matches go wrong. */
  fail(pattern: RegExp, fault: Fault, times = 1): void {
    this.rules.push({ match: (host, method, path) => pattern.test(`${host} ${method} ${path}`), fault, times });
  }

  reset(): void {
    this.rules = [];
    this.log.length = 0;
    this.repositories.clear();
  }

  /** Logged requests whose "host METHOD path" matches. */
  requests(pattern: RegExp): LoggedRequest[] {
    return this.log.filter((entry) => pattern.test(`${entry.host} ${entry.method} ${entry.path}`));
  }

  private begin(host: 'hub' | 'storage', request: IncomingMessage, response: ServerResponse): Fault {
    const [method, path] = [request.method ?? '', request.url ?? ''];
    const entry: LoggedRequest = { host, method, path, headers: request.headers, status: 0 };
    this.log.push(entry);
    response.on('close', () => void (entry.status = response.statusCode));
    const rule = this.rules.find((each) => each.times > 0 && each.match(host, method, path));
    if (rule) rule.times--;
    return rule?.fault ?? {};
  }

  private answerHub(request: IncomingMessage, response: ServerResponse): void {
    const fault = this.begin('hub', request, response);
    if (fault.status !== undefined) return plain(response, fault.status, fault.body ?? '', fault.headers);
    const path = decodeURIComponent(request.url ?? '');
    const api = /^\/api\/models\/(.+?)\/revision\/(.+)$/.exec(path);
    const file = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    const id = api?.[1] ?? file?.[1] ?? '';
    const repository = this.repositories.get(id);
    if (!repository) return plain(response, 404, 'Repository not found', { 'x-error-code': 'RepoNotFound' });
    if (repository.renamedTo)
      return plain(response, 307, '', { location: (request.url ?? '').replace(id, repository.renamedTo) });
    if (repository.token && request.headers.authorization !== `Bearer ${repository.token}`) {
      return plain(response, repository.gated ? 403 : 401, 'no', {
        'x-error-code': repository.gated ? 'GatedRepo' : 'RepoNotFound',
      });
    }
    const revision = api?.[2] ?? file?.[2] ?? '';
    if (!['main', 'feature/x', repository.commit].includes(revision))
      return plain(response, 404, '', { 'x-error-code': 'RevisionNotFound' });
    if (api) {
      const siblings = [...Object.keys(repository.files), ...(repository.alsoListed ?? [])].map((rfilename) => ({
        rfilename,
      }));
      return plain(response, 200, JSON.stringify({ id, sha: repository.commit, siblings }), {
        'content-type': 'application/json; charset=utf-8',
      });
    }
    this.answerFile(request, response, { repository, name: file?.[3] ?? '', fault });
  }

  private answerFile(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, name, fault }: { repository: Repository; name: string; fault: Fault },
  ): void {
    const content = repository.files[name];
    const common = { 'x-repo-commit': repository.commit, ...fault.headers };
    if (!content) return plain(response, 404, 'Entry not found', { ...common, 'x-error-code': 'EntryNotFound' });
    if (!repository.large.includes(name)) {
      const etag = repository.etags?.[name] ?? gitHash(content);
      return sendContent(request, response, {
        content,
        fault,
        headers: { ...common, etag: `"${etag}"`, 'content-type': 'text/plain; charset=utf-8' },
      });
    }
    const etag = repository.etags?.[name] ?? sha256(content);
    const location = `${this.storageAddress}/store/${sha256(content)}?name=${encodeURIComponent(name)}`;
    plain(response, 302, `Found. Redirecting to ${location}`, {
      ...common,
      location,
      'x-linked-etag': `"${etag}"`,
      'x-linked-size': String(content.length),
    });
  }

  private answerStorage(request: IncomingMessage, response: ServerResponse): void {
    const fault = this.begin('storage', request, response);
    if (fault.status !== undefined) return plain(response, fault.status, fault.body ?? '', fault.headers);
    const hash = /^\/store\/(\w+)/.exec(request.url ?? '')?.[1];
    for (const { files } of this.repositories.values()) {
      for (const content of Object.values(files)) {
        if (sha256(content) === hash)
          return sendContent(request, response, {
            content,
            fault,
            headers: { etag: '"storage-md5"', 'content-type': 'application/octet-stream', ...fault.headers },
          });
      }
    }
    plain(response, 404, 'no such object');
  }
}

function plain(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {
    'content-type': 'text/plain',
    ...headers,
    'content-length': String(Buffer.byteLength(body)),
  });
  response.end(body);
}

function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  answer: { content: Buffer; fault: Fault; headers: Record<string, string> },
): void {
  const { fault } = answer;
  const content = fault.damage ? Buffer.from(answer.content.map((byte) => byte ^ 1)) : answer.content;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const start = asked && !fault.ignoreRange ? Number(asked[1]) + (fault.wrongRange ? 1 : 0) : 0;
  const partial = asked !== null && !fault.ignoreRange;
  if (partial && start >= content.length)
    return plain(response, 416, '', { 'content-range': `bytes */${content.length}` });
  const body = Buffer.concat([content.subarray(start), Buffer.alloc(fault.extra ?? 0)]);
  const unsized = fault.endAfter !== undefined || fault.extra !== undefined;
  response.writeHead(partial ? 206 : 200, {
    ...answer.headers,
    'accept-ranges': 'bytes',
    ...(partial && {
      'content-range': `bytes ${start}-${content.length - 1}/${content.length + (fault.lengthError ?? 0)}`,
    }),
    ...(unsized && request.method !== 'HEAD'
      ? {}
      : { 'content-length': String(body.length + (fault.lengthError ?? 0)) }),
  });
  if (request.method === 'HEAD') return void response.end();
  const limit = fault.cutAfter ?? fault.stallAfter ?? fault.endAfter;
  if (limit === undefined && fault.lengthError === undefined) return void response.end(body);
  response.write(body.subarray(0, limit ?? body.length), () => {
    if (fault.endAfter !== undefined) response.end();
    else if (fault.stallAfter === undefined) response.socket?.end();
  });
}
