import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadModel, resolveModel } from '../../src/checkpoint/hub-node.ts';
import { redirectTarget } from '../../src/checkpoint/hub-http-node.ts';
import type { HubOptions } from '../../src/checkpoint/hub-node.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { ProgressEvent } from '../../src/core/progress.ts';
import { HubServer, gitHash, sha256 } from './hub-server.ts';
import type { Repository } from './hub-server.ts';

const ID = 'albert/albert-base-v2';
const COMMIT = '8e2f239c5f8a2c0f253781ca60135db913e5c80c';
const NEXT_COMMIT = '1'.repeat(40);
const CONFIG = Buffer.from('{"model_type":"albert","hidden_size":8}\n');
/** 300 kB that no compressor or cache confuses with anything else. */
const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 2654435761 + (i >> 7)) & 255));
const SPIECE = Buffer.from('not really sentencepiece, but not text either \u0000\u0001');

let server: HubServer;
let home: string;

beforeAll(async () => {
  server = await HubServer.start();
});
afterAll(() => server.stop());
beforeEach(() => {
  server.reset();
  home = mkdtempSync(join(tmpdir(), 'albertine-hub-'));
  for (const name of [
    'HF_HUB_CACHE',
    'HUGGINGFACE_HUB_CACHE',
    'HF_TOKEN',
    'HUGGING_FACE_HUB_TOKEN',
    'HF_TOKEN_PATH',
    'HF_HUB_OFFLINE',
    'TRANSFORMERS_OFFLINE',
    'HF_HUB_DISABLE_SYMLINKS',
    'HF_HUB_DISABLE_IMPLICIT_TOKEN',
    'HTTP_PROXY',
    'http_proxy',
    'HTTPS_PROXY',
    'https_proxy',
    'ALL_PROXY',
    'all_proxy',
    'NO_PROXY',
    'no_proxy',
  ])
    vi.stubEnv(name, '');
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_ENDPOINT', server.endpoint);
  server.repositories.set(ID, albert());
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

function albert(changes: Partial<Repository> = {}): Repository {
  return {
    commit: COMMIT,
    files: {
      'README.md': Buffer.from('# card'),
      'config.json': CONFIG,
      'spiece.model': SPIECE,
      'tokenizer.json': Buffer.from('{}'),
      'tokenizer_config.json': Buffer.from('{"do_lower_case":true}'),
      'model.safetensors': WEIGHTS,
      'pytorch_model.bin': Buffer.from('pickle'),
      'tf_model.h5': Buffer.from('h5'),
      'rust_model.ot': Buffer.from('ot'),
    },
    large: ['model.safetensors', 'spiece.model', 'pytorch_model.bin'],
    ...changes,
  };
}

const quick: HubOptions = { retryDelay: 5, stallTimeout: 300 };
const repositoryFolder = (id = ID): string => join(home, 'hub', `models--${id.replaceAll('/', '--')}`);
const snapshot = (...rest: string[]): string => join(repositoryFolder(), 'snapshots', COMMIT, ...rest);
const blob = (name: string): string => join(repositoryFolder(), 'blobs', name);
const partial = (): string => blob(`${sha256(WEIGHTS)}.albertine.incomplete`);

async function failure(promise: Promise<unknown>): Promise<{ code: ErrorCode; message: string }> {
  return promise.then(
    () => expect.unreachable('should have failed'),
    (error: { code: ErrorCode; message: string }) => error,
  );
}

describe('the cache layout', () => {
  it('is the one Python reads', async () => {
    const result = await downloadModel(ID, quick);
    expect(result.folder).toBe(snapshot());
    expect(result.revision).toBe(COMMIT);
    expect(readdirSync(repositoryFolder()).sort()).toEqual(['.no_exist', 'blobs', 'refs', 'snapshots']);
    expect(readFileSync(join(repositoryFolder(), 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readdirSync(snapshot()).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'spiece.model',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    expect(readlinkSync(snapshot('model.safetensors'))).toBe(join('..', '..', 'blobs', sha256(WEIGHTS)));
    expect(readlinkSync(snapshot('config.json'))).toBe(join('..', '..', 'blobs', gitHash(CONFIG)));
    expect(readFileSync(snapshot('model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(readdirSync(join(home, 'hub', '.locks'), { recursive: true })).toEqual([`models--albert--albert-base-v2`]);
  });

  it('reports every file with its hash and what it was checked against', async () => {
    const { files, bytes } = await downloadModel(ID, quick);
    expect(files.find((file) => file.name === 'model.safetensors')).toEqual({
      name: 'model.safetensors',
      bytes: WEIGHTS.length,
      fromCache: false,
      sha256: sha256(WEIGHTS),
      verified: 'sha256',
    });
    expect(files.find((file) => file.name === 'config.json')).toEqual({
      name: 'config.json',
      bytes: CONFIG.length,
      fromCache: false,
      sha256: sha256(CONFIG),
      verified: 'git-sha1',
    });
    expect(files.at(-1)?.name).toBe('model.safetensors');
    expect(bytes).toBe(files.reduce((sum, file) => sum + file.bytes, 0));
    const again = await downloadModel(ID, quick);
    expect(again.files.map(({ fromCache, verified }) => [fromCache, verified])).toEqual(
      files.map(() => [true, 'cache']),
    );
    expect(again.files.map((file) => file.sha256)).toEqual(files.map((file) => file.sha256));
    expect(server.requests(/storage GET/)).toHaveLength(2);
  });

  it('copies where links are not wanted or not possible', async () => {
    vi.stubEnv('HF_HUB_DISABLE_SYMLINKS', '1');
    await downloadModel(ID, quick);
    expect(lstatSync(snapshot('config.json')).isSymbolicLink()).toBe(false);
    expect(readFileSync(snapshot('config.json')).equals(CONFIG)).toBe(true);
    rmSync(join(repositoryFolder(), 'blobs'), { recursive: true });
    // As Python leaves it on such systems: the file in the snapshot, no blob.
    const again = await downloadModel(ID, quick);
    expect(again.files.every((file) => file.fromCache)).toBe(true);
    expect(again.files.at(-1)?.sha256).toBe(sha256(WEIGHTS));
  });

  it('links nested files upwards', async () => {
    server.repositories.set(
      ID,
      albert({
        files: {
          ...albert().files,
          '1_Pooling/config.json': Buffer.from('{"pooling_mode_mean_tokens":true}'),
          'onnx/config.json': CONFIG,
        },
      }),
    );
    await downloadModel(ID, quick);
    expect(readlinkSync(snapshot('1_Pooling', 'config.json'))).toMatch(/^\.\.[/\\]\.\.[/\\]\.\.[/\\]blobs/);
    expect(existsSync(snapshot('onnx'))).toBe(false);
  });

  it('shares unchanged files between commits and keeps the old snapshot', async () => {
    await downloadModel(ID, quick);
    const config = Buffer.from('{"model_type":"albert","hidden_size":16}');
    server.repositories.set(ID, albert({ commit: NEXT_COMMIT, files: { ...albert().files, 'config.json': config } }));
    const next = await downloadModel(ID, quick);
    expect(next.revision).toBe(NEXT_COMMIT);
    expect(next.files.filter((file) => !file.fromCache).map((file) => file.name)).toEqual(['config.json']);
    expect(readFileSync(snapshot('config.json')).equals(CONFIG)).toBe(true);
    expect(readFileSync(join(next.folder, 'config.json')).equals(config)).toBe(true);
    expect(readFileSync(join(repositoryFolder(), 'refs', 'main'), 'utf8')).toBe(NEXT_COMMIT);
  });

  it('replaces a cached blob of the wrong size', async () => {
    await downloadModel(ID, quick);
    truncateSync(blob(sha256(WEIGHTS)), 100);
    const again = await downloadModel(ID, quick);
    expect(again.files.filter((file) => !file.fromCache).map((file) => file.name)).toEqual(['model.safetensors']);
    expect(readFileSync(snapshot('model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it.each([
    ['HF_HUB_CACHE', 'elsewhere'],
    ['HUGGINGFACE_HUB_CACHE', 'older'],
  ])('%s moves the cache', async (name, folder) => {
    vi.stubEnv(name, join('$HF_HOME', folder));
    expect((await downloadModel(ID, quick)).folder).toBe(
      join(home, folder, 'models--albert--albert-base-v2', 'snapshots', COMMIT),
    );
  });

  it('stores a branch with a slash, and a commit without a reference', async () => {
    await downloadModel(`${ID}@feature/x`, quick);
    expect(readFileSync(join(repositoryFolder(), 'refs', 'feature', 'x'), 'utf8')).toBe(COMMIT);
    expect(server.requests(/revision\/feature%2Fx$/)).toHaveLength(1);
    await downloadModel(ID, { ...quick, revision: COMMIT });
    expect(readdirSync(join(repositoryFolder(), 'refs'))).toEqual(['feature']);
  });
});

describe('which files', () => {
  const names = async (repository: Partial<Repository>): Promise<string[]> => {
    server.repositories.set(ID, albert(repository));
    return (await downloadModel(ID, quick)).files.map((file) => file.name);
  };

  it('takes PyTorch weights only without safetensors', async () => {
    const files = Object.fromEntries(Object.entries(albert().files).filter(([name]) => name !== 'model.safetensors'));
    expect((await names({ files })).at(-1)).toBe('pytorch_model.bin');
  });

  it('takes the shards an index names', async () => {
    const index = Buffer.from(
      JSON.stringify({
        weight_map: {
          a: 'model-00001-of-00002.safetensors',
          b: 'model-00002-of-00002.safetensors',
          c: 'model-00001-of-00002.safetensors',
        },
      }),
    );
    const files = {
      'config.json': CONFIG,
      'vocab.txt': SPIECE,
      'model.safetensors.index.json': index,
      'model-00001-of-00002.safetensors': WEIGHTS,
      'model-00002-of-00002.safetensors': Buffer.from('w'),
      'pytorch_model.bin': SPIECE,
    };
    expect(await names({ files })).toEqual([
      'vocab.txt',
      'config.json',
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]);
    rmSync(snapshot('model-00002-of-00002.safetensors'));
    const error = await failure(resolveModel(ID, { ...quick, offline: true }));
    expect(error.message).toContain('model-00002-of-00002.safetensors');
    expect(error.message).not.toContain('00001');
  });

  it('takes a TensorFlow checkpoint when there is nothing else', async () => {
    const files = {
      'albert_config.json': CONFIG,
      'vocab.txt': SPIECE,
      'model.ckpt-best.index': SPIECE,
      'model.ckpt-best.data-00000-of-00001': WEIGHTS,
      'model.ckpt-best.meta': SPIECE,
    };
    expect(await names({ files })).toEqual([
      'vocab.txt',
      'albert_config.json',
      'model.ckpt-best.index',
      'model.ckpt-best.data-00000-of-00001',
    ]);
    expect(await resolveModel(ID, { offline: true })).toBe(snapshot());
  });

  it('takes exactly the files asked for', async () => {
    const result = await downloadModel(ID, { ...quick, files: ['README.md'] });
    expect(result.files.map((file) => file.name)).toEqual(['README.md']);
    expect((await downloadModel(ID, { ...quick, files: ['README.md'], offline: true })).bytes).toBe(6);
    const error = await failure(downloadModel(ID, { ...quick, files: ['nothing.txt'] }));
    expect(error).toMatchObject({ code: 'not_found', message: expect.stringContaining('nothing.txt') });
  });

  it('names what a repository lacks', async () => {
    const error = await failure(names({ files: { 'README.md': SPIECE } }));
    expect(error).toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/config\.json and no weights.*README\.md/s),
    });
  });

  it('never writes outside its folder, whatever the listing or the index says', async () => {
    await names({
      alsoListed: ['../../../evil/config.json', '/etc/passwd', '1_Pooling/../../../../config.json', 'C:\\evil'],
    });
    for (const evil of ['../../escape.safetensors', '/escape', 'a/../../b', '..\\b', 'c:x', 'a//b', 'nul\u0000']) {
      const index = Buffer.from(JSON.stringify({ weight_map: { a: evil } }));
      server.repositories.set(
        ID,
        albert({ files: { 'config.json': CONFIG, 'spiece.model': SPIECE, 'model.safetensors.index.json': index } }),
      );
      expect((await failure(downloadModel(ID, quick))).code).toBe('invalid_data');
      expect((await failure(downloadModel(ID, { ...quick, files: [evil] }))).code).toBe('invalid_data');
    }
    expect(readdirSync(home)).toEqual(['hub']);
    expect(readdirSync(join(home, 'hub')).sort()).toEqual(['.locks', 'models--albert--albert-base-v2']);
  });

  it.each(['../../x', 'main', 'ABC'])('refuses the commit %s from a server', async (commit) => {
    server.repositories.set(ID, albert({ commit }));
    expect((await failure(downloadModel(ID, quick))).code).toBe('network');
  });

  it.each(['../../evil', '.hidden', 'a/b', ''])('refuses the ETag %j', async (etag) => {
    server.repositories.set(ID, albert({ etags: { 'config.json': etag } }));
    expect((await failure(downloadModel(ID, quick))).code).toBe('network');
  });
});

describe('a path or an id', () => {
  it.each([
    './missing',
    '../missing',
    '/missing/model',
    '~/missing-model',
    'models\\albert',
    'C:/models/albert',
    'a/b/c',
    'owner/',
    '',
    '--x',
    'a b/c',
  ])('%j is a path and opens no socket', async (path) => {
    expect((await failure(resolveModel(path, quick))).code).toBe('file_not_found');
    expect(server.log).toEqual([]);
  });

  it('prefers what exists on disk', async () => {
    const folder = join(home, 'albert', 'albert-base-v2');
    mkdirSync(folder, { recursive: true });
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(home);
    try {
      expect(await resolveModel(ID, quick)).toBe(folder);
      writeFileSync(join(home, 'weights'), '');
      expect(await failure(resolveModel('weights', quick))).toMatchObject({
        code: 'file_not_found',
        message: expect.stringContaining('is a file'),
      });
    } finally {
      cwd.mockRestore();
    }
    expect(server.log).toEqual([]);
  });

  it('takes a misspelt folder for what it is, and asks nothing of the network', async () => {
    for (const name of ['models/sentiment', 'runs/first/best']) mkdirSync(join(home, name), { recursive: true });
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(home);
    try {
      for (const [given, message] of [
        ['./modls/sentiment', /no model folder at .*Did you mean .*models\/sentiment\?/],
        [
          'models/sentimnt',
          /the folder models has no folder sentimnt\. Did you mean .*models\/sentiment\?.*For the hub/,
        ],
        ['modles', /no folder modles here, and it is no hub id.*Did you mean .*models\?/],
        ['runs/frist/best', /is not a hub id\. Did you mean .*runs\/first\/best\?/],
        ['albert-bse-v2', /Did you mean albert-base-v2, of the hub\?/],
        ['nothing-like-it', /no folder nothing-like-it here, and it is no hub id, which has an owner/],
      ] as const)
        expect(await failure(resolveModel(given, quick)), given).toMatchObject({
          code: 'file_not_found',
          message: expect.stringMatching(message),
        });
      expect(server.log).toEqual([]);
      // A revision says that the hub is meant, whatever folders there are.
      mkdirSync(join(home, 'albert'));
      expect(await resolveModel(`${ID}@main`, quick)).toBe(snapshot());
      // What is in the cache is known to be an id.
      expect(await resolveModel(ID, quick)).toBe(snapshot());
    } finally {
      cwd.mockRestore();
    }
  });

  it('takes a legacy single name, follows its redirect, and caches it under the name asked for', async () => {
    server.repositories.set('albert-base-v2', albert({ renamedTo: ID }));
    expect(await resolveModel('albert-base-v2', quick)).toBe(
      join(repositoryFolder('albert-base-v2'), 'snapshots', COMMIT),
    );
  });

  it('uses a complete snapshot without the network, and downloads otherwise', async () => {
    const folder = await resolveModel(ID, quick);
    const requests = server.log.length;
    expect(await resolveModel(ID, quick)).toBe(folder);
    expect(await resolveModel(`${ID}@${COMMIT}`, quick)).toBe(folder);
    expect(await resolveModel(ID, { ...quick, revision: 'main' })).toBe(folder);
    expect(server.log).toHaveLength(requests);
    rmSync(snapshot('config.json'));
    expect(await resolveModel(ID, quick)).toBe(folder);
    expect(existsSync(snapshot('config.json'))).toBe(true);
    expect(server.log.length).toBeGreaterThan(requests);
  });

  it('knows that a repository has no vocabulary', async () => {
    server.repositories.set(ID, albert({ files: { 'config.json': CONFIG, 'model.safetensors': WEIGHTS } }));
    await resolveModel(ID, quick);
    expect(await resolveModel(ID, { offline: true })).toBe(snapshot());
  });

  it('offline opens no socket and says what is missing', async () => {
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    expect(await failure(resolveModel(ID, quick))).toMatchObject({
      code: 'offline',
      message: expect.stringMatching(/revision main of albert\/albert-base-v2@main.*Nor is there a folder/s),
    });
    vi.stubEnv('HF_HUB_OFFLINE', '');
    await downloadModel(ID, quick);
    server.log.length = 0;
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    const cached = await downloadModel(ID, quick);
    expect(cached.files.map((file) => [file.name, file.sha256])).toContainEqual(['model.safetensors', sha256(WEIGHTS)]);
    expect(cached.files.map((file) => [file.name, file.sha256])).toContainEqual(['config.json', sha256(CONFIG)]);
    rmSync(blob(sha256(WEIGHTS)));
    rmSync(snapshot('spiece.model'));
    rmSync(snapshot('tokenizer.json'));
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'offline',
      message: expect.stringMatching(/a vocabulary.*weights/),
    });
    expect(server.log).toEqual([]);
  });

  it('rejects ids and revisions that contradict or escape', async () => {
    expect((await failure(downloadModel('../evil'))).code).toBe('invalid_argument');
    expect((await failure(downloadModel('a/b@../../x'))).code).toBe('invalid_argument');
    expect((await failure(downloadModel(ID, { revision: '../../x' }))).code).toBe('invalid_argument');
    expect((await failure(downloadModel(`${ID}@v1`, { revision: 'v2' }))).code).toBe('invalid_argument');
    expect((await failure(downloadModel(ID, { endpoint: 'ftp://x' }))).code).toBe('invalid_argument');
  });
});

describe('a connection that fails', () => {
  it('goes on where it was cut, several times', async () => {
    for (const cutAfter of [100_000, 50_000, 70_000]) server.fail(/storage GET/, { cutAfter });
    const result = await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    // What was still in the socket's buffers at the cut is asked for again.
    const starts = server.requests(/storage GET/).map((entry) => Number(/\d+/.exec(entry.headers.range ?? '0')));
    expect(starts).toHaveLength(4);
    [0, 100_000, 150_000, 220_000].forEach((most, i) => expect(starts[i]).toBeLessThanOrEqual(most));
    expect(starts[3]).toBeGreaterThan(100_000);
    expect(result.files[0]).toMatchObject({ sha256: sha256(WEIGHTS), verified: 'sha256', fromCache: false });
    expect(existsSync(partial())).toBe(false);
  });

  it('keeps what it has when it gives up, and the next run resumes', async () => {
    server.fail(/storage GET/, { stallAfter: 60_000 }, 3);
    const error = await failure(
      downloadModel(ID, { ...quick, stallTimeout: 150, retries: 2, files: ['model.safetensors'] }),
    );
    expect(error).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/model\.safetensors of albert\/albert-base-v2@.*after 3 tries/),
    });
    expect(readFileSync(partial()).equals(WEIGHTS.subarray(0, 180_000))).toBe(true);
    const events: ProgressEvent[] = [];
    await downloadModel(ID, { ...quick, files: ['model.safetensors'], onProgress: (event) => events.push(event) });
    expect(server.requests(/storage GET/).at(-1)?.headers.range).toBe('bytes=180000-');
    expect(readFileSync(snapshot('model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(events[0].done).toBeGreaterThan(180_000);
    expect(events.at(-1)).toMatchObject({
      stage: 'downloading model.safetensors',
      done: WEIGHTS.length,
      total: WEIGHTS.length,
      unit: 'bytes',
    });
  });

  it('finishes without a request when only the renaming was missing', async () => {
    mkdirSync(join(repositoryFolder(), 'blobs'), { recursive: true });
    writeFileSync(partial(), WEIGHTS);
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(server.requests(/storage GET/)).toHaveLength(0);
    expect(readFileSync(snapshot('model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it.each([
    ['ignores the range', { ignoreRange: true }, 1],
    ['answers another range', { wrongRange: true }, 2],
    ['refuses the range', { status: 416 }, 2],
  ])('starts again when the server %s', async (_name, fault, requests) => {
    mkdirSync(join(repositoryFolder(), 'blobs'), { recursive: true });
    writeFileSync(partial(), WEIGHTS.subarray(0, 1000));
    server.fail(/storage GET/, fault);
    const result = await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(result.files[0].sha256).toBe(sha256(WEIGHTS));
    expect(server.requests(/storage GET/)).toHaveLength(requests);
  });

  it('tries longer while it gets further, but not for ever', async () => {
    const content = Buffer.alloc(6 << 20, 'abc');
    server.repositories.set(ID, albert({ files: { 'model.safetensors': content } }));
    server.fail(/storage GET/, { stallAfter: 3 << 19 }, 3);
    const options = { ...quick, stallTimeout: 150, retries: 1, files: ['model.safetensors'] };
    expect((await downloadModel(ID, options)).bytes).toBe(content.length);
    rmSync(repositoryFolder(), { recursive: true });
    server.log.length = 0;
    server.fail(/storage GET/, { ignoreRange: true, stallAfter: 3 << 19 }, 100);
    expect(await failure(downloadModel(ID, options))).toMatchObject({
      code: 'network',
      message: expect.stringContaining('sent nothing'),
    });
    expect(server.requests(/storage GET/).length).toBeLessThan(5);
  });

  it.each([
    ['damaged', 1000],
    ['too long', 400_000],
  ])('recovers from leftovers that are %s', async (_name, length) => {
    mkdirSync(join(repositoryFolder(), 'blobs'), { recursive: true });
    writeFileSync(partial(), Buffer.alloc(length, 7));
    const result = await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(readFileSync(join(result.folder, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it('notices a stalled transfer', async () => {
    server.fail(/storage GET/, { stallAfter: 10_000 });
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(server.requests(/storage GET/).at(-1)?.headers.range).toBe('bytes=10000-');
  });

  it('notices a server that never answers', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const error = await failure(downloadModel(ID, { ...quick, stallTimeout: 50, retries: 1, endpoint }));
    expect(error).toMatchObject({ code: 'network', message: expect.stringContaining('sent nothing for 0.05 s') });
    silent.closeAllConnections();
    silent.close();
    // Nobody listens there any more: reported at once, with retries left.
    expect(await failure(downloadModel(ID, { endpoint }))).toMatchObject({
      code: 'network',
      message: expect.stringContaining('cannot connect'),
    });
  });

  it.each([500, 502, 503, 504, 408])('tries again after %i', async (status) => {
    server.fail(/api\/models/, { status });
    server.fail(/hub HEAD .*config\.json/, { status });
    server.fail(/hub GET .*config\.json/, { status });
    await downloadModel(ID, { ...quick, files: ['config.json'] });
    expect(readFileSync(snapshot('config.json')).equals(CONFIG)).toBe(true);
  });

  it('waits as long as a 429 asks, and tells', async () => {
    server.fail(/storage GET/, { status: 429, headers: { 'retry-after': '1' } });
    const stages: string[] = [];
    await downloadModel(ID, { ...quick, files: ['model.safetensors'], onProgress: ({ stage }) => stages.push(stage) });
    expect(stages[0]).toMatch(/retrying model\.safetensors .* in 1 s: .* 429 Too Many Requests, asking to wait 1 s/);
  });

  it.each<Record<string, string>>([
    { 'retry-after': '3600' },
    { ratelimit: '"api";r=0;t=3600' },
    { 'retry-after': new Date(Date.now() + 3_599_500).toUTCString() },
  ])('reports a 429 that asks for too long (%j)', async (headers) => {
    server.fail(/api\/models/, { status: 429, headers }, 100);
    const error = await failure(downloadModel(ID, quick));
    expect(error).toMatchObject({ code: 'network', message: expect.stringMatching(/429.*Wait 3\d\d\d s/s) });
    expect(server.log).toHaveLength(1);
  });

  it('gives up on a server that only fails', async () => {
    server.fail(/api\/models/, { status: 503 }, 100);
    expect(await failure(downloadModel(ID, { ...quick, retries: 3 }))).toMatchObject({
      code: 'network',
      message: expect.stringContaining('after 4 tries'),
    });
    expect(server.log).toHaveLength(4);
  });
});

describe('a server that lies', () => {
  it('announces more bytes than it sends', async () => {
    server.fail(/storage GET/, { lengthError: 500 }, 100);
    expect(await failure(downloadModel(ID, { ...quick, files: ['model.safetensors'] }))).toMatchObject({
      code: 'network',
      message: expect.stringContaining(`announces ${WEIGHTS.length + 500}`),
    });
  });

  it('lies the same way in HEAD and GET', async () => {
    server.fail(/config\.json/, { lengthError: 500 }, 100);
    const error = await failure(downloadModel(ID, { ...quick, retries: 1, files: ['config.json'] }));
    expect(error.code).toBe('network');
    expect(existsSync(snapshot('config.json'))).toBe(false);
  });

  it('ends early without announcing a length', async () => {
    server.fail(/storage GET/, { endAfter: 1000 });
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(server.requests(/storage GET/)).toHaveLength(2);
  });

  it('sends more than announced', async () => {
    server.fail(/storage GET/, { extra: 10 }, 100);
    expect(await failure(downloadModel(ID, { ...quick, files: ['model.safetensors'] }))).toMatchObject({
      code: 'network',
      message: expect.stringContaining('more than'),
    });
  });

  it.each([
    ['model.safetensors', /storage GET/],
    ['config.json', /hub GET .*config/],
  ])('sends damaged %s', async (name, pattern) => {
    server.fail(pattern, { damage: true }, 100);
    const error = await failure(downloadModel(ID, { ...quick, files: [name] }));
    expect(error).toMatchObject({ code: 'checksum_mismatch', message: expect.stringContaining(name) });
    expect(readdirSync(join(repositoryFolder(), 'blobs'))).toEqual([]);
    expect(existsSync(snapshot(name))).toBe(false);
    expect(existsSync(join(repositoryFolder(), 'refs'))).toBe(false);
  });

  it('sends HTML for the listing', async () => {
    server.fail(/api\/models/, {
      status: 200,
      body: '<!doctype html><title>Sign in</title>',
      headers: { 'content-type': 'text/html; charset=utf-8' },
    });
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/text\/html.*<!doctype html><title>Sign in/s),
    });
  });

  it('sends HTML for weights', async () => {
    server.fail(/storage GET/, {
      status: 200,
      body: '<html>Blocked by policy',
      headers: { 'content-type': 'text/html' },
    });
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/text\/html.*<html>Blocked/s),
    });
  });

  it('sends HTML for every file', async () => {
    server.fail(/config\.json/, { status: 200, body: '<html>Portal', headers: { 'content-type': 'text/html' } }, 100);
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/text\/html.*<html>Portal/s),
    });
  });

  it.each(['not json', '[]', '{"sha":5}', 'null'])('sends %s as the listing', async (body) => {
    server.fail(/api\/models/, { status: 200, body, headers: { 'content-type': 'application/json' } });
    expect((await failure(downloadModel(ID, quick))).code).toBe('network');
  });

  it('answers for another commit', async () => {
    server.fail(/hub HEAD/, { headers: { 'x-repo-commit': NEXT_COMMIT } }, 100);
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'network',
      message: expect.stringContaining(NEXT_COMMIT),
    });
  });

  it('redirects for ever, or to another protocol', async () => {
    server.fail(/api\/models/, { status: 302, headers: { location: `/api/models/${ID}/revision/main` } }, 100);
    expect((await failure(downloadModel(ID, quick))).message).toContain('redirects');
    server.reset();
    server.fail(/api\/models/, { status: 302, headers: { location: 'file:///etc/passwd' } });
    expect((await failure(downloadModel(ID, quick))).message).toContain('file:///etc/passwd');
  });

  it('compresses what was asked for plain', async () => {
    server.fail(/hub GET .*config\.json/, { headers: { 'content-encoding': 'br' } });
    expect((await failure(downloadModel(ID, { ...quick, files: ['config.json'] }))).message).toContain('br');
  });

  it('checks the length alone when the ETag is no hash, and says so', async () => {
    server.repositories.set(ID, albert({ etags: { 'model.safetensors': 'v7' } }));
    server.fail(/storage GET/, { stallAfter: 1000 });
    const { files } = await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(files[0]).toMatchObject({ verified: 'length', sha256: sha256(WEIGHTS) });
    // The storage host knows the file under another ETag, so it would send the whole; ours asks with If-Range.
    expect(server.requests(/storage GET/)[1].headers).toMatchObject({ range: 'bytes=1000-', 'if-range': '"v7"' });
  });
});

describe('access', () => {
  it.each([
    [401, false],
    [403, true],
  ])('reports %i', async (_status, gated) => {
    server.repositories.set(ID, albert({ token: 'hf_right', gated }));
    const error = await failure(downloadModel(ID, quick));
    expect(error).toMatchObject({
      code: 'unauthorized',
      message: expect.stringMatching(
        gated ? /gated: accept its terms at .*albert-base-v2 first.*HF_TOKEN/ : /private.*HF_TOKEN/,
      ),
    });
    const wrong = await failure(downloadModel(ID, { ...quick, token: 'hf_wrong' }));
    expect(wrong.code).toBe('unauthorized');
    expect(wrong.message).not.toContain('hf_wrong');
    expect(server.log).toHaveLength(2);
  });

  it('sends the token to the hub and to nobody else', async () => {
    server.repositories.set(ID, albert({ token: 'hf_secret' }));
    vi.stubEnv('HF_TOKEN', 'hf_secret\n');
    await downloadModel(ID, quick);
    expect(server.requests(/^hub/).every((entry) => entry.headers.authorization === 'Bearer hf_secret')).toBe(true);
    expect(server.requests(/^storage/).length).toBeGreaterThan(0);
    expect(server.requests(/^storage/).filter((entry) => 'authorization' in entry.headers)).toEqual([]);
  });

  it('reads the token file, unless told not to', async () => {
    writeFileSync(join(home, 'token'), 'hf_file\n');
    await downloadModel(ID, { ...quick, files: ['config.json'] });
    expect(server.log.every((entry) => entry.headers.authorization === 'Bearer hf_file')).toBe(true);
    server.log.length = 0;
    await downloadModel(ID, { ...quick, files: ['config.json'], token: false });
    vi.stubEnv('HF_HUB_DISABLE_IMPLICIT_TOKEN', '1');
    await downloadModel(ID, { ...quick, files: ['config.json'] });
    expect(server.log.filter((entry) => entry.headers.authorization)).toEqual([]);
  });

  it('follows a mirror that redirects to another hub, without the token', async () => {
    const mirror = createServer(
      (request, response) => void response.writeHead(308, { location: `${server.endpoint}${request.url}` }).end(),
    );
    await new Promise<void>((done) => mirror.listen(0, '127.0.0.1', done));
    const result = await downloadModel(ID, {
      ...quick,
      token: 'hf_secret',
      endpoint: `http://127.0.0.1:${(mirror.address() as AddressInfo).port}`,
    });
    expect(result.files.map((file) => file.verified)).not.toContain('length');
    expect(existsSync(blob(sha256(WEIGHTS)))).toBe(true);
    expect(server.log.filter((entry) => entry.headers.authorization)).toEqual([]);
    mirror.closeAllConnections();
    mirror.close();
  });

  it('names repository, revision and file of a 404', async () => {
    expect(await failure(downloadModel('nobody/nothing', quick))).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('"nobody/nothing"'),
    });
    expect(await failure(downloadModel(`${ID}@v9`, quick))).toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('no revision "v9"'),
    });
    server.repositories.set(ID, albert({ alsoListed: ['special_tokens_map.json'] }));
    expect(await failure(downloadModel(ID, quick))).toMatchObject({
      code: 'not_found',
      message: expect.stringMatching(/special_tokens_map\.json.*8e2f239/),
    });
  });

  it('goes through a proxy', async () => {
    const seen: string[] = [];
    const proxy = createServer((request, response) => {
      seen.push(`${request.headers['proxy-authorization']} ${request.url}`);
      const target = new URL(request.url ?? '');
      const upstream = connect(Number(target.port), target.hostname, () =>
        upstream.end(`${request.method} ${target.pathname}${target.search} HTTP/1.0\r\nhost: ${target.host}\r\n\r\n`),
      );
      upstream.pipe(response.socket ?? upstream);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    vi.stubEnv('HTTP_PROXY', `http://me:pass@127.0.0.1:${(proxy.address() as AddressInfo).port}`);
    await downloadModel(ID, { ...quick, files: ['config.json'] });
    expect(seen).toHaveLength(3);
    expect(seen[0]).toBe(
      `Basic ${Buffer.from('me:pass').toString('base64')} ${server.endpoint}/api/models/${ID}/revision/main`,
    );
    vi.stubEnv('NO_PROXY', 'localhost,127.0.0.1');
    await downloadModel(ID, { ...quick, files: ['config.json'] });
    expect(seen).toHaveLength(3);
    proxy.close();
  });
});

