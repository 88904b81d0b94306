import { AlbertineError, requireInteger, requireOneOf, wrongOption } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { FileSource } from '../../core/files.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { fingerprintOf } from '../../tokenizer/fingerprint.ts';
import { type OpenSource, openSources } from './corpus.ts';
import type { PretrainingExample } from './example.ts';
import { Masker, type MaskingOptions } from './masking.ts';
import { ExamplePool, type PoolContext } from './pool.ts';
import { EpochSchedule } from './schedule.ts';
import type { PairObjective } from './segments.ts';

/** Options of {@link PretrainingStream}. */
export interface PretrainingStreamOptions {
  /** The one the shards were made with. */
  tokenizer: Tokenizer;
  /** Tokens of an example, special ones included; at most the shards' block size. */
  maxLength: number;
  /** Default `sop`. */
  objective?: PairObjective;
  /** See {@link PackOptions.shortSequenceProbability}. Default 0.1, and 0 for `none`. */
  shortSequenceProbability?: number;
  masking?: MaskingOptions;
  /** Default 0. */
  seed?: number;
  /** Passes over a source in an epoch, by name, instead of the manifest's weight; 0 leaves the source out. */
  weights?: Readonly<Record<string, number>>;
  /**
   * Share of the epoch's tokens that comes from each source, by name; sources not named get none. Instead of `weights`.
   */
  shares?: Readonly<Record<string, number>>;
  /**
   * Blocks whose examples are mixed with each other. Default 2,048 (8 million tokens, 16 MB; twice that while the next
   * ones are fetched).
   */
  poolBlocks?: number;
  /** False gives every block once, in file order, whatever the weights: for evaluation. Default true. */
  shuffle?: boolean;
}

/** Position of a {@link PretrainingStream}, to be kept in a checkpoint. */
export interface StreamState {
  epoch: number;
  /** Pool of blocks within the epoch. */
  pool: number;
  /** Examples of that pool that were given out. */
  index: number;
  /** Examples given out since the beginning of training. */
  examples: number;
  /** Of shards, seed and order; a stream that differs in them cannot go on from here. */
  order: string;
  /** Of what `index` depends on besides: length, objective, packing. */
  packing: string;
}

/** Raised when `none` packs otherwise: a state from before must not go on inside a pool that has other examples. */
const SINGLES_VERSION = 2;

/** How much a source gives. */
export interface SourceShare {
  name: string;
  tokens: number;
  documents: number;
  /** As many as documents where none can be divided into a pair. */
  segments: number;
  /** Passes in an epoch. */
  passes: number;
  /** Expected share of the tokens. */
  share: number;
}

/**
 * Endless examples from token shards, shuffled over the whole corpus: blocks (some documents each) come in a
 * permutation of all blocks of all sources, computed from seed and epoch alone, and the examples of `poolBlocks`
 * successive ones are mixed. The same options give the same examples on every machine. Memory and the cost of resuming
 * are those of one pool, whatever the size of the corpus.
 */
export class PretrainingStream {
  private readonly context: PoolContext;
  private readonly options: Required<Pick<PretrainingStreamOptions, 'seed' | 'poolBlocks' | 'shuffle'>>;
  private readonly fingerprints: Pick<StreamState, 'order' | 'packing'>;
  private position = { epoch: 0, pool: 0, index: 0, examples: 0 };
  private current: { key: string; pool: ExamplePool } | undefined;
  private upcoming: { key: string; pool: Promise<ExamplePool> } | undefined;

  private constructor(context: PoolContext, options: PretrainingStreamOptions) {
    const { seed = 0, poolBlocks = 2048, shuffle = true } = options;
    this.options = { seed, poolBlocks, shuffle };
    this.context = context;
    const { objective, maxLength, shortSequenceProbability, staticMasks, sources } = context;
    this.fingerprints = {
      order: fingerprintOf([
        seed,
        poolBlocks,
        Number(shuffle),
        ...sources.flatMap(({ name, content, passes }) => [name, content, passes]),
      ]),
      packing: fingerprintOf([
        objective,
        maxLength,
        shortSequenceProbability,
        Number(staticMasks),
        ...(objective === 'none' ? [SINGLES_VERSION] : []),
      ]),
    };
  }

