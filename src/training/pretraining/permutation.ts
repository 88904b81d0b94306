import { hash32, mixSeed } from '../../core/random.ts';

const ROUNDS = 6;

/**
 * A pseudo-random permutation of `[0, size)` that is evaluated at one position without being stored: a Feistel network
 * over the next power of four, walked along its cycles until it is back in range (Black and Rogaway 2002, "Ciphers with
 * arbitrary finite domains"). Size at most 2^31.
 */
export class Permutation {
  readonly size: number;
  private readonly halfBits: number;
  private readonly keys: number[];

  constructor(size: number, seed: number) {
    this.size = size;
    this.halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, size)) / 2));
    this.keys = Array.from({ length: ROUNDS }, (_, round) => mixSeed(seed, round));
  }

  /** Where position `index` goes. */
  at(index: number): number {
    let value = index;
    do value = this.encrypt(value);
    while (value >= this.size);
    return value;
  }

  private encrypt(value: number): number {
    const scale = 2 ** this.halfBits;
    let left = Math.floor(value / scale);
    let right = value % scale;
    for (const key of this.keys) [left, right] = [right, left ^ (hash32(key, right) & (scale - 1))];
    return left * scale + right;
  }
}
