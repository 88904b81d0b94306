/**
 * Throughput and latency of `albertine serve` beside fastify + transformers.js, same weights, same threads, loopback.
 *
 *     npm run build && npx tsx bench/server/bench.ts [--seconds 8] [--rounds 2] [--connections 1,8,64,256] [--threads 2]
 *         [--dtypes f32,int8] [--int8 FOLDER] [--overload] [--json]
 *
 * The built-in model; its ONNX file for the peer is written under `.runs/bench-server` (as PyTorch's exporter leaves it,
 * and quantised as transformers.js does). `--int8` is a folder that `albertine convert albertine-nano-en-zh --to int8`
 * made. Every contender is a process of its own; they are loaded in turns, `--rounds` times, by autocannon in this process
 * with sentences of real length. A request is one sentence, the answer its vector as JSON. `--overload`: four times the
 * rate that 64 connections reached, with the queue at its default and at 4,096 tokens.
 */
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { writeConfig } from '../../src/checkpoint/config-json.ts';
import { builtInModelFolder, loadModel } from '../../src/loaded/load-node.ts';
import { parseSentencePieceModel } from '../../src/tokenizer/sentencepiece-model.ts';
import { albertTokenizerJson } from '../../test/tokenizer/oracle/hf-json.ts';
import { peerModel } from '../inference/peer-model.ts';
import { sampleTexts } from '../inference/texts.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { startProcess } from './process.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const WORK = join(ROOT, '.runs/bench-server');

interface Contender {
  name: string;
  command: string[];
}
interface Load {
  requestsPerSecond: number;
  p50: number;
  p99: number;
  answered: number;
  refused: number;
  failed: number;
}

/** The built-in model as transformers.js has it. */
async function preparePeer(): Promise<void> {
  const folder = join(WORK, 'nano');
  if (existsSync(join(folder, 'tokenizer.json'))) return;
  using model = await loadModel();
  const spiece = readFileSync(join(builtInModelFolder(), 'spiece.model'));
  for (const [file, quantized] of [
    ['model', false],
    ['model_quantized', true],
  ] as const) {
    const path = join(folder, 'onnx', `${file}.onnx`);
    mkdirSync(dirname(path), { recursive: true });
    const descriptor = openSync(path, 'w');
    for (const chunk of peerModel(model.config, model.weights, quantized).chunks) writeSync(descriptor, chunk);
    closeSync(descriptor);
  }
  writeFileSync(join(folder, 'config.json'), JSON.stringify(writeConfig(model.config)));
  writeFileSync(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({
      ...{ tokenizer_class: 'AlbertTokenizer', model_max_length: model.maxLength },
      ...{ cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '<pad>', unk_token: '<unk>', mask_token: '[MASK]' },
    }),
  );
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(albertTokenizerJson(parseSentencePieceModel(spiece))));
}

function contendersOf(dtype: string, { threads, int8 }: { threads: number; int8: string | undefined }): Contender[] {
  const model = dtype === 'int8' ? int8 : 'albertine-nano-en-zh';
  if (model === undefined) throw new Error('--dtypes int8 needs --int8 FOLDER');
  const serve = ['dist/cli/main.js', 'serve', '--port', '0', '--log', 'silent', '--threads', String(threads)];
  const peer = ['--import', 'tsx', 'bench/server/peer.ts', WORK, 'nano', dtype === 'int8' ? 'q8' : 'fp32'];
  return [
    { name: `albertine serve, ${dtype}`, command: [...serve, '--model', `nano=${model}`] },
    { name: `fastify + transformers.js, ${dtype === 'int8' ? 'q8' : 'fp32'}`, command: [...peer, String(threads)] },
  ];
}

