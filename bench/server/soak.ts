/**
 * Memory of `albertine serve` under many requests: short texts of changing length over several routes, answers checked.
 *
 *     npm run build && npx tsx bench/server/soak.ts [--requests 1000000] [--connections 32] [--threads 2]
 *
 * Prints the server's resident memory over every twentieth of the requests (Linux), and how far its mean moves after the
 * first tenth.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { ROOT } from '../inference/paths.ts';
import { sampleTexts } from '../inference/texts.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';

const WORDS = 2;

/** Bodies for the routes, of the first words of real sentences. */
function requestsOf(texts: readonly string[]): { path: string; body: string }[] {
  return texts.map((text, i) => {
    const words = text.split(' ').slice(0, 1 + (i % WORDS));
    const short = words.join(' ');
    if (i % 4 === 0) return { path: '/v1/embeddings', body: JSON.stringify({ input: short, model: 'nano' }) };
    if (i % 4 === 1) return { path: '/tokenize', body: JSON.stringify({ inputs: short }) };
    if (i % 4 === 2) return { path: '/v1/embeddings', body: JSON.stringify({ input: [short, words[0]] }) };
    return { path: '/embed', body: JSON.stringify({ inputs: short }) };
  });
}

const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '1000000' },
      connections: { type: 'string', default: '32' },
      threads: { type: 'string', default: '2' },
    },
  });
  const [requests, connections, threads] = (['requests', 'connections', 'threads'] as const).map((name) =>
    wholeNumber(name, values[name])!,
  );
  const flags = ['--model', 'nano=albertine-nano-en-zh', '--port', '0', '--log', 'silent', '--threads', `${threads}`];
  const child = spawn(process.execPath, ['dist/cli/main.js', 'serve', ...flags], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((done, fail) => {
    child.on('exit', (code) => fail(new Error(`the server ended with ${code}`)));
    child.stdout.on('data', (data: Buffer) => {
      const found = /http:\/\/\S+/.exec(data.toString())?.[0];
      if (found) done(found);
    });
  });
  const bodies = requestsOf(sampleTexts(20_000).texts);
  let [sent, answered] = [0, 0];
  const failed: Record<string, number> = {};
  const rows: string[][] = [];
  const begun = performance.now();
  let memory: number[] = [];
  const sampling = setInterval(() => memory.push(residentMiB(child.pid!)), 500);
  const note = (): void => {
    const seconds = (performance.now() - begun) / 1000;
    const mean = memory.reduce((sum, value) => sum + value, 0) / memory.length;
    rows.push([String(answered), mean.toFixed(1), Math.max(...memory).toFixed(1), (answered / seconds).toFixed(0)]);
    console.error(rows.at(-1)!.join('  '));
    memory = [];
  };
  const setupRequest = (request: autocannon.Request): autocannon.Request => ({
    ...{ ...request, method: 'POST', headers: { 'content-type': 'application/json' } },
    ...bodies[sent++ % bodies.length],
  });
  await new Promise<void>((done, fail) => {
    const run = autocannon(
      { url, connections, amount: requests, timeout: 120, requests: [{ setupRequest }] },
      (error: unknown) => (error ? fail(error as Error) : done()),
    );
    run.on('response', (_client, status) => {
      answered++;
      if (status !== 200) failed[status] = (failed[status] ?? 0) + 1;
      if (answered % Math.ceil(requests / 20) === 0) note();
    });
    run.on('reqError', (error) => (failed[String(error)] = (failed[String(error)] ?? 0) + 1));
  });
  clearInterval(sampling);
  child.kill('SIGTERM');
  const later = rows.slice(2).map(([, mean]) => Number(mean));
  const [least, most] = [Math.min(...later), Math.max(...later)];
  const table = markdown(['requests answered', 'resident MiB, mean', 'most', 'requests/s so far'], rows);
  const sum = `After the first tenth the means are between ${least} and ${most} MiB: ${((most / least - 1) * 100).toFixed(1)} %. Not 200: ${JSON.stringify(failed)}.`;
  print({ rows, failed }, { json: false, tables: [table, sum] });
});
