import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AlbertineError, describeValue } from '../core/errors.ts';
import { option, prose } from '../core/prose.ts';
import { requireOptions } from '../core/options.ts';
import { misspeltFolder, nearFolder, noFolder } from './hub-absent-node.ts';
import { RepositoryCache, findSnapshot, isCommit } from './hub-cache-node.ts';
import {
  CONFIG_FILES,
  VOCABULARY_FILES,
  chooseFiles,
  isSafeRelativePath,
  parseHubReference,
  requireSafeFileName,
  shardsOfIndex,
} from './hub-files.ts';
import type { FileChoice, HubReference } from './hub-files.ts';
import { HubConnections, describeSubject, firstCharacters, header, readBody, withRetries } from './hub-http-node.ts';
import { withFileLock } from './hub-lock-node.ts';
import { HUB_OPTIONS, expandPath, readHubSettings } from './hub-settings-node.ts';
import type { HubOptions, HubSettings } from './hub-settings-node.ts';
import { describeRemoteFile, sha256OfFile, transfer } from './hub-transfer-node.ts';
import type { RemoteFile, Verification } from './hub-transfer-node.ts';

export type { HubOptions } from './hub-settings-node.ts';

/** A listing larger than this is not a model's. */
const MAXIMUM_LISTING = 64 << 20;

/** One file of a {@link Download}. */
export interface DownloadedFile {
  /** Name in the repository, with `/` between folders. */
  name: string;
  /** Its size. */
  bytes: number;
  /** Nothing was transferred: the cache had it. */
  fromCache: boolean;
  /** Lower-case hexadecimal. */
  sha256: string;
  /** What the content was checked against when it was received; `cache` when it was there already. */
  verified: Verification | 'cache';
}

/** What {@link downloadModel} leaves behind. */
export interface Download {
  /** The snapshot's folder. */
  folder: string;
  /** The commit (40 hexadecimal digits) the requested revision stands for. */
  revision: string;
  /** Every file, from the cache or not. */
  files: DownloadedFile[];
  /** Size of all files together, cached ones included. */
  bytes: number;
}

/**
 * Turns what a user wrote into a local folder. Text that names something on disk, starts with `.`, `/`, `~` or a drive
 * letter, or has a backslash is a path, and never opens a socket. Otherwise `owner/name`, `owner/name@revision` and
 * single names are hub ids, but for those that {@link misspeltFolder} takes for a path: a complete snapshot in the cache is used without asking the network (so a branch stays
 * where it was last downloaded; {@link downloadModel} moves it), anything else is downloaded. Rejects with
 * `file_not_found` for a path that is absent, `offline` when offline and incomplete, else as {@link downloadModel}
 * does.
 */
export async function resolveModel(pathOrId: string, options: HubOptions = {}): Promise<string> {
  if (pathOrId === '')
    throw new AlbertineError('file_not_found', 'the path or hub id of a model is empty', { value: pathOrId });
  const path = resolve(expandHome(pathOrId));
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory()) return path;
  if (info)
    throw new AlbertineError('file_not_found', `${path} is a file, not a model folder`, {
      value: pathOrId,
      hint: 'Give the folder that holds it',
    });
  if (isPath(pathOrId)) throw await noFolder(pathOrId, path);
  const reference = parseHubReference(pathOrId);
  if (!reference) {
    const near = await nearFolder(path);
    throw new AlbertineError('file_not_found', `no folder at ${path}, and ${describeValue(pathOrId)} is not a hub id`, {
      value: pathOrId,
      hint: `${near === undefined ? '' : `${near} `}A hub id looks like owner/name or owner/name@revision`,
    });
  }
  const wanted = withRevision(reference, options.revision);
  const settings = await readHubSettings(options);
  const { folder } = await findSnapshot(
    new RepositoryCache(settings.cacheFolder, wanted.id),
    wanted,
    checkedNames(options.files),
  );
  if (folder !== undefined) return folder;
  const misspelt = options.revision === undefined ? await misspeltFolder(pathOrId, reference) : undefined;
  if (misspelt) throw misspelt;
  try {
    return (await download(wanted, settings, options.files)).folder;
  } catch (error) {
    throw alsoNoFolder(error, path);
  }
}

