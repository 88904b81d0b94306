import type { UmapReport, UmapRequest } from './umap-worker.ts';

/** Neighbours of a text that UMAP looks at, where there are as many. */
const NEIGHBOURS = 15;

/** Neighbours of each of so many texts. */
export const neighboursOf = (texts: number): number => Math.min(NEIGHBOURS, texts - 1);

/** UMAP of vectors of length 1, in a worker that is loaded when it is first asked for. */
export function umapOf(
  vectors: readonly (readonly number[])[],
  { signal, onRound }: { signal: AbortSignal; onRound: (done: number, rounds: number) => void },
): Promise<[number, number][]> {
  const worker = new Worker(new URL('./umap-worker.ts', import.meta.url), { type: 'module' });
  return new Promise<[number, number][]>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }: MessageEvent<UmapReport>) => {
      if ('points' in data) resolve(data.points);
      else onRound(data.done, data.rounds);
    };
    worker.postMessage({
      vectors: vectors.map((vector) => [...vector]),
      neighbours: neighboursOf(vectors.length),
    } satisfies UmapRequest);
  }).finally(() => worker.terminate());
}
