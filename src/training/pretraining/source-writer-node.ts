import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { writeFileAtomic } from '../../core/files-node.ts';
import { BlockBuilder, encodeBlock } from './blocks.ts';
import { type EncodedDocuments, unpackDocuments } from './document-encoder.ts';
import type { CorpusSource } from './documents-node.ts';
import type { ShardEntry } from './manifest.ts';
import { recordFile, shardFile, type ShardRecord } from './shard-records-node.ts';
import { assembleShard } from './shard-file.ts';

/** Where and how {@link SourceWriter} writes. */
export interface SourceWriterOptions {
  output: string;
  identity: string;
  vocabSize: number;
  shardTokens: number;
  blockTokens: number;
}

/** Writes the shards of one source in order; a shard ends with the first document that fills it. */
export class SourceWriter {
  readonly shards: ShardEntry[] = [];
  kept = 0;
  built = 0;
  documents = 0;
  segments = 0;
  tokens = 0;
  characters = 0;
  private readonly source: CorpusSource;
  private readonly options: SourceWriterOptions;
  private readonly builder: BlockBuilder;
  private blocks: Uint8Array[] = [];
  private shard = emptyCounts();
  /** Documents read so far, those without tokens included. */
  private read = 0;
  private shardStart = 0;

  constructor(source: CorpusSource, options: SourceWriterOptions) {
    this.source = source;
    this.options = options;
    this.builder = new BlockBuilder({ ...options, emit: (block) => this.blocks.push(encodeBlock(block)) });
  }

  /** Appends documents, writing the shards that they fill. */
  async add(encoded: EncodedDocuments): Promise<void> {
    let index = 0;
    for (const document of unpackDocuments(encoded)) {
      this.read++;
      this.shard.characters += encoded.documentCharacters[index];
      this.characters += encoded.documentCharacters[index++];
      if (!document) continue;
      this.builder.add(document, this.documents + this.shard.documents);
      this.shard.documents++;
      this.shard.segments += document.segmentEnds.length;
      this.shard.tokens += document.ids.length;
      if (this.shard.tokens >= this.options.shardTokens) await this.close();
    }
  }

  /** Takes over a finished shard that begins here; false when it does not fit what was written before it. */
  keep(record: ShardRecord): boolean {
    if (this.shard.tokens > 0 || record.number !== this.shards.length || record.firstRead !== this.read) return false;
    this.kept++;
    this.read += record.documentsRead;
    this.shardStart = this.read;
    this.count(record.entry);
    this.characters += record.characters;
    this.shard = emptyCounts();
    return true;
  }

  /** Writes the last shard. */
  async finish(): Promise<void> {
    if (this.shard.tokens > 0) await this.close();
  }

  private async close(): Promise<void> {
    this.builder.flush();
    const { output, identity } = this.options;
    const content = assembleShard(this.blocks);
    const number = this.shards.length;
    const file = shardFile(this.source.name, number);
    const { documents, segments, tokens, characters } = this.shard;
    const entry: ShardEntry = {
      file,
      sha256: createHash('sha256').update(content).digest('hex'),
      bytes: content.byteLength,
      blocks: this.blocks.length,
      documents,
      segments,
      tokens,
    };
    const record: ShardRecord = {
      identity,
      number,
      firstRead: this.shardStart,
      documentsRead: this.read - this.shardStart,
      characters,
      entry,
    };
    await writeFileAtomic(join(output, file), content);
    await writeFileAtomic(join(output, recordFile(file)), `${JSON.stringify(record)}\n`);
    this.built++;
    this.count(entry);
    this.blocks = [];
    this.shard = emptyCounts();
    this.shardStart = this.read;
  }

  private count(entry: ShardEntry): void {
    this.shards.push(entry);
    this.documents += entry.documents;
    this.segments += entry.segments;
    this.tokens += entry.tokens;
  }
}

function emptyCounts(): { documents: number; segments: number; tokens: number; characters: number } {
  return { documents: 0, segments: 0, tokens: 0, characters: 0 };
}