/** A mistyped relative path looks like a hub id: say that it was looked for on disk as well. */
function alsoNoFolder(error: unknown, path: string): unknown {
  if (!(error instanceof AlbertineError) || !['not_found', 'unauthorized', 'offline', 'network'].includes(error.code))
    return error;
  return new AlbertineError(error.code, error.message, {
    value: error.value,
    hint: `Nor is there a folder at ${path}`,
    cause: error.cause,
  });
}

/**
 * Downloads what an ALBERT needs of a hub repository (configuration, tokeniser, one set of weights; or `options.files`)
 * into the cache shared with Python, and tells what is there. Asks the hub where the revision points, except offline.
 * Interrupted transfers go on where they stopped; contents are checked against the hub's hashes.
 *
 * Rejects with `unauthorized` (401, 403), `not_found` (404), `network` (the hub stays unreachable or talks nonsense),
 * `checksum_mismatch`, `invalid_data` (unsafe file names), `offline`, `interrupted` (signal), `invalid_file` (the cache
 * cannot be written).
 */
export async function downloadModel(id: string, options: HubOptions = {}): Promise<Download> {
  requireOptions('downloadModel', options, HUB_OPTIONS);
  const reference = parseHubReference(id);
  if (!reference)
    throw new AlbertineError(
      'invalid_argument',
      `a hub id looks like owner/name or owner/name@revision, got ${describeValue(id)}`,
      { value: id },
    );
  return download(withRevision(reference, options.revision), await readHubSettings(options), options.files);
}

function isPath(text: string): boolean {
  return /^[./~]/.test(text) || text.includes('\\') || /^[A-Za-z]:/.test(text);
}

function expandHome(path: string): string {
  // Variables are for settings; in a path the shell has expanded them already.
  return path.startsWith('~') ? expandPath(path, {}) : path;
}

