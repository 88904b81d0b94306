import { AlbertineError } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { openFolder } from '../../core/files-node.ts';

/** Folder on disk, or `http(s)://` address of a folder, of shards with their `manifest.json`. */
export async function openShardFolder(location: string): Promise<FileSource> {
  return /^https?:\/\//i.test(location) ? new UrlFolder(location) : openFolder(location);
}

/** Whole files held for a server that does not answer range requests. */
const WHOLE_FILES = 2;
const ATTEMPTS = 4;

/**
 * Files below an address, read by HTTP range requests; where the server ignores them, by whole files of which the last
 * two are kept.
 */
class UrlFolder implements FileSource {
  readonly location: string;
  private readonly whole = new Map<string, Promise<Uint8Array>>();

  constructor(location: string) {
    this.location = location.replace(/\/+$/, '');
  }

  async list(): Promise<string[]> {
    throw new AlbertineError('unsupported', `the files at ${this.location} cannot be listed`, { value: this.location });
  }

  async size(name: string): Promise<number> {
    const response = await this.request(name, { method: 'HEAD' });
    return Number(response.headers.get('content-length') ?? NaN);
  }

  async read(name: string, start = 0, end?: number): Promise<Uint8Array> {
    const kept = this.whole.get(name);
    if (kept) return (await kept).subarray(start, end);
    if (start === 0 && end === undefined) return new Uint8Array(await (await this.request(name, {})).arrayBuffer());
    const response = await this.request(name, {
      headers: { range: `bytes=${start}-${end === undefined ? '' : end - 1}` },
    });
    if (response.status === 206) return new Uint8Array(await response.arrayBuffer());
    const content = response.arrayBuffer().then((buffer) => new Uint8Array(buffer));
    if (this.whole.size >= WHOLE_FILES) this.whole.delete(this.whole.keys().next().value!);
    this.whole.set(name, content);
    content.catch(() => this.whole.delete(name));
    return (await content).subarray(start, end);
  }

  /** Tries again after failures that may pass: no connection, 429, 5xx. */
  private async request(name: string, init: RequestInit): Promise<Response> {
    const url = `${this.location}/${name.split('/').map(encodeURIComponent).join('/')}`;
    let cause: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 250 * 4 ** (attempt - 1)));
      try {
        const response = await fetch(url, init);
        if (response.ok) return response;
        await response.body?.cancel();
        if (response.status === 404) throw new AlbertineError('file_not_found', `no file at ${url}`, { value: url });
        cause = new Error(`status ${response.status}`);
        if (response.status !== 429 && response.status < 500) break;
      } catch (error) {
        if (error instanceof AlbertineError) throw error;
        cause = error;
      }
    }
    throw new AlbertineError('network', `cannot read ${url}: ${(cause as Error).message}`, { value: url, cause });
  }
}
