import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { AlbertineError, describeValue } from '../core/errors.ts';
import { ProgressMeter } from '../core/progress.ts';
import { blobName, isCommit, writing } from './hub-cache-node.ts';
import { TransientFailure, describeSubject, header, refuseHtml, withRetries } from './hub-http-node.ts';
import type { Attempts, HubConnections, HubSubject } from './hub-http-node.ts';

/** One file of a repository at one commit, as the hub describes it before sending it. */
export interface RemoteFile {
  subject: HubSubject;
  name: string;
  url: URL;
  /** Name of the content: sha256 for large files, git's blob sha1 for small ones, else whatever the server uses. */
  etag: string;
  /** Bytes; undefined when the server does not tell. */
  size: number | undefined;
}

/**
 * What a finished transfer was checked against: a hash of the content, or its length alone where the server names no
 * hash.
 */
export type Verification = 'sha256' | 'git-sha1' | 'length' | 'none';

const SHA256 = /^[0-9a-f]{64}$/;
/** Getting this much further than ever before is worth another round of retries. */
const WORTHWHILE = 1 << 20;

/**
 * Asks for a file's ETag and size. Rejects as {@link HubConnections.follow} does, and with `network` when no ETag
 * comes.
 */
export async function describeRemoteFile(
  hub: HubConnections,
  url: URL,
  subject: HubSubject & { file: string },
): Promise<RemoteFile> {
  return withRetries(hub.settings, subject, async () => {
    let linkedEtag: string | undefined;
    let linkedSize: string | undefined;
    let commit: string | undefined;
    // The linked headers describe the content; they come on the redirect, and the storage host's own ETag means
    // something else. A mirror that merely redirects to a hub has neither, and is left behind (as is the token).
    const onResponse = (response: IncomingMessage): void => {
      linkedEtag ??= header(response, 'x-linked-etag');
      linkedSize ??= header(response, 'x-linked-size');
      commit ??= header(response, 'x-repo-commit');
    };
    const { response, url: last } = await hub.follow('HEAD', url, subject, {
      onResponse,
      stopBeforeLeaving: () => (linkedEtag ?? commit) !== undefined,
    });
    response.resume();
    const etag = linkedEtag ?? header(response, 'etag');
    if (etag === undefined) {
      // A HEAD has no body to show; the GET's first characters tell what is answering.
      const page = await hub.follow('GET', url, subject);
      await refuseHtml(page.response, page.url, subject);
      page.response.destroy();
      throw new AlbertineError('network', `${last.host} sends no ETag for ${describeSubject(subject)}`, {
        hint: 'It does not look like a Hugging Face hub; check HF_ENDPOINT',
      });
    }
    if (commit !== undefined && isCommit(subject.revision) && commit !== subject.revision) {
      throw new AlbertineError(
        'network',
        `${last.host} answers for commit ${describeValue(commit)} instead of ${subject.revision}`,
        { value: commit },
      );
    }
    const redirected = (response.statusCode ?? 0) >= 300;
    const length = linkedSize ?? (redirected ? undefined : header(response, 'content-length'));
    const size = length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined;
    return { subject, name: subject.file, url, etag: blobName(etag, describeSubject(subject)), size };
  });
}

/** The content written so far and its running hashes. */
interface Progress {
  position: number;
  /** Where the last try that counted as getting somewhere got to. */
  furthest: number;
  sha256: Hash;
  /** Git's hash of the content needs the length in front; undefined while that is unknown. */
  git: Hash | undefined;
}

function begin(size: number | undefined): Progress {
  return {
    position: 0,
    furthest: 0,
    sha256: createHash('sha256'),
    git: size === undefined ? undefined : createHash('sha1').update(`blob ${size}\0`),
  };
}

function advance(progress: Progress, chunk: Uint8Array): void {
  progress.sha256.update(chunk);
  progress.git?.update(chunk);
  progress.position += chunk.length;
}

