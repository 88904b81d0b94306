/** A seeded source of uniform numbers; the same seed gives the same sequence on every machine. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Uniform integer in [0, bound). */
  integer(bound: number): number;
  /** Standard normal. */
  normal(): number;
  /** The internal state, to be stored in a checkpoint and given back to {@link createRandom}. */
  state(): RandomState;
}

/** Serialisable position of a {@link Random}. */
export interface RandomState {
  /** Counter of draws; with the seed it determines everything that follows. */
  counter: number;
  seed: number;
}

/**
 * 32-bit mixing function (murmur3's finaliser with a Weyl step): one counter in, one well mixed word out.
 * Being a pure function of its arguments, it can be evaluated in any order and on any thread.
 */
export function hash32(seed: number, counter: number): number {
  let h = (Math.imul(counter, 0x9e3779b1) ^ seed) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h ^= h >>> 16;
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Mixes several integers into one 32-bit seed; the order of the parts matters. */
export function mixSeed(...parts: number[]): number {
  return parts.reduce((seed, part) => hash32(seed ^ 0x5bd1e995, part | 0), 0x1234567);
}

/** Creates a {@link Random} from a seed, or continues one from its {@link RandomState}. */
export function createRandom(from: number | RandomState): Random {
  const seed = typeof from === 'number' ? from | 0 : from.seed;
  let counter = typeof from === 'number' ? 0 : from.counter;
  const word = () => hash32(seed, counter++);
  const uniform = () => (word() * 2097152 + (word() >>> 11)) / 9007199254740992;
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    state: () => ({ counter, seed }),
  };
}

/** Shuffles `items` in place (Fisher-Yates) and returns them. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [items[i], items[j]] = [items[j], items[i]];
  }
  return items;
}

/** Up to `most` of the items of a stream, each as likely as any other (reservoir sampling; Vitter 1985). */
export async function sampleStream<T>(items: AsyncIterable<T>, most: number, random: Random): Promise<T[]> {
  const sample: T[] = [];
  let seen = 0;
  for await (const item of items) {
    const place = seen++ < most ? seen - 1 : random.integer(seen);
    if (place < most) sample[place] = item;
  }
  return sample;
}
