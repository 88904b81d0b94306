import { fork } from 'node:child_process';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';

/** Run by telemetry.test.ts: embeds one text where `place` says. The engine is loaded there and nowhere before. */
const [place = 'main'] = isMainThread ? process.argv.slice(2) : [String(workerData.place)];
// The loader adds a query of its own.
const self = import.meta.url.split('?')[0];

/** Starts this file in a thread, also where the loader of TypeScript does not reach into threads. */
function thread(data: object, env?: Record<string, string>): Worker {
  const api = pathToFileURL(process.env['TSX_API'] ?? '').href;
  const code = `import(${JSON.stringify(api)}).then(({ tsImport }) => tsImport(${JSON.stringify(self)}, ${JSON.stringify(self)}))`;
  const worker = new Worker(code, {
    eval: true,
    workerData: data,
    execArgv: [],
    ...(env && { env: { TSX_API: process.env['TSX_API'] ?? '', ...env } }),
  });
  worker.on('error', (error) => {
    throw error;
  });
  return worker;
}

async function embed(): Promise<void> {
  const { Albert } = await import('../../src/index.ts');
  const model = await Albert.load();
  const { rows } = await model.embed(['a cat']);
  const { loadOrt } = await import('../../src/runtime/index.ts');
  model[Symbol.dispose]();
  process.stdout.write(`${rows} vector, ${(await loadOrt()).engine}\n`);
}

switch (place) {
  case 'main':
    await embed();
    break;
  case 'worker':
    thread({ place: 'main' });
    break;
  case 'worker with an environment of its own':
    thread({ place: 'main' }, { OTHER: 'variable' });
    break;
  case 'worker of a worker':
    thread({ place: 'worker' });
    break;
  case 'worker that the main thread waits for': {
    const done = new Int32Array(new SharedArrayBuffer(4));
    thread({ place: 'main and tell', done });
    if (Atomics.wait(done, 0, 0, 40_000) !== 'ok') throw new Error('the worker did not come to an end');
    break;
  }
  case 'main and tell': {
    await embed();
    const done = workerData.done as Int32Array;
    Atomics.store(done, 0, 1);
    Atomics.notify(done, 0);
    break;
  }
  case 'fork':
    fork(process.argv[1], ['main'], { env: { ...process.env } });
    break;
  default:
    throw new Error(`no such place: ${place}`);
}
