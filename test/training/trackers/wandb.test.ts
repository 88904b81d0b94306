import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openWandb, requireWandb } from '../../../src/training/run/wandb-node.ts';
import { createWandbTracker } from '../../../src/training/trackers/wandb.ts';
import { readWandbLog, WandbLogWriter } from '../../../src/training/trackers/wandb-log.ts';
import { readRecord } from '../../../src/training/trackers/wandb-records.ts';
import { EXAMPLE_ID, writeWandbExample } from './wandb-example.ts';

interface Golden {
  sha256: string[];
  clients: string[];
  records: Record<string, { update?: Item[]; item?: Item[] }>[][];
  synced: { parts: { history: string[]; exitCode: number }[]; steps: number[] };
}
interface Item {
  nested_key: string[];
  value_json: string;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'albertine-wandb-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const logOf = (part: string, id = EXAMPLE_ID): Uint8Array => readFileSync(join(part, `run-${id}.wandb`));
const rowsOf = (part: string, id?: string) =>
  [...readWandbLog(logOf(part, id))].flatMap((record) => {
    const read = readRecord(record);
    return read?.kind === 'history' ? [read.values] : [];
  });
const stepsOf = (part: string, id?: string) => rowsOf(part, id).map(({ _step }) => Number(_step));

describe('W&B log', () => {
  it('has the bytes that the Python clients read and synced, and reads them as they do', async () => {
    const golden = JSON.parse(
      readFileSync(join(import.meta.dirname, '../../oracle/goldens/wandb.json'), 'utf8'),
    ) as Golden;
    expect(golden.clients).toEqual(['0.21.0', '0.31.0']);
    expect(golden.synced.parts.map(({ exitCode }) => exitCode)).toEqual([255, 0]);
    expect(golden.synced.steps).toEqual(Array.from({ length: 45 }, (_, step) => step));
    const parts = await writeWandbExample(folder);
    const hashes = parts.map((part) => createHash('sha256').update(logOf(part)).digest('hex'));
    expect(hashes).toEqual(golden.sha256);
    parts.forEach((part, index) => {
      const records = golden.records[index];
      expect([...readWandbLog(logOf(part))]).toHaveLength(records.length);
      const items = records.flatMap(({ history }) => (history ? [history.item!] : []));
      expect(rowsOf(part)).toEqual(
        items.map((row) => Object.fromEntries(row.map(({ nested_key: [name], value_json }) => [name, value_json]))),
      );
      expect(golden.synced.parts[index].history).toHaveLength(items.length);
    });
  });

  it('divides records at the ends of blocks, whatever is left of them', () => {
    const path = join(folder, 'log');
    const writer = new WandbLogWriter(path);
    // The first block has room for 32,754 bytes; then 0 to 8 bytes are left of it, and further blocks are crossed.
    const records = Array.from({ length: 9 }, (_, left) => [32_754 - left, 5, 0, 70_000, 32_768]).map((sizes, index) =>
      sizes.map((size) => new Uint8Array(size).fill(index + 1)),
    );
    for (const record of records.flat()) writer.write(record);
    writer.close();
    const read = [...readWandbLog(readFileSync(path))];
    expect(read.map((record) => Buffer.from(record).toString('base64'))).toEqual(
      records.flat().map((record) => Buffer.from(record).toString('base64')),
    );
  });

  it('is read up to where a killed process or a damaged disk left it', async () => {
    const [part] = await writeWandbExample(folder);
    const bytes = logOf(part);
    const count = [...readWandbLog(bytes)].length;
    expect([...readWandbLog(bytes.subarray(0, -1))]).toHaveLength(count - 1);
    const damaged = Uint8Array.from(bytes);
    damaged[40] ^= 1;
    expect([...readWandbLog(damaged)].length).toBeLessThan(3);
    expect([...readWandbLog(new TextEncoder().encode('something else'))]).toEqual([]);
  });
});

describe('W&B tracker', () => {
  it('goes on in the same run without rows that are there, and with its settings and its time', async () => {
    const [first, second] = await writeWandbExample(folder);
    expect(stepsOf(first)).toEqual(Array.from({ length: 40 }, (_, step) => step));
    expect(stepsOf(second)).toEqual([40, 41, 42, 43, 44]);
    const times = [...rowsOf(first), ...rowsOf(second)].map(({ _runtime }) => Number(_runtime));
    expect(times).toEqual([...times].sort((a, b) => a - b));
    const settings = [...readWandbLog(logOf(second))].map(readRecord).find((read) => read?.kind === 'config');
    expect(settings).toMatchObject({ values: { learningRate: '0.0001', task: '"classify"' } });
  });

  it('keeps the first values of steps that a roll-back repeats, and says so once', async () => {
    const onWarning = vi.fn();
    const tracker = createWandbTracker(folder, { project: 'p', onWarning });
    for (const step of [0, 1, 2, 1, 2, 3]) tracker.scalars(step, { loss: step });
    await tracker.close('failed');
    expect(stepsOf(tracker.folder, tracker.runId)).toEqual([0, 1, 2, 3]);
    expect(onWarning).toHaveBeenCalledTimes(1);
    expect(onWarning).toHaveBeenCalledWith(expect.stringContaining('step 1 comes again after step'));
    expect(() => tracker.scalars(4, {})).toThrow(/closed/);
  });

  it('says what it lacks of a step whose evaluation is there already', async () => {
    const first = createWandbTracker(folder, { project: 'p' });
    first.scalars(4, { 'evaluation/accuracy': 1 });
    await first.close('interrupted');
    const onWarning = vi.fn();
    const second = createWandbTracker(folder, { project: 'p', resume: true, onWarning });
    second.scalars(4, { loss: 1 });
    second.scalars(5, { loss: 1 });
    await second.close();
    expect(second.runId).toBe(first.runId);
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('train/loss left out')]]);
  });
});

