/*
 * What a user of the package writes, compiled by types.test.ts as ES module, as CommonJS and for a bundler, with
 * nothing but the package installed. It is not part of this project's own compilation in spirit, but it has to satisfy
 * it.
 */
import * as graph from 'albertine/graph';
import { Albert, AlbertineError, cosine, TextClassifier, type EmbeddingMatrix } from 'albertine';
import { compile } from 'albertine/runtime';
import { loadModel, type LoadOptions } from 'albertine/tasks';
import * as browser from 'albertine/browser';
import { openCheckpoint } from 'albertine/checkpoint';
import { readTexts } from 'albertine/data';
import { Graph } from 'albertine/graph';
import { spearman } from 'albertine/metrics';
import { loadTokenizer, type Encoding } from 'albertine/tokenizer';
import { Trainer } from 'albertine/training';

export async function use(options: LoadOptions): Promise<number> {
  const model = await Albert.load('folder', options);
  const matrix: EmbeddingMatrix = await model.embed(['a', 'b'], { normalize: true });
  const row: Float32Array = matrix.row(0);
  const encoding: Encoding = model.tokenizer.encode('a');
  const classifier = await TextClassifier.open(browser.memoryFiles({}));
  model[Symbol.dispose]();
  return cosine(row, matrix.row(1)) + encoding.ids.length + spearman([1, 2], [2, 1]) + (classifier.labels?.length ?? 0);
}

export const others = {
  AlbertineError,
  browser,
  compile,
  graph,
  Graph,
  loadModel,
  loadTokenizer,
  openCheckpoint,
  readTexts,
  Trainer,
};