/**
 * Fetches a file into `partial`, going on where an earlier try stopped, checks it and renames it to `destination`.
 * Content that fails the check is removed: one fresh start if some of it came from an earlier run, then
 * `checksum_mismatch`.
 */
export async function transfer(
  hub: HubConnections,
  file: RemoteFile,
  paths: { partial: string; destination: string },
): Promise<{ bytes: number; sha256: string; verified: Verification }> {
  const resumed = await writing(paths.partial, async (path) => {
    await mkdir(dirname(path), { recursive: true });
    return (await stat(path).catch(() => undefined))?.size ?? 0;
  });
  try {
    return await transferOnce(hub, file, paths);
  } catch (error) {
    if (!(error instanceof AlbertineError) || error.code !== 'checksum_mismatch' || resumed === 0) throw error;
    return transferOnce(hub, file, paths);
  }
}

async function transferOnce(
  hub: HubConnections,
  file: RemoteFile,
  paths: { partial: string; destination: string },
): Promise<{ bytes: number; sha256: string; verified: Verification }> {
  const handle = await writing(paths.partial, async (path) => open(path, 'r+').catch(() => open(path, 'w+')));
  let bytes: number;
  let sha256: string;
  let verified: Verification;
  try {
    const progress = await hashExisting(handle, file);
    await withRetries(hub.settings, file.subject, (attempts) => receive(hub, file, { handle, progress, attempts }));
    bytes = progress.position;
    await writing(paths.partial, async () => {
      await handle.truncate(bytes);
      await handle.sync();
    });
    sha256 = progress.sha256.digest('hex');
    const git = progress.git?.digest('hex') ?? (isCommit(file.etag) ? await gitHash(paths.partial, bytes) : '');
    verified = await verify(file, { sha256, git, partial: paths.partial });
  } finally {
    await handle.close();
  }
  await writing(paths.destination, (destination) => rename(paths.partial, destination));
  return { bytes, sha256, verified };
}

/** Hashes what an earlier run left, so that the check covers the whole file. */
async function hashExisting(handle: FileHandle, file: RemoteFile): Promise<Progress> {
  const progress = begin(file.size);
  const { size } = await handle.stat();
  // Without a content hash nothing could tell that the old bytes are good.
  if (!hasContentHash(file) || (file.size !== undefined && size > file.size)) return progress;
  const buffer = Buffer.allocUnsafe(1 << 20);
  while (progress.position < size) {
    const { bytesRead } = await handle.read(
      buffer,
      0,
      Math.min(buffer.length, size - progress.position),
      progress.position,
    );
    if (bytesRead === 0) break;
    advance(progress, buffer.subarray(0, bytesRead));
  }
  return progress;
}

/** One request for the rest of the file. */
async function receive(
  hub: HubConnections,
  file: RemoteFile,
  state: { handle: FileHandle; progress: Progress; attempts: Attempts },
): Promise<void> {
  const { handle, progress, attempts } = state;
  if (file.size !== undefined && file.size > 0 && progress.position === file.size) return;
  const { response, url } = await hub.follow('GET', file.url, file.subject, {
    headers: rangeHeaders(file, progress.position),
    accept: [416],
  });
  await refuseHtml(response, url, file.subject);
  refuseEncoding(file, response, url);
  checkLength(file, response, url);
  if (response.statusCode !== 206 || rangeStart(response) !== progress.position) {
    // The server ignored the range (200), refused it (416) or answered another one: only a whole body can be used.
    Object.assign(progress, begin(file.size), { furthest: progress.furthest });
    if (response.statusCode !== 200) {
      response.destroy();
      throw new TransientFailure(
        `${url.host} answered ${response.statusCode} with range ${describeValue(header(response, 'content-range') ?? '')}`,
        { wait: 0 },
      );
    }
  }
  const start = progress.position;
  const meter = new ProgressMeter(hub.settings.onProgress, {
    stage: `downloading ${file.name}`,
    unit: 'bytes',
    total: file.size,
    alreadyDone: start,
  });
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (file.size !== undefined && progress.position + chunk.length > file.size) throw tooLong(file, url);
      // At its position, not appended: a second writer (a lock that locks nothing) would write the same bytes to the
      // same place.
      await writing(file.name, () => writeAll(handle, chunk, progress.position));
      advance(progress, chunk);
      meter.add(chunk.length);
      if (progress.position - progress.furthest >= WORTHWHILE) {
        progress.furthest = progress.position;
        attempts.progressed();
      }
    }
  } catch (error) {
    throw error instanceof AlbertineError ? error : hub.classify(error, url);
  }
  if (file.size !== undefined && progress.position < file.size) {
    throw new TransientFailure(`${url.host} ended ${file.name} after ${progress.position} of ${file.size} bytes`);
  }
  meter.finish();
}

