import { createRandom, mixSeed, shuffle, type Random } from '../../core/random.ts';
import type { SpecialTokens } from '../../tokenizer/tokenizer.ts';
import type { Block } from './blocks.ts';
import type { OpenSource } from './corpus.ts';
import { createExample, type PretrainingExample } from './example.ts';
import type { Masker } from './masking.ts';
import type { Visit } from './schedule.ts';
import { type ExamplePlan, packDocument, type PairObjective, type SegmentedDocument } from './segments.ts';

/** What all pools of a stream have in common. */
export interface PoolContext {
  sources: readonly (OpenSource & { passes: number })[];
  objective: PairObjective;
  maxLength: number;
  shortSequenceProbability: number;
  masker: Masker;
  special: SpecialTokens;
  seed: number;
  staticMasks: boolean;
  shuffle: boolean;
}

/** Reads under way at once. */
const READERS = 16;
/** As the original builder: tries to find another document before giving up. */
const TRIES = 10;

/** A block in memory with the visit that brought it. */
interface PooledBlock extends Block {
  visit: Visit;
  /**
   * Determines this visit's packing and masks: the block's content and, unless masks are static, how often it came
   * before.
   */
  seed: number;
}

/** The examples of some blocks, mixed; masked when asked for, so that an example costs no memory before. */
export class ExamplePool {
  private readonly context: PoolContext;
  private readonly blocks: PooledBlock[];
  private readonly plans: ExamplePlan[] = [];
  /** Of each plan: its number within the block. */
  private readonly numbers: number[] = [];
  private readonly order: Uint32Array;

  private constructor(context: PoolContext, blocks: PooledBlock[], seed: number) {
    this.context = context;
    this.blocks = blocks;
    blocks.forEach((block, index) => this.pack(block, index));
    const order = Array.from(this.plans.keys());
    this.order = Uint32Array.from(context.shuffle ? shuffle(order, createRandom(seed)) : order);
  }

  /** Reads the blocks of these visits and packs them. `place` determines the order in the pool. */
  static async load(
    visits: readonly Visit[],
    context: PoolContext,
    place: { epoch: number; number: number },
  ): Promise<ExamplePool> {
    const blocks: PooledBlock[] = [];
    let next = 0;
    const reader = async (): Promise<void> => {
      while (next < visits.length) {
        const index = next++;
        const visit = visits[index];
        const source = context.sources[visit.source];
        const seed = mixSeed(context.seed, source.content, visit.block, context.staticMasks ? 0 : visit.pass);
        blocks[index] = { ...(await source.read(visit.block)), visit, seed };
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    return new ExamplePool(context, blocks, mixSeed(context.seed, 3, place.epoch, place.number));
  }

  get size(): number {
    return this.order.length;
  }

  /** The example at a position in `[0, size)`; the same one whenever asked. */
  example(position: number): PretrainingExample {
    const { special, masker, sources } = this.context;
    const number = this.order[position];
    const plan = this.plans[number];
    const { seed, visit } = this.blocks[plan.first.block];
    const tokensOf = (block: number): Block['tokens'] => this.blocks[block].tokens;
    return createExample(plan, {
      tokensOf,
      special,
      masker,
      seed: mixSeed(seed, 1, this.numbers[number]),
      source: sources[visit.source].name,
    });
  }

  private pack(block: PooledBlock, index: number): void {
    const { objective, maxLength, shortSequenceProbability } = this.context;
    let number = 0;
    for (let document = 0; document < block.documentEnds.length; document++) {
      const random = createRandom(mixSeed(block.seed, 0, document));
      const otherDocument = (_: SegmentedDocument, draw: Random): SegmentedDocument | undefined =>
        this.otherDocument({ block: index, document }, draw);
      const plans = packDocument(documentOf(block, index, document), {
        objective,
        maxLength,
        shortSequenceProbability,
        random,
        otherDocument,
      });
      for (const plan of plans) {
        this.plans.push(plan);
        this.numbers.push(number++);
      }
    }
  }

  /** Some document of the pool that is not (another part of) the given one. */
  private otherDocument(own: { block: number; document: number }, random: Random): SegmentedDocument | undefined {
    const { visit, firstDocument } = this.blocks[own.block];
    for (let i = 0; i < TRIES; i++) {
      const index = random.integer(this.blocks.length);
      const block = this.blocks[index];
      const document = random.integer(block.documentEnds.length);
      const isSame =
        block.visit.source === visit.source && block.firstDocument + document === firstDocument + own.document;
      if (!isSame) return documentOf(block, index, document);
    }
    return undefined;
  }
}

function documentOf({ segmentEnds, documentEnds }: Block, block: number, document: number): SegmentedDocument {
  const from = document === 0 ? 0 : documentEnds[document - 1];
  return {
    block,
    start: from === 0 ? 0 : segmentEnds[from - 1],
    segmentEnds: segmentEnds.subarray(from, documentEnds[document]),
  };
}
