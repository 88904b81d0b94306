import { connect } from 'node:net';
import { startServer } from '../../src/server/server.ts';

// Run by no-network.test.ts where there is no network but the loopback: serves the built-in model and asks it.
const reached = await new Promise<boolean>((done) => {
  const socket = connect({ host: '192.0.2.1', port: 80, timeout: 2000 });
  socket.on('connect', () => done(true));
  socket.on('error', () => done(false));
  socket.on('timeout', () => done(false));
});
const server = await startServer({ port: 0, log: 'error', playground: true });
const post = async (path: string, body: object): Promise<unknown> => {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return await response.json();
};
const { data } = (await post('/v1/embeddings', { input: ['a cat', '一只猫'] })) as { data: unknown[] };
const guesses = (await post('/models/albertine-nano-en-zh/pipeline/fill-mask', {
  inputs: 'The capital of France is [MASK].',
})) as unknown[];
const page = await (await fetch(`${server.url}/playground/`)).text();
await server.close();
process.stdout.write(JSON.stringify({ reached, vectors: data.length, guesses: guesses.length, page: page.length > 0 }));
