import { createRandom, mixSeed, shuffle } from '../core/random.ts';

/** Which row is at a position of the endless sequence of epochs; every epoch is shuffled on its own. */
export function rowOrder(rows: number, { seed, shuffled }: { seed: number; shuffled: boolean }): (position: number) => number {
  if (!shuffled) return (position) => position % rows;
  let current: { epoch: number; order: number[] } | undefined;
  return (position) => {
    const epoch = Math.floor(position / rows);
    if (current?.epoch !== epoch) current = { epoch, order: shuffle(Array.from({ length: rows }, (_, row) => row), createRandom(mixSeed(seed, epoch))) };
    return current.order[position % rows];
  };
}
