/* What a user's page does; the builds of chromium.test.ts and of test/bundlers start here. */
/* global URL, location, document */
import { Albert, AlbertineError, droppedFiles, setWasmFile } from 'albertine/browser';

const address = new URL(location.href);
const wasm = address.searchParams.get('wasm');
if (wasm !== null) setWasmFile(wasm);

async function embed(model, texts) {
  const matrix = await model.embed(texts);
  return Array.from({ length: matrix.rows }, (_, i) => Array.from(matrix.row(i)));
}

Object.assign(globalThis, {
  embedFrom: async (url, texts) => embed(await Albert.load(url), texts),
  embedDropped: async (texts) => embed(await Albert.open(droppedFiles(document.querySelector('input').files)), texts),
  failureOf: (url) => Albert.load(url).then(() => 'no error', (error) => [error instanceof AlbertineError, error.code, error.message]),
});
document.title = 'ready';
