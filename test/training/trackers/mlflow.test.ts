import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMlflowTracker } from '../../../src/training/trackers/mlflow.ts';

interface Batch {
  run_id: string;
  metrics: { key: string; value: number | string; step: number }[];
  params: { key: string; value: string }[];
  tags: { key: string; value: string }[];
}
interface Call {
  path: string;
  body: unknown;
  authorization: string | undefined;
}

let server: Server;
let uri: string;
let calls: Call[];
/** Answers given to log-batch requests, in order; afterwards 200. */
let failures: number[];
let experimentExists: boolean;

const read = async (request: IncomingMessage): Promise<unknown> => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? undefined : JSON.parse(text);
};

beforeEach(async () => {
  calls = [];
  failures = [];
  experimentExists = false;
  server = createServer((request, response) => {
    void read(request).then((body) => {
      const path = (request.url ?? '').replace('/api/2.0/mlflow/', '');
      calls.push({ path, body, authorization: request.headers.authorization });
      const send = (status: number, answer: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      if (path.startsWith('experiments/get-by-name')) {
        return experimentExists
          ? send(200, { experiment: { experiment_id: '7' } })
          : send(404, { error_code: 'RESOURCE_DOES_NOT_EXIST' });
      }
      if (path === 'experiments/create') return send(200, { experiment_id: '8' });
      if (path === 'runs/create') return send(200, { run: { info: { run_id: 'abc' } } });
      if (path === 'runs/log-batch') {
        const status = failures.shift() ?? 200;
        return send(status, status === 200 ? {} : { error_code: 'X', message: 'the server says no' });
      }
      return send(200, {});
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const batches = () => calls.filter(({ path }) => path === 'runs/log-batch').map(({ body }) => body as Batch);

describe('MLflow tracker', () => {
  it('creates the experiment and the run, and delivers everything', async () => {
    const tracker = await createMlflowTracker({
      trackingUri: uri,
      experiment: 'sst 2',
      runName: 'first',
      token: 'secret',
    });
    expect(tracker.runId).toBe('abc');
    tracker.hyperParameters({ learningRate: 2e-5, shuffle: true, 'odd:name': 'x'.repeat(900) });
    tracker.scalars(1, { loss: 0.5, 'evaluation/accuracy': 0.9, gradNorm: NaN });
    tracker.text('skipped', 2, 'first');
    tracker.text('skipped', 3, 'second');
    tracker.histogram('gradients', 3, [1, 3]);
    await tracker.close('interrupted');
    expect(calls.map(({ path }) => path)).toEqual([
      'experiments/get-by-name?experiment_name=sst%202',
      'experiments/create',
      'runs/create',
      'runs/log-batch',
      'runs/update',
    ]);
    expect(calls.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
    expect(calls[2].body).toMatchObject({
      experiment_id: '8',
      run_name: 'first',
      tags: [{ key: 'mlflow.runName', value: 'first' }],
    });
    const [batch] = batches();
    expect(batch.run_id).toBe('abc');
    expect(batch.metrics.map(({ key, value, step }) => [key, value, step])).toEqual([
      ['loss', 0.5, 1],
      ['evaluation/accuracy', 0.9, 1],
      ['gradNorm', 'NaN', 1],
      ['gradients/mean', 2, 3],
      ['gradients/min', 1, 3],
      ['gradients/max', 3, 3],
      ['gradients/deviation', 1, 3],
    ]);
    expect(batch.params).toEqual([
      { key: 'learningRate', value: '0.00002' },
      { key: 'shuffle', value: 'true' },
      { key: 'odd_name', value: 'x'.repeat(500) },
    ]);
    expect(batch.tags).toEqual([{ key: 'text.skipped', value: 'step 3: second' }]);
    expect(calls.at(-1)?.body).toMatchObject({ run_id: 'abc', status: 'KILLED' });
    expect(() => tracker.scalars(4, {})).toThrow(/closed/);
  });

  it('splits what exceeds the limits of one request and keeps the order', async () => {
    experimentExists = true;
    const tracker = await createMlflowTracker({ trackingUri: uri, username: 'me', password: 'pass' });
    for (let step = 0; step < 2500; step++) tracker.scalars(step, { loss: step });
    await tracker.close();
    expect(batches().every(({ metrics }) => metrics.length <= 1000)).toBe(true);
    expect(batches().flatMap(({ metrics }) => metrics.map(({ value }) => value))).toEqual(
      Array.from({ length: 2500 }, (_, i) => i),
    );
    expect(calls[0].authorization).toBe(`Basic ${Buffer.from('me:pass').toString('base64')}`);
  });

  it('sends in the background, and repeats what a failing server did not take', async () => {
    experimentExists = true;
    failures = [503, 429];
    const warnings: string[] = [];
    const tracker = await createMlflowTracker({
      trackingUri: uri,
      flushIntervalMs: 10,
      onWarning: (message) => warnings.push(message),
    });
    tracker.scalars(1, { loss: 1 });
    tracker.text('note', 1, 'hello');
    while (batches().length < 3) await new Promise((done) => setTimeout(done, 5));
    tracker.scalars(2, { loss: 2 });
    await tracker.close();
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/503.*the server says no/);
    expect(batches()[2]).toMatchObject({ metrics: [{ key: 'loss', value: 1 }], tags: [{ value: 'step 1: hello' }] });
    expect(
      batches()
        .slice(3)
        .flatMap(({ metrics }) => metrics.map(({ step }) => step)),
    ).toEqual([2]);
  });

  it('reports at the end what was refused or had to be dropped', async () => {
    experimentExists = true;
    failures = [400];
    const refused = await createMlflowTracker({ trackingUri: uri });
    refused.scalars(1, { loss: 1, gradNorm: 2 });
    await expect(refused.close()).rejects.toThrow(/2 values did not reach the MLflow server.*answered 400/);
    expect(calls.at(-1)?.body).toMatchObject({ status: 'FINISHED' });
    const small = await createMlflowTracker({ trackingUri: uri, maxBuffered: 3 });
    for (let step = 0; step < 5; step++) small.scalars(step, { loss: step });
    await expect(small.close()).rejects.toThrow(/2 values did not reach/);
  });

  it('continues a run', async () => {
    const tracker = await createMlflowTracker({ trackingUri: uri, runId: 'old' });
    await tracker.close();
    expect(calls.map(({ body }) => body)).toMatchObject([
      { run_id: 'old', status: 'RUNNING' },
      { run_id: 'old', status: 'FINISHED' },
    ]);
  });

  it('says when there is no server', async () => {
    await expect(createMlflowTracker({ trackingUri: 'http://127.0.0.1:9' })).rejects.toMatchObject({ code: 'network' });
  });
});