function withRevision(reference: HubReference, revision: string | undefined): HubReference {
  if (revision === undefined || revision === reference.revision) return reference;
  if (!isSafeRelativePath(revision))
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('revision')} must be a branch, tag or commit, got ${describeValue(revision)}`,
      { value: revision, option: 'revision' },
    );
  if (reference.revision !== 'main') {
    throw new AlbertineError(
      'invalid_argument',
      `${reference.id}@${reference.revision} contradicts the revision option ${describeValue(revision)}`,
      { value: revision },
    );
  }
  return { id: reference.id, revision };
}

function checkedNames(files: readonly string[] | undefined): string[] | undefined {
  return files?.map((name) => requireSafeFileName(name, 'the files option'));
}

async function download(
  reference: HubReference,
  settings: HubSettings,
  files: readonly string[] | undefined,
): Promise<Download> {
  const cache = new RepositoryCache(settings.cacheFolder, reference.id);
  const wanted = checkedNames(files);
  if (settings.offline) return describeCached(cache, reference, wanted);
  const hub = new HubConnections(settings);
  try {
    const listing = await listRepository(hub, reference);
    const job: Job = { hub, cache, id: reference.id, commit: listing.commit, done: [] };
    if (wanted) await fetchNamed(job, listing.files, wanted);
    else await fetchModel(job, listing.files);
    // Last, so that an interrupted download leaves the branch at the snapshot that was complete before.
    await cache.writeReference(reference.revision, listing.commit);
    return summary(cache, listing.commit, job.done);
  } finally {
    hub.close();
  }
}

interface Job {
  hub: HubConnections;
  cache: RepositoryCache;
  id: string;
  commit: string;
  done: DownloadedFile[];
}

async function fetchNamed(job: Job, listing: readonly string[], wanted: readonly string[]): Promise<void> {
  const absent = wanted.filter((name) => !listing.includes(name));
  if (absent.length > 0) {
    throw new AlbertineError('not_found', `${job.id} has no file ${absent.join(', ')} at revision ${job.commit}`, {
      value: absent,
      hint: `It has ${listing.slice(0, 20).join(', ')}`,
    });
  }
  for (const name of wanted) await fetchFile(job, name);
}

async function fetchModel(job: Job, listing: readonly string[]): Promise<void> {
  const choice = chooseFiles(listing);
  requireModel(choice, job, listing);
  for (const name of choice.small) await fetchFile(job, name);
  for (const name of choice.weights) {
    const path = await fetchFile(job, name);
    if (!name.endsWith('.index.json')) continue;
    for (const shard of shardsOfIndex(await readFile(path, 'utf8'), `${name} of ${job.id}`))
      await fetchFile(job, shard);
  }
  await job.cache.markAbsent(
    job.commit,
    VOCABULARY_FILES.filter((name) => !listing.includes(name)),
  );
}

function requireModel(choice: FileChoice, job: Job, listing: readonly string[]): void {
  const lacks: string[] = [];
  if (!CONFIG_FILES.some((name) => listing.includes(name))) lacks.push('config.json');
  if (choice.weights.length === 0)
    lacks.push('weights (model.safetensors, pytorch_model.bin or a TensorFlow checkpoint)');
  if (lacks.length === 0) return;
  throw new AlbertineError(
    'not_found',
    `${job.id} is not a usable model: at revision ${job.commit} it has no ${lacks.join(' and no ')}`,
    {
      value: job.id,
      hint: `It has ${listing.slice(0, 20).join(', ') || 'no files'}${listing.length > 20 ? ', …' : ''}`,
    },
  );
}

/** Brings one file into the snapshot and returns its path there. */
async function fetchFile(job: Job, name: string): Promise<string> {
  const { hub, cache, commit } = job;
  const subject = { id: job.id, revision: commit, file: requireSafeFileName(name, `the listing of ${job.id}`) };
  const remote = await describeRemoteFile(
    hub,
    address(hub, [job.id, 'resolve', encodeURIComponent(commit), encodePath(name)]),
    subject,
  );
  const { signal, onProgress, useSymlinks } = hub.settings;
  const onWait = (): void =>
    onProgress?.({ stage: `waiting for another process that downloads ${name}`, done: 0, unit: 'bytes', rate: 0 });
  const received = await withFileLock(
    cache.lock(remote.etag),
    async () => {
      const cached = await findCached(cache, commit, remote);
      if (cached) return cached;
      const paths = { partial: cache.partial(remote.etag), destination: cache.blob(remote.etag) };
      return { ...(await transfer(hub, remote, paths)), fromCache: false };
    },
    { ...(signal && { signal }), onWait },
  );
  const path = received.inPlace ?? (await cache.show(commit, name, { etag: remote.etag, useSymlinks }));
  const sha256 = received.sha256 ?? (await sha256OfCached(path, remote.etag));
  job.done.push({ name, bytes: received.bytes, fromCache: received.fromCache, sha256, verified: received.verified });
  return path;
}

interface Received {
  bytes: number;
  fromCache: boolean;
  verified: Verification | 'cache';
  sha256?: string;
  /**
   * The snapshot's own file, where the cache has no blob for it (Python moves blobs there when it cannot make links).
   */
  inPlace?: string;
}

async function findCached(cache: RepositoryCache, commit: string, remote: RemoteFile): Promise<Received | undefined> {
  const fits = (bytes: number): boolean => remote.size === undefined || bytes === remote.size;
  const blob = await stat(cache.blob(remote.etag)).catch(() => undefined);
  if (blob?.isFile()) return fits(blob.size) ? { bytes: blob.size, fromCache: true, verified: 'cache' } : undefined;
  const shown = await cache.find(commit, remote.name);
  return shown && fits(shown.bytes)
    ? { bytes: shown.bytes, fromCache: true, verified: 'cache', inPlace: shown.path }
    : undefined;
}

async function sha256OfCached(path: string, etag: string): Promise<string> {
  // Large files are named by their sha256, checked on arrival; reading gigabytes again would tell nothing new.
  return /^[0-9a-f]{64}$/.test(etag) ? etag : sha256OfFile(path);
}

/** Where a revision points and which files it has. */
async function listRepository(
  hub: HubConnections,
  reference: HubReference,
): Promise<{ commit: string; files: string[] }> {
  const { id, revision } = reference;
  const url = address(hub, ['api/models', id, 'revision', encodeURIComponent(revision)]);
  return withRetries(hub.settings, reference, async () => {
    const { response, url: last } = await hub.follow('GET', url, reference, {
      headers: { accept: 'application/json' },
    });
    const type = header(response, 'content-type') ?? 'no content type';
    if (!/\bjson\b/i.test(type)) {
      throw new AlbertineError(
        'network',
        `${last.host} sent ${type} in place of the listing of ${describeSubject(reference)}: ${describeValue(await firstCharacters(response), 100)}`,
        {
          value: type,
          hint: 'A login page, a proxy or a wrong HF_ENDPOINT answers instead of the hub',
        },
      );
    }
    try {
      return parseListing(
        (await readBody(response, MAXIMUM_LISTING)).toString('utf8'),
        `${last.host}'s listing of ${id}`,
      );
    } catch (error) {
      throw error instanceof AlbertineError ? error : hub.classify(error, last);
    }
  });
}

