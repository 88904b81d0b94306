import { join } from 'node:path';
import { indexedText, type Chunk } from './chunk.ts';
import { ChunkWriter } from './chunks-node.ts';
import type { VectorWriter } from './stores/store.ts';
import { WORDS } from './words/postings.ts';
import { PostingsWriter } from './words/postings-writer-node.ts';

/** Writes chunks, their words and their vectors side by side. */
export class GenerationWriter {
  private readonly parts: { chunks: ChunkWriter; words: PostingsWriter; vectors: VectorWriter };

  private constructor(parts: GenerationWriter['parts']) {
    this.parts = parts;
  }

  /** Into the folder of a generation. */
  static async open(folder: string, vectors: VectorWriter): Promise<GenerationWriter> {
    const words = new PostingsWriter(join(folder, WORDS));
    return new GenerationWriter({ chunks: await ChunkWriter.open(folder), words, vectors });
  }

  /** Chunks with their vectors, `[chunks, dimensions]`. */
  async write(chunks: readonly Chunk[], vectors: Float32Array): Promise<void> {
    await this.parts.vectors.write(vectors);
    for (const chunk of chunks) {
      await this.parts.chunks.write(chunk);
      await this.parts.words.add(indexedText(chunk));
    }
  }

  /** Finishes all of them. */
  async close(): Promise<void> {
    await this.parts.chunks.close();
    await this.parts.words.close();
    await this.parts.vectors.close();
  }

  /** Takes away what was written outside the folder, and what is in the way of its removal. */
  async abort(): Promise<void> {
    await this.parts.chunks.close().catch(() => undefined);
    await this.parts.words.abort().catch(() => undefined);
    await this.parts.vectors.abort();
  }
}