/** A certificate for 127.0.0.1, made on the spot so that no private key lies in the repository. */
function selfSigned(folder: string): { key: Buffer; cert: Buffer } | undefined {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    '-days',
    '2',
    '-subj',
    '/CN=hub',
    '-addext',
    'subjectAltName=IP:127.0.0.1',
  ]);
  return made.status === 0 ? { key: readFileSync(key), cert: readFileSync(cert) } : undefined;
}

describe('https', () => {
  it("is checked, and goes through a proxy's tunnel", async (context) => {
    const pair = selfSigned(home);
    if (!pair) return context.skip('needs the openssl command to make a certificate');
    const secure = createSecureServer(pair, (request, response) => {
      const upstream = httpRequest(
        `${server.endpoint}${request.url}`,
        { method: request.method, headers: { ...request.headers, host: 'hub' } },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers);
          answer.pipe(response);
        },
      );
      upstream.end();
    });
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', (request: IncomingMessage, client: Socket) => {
      tunnels.push(request.url ?? '');
      if (tunnels.length === 1) return void client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        client.pipe(upstream).pipe(client);
      });
      client.on('error', () => upstream.destroy());
      upstream.on('error', () => client.destroy());
    });
    for (const each of [secure, proxy]) await new Promise<void>((done) => each.listen(0, '127.0.0.1', done));
    const authority = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
    const options = { ...quick, endpoint: `https://${authority}`, files: ['config.json'] };
    try {
      expect(await failure(downloadModel(ID, options))).toMatchObject({
        code: 'network',
        message: expect.stringContaining('self-signed certificate'),
      });
      vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      expect((await downloadModel(ID, options)).files[0].sha256).toBe(sha256(CONFIG));
      expect(tunnels).toEqual([authority, authority]);
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '1');
      expect(await failure(downloadModel(ID, options))).toMatchObject({
        code: 'network',
        message: expect.stringContaining('self-signed certificate'),
      });
    } finally {
      secure.closeAllConnections();
      secure.close();
      proxy.close();
    }
  });

  it('is not left for http by a redirect', () => {
    const from = new URL('https://huggingface.co/a');
    expect(redirectTarget('/b?x=1', from).href).toBe('https://huggingface.co/b?x=1');
    expect(redirectTarget('https://cdn.example/c', from).host).toBe('cdn.example');
    expect(() => redirectTarget('http://cdn.example/c', from)).toThrow('not followed');
  });
});