  /**
   * Opens shard folders (see `openShardFolder`). Throws `invalid_argument` for options out of range or unknown source
   * names, `invalid_data` for shards of another tokeniser, `file_not_found`, `invalid_file`.
   */
  static async open(folders: readonly FileSource[], options: PretrainingStreamOptions): Promise<PretrainingStream> {
    const {
      tokenizer,
      maxLength,
      objective = 'sop',
      masking = {},
      seed = 0,
      poolBlocks = 2048,
      shuffle = true,
    } = options;
    const { shortSequenceProbability = objective === 'none' ? 0 : 0.1 } = options;
    requireInteger('maxLength', maxLength, { min: 8 });
    requireInteger('poolBlocks', poolBlocks, { min: 1 });
    requireInteger('seed', seed);
    requireOneOf('objective', objective, ['sop', 'nsp', 'none']);
    requireOneOf('masks', masking.masks ?? 'dynamic', ['dynamic', 'static']);
    if (!(shortSequenceProbability >= 0 && shortSequenceProbability <= 1)) {
      throw wrongOption('shortSequenceProbability', 'in [0, 1]', { value: shortSequenceProbability });
    }
    const sources = applyWeights(await openSources(folders, tokenizer), options);
    const tooSmall = sources.find(({ blockTokens }) => blockTokens < maxLength);
    if (tooSmall) {
      throw new AlbertineError(
        'invalid_argument',
        prose`${option('maxLength')} must be at most the ${tooSmall.blockTokens} tokens of a block of ${tooSmall.name}, got ${maxLength}`,
        { value: maxLength, hint: 'Build the shards with a larger blockTokens.' },
      );
    }
    const masker = new Masker(tokenizer, masking);
    const context = {
      sources,
      objective,
      maxLength,
      shortSequenceProbability,
      masker,
      special: tokenizer.special,
      seed,
      staticMasks: masking.masks === 'static',
      shuffle,
    };
    return new PretrainingStream(context, options);
  }

  /** Tokens that an example has at most. */
  get maxLength(): number {
    return this.context.maxLength;
  }

  /** The sources in use. */
  get sources(): SourceShare[] {
    const { sources } = this.context;
    const total = sources.reduce((sum, { tokens, passes }) => sum + tokens * passes, 0);
    return sources.map(({ name, tokens, documents, segments, passes }) => ({
      name,
      tokens,
      documents,
      segments,
      passes,
      share: (tokens * passes) / total,
    }));
  }

  /** Hash of what the sources hold and how often they come, wherever they lie. */
  get content(): string {
    return fingerprintOf(this.context.sources.flatMap(({ name, content, passes }) => [name, content, passes]));
  }

  /** Tokens of an epoch, as weighted. */
  get tokensPerEpoch(): number {
    return this.context.sources.reduce((sum, { tokens, passes }) => sum + tokens * passes, 0);
  }

  /** The next `count` examples; the next epoch follows the last example of one. */
  async take(count: number): Promise<PretrainingExample[]> {
    const examples: PretrainingExample[] = [];
    const before = this.position;
    try {
      while (examples.length < count) {
        const pool = await this.pool();
        const { index } = this.position;
        const end = Math.min(pool.size, index + count - examples.length);
        for (let i = index; i < end; i++) examples.push(pool.example(i));
        this.position = { ...this.position, index: end };
        if (end === pool.size) this.nextPool();
      }
    } catch (error) {
      // A failed read loses no example: the caller may ask again.
      this.position = before;
      throw error;
    }
    this.position = { ...this.position, examples: this.position.examples + count };
    return examples;
  }

  /** All examples of one epoch, in order; does not move the stream's position. */
  async *epoch(epoch = 0): AsyncGenerator<PretrainingExample> {
    for (let number = 0; number < this.poolCount(epoch); number++) {
      const pool = await this.load(epoch, number);
      for (let index = 0; index < pool.size; index++) yield pool.example(index);
    }
  }

  /** Where the stream is; JSON-serialisable. */
  state(): StreamState {
    return { ...this.position, ...this.fingerprints };
  }

  /**
   * Goes on exactly where `state` was taken. With another length, objective or packing than then, a pool that was begun
   * is not finished, because its examples are not the same ones; the next one follows. Throws `invalid_argument` when
   * shards, weights, seed or pool size differ.
   */
  resume(state: StreamState): void {
    if (state.order !== this.fingerprints.order) {
      throw new AlbertineError(
        'invalid_argument',
        'the stream cannot go on from this state: shards, weights, seed or pool size differ',
        { value: state, hint: 'Start a new run, or give the options of the one that is to go on.' },
      );
    }
    const { epoch, pool, index, examples } = state;
    this.position = { epoch, pool, index, examples };
    this.upcoming = undefined;
    if (state.packing !== this.fingerprints.packing && index > 0) this.nextPool();
  }

