/**
 * Malformed requests by the thousand against a running `albertine serve`: broken JSON, wrong types, headers that are none,
 * bodies that end early or never, connections half closed. Says what was answered, whether the server still is, and how
 * its memory went.
 *
 *     npm run build && npx tsx bench/server/fuzz.ts [--requests 10000] [--seed 1]
 */
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../../src/core/random.ts';
import { runBench, wholeNumber } from '../pretraining/command.ts';
import { residentMiB, startProcess } from './process.ts';

const AT_ONCE = 32;

/** Routes with the names of what they take. */
const PATHS: Readonly<Record<string, readonly string[]>> = {
  '/v1/embeddings': ['input', 'model', 'dimensions', 'encoding_format'],
  '/embed': ['inputs', 'truncate', 'normalize', 'prompt_name'],
  '/embed_all': ['inputs', 'truncate'],
  '/predict': ['inputs', 'raw_scores'],
  '/rerank': ['query', 'texts'],
  '/similarity': ['inputs', 'parameters'],
  '/tokenize': ['inputs', 'add_special_tokens'],
  '/decode': ['ids'],
  '/': ['inputs', 'parameters'],
  '/v1/predict': ['inputs', 'task', 'options'],
  '/v1/embed': ['texts', 'options', 'tokens'],
  '/v1/score': ['candidates', 'references'],
  '/v1/keywords': ['texts', 'topK'],
  '/v1/explain': ['text', 'pair'],
  '/v2/models/albertine-nano-en-zh/infer': ['inputs', 'parameters'],
  '/pipeline/fill-mask': ['inputs', 'parameters'],
  '/v1/models/%00': [],
  '/..%2f..%2fetc/passwd': [],
};

/** Values that some route may take. */
function likelyValue(random: Random): unknown {
  const texts = [
    'water the flowers',
    '给花浇水',
    '',
    'the [MASK] sat',
    'é'.repeat(300),
    '\ud800 alone',
    '😀',
    'a\u0000b',
  ];
  const text = (): string => texts[random.integer(texts.length)];
  switch (random.integer(7)) {
    case 0:
    case 1:
      return text();
    case 2:
    case 3:
      return Array.from({ length: 1 + random.integer(4) }, text);
    case 4:
      return Array.from({ length: random.integer(30) }, () => random.integer(30_000));
    case 5:
      return { source_sentence: text(), sentences: [text(), text()], question: text(), context: text() };
    default:
      return anyValue(random);
  }
}

/** A value of JSON that no schema was made for. */
function anyValue(random: Random, depth = 0): unknown {
  const pick = <T>(values: readonly T[]): T => values[random.integer(values.length)];
  switch (random.integer(depth > 3 ? 5 : 8)) {
    case 0:
      return pick([null, true, false, 0, -1, 1e308, 2 ** 53, 0.1]);
    case 1:
      return pick(['', 'a text', '\u0000', '\ud800', '😀'.repeat(20), '[MASK]', '__proto__', 'x'.repeat(5000)]);
    case 2:
    case 3:
    case 4:
      return pick(['water', '给花浇水', 3, [], {}]);
    case 5:
      return Array.from({ length: random.integer(6) }, () => anyValue(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.integer(5) }, () => [
          pick([
            'input',
            'inputs',
            'texts',
            'text',
            'query',
            'ids',
            'options',
            'parameters',
            'model',
            'task',
            '__proto__',
            'candidates',
            'references',
          ]),
          anyValue(random, depth + 1),
        ]),
      );
  }
}

/** The bytes of a request that is wrong in some way, and whether the connection is held open after them. */
function anyRequest(random: Random): { bytes: Buffer; ends: boolean } {
  const paths = Object.keys(PATHS);
  const path = paths[random.integer(paths.length)];
  const named = PATHS[path].flatMap((name, i) =>
    i === 0 || random.integer(6) === 0 ? [[name, likelyValue(random)]] : [],
  );
  const value = random.integer(4) === 0 ? anyValue(random) : Object.fromEntries(named);
  let body = Buffer.from(JSON.stringify(value) ?? 'undefined');
  // Half of them are whole, with a body that may be wrong.
  const kind = random.integer(20);
  if (kind === 0) body = body.subarray(0, random.integer(body.length + 1));
  if (kind === 1) body = Buffer.from(Array.from({ length: random.integer(200) }, () => random.integer(256)));
  const length = kind === 2 ? body.length + 1 + random.integer(1000) : kind === 3 ? -5 : body.length;
  const type = kind === 4 ? 'text/xml' : kind === 5 ? 'application/json; charset=\u0001' : 'application/json';
  const method = kind === 6 ? ['GET', 'PUT', 'DELETE', 'TRACE', 'FOO', ''][random.integer(6)] : 'POST';
  const extra =
    kind === 7 ? `x-${'y'.repeat(random.integer(30_000))}: z\r\n` : kind === 8 ? 'transfer-encoding: chunked\r\n' : '';
  const head = `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${type}\r\n${extra}content-length: ${length}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head, 'latin1'), body]);
  const isCut = kind === 9 || kind === 2 || kind === 0;
  return {
    bytes: kind === 9 ? bytes.subarray(0, random.integer(bytes.length)) : bytes,
    // What is whole is seldom half closed, which Node gives up; of what is cut one in twenty is left hanging.
    ends: isCut ? random.integer(20) > 0 : random.integer(10) === 0,
  };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: { requests: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
  });
  const count = wholeNumber('--requests', values.requests)!;
  const random = createRandom(wholeNumber('--seed', values.seed)!);
  const { url: address, child } = await startProcess(['dist/cli/main.js', 'serve', '--port', '0', '--log', 'error'], {
    stderr: 'pipe',
  });
  const url = new URL(address);
  let failures = '';
  child.stderr!.on('data', (data: Buffer) => (failures += data.toString()));
  const memory = (): number => residentMiB(child);
  const answers = new Map<string, number>();
  const send = ({ bytes, ends }: ReturnType<typeof anyRequest>): Promise<void> =>
    new Promise((done) => {
      let answer = '';
      const socket = connect(Number(url.port), url.hostname, () => (ends ? socket.end(bytes) : socket.write(bytes)));
      const timer = setTimeout(() => socket.destroy(), 10_000);
      socket.on('data', (data) => (answer += data.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clearTimeout(timer);
        const status = /^HTTP\/1.1 (\d+)/.exec(answer)?.[1] ?? 'closed';
        answers.set(status, (answers.get(status) ?? 0) + 1);
        if (/node_modules|\n\s+at .*:\d+:\d+/.test(answer)) answers.set('STACK', (answers.get('STACK') ?? 0) + 1);
        done();
      });
    });
  const memories: string[] = [];
  let begun = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (begun < count) {
        if (begun++ % Math.ceil(count / 5) === 0) memories.push(`${memory().toFixed(0)} MB`);
        await send(anyRequest(random));
      }
    }),
  );
  memories.push(`${memory().toFixed(0)} MB`);
  const healthy = await fetch(new URL('/embed', url), {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"inputs":"still there"}' },
  });
  console.log(
    `${count} requests: ${[...answers]
      .sort()
      .map(([status, times]) => `${status} ${times}`)
      .join(', ')}`,
  );
  console.log(
    `memory ${memories.join(', ')}; afterwards ${healthy.status}; ${failures === '' ? 'nothing logged' : failures.slice(0, 2000)}`,
  );
  child.kill();
});
