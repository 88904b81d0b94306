import { lookUpEmbeddings, type EmbeddingTables, type EncoderBatch } from '../model/batch.ts';
import { firstPosition, type AlbertConfig } from '../model/config.ts';
import { embeddingParameters, type ParameterSpec } from '../model/parameters.ts';
import type { HostTensor, RunTensor } from '../runtime/tensor.ts';
import type { Arena } from './arena.ts';
import type { BufferPool } from './buffers.ts';

/**
 * The embedding tables of a network in training: rows are looked up, and gradients of rows are added to the tables'
 * gradients.
 */
export interface Embeddings extends Disposable {
  /** Sum of the word, position and token-type rows of every token: `[batch*sequence, embeddingSize]`. */
  lookUp(batch: EncoderBatch): Promise<RunTensor>;
  /** Adds the gradients of {@link Embeddings.lookUp}'s rows to those of the tables that are trained. */
  scatter(batch: EncoderBatch, gradient: RunTensor): Promise<void>;
}

const WORD = 'albert.embeddings.word_embeddings.weight';
const POSITION = 'albert.embeddings.position_embeddings.weight';
const TOKEN_TYPE = 'albert.embeddings.token_type_embeddings.weight';
/** Parameters that only {@link Embeddings} and heads tied to them read. */
export const EMBEDDING_TABLES: ReadonlySet<string> = new Set([WORD, POSITION, TOKEN_TYPE]);

/** Which row of a table, by its name, a token takes. */
export const ROW_OF: Record<string, (batch: EncoderBatch, token: number, config: AlbertConfig) => number> = {
  [WORD]: (batch, token) => batch.inputIds[token],
  [POSITION]: (batch, token, config) =>
    firstPosition(config) + (batch.positionIds ? batch.positionIds[token] : token % batch.sequenceLength),
  [TOKEN_TYPE]: (batch, token) => (batch.tokenTypeIds ? batch.tokenTypeIds[token] : 0),
};

/** Tables in the arena. Plain loops: a scatter-add costs less than any graph for it. */
export class HostEmbeddings implements Embeddings {
  private readonly config: AlbertConfig;
  private readonly arena: Arena;
  private readonly pool: BufferPool;
  private readonly trained: readonly string[];
  private readonly tables: EmbeddingTables;

  constructor(config: AlbertConfig, arena: Arena, pool: BufferPool) {
    this.config = config;
    this.arena = arena;
    this.pool = pool;
    this.trained = trainedTables(config, arena).map(({ name }) => name);
    this.tables = {
      word: arena.view(WORD, 'values'),
      position: config.positionEmbeddingType === 'absolute' ? arena.view(POSITION, 'values') : undefined,
      tokenType: arena.view(TOKEN_TYPE, 'values'),
    };
  }

  async lookUp(batch: EncoderBatch): Promise<HostTensor> {
    const embedded = this.pool.tensor('embedded', [batch.batchSize * batch.sequenceLength, this.config.embeddingSize]);
    lookUpEmbeddings(this.config, this.tables, batch, embedded.data as Float32Array);
    return embedded;
  }

  async scatter(batch: EncoderBatch, gradient: RunTensor): Promise<void> {
    const { data } = gradient as HostTensor;
    const tokens = batch.batchSize * batch.sequenceLength;
    for (const name of this.trained) {
      const rowOf = ROW_OF[name];
      scatterRows(this.arena.view(name, 'gradients'), data as Float32Array, {
        tokens,
        width: this.config.embeddingSize,
        rowOf: (token) => rowOf(batch, token, this.config),
      });
    }
  }

  [Symbol.dispose](): void {}
}

/** The tables that are looked up: relative positions have none. */
export function usedTables(config: AlbertConfig): ParameterSpec[] {
  return embeddingParameters(config).filter(
    ({ name }) => EMBEDDING_TABLES.has(name) && (name !== POSITION || config.positionEmbeddingType === 'absolute'),
  );
}

/** Those of {@link usedTables} that the arena trains. */
export function trainedTables(config: AlbertConfig, arena: Arena): ParameterSpec[] {
  const trainable = new Set(arena.slots.map(({ name }) => name));
  return usedTables(config).filter(({ name }) => trainable.has(name));
}

function scatterRows(
  table: Float32Array,
  rows: Float32Array,
  layout: { tokens: number; width: number; rowOf: (token: number) => number },
): void {
  const { tokens, width, rowOf } = layout;
  for (let token = 0; token < tokens; token++) {
    const target = rowOf(token) * width;
    const source = token * width;
    for (let i = 0; i < width; i++) table[target + i] += rows[source + i];
  }
}