  private nextPool(): void {
    const { epoch, pool, examples } = this.position;
    const isLast = pool + 1 >= this.poolCount(epoch);
    this.position = { epoch: isLast ? epoch + 1 : epoch, pool: isLast ? 0 : pool + 1, index: 0, examples };
  }

  /** The pool at the position; the one after it is fetched meanwhile. */
  private async pool(): Promise<ExamplePool> {
    for (;;) {
      const { epoch, pool: number } = this.position;
      const key = `${epoch} ${number}`;
      if (this.current?.key !== key) {
        const pool = await (this.upcoming?.key === key ? this.upcoming.pool : this.load(epoch, number));
        this.current = { key, pool };
        this.fetchAhead();
      }
      if (this.position.index < this.current.pool.size) return this.current.pool;
      // Only an epoch in which every weight rounds to nothing has an empty pool.
      this.nextPool();
    }
  }

  private fetchAhead(): void {
    const { epoch, pool } = this.position;
    const isLast = pool + 1 >= this.poolCount(epoch);
    const next = isLast ? { epoch: epoch + 1, pool: 0 } : { epoch, pool: pool + 1 };
    const promise = this.load(next.epoch, next.pool);
    // A failure is reported when the pool is needed.
    promise.catch(() => undefined);
    this.upcoming = { key: `${next.epoch} ${next.pool}`, pool: promise };
  }

  private schedule(epoch: number): EpochSchedule {
    return new EpochSchedule(this.context.sources, { epoch, seed: this.options.seed, shuffle: this.options.shuffle });
  }

  private poolCount(epoch: number): number {
    return Math.max(1, Math.ceil(this.schedule(epoch).size / this.options.poolBlocks));
  }

  private load(epoch: number, number: number): Promise<ExamplePool> {
    const schedule = this.schedule(epoch);
    // Pools of an epoch are equally large, so that the last one is mixed as well as the others.
    const count = this.poolCount(epoch);
    const start = Math.floor((schedule.size * number) / count);
    const end = Math.floor((schedule.size * (number + 1)) / count);
    return ExamplePool.load(
      Array.from({ length: end - start }, (_, i) => schedule.visit(start + i)),
      this.context,
      { epoch, number },
    );
  }
}

/**
 * Sources with their passes in an epoch; those without any are left out. Throws `invalid_argument` for unknown names
 * and where nothing is left.
 */
export function applyWeights(
  sources: readonly OpenSource[],
  { weights, shares }: Pick<PretrainingStreamOptions, 'weights' | 'shares'>,
): (OpenSource & { passes: number })[] {
  if (weights && shares) throw new AlbertineError('invalid_argument', 'give weights or shares, not both');
  for (const [name, value] of Object.entries(weights ?? shares ?? {})) {
    if (!sources.some((source) => source.name === name)) {
      throw new AlbertineError(
        'invalid_argument',
        `there is no source ${name}; there are ${sources.map((source) => source.name).join(', ')}`,
        { value: name },
      );
    }
    if (!(value >= 0 && Number.isFinite(value)))
      throw new AlbertineError('invalid_argument', `the weight of ${name} must be at least 0, got ${value}`, { value });
  }
  const used = (name: string): boolean => (shares ? (shares[name] ?? 0) > 0 : true);
  const totalShare = Object.values(shares ?? {}).reduce((sum, share) => sum + share, 0);
  const totalTokens = sources.reduce((sum, { name, tokens }) => sum + (used(name) ? tokens : 0), 0);
  const passes = ({ name, tokens, weight }: OpenSource): number =>
    shares ? ((shares[name] ?? 0) / totalShare) * (totalTokens / tokens) : (weights?.[name] ?? weight);
  const weighted = sources
    .filter(({ blocks }) => blocks > 0)
    .map((source) => ({ ...source, passes: passes(source) }))
    .filter((source) => source.passes > 0);
  if (weighted.length === 0)
    throw new AlbertineError('invalid_argument', 'no source with tokens has a weight above 0', {
      value: weights ?? shares,
    });
  return weighted;
}
