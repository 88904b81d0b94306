/**
 * Memory of `albertine serve` under many requests: short texts of changing length over several routes, answers checked.
 *
 *     npm run build && npx tsx bench/server/soak.ts [--requests 1000000] [--connections 32] [--threads 2]
 *
 * Prints the server's resident memory over every twentieth of the requests (Linux), and how far its mean moves after the
 * first tenth.
 */
import { parseArgs } from 'node:util';
import autocannon from 'autocannon';
import { sampleTexts } from '../inference/texts.ts';
import { markdown, mean, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { residentMiB, startProcess } from './process.ts';

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
  const { url, child } = await startProcess(['dist/cli/main.js', 'serve', ...flags]);
  const bodies = requestsOf(sampleTexts(20_000).texts);
  let [sent, answered] = [0, 0];
  const failed: Record<string, number> = {};
  const rows: string[][] = [];
  const begun = performance.now();
  let memory: number[] = [];
  const sampling = setInterval(() => memory.push(residentMiB(child)), 500);
  const note = (): void => {
    const seconds = (performance.now() - begun) / 1000;
    rows.push([
      String(answered),
      mean(memory).toFixed(1),
      Math.max(...memory).toFixed(1),
      (answered / seconds).toFixed(0),
    ]);
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
  const later = rows.slice(2).map(([, average]) => Number(average));
  const [least, most] = [Math.min(...later), Math.max(...later)];
  const table = markdown(['requests answered', 'resident MiB, mean', 'most', 'requests/s so far'], rows);
  const sum = `After the first tenth the means are between ${least} and ${most} MiB: ${((most / least - 1) * 100).toFixed(1)} %. Not 200: ${JSON.stringify(failed)}.`;
  print({ rows, failed }, { json: false, tables: [table, sum] });
});