async function load(
  url: string,
  {
    texts,
    connections,
    seconds,
    rate,
  }: { texts: readonly string[]; connections: number; seconds: number; rate?: number },
): Promise<Load> {
  const times: number[] = [];
  let [refused, failed] = [0, 0];
  const bodies = texts.map((text) => JSON.stringify({ inputs: text }));
  let next = 0;
  // Made when it is sent: a list would be built for every connection.
  const setupRequest = (request: autocannon.Request): autocannon.Request => ({
    ...{ ...request, method: 'POST', path: '/embed', headers: { 'content-type': 'application/json' } },
    body: bodies[next++ % bodies.length],
  });
  const requests = [{ setupRequest }];
  const limits = { connections, duration: seconds, timeout: 120, ...(rate !== undefined && { overallRate: rate }) };
  const begun = performance.now();
  const { errors, timeouts } = await new Promise<autocannon.Result>((done, fail) => {
    const run = autocannon({ url, requests, ...limits }, (error: unknown, result) =>
      error ? fail(error as Error) : done(result),
    );
    run.on('response', (_client, status, _bytes, milliseconds) => {
      if (status === 200) times.push(milliseconds);
      else if (status === 429) refused++;
      else failed++;
    });
  });
  const elapsed = (performance.now() - begun) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN;
  return {
    requestsPerSecond: times.length / elapsed,
    ...{ p50: at(0.5), p99: at(0.99), answered: times.length, refused, failed: failed + errors + timeouts },
  };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '1,8,64,256' },
      threads: { type: 'string', default: '2' },
      dtypes: { type: 'string', default: 'f32' },
      int8: { type: 'string' },
      overload: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const [seconds, rounds, threads] = (['seconds', 'rounds', 'threads'] as const).map((name) =>
    wholeNumber(`--${name}`, values[name])!,
  );
  await preparePeer();
  const { texts, source } = sampleTexts(997);
  const rows: { dtype: string; connections: number; name: string; loads: Load[] }[] = [];
  for (const dtype of values.dtypes.split(',')) {
    const contenders = contendersOf(dtype, { threads, int8: values.int8 });
    for (let round = 0; round < rounds; round++)
      for (const contender of contenders) {
        const { url, child } = await startProcess(contender.command);
        await load(url, { texts, connections: 8, seconds: 2 });
        for (const connections of values.connections.split(',').map(Number)) {
          const found = await load(url, { texts, connections, seconds });
          const row = rows.find((one) => one.name === contender.name && one.connections === connections);
          if (row) row.loads.push(found);
          else rows.push({ dtype, connections, name: contender.name, loads: [found] });
        }
        child.removeAllListeners('exit').kill('SIGKILL');
      }
  }
  const overload = values.overload ? await overloads(rows, { texts, seconds, threads }) : [];
  const figure = (row: (typeof rows)[number], key: keyof Load): number => median(row.loads.map((one) => one[key]));
  const table = rows.map((row) => {
    const peer = rows.find(
      (other) => other.dtype === row.dtype && other.connections === row.connections && other.name.startsWith('fastify'),
    );
    return [
      row.name,
      String(row.connections),
      figure(row, 'requestsPerSecond').toFixed(0),
      row === peer || !peer
        ? ''
        : `${(figure(row, 'requestsPerSecond') / figure(peer, 'requestsPerSecond')).toFixed(2)}x`,
      figure(row, 'p50').toFixed(1),
      figure(row, 'p99').toFixed(1),
      String(row.loads.reduce((sum, { failed }) => sum + failed, 0)),
    ];
  });
  const heads = ['', 'connections', 'requests/s', 'ratio', 'p50 ms', 'p99 ms', 'failed'];
  const remark = `${source}; ${threads} threads, ${seconds} s, ${rounds} rounds in turns`;
  print({ rows, overload }, { json: values.json, tables: [remark, markdown(heads, table), ...overload] });
});

/** Four times what it can, with two sizes of the queue. */
async function overloads(
  rows: readonly { connections: number; name: string; loads: Load[] }[],
  { texts, seconds, threads }: { texts: readonly string[]; seconds: number; threads: number },
): Promise<string[]> {
  const row = rows.find(({ connections, name }) => connections === 64 && name.startsWith('albertine'));
  if (!row) return [];
  const rate = Math.round(4 * median(row.loads.map(({ requestsPerSecond }) => requestsPerSecond)));
  const lines = [`${rate} requests/s, four times the capacity, 512 connections:`];
  for (const queue of [65536, 4096]) {
    const [contender] = contendersOf('f32', { threads, int8: undefined });
    const { url, child } = await startProcess([...contender.command, '--queue-tokens', String(queue)]);
    const found = await load(url, { texts, connections: 512, seconds, rate });
    child.removeAllListeners('exit').kill('SIGKILL');
    lines.push(
      `queue of ${queue} tokens: ${found.answered} answered (${found.requestsPerSecond.toFixed(0)}/s, p50 ${found.p50.toFixed(0)} ms, p99 ${found.p99.toFixed(0)} ms), ${found.refused} refused with 429, ${found.failed} failed`,
    );
  }
  return lines;
}