interface Call {
  path: string;
  authorization: string | undefined;
  body: {
    query?: string;
    variables?: Record<string, string | null>;
    files?: Record<string, { offset: number; content: string[] }>;
    complete?: boolean;
    exitcode?: number;
  };
}

describe('W&B online', () => {
  let server: Server;
  let baseUrl: string;
  let calls: Call[];
  /** Status of the next answers; afterwards 200. */
  let failures: number[];
  let lineCounts: { historyLineCount: number; logLineCount: number } | null;

  beforeEach(async () => {
    [calls, failures, lineCounts] = [[], [], null];
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk) => (text += String(chunk)));
      request.on('end', () => {
        const body = JSON.parse(text) as Call['body'];
        const status = failures.shift() ?? 200;
        if (status === 200) calls.push({ path: request.url ?? '', authorization: request.headers.authorization, body });
        const project = { name: body.variables?.['project'], entity: { name: 'me' } };
        const data = body.query?.includes('RunResumeStatus')
          ? { model: { bucket: lineCounts } }
          : { upsertBucket: { bucket: { id: '1', project } } };
        response.writeHead(status).end(JSON.stringify(status === 200 ? (body.query ? { data } : {}) : { error: 'no' }));
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  const online = () => ({ apiKey: 'secret', baseUrl, flushIntervalMs: 20 });
  const streams = () => calls.filter(({ path }) => path.endsWith('/file_stream'));
  const historyOf = () => streams().flatMap(({ body }) => body.files?.['wandb-history.jsonl'] ?? []);
  const marked = () =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.synced'));

  it('creates the run, streams its lines and marks its folder as synced', async () => {
    const onAddress = vi.fn();
    const tracker = createWandbTracker(folder, { project: 'my project', name: 'n', online: online(), onAddress });
    tracker.hyperParameters({ learningRate: 1e-4 });
    tracker.scalars(0, { loss: NaN });
    tracker.scalars(1, { loss: 0.5 });
    tracker.text('note', 1, 'slow');
    await tracker.close('interrupted');
    expect(calls.every(({ authorization }) => authorization === `Basic ${btoa('api:secret')}`)).toBe(true);
    expect(calls[0]).toMatchObject({
      path: '/graphql',
      body: {
        variables: {
          name: tracker.runId,
          project: 'my project',
          entity: null,
          displayName: 'n',
          config: '{"learningRate":{"value":0.0001}}',
        },
      },
    });
    expect(streams().every(({ path }) => path === `/files/me/my%20project/${tracker.runId}/file_stream`)).toBe(true);
    const rows = historyOf().flatMap(({ content }) => content);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/^\{"train\/loss":NaN,"_step":0,"_timestamp":/);
    const printed = streams().flatMap(({ body }) => body.files?.['output.log']?.content ?? []);
    expect(printed).toEqual([expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+ step 1 {2}note: slow$/)]);
    const last = streams().at(-1)!.body;
    expect(last).toMatchObject({ complete: true, exitcode: 255 });
    expect(last.files!['wandb-summary.json'].content[0]).toContain('"outcome":"interrupted"');
    expect(onAddress).toHaveBeenCalledWith(`${baseUrl}me/my%20project/runs/${tracker.runId}`);
    expect(marked()).toHaveLength(1);
  });

  it('goes on where the server stops, with what it lacks of the parts before', async () => {
    const first = createWandbTracker(folder, { project: 'p' });
    for (const step of [0, 1, 2]) first.scalars(step, { loss: step });
    await first.close('interrupted');
    lineCounts = { historyLineCount: 2, logLineCount: 0 };
    // Asked what there is, it answers; then it fails once.
    failures = [200, 503];
    const second = createWandbTracker(folder, { project: 'p', resume: true, online: online() });
    second.scalars(3, { loss: 3 });
    await second.close();
    expect(calls[0].body.query).toContain('RunResumeStatus');
    const sent = historyOf();
    expect(sent[0].offset).toBe(2);
    const steps = sent.flatMap(({ content }) => content).map((line) => (JSON.parse(line) as { _step: number })._step);
    expect(steps).toEqual([2, 3]);
    expect(marked()).toHaveLength(2);
  });

  it('tries again after a server that fails, and loses nothing', async () => {
    failures = [503, 200, 500];
    const onWarning = vi.fn();
    const tracker = createWandbTracker(folder, { project: 'p', online: online(), onWarning });
    tracker.scalars(0, { loss: 0 });
    tracker.scalars(1, { loss: 1 });
    await tracker.close();
    expect(historyOf().flatMap(({ content }) => content)).toHaveLength(2);
    expect(onWarning).toHaveBeenCalledWith(expect.stringContaining('503'));
    expect(marked()).toHaveLength(1);
  });

  it('a refused key ends the sending, not the training; the folder is there for wandb sync', async () => {
    failures = [401];
    const onWarning = vi.fn();
    const tracker = createWandbTracker(folder, { project: 'p', online: online(), onWarning });
    for (let step = 0; step < 5; step++) tracker.scalars(step, { loss: step });
    await tracker.close();
    expect(onWarning.mock.calls.map(([message]) => String(message))).toEqual([
      expect.stringMatching(/answered 401 .*recorded offline from here on/),
      expect.stringContaining(`wandb sync ${tracker.folder}`),
    ]);
    expect(marked()).toEqual([]);
    expect(stepsOf(tracker.folder, tracker.runId)).toEqual([0, 1, 2, 3, 4]);
  });

  it('sends nothing unasked, whatever the environment has', async () => {
    const environment = { WANDB_API_KEY: 'secret', WANDB_BASE_URL: baseUrl };
    const tracker = openWandb({ output: folder, wandb: { project: 'p' } }, environment)!;
    tracker.scalars(0, { loss: 0 });
    await tracker.close();
    expect(openWandb({ output: folder }, environment)).toBeUndefined();
    expect(calls).toEqual([]);
    expect(existsSync(join(folder, 'wandb'))).toBe(true);
  });
});

describe('options of W&B', () => {
  it('are refused where they would do nothing, or cannot work', () => {
    expect(() => requireWandb({ online: true }, {})).toThrow(/does nothing without/);
    expect(() => requireWandb({ entity: 'me' }, { WANDB_API_KEY: 'k' })).toThrow(/does nothing without/);
    expect(() => requireWandb({ project: '' }, {})).toThrow(/name of a project/);
    expect(() => requireWandb({ project: 'p', online: true }, {})).toThrow(/WANDB_API_KEY/);
    expect(() => requireWandb({ project: 'p', online: true }, { WANDB_API_KEY: 'k' })).not.toThrow();
    writeFileSync(join(folder, 'unused'), '');
    expect(() => createWandbTracker(join(folder, 'unused'), { project: 'p' })).toThrow(/ENOTDIR|EEXIST/);
  });
});
