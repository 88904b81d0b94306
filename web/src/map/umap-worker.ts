import { UMAP } from 'umap-js';
import { createRandom } from '../../../src/core/random.ts';

/** What the worker is told: vectors of length 1. */
export interface UmapRequest {
  vectors: number[][];
  neighbours: number;
}

/** What it tells: how far it is, then the points. */
export type UmapReport = { done: number; rounds: number } | { points: [number, number][] };

/** Rounds between two reports. */
const REPORT_EVERY = 10;

const worker = globalThis as unknown as {
  onmessage: (event: MessageEvent<UmapRequest>) => void;
  postMessage: (report: UmapReport) => void;
};

/** UMAP (McInnes, Healy & Melville 2018) beside the page, which stays quick meanwhile. */
worker.onmessage = ({ data: { vectors, neighbours } }) => {
  const random = createRandom(1);
  const umap = new UMAP({
    nNeighbors: neighbours,
    minDist: 0.1,
    random: () => random.uniform(),
    distanceFn: (a, b) => 1 - a.reduce((sum, value, i) => sum + value * b[i], 0),
  });
  const rounds = umap.initializeFit(vectors);
  for (let done = 0; done < rounds; done++) {
    umap.step();
    if (done % REPORT_EVERY === 0) worker.postMessage({ done, rounds });
  }
  worker.postMessage({ points: umap.getEmbedding() as [number, number][] });
};