function rangeHeaders(file: RemoteFile, position: number): Record<string, string> {
  if (position === 0) return {};
  // A content hash is checked at the end anyway, and storage hosts know the file under another ETag; otherwise ask for
  // the same version.
  return { range: `bytes=${position}-`, ...(!hasContentHash(file) && { 'if-range': `"${file.etag}"` }) };
}

function hasContentHash({ etag }: RemoteFile): boolean {
  return SHA256.test(etag) || isCommit(etag);
}

function rangeStart(response: IncomingMessage): number | undefined {
  const match = /^bytes (\d+)-/.exec(header(response, 'content-range') ?? '');
  return match ? Number(match[1]) : undefined;
}

/** Throws `network` when the announced length of the whole file is not the one the hub gave. */
function checkLength(file: RemoteFile, response: IncomingMessage, url: URL): void {
  const total =
    response.statusCode === 206
      ? /\/(\d+)$/.exec(header(response, 'content-range') ?? '')?.[1]
      : response.statusCode === 200
        ? header(response, 'content-length')
        : undefined;
  if (total === undefined || file.size === undefined || Number(total) === file.size) return;
  response.destroy();
  throw new AlbertineError(
    'network',
    `${url.host} announces ${total} bytes for ${describeSubject(file.subject)}, the hub said ${file.size}`,
    { value: Number(total) },
  );
}

/** Throws `network` for a compressed body: only the plain one was asked for, and lengths and hashes are of that. */
function refuseEncoding(file: RemoteFile, response: IncomingMessage, url: URL): void {
  const encoding = header(response, 'content-encoding') ?? 'identity';
  if (encoding === 'identity') return;
  response.destroy();
  throw new AlbertineError(
    'network',
    `${url.host} sends ${describeSubject(file.subject)} with an encoding that was not asked for: ${encoding}`,
    { value: encoding },
  );
}

function tooLong(file: RemoteFile, url: URL): AlbertineError {
  return new AlbertineError(
    'network',
    `${url.host} sends more than the ${file.size} bytes of ${describeSubject(file.subject)}`,
    { value: file.size },
  );
}

async function writeAll(handle: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < chunk.length;) {
    const { bytesWritten } = await handle.write(chunk, written, chunk.length - written, position + written);
    written += bytesWritten;
  }
}

async function verify(
  file: RemoteFile,
  found: { sha256: string; git: string; partial: string },
): Promise<Verification> {
  const kind: Verification = SHA256.test(file.etag)
    ? 'sha256'
    : isCommit(file.etag)
      ? 'git-sha1'
      : file.size === undefined
        ? 'none'
        : 'length';
  const actual = kind === 'sha256' ? found.sha256 : kind === 'git-sha1' ? found.git : file.etag;
  if (actual === file.etag) return kind;
  await rm(found.partial, { force: true });
  throw new AlbertineError(
    'checksum_mismatch',
    `${describeSubject(file.subject)} arrived damaged: ${kind} should be ${file.etag}, got ${actual}`,
    {
      value: actual,
      hint: 'The bad file was removed; download it again',
    },
  );
}

async function gitHash(path: string, size: number): Promise<string> {
  const hash = createHash('sha1').update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The sha256 of a file in lower-case hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
