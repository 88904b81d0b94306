/**
 * `@jax-js/jax` as the benches use it: found in a folder that the user names, with its worker pool made possible in
 * Node.
 */
import { resolveObjectURL } from 'node:buffer';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker, type TransferListItem } from 'node:worker_threads';

/** What is used of its arrays. Every call takes over its arguments; `ref` keeps one for another use. */
export interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray | number): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray | number): JaxArray;
  sum(): JaxArray;
  mean(axis: number, options: { keepdims: boolean }): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** Arrays by name. */
export type JaxTree = Record<string, JaxArray>;

/** What is used of the module. */
export interface Jax {
  numpy: {
    array(data: Float32Array): JaxArray;
    /** Arrays alternate with the names of their dimensions; those of the result come last. */
    einsum(...operands: (JaxArray | number[])[]): JaxArray;
    matmul(x: JaxArray, y: JaxArray): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    square(x: JaxArray): JaxArray;
    transpose(x: JaxArray): JaxArray;
  };
  nn: {
    gelu(x: JaxArray): JaxArray;
    softmax(x: JaxArray): JaxArray;
  };
  jit<F>(f: F): F & { dispose(): void };
  grad(
    f: (trees: { parameters: JaxTree; hidden: JaxArray }, cotangent: JaxArray) => JaxArray,
  ): (
    trees: { parameters: JaxTree; hidden: JaxArray },
    cotangent: JaxArray,
  ) => { parameters: JaxTree; hidden: JaxArray };
  init(...devices: string[]): Promise<string[]>;
  defaultDevice(device: string): string;
  blockUntilReady<T>(tree: T): Promise<T>;
}

const packageFolder = (folder: string): string => join(resolve(folder), 'node_modules', '@jax-js', 'jax');

/** The version installed in `folder`, or why there is none. */
export function peerVersion(folder: string | undefined): { version: string } | { reason: string } {
  if (folder === undefined)
    return { reason: 'no --peer FOLDER was given; make one with: npm install --prefix FOLDER @jax-js/jax' };
  const manifest = join(packageFolder(folder), 'package.json');
  if (!existsSync(manifest))
    return { reason: `@jax-js/jax is not installed in ${folder}; npm install --prefix ${folder} @jax-js/jax` };
  return { version: (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version };
}

/**
 * Opens its WebAssembly backend, the only fast one that runs in Node. With more than one thread its pool of web workers
 * is made available on Node's worker threads, which it does not know by itself; with one it runs as installed.
 */
export async function openPeer(folder: string, threads: number): Promise<Jax> {
  if (threads > 1) {
    Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: threads }, configurable: true });
    Object.defineProperty(globalThis, 'Worker', { value: WebWorker, configurable: true });
  }
  const jax = (await import(pathToFileURL(join(packageFolder(folder), 'dist', 'index.js')).href)) as Jax;
  const devices = await jax.init('wasm');
  if (!devices.includes('wasm'))
    throw new Error(`@jax-js/jax has no WebAssembly backend here, only ${devices.join(', ')}`);
  jax.defaultDevice('wasm');
  return jax;
}

/** The globals of a web worker's script. */
const WORKER_GLOBALS = `
const { parentPort } = require('node:worker_threads');
globalThis.self = globalThis;
globalThis.postMessage = (data) => parentPort.postMessage(data);
parentPort.on('message', (data) => globalThis.onmessage({ data }));
`;

/** As much of the web's Worker as the pool uses: a script from a blob, messages both ways. */
class WebWorker {
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onerror: ((event: { message: string }) => void) | undefined;
  private readonly started: Promise<Worker>;

  constructor(url: string) {
    this.started = this.start(url);
    this.started.catch((error: Error) => this.onerror?.({ message: error.message }));
  }

  postMessage(data: unknown, transfer?: readonly TransferListItem[]): void {
    void this.started.then((worker) => worker.postMessage(data, transfer));
  }

  private async start(url: string): Promise<Worker> {
    const source = await resolveObjectURL(url)!.text();
    const worker = new Worker(WORKER_GLOBALS + source, { eval: true });
    worker.on('message', (data) => this.onmessage?.({ data }));
    worker.on('error', (error: Error) => this.onerror?.({ message: error.message }));
    return worker;
  }
}