function parseListing(text: string, source: string): { commit: string; files: string[] } {
  let listing: { sha?: unknown; siblings?: unknown } | undefined;
  try {
    listing = JSON.parse(text) as typeof listing;
  } catch (cause) {
    throw new AlbertineError('network', `${source} is not valid JSON: ${describeValue(text)}`, { cause });
  }
  const commit = listing?.sha;
  if (typeof commit !== 'string' || !isCommit(commit))
    throw new AlbertineError('network', `${source} names no commit: ${describeValue(commit)}`, { value: commit });
  const siblings = Array.isArray(listing?.siblings) ? (listing.siblings as { rfilename?: unknown }[]) : [];
  return { commit, files: siblings.map((file) => file?.rfilename).filter((name) => typeof name === 'string') };
}

function address(hub: HubConnections, parts: readonly string[]): URL {
  return new URL(`${hub.settings.endpoint.href.replace(/\/$/, '')}/${parts.join('/')}`);
}

function encodePath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

/** Offline: the cached snapshot as a result, or an `offline` error that says what it lacks. */
async function describeCached(
  cache: RepositoryCache,
  reference: HubReference,
  files: readonly string[] | undefined,
): Promise<Download> {
  const { commit, folder, missing } = await findSnapshot(cache, reference, files);
  if (commit === undefined || folder === undefined) {
    throw new AlbertineError(
      'offline',
      `offline, and the cache lacks ${missing.join(', ')} of ${describeSubject(reference)} (looked in ${cache.folder})`,
      {
        value: reference.id,
        hint: 'Download it once with HF_HUB_OFFLINE unset',
      },
    );
  }
  const done: DownloadedFile[] = [];
  for (const name of files ?? (await cache.list(commit))) {
    const file = await cache.find(commit, name);
    if (file)
      done.push({
        name,
        bytes: file.bytes,
        fromCache: true,
        sha256: await sha256OfCached(file.path, await cache.etagOf(file.path)),
        verified: 'cache',
      });
  }
  return summary(cache, commit, done);
}

function summary(cache: RepositoryCache, commit: string, files: DownloadedFile[]): Download {
  return {
    folder: cache.snapshot(commit),
    revision: commit,
    files,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
  };
}