describe('together and interrupted', () => {
  it('goes on after a process that was killed', async () => {
    server.fail(/storage GET/, { stallAfter: 123_456 });
    const program = `import { downloadModel } from ${JSON.stringify(new URL('../../src/checkpoint/hub-node.ts', import.meta.url).href)};
      await downloadModel(${JSON.stringify(ID)}, { files: ['model.safetensors'] });`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    await vi.waitUntil(() => existsSync(partial()) && statSync(partial()).size === 123_456, {
      timeout: 20_000,
      interval: 20,
    });
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    expect(readdirSync(join(home, 'hub', '.locks', 'models--albert--albert-base-v2'))).toHaveLength(1);
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(server.requests(/storage GET/).map((entry) => entry.headers.range)).toEqual([undefined, 'bytes=123456-']);
    expect(readFileSync(snapshot('model.safetensors')).equals(WEIGHTS)).toBe(true);
  });

  it('downloads once for two at a time', async () => {
    const [first, second] = await Promise.all([downloadModel(ID, quick), downloadModel(ID, quick)]);
    expect(first.folder).toBe(second.folder);
    expect(server.requests(/storage GET/)).toHaveLength(2);
    const origins = first.files.map((file, i) => [file.fromCache, second.files[i].fromCache].filter(Boolean).length);
    expect(origins).toEqual(first.files.map(() => 1));
  });

  it.each([
    ['a dead process', { pid: spawnSync(process.execPath, ['-e', '']).pid, host: hostname() }, 0],
    ['another machine, long silent', { pid: process.pid, host: 'elsewhere' }, 60],
  ])('takes over the lock of %s', async (_name, owner, age) => {
    const lock = join(home, 'hub', '.locks', 'models--albert--albert-base-v2', `${sha256(WEIGHTS)}.albertine.lock`);
    mkdirSync(join(lock, '..'), { recursive: true });
    writeFileSync(lock, JSON.stringify(owner));
    utimesSync(lock, Date.now() / 1000 - age, Date.now() / 1000 - age);
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(existsSync(lock)).toBe(false);
  });

  it('waits for a living holder, and can be stopped while waiting', async () => {
    const lock = join(home, 'hub', '.locks', 'models--albert--albert-base-v2', `${sha256(WEIGHTS)}.albertine.lock`);
    mkdirSync(join(lock, '..'), { recursive: true });
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: hostname() }));
    const stop = new AbortController();
    const stages: string[] = [];
    const onProgress = ({ stage }: ProgressEvent): void => {
      stages.push(stage);
      stop.abort();
    };
    expect(
      (await failure(downloadModel(ID, { ...quick, files: ['model.safetensors'], signal: stop.signal, onProgress })))
        .code,
    ).toBe('interrupted');
    expect(stages).toEqual(['waiting for another process that downloads model.safetensors']);
    expect(existsSync(lock)).toBe(true);
  });

  it('stops at a signal, keeps the part, and goes on later', async () => {
    server.fail(/storage GET/, { stallAfter: 40_000 });
    const stop = new AbortController();
    const running = failure(
      downloadModel(ID, { ...quick, files: ['model.safetensors'], stallTimeout: 30_000, signal: stop.signal }),
    );
    await vi.waitUntil(() => existsSync(partial()) && statSync(partial()).size === 40_000, {
      timeout: 20_000,
      interval: 10,
    });
    stop.abort();
    const error = await running;
    expect(error.code).toBe('interrupted');
    expect(readFileSync(partial()).equals(WEIGHTS.subarray(0, 40_000))).toBe(true);
    expect(readdirSync(join(home, 'hub', '.locks', 'models--albert--albert-base-v2'))).toEqual([]);
    expect((await failure(downloadModel(ID, { ...quick, signal: stop.signal }))).code).toBe('interrupted');
    await downloadModel(ID, { ...quick, files: ['model.safetensors'] });
    expect(server.requests(/storage GET/).at(-1)?.headers.range).toBe('bytes=40000-');
  });

  it('stops while waiting to retry', async () => {
    server.fail(/api\/models/, { status: 503 });
    const stop = new AbortController();
    const error = await failure(
      downloadModel(ID, { retryDelay: 60_000, signal: stop.signal, onProgress: () => stop.abort() }),
    );
    expect(error.code).toBe('interrupted');
  });

  it('says which folder cannot be written', async () => {
    writeFileSync(join(home, 'hub'), 'a file where the cache should be');
    const error = await failure(downloadModel(ID, quick));
    expect(error).toMatchObject({ code: 'invalid_file', message: expect.stringContaining(realpathSync(home)) });
  });
});
