import { AlbertineError } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { type Block, decodeBlock } from './blocks.ts';
import type { ShardEntry } from './manifest.ts';

const MAGIC = 'ALBSHARD';
/** Magic, uint32 version, uint32 number of blocks. */
const HEADER_BYTES = 16;
const VERSION = 1;

/** A whole shard from its encoded blocks: header, uint32 byte positions of the blocks and of the end, the blocks. */
export function assembleShard(blocks: readonly Uint8Array[]): Uint8Array {
  const start = HEADER_BYTES + 4 * (blocks.length + 1);
  const size = blocks.reduce((sum, block) => sum + block.byteLength, start);
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(MAGIC));
  new Uint32Array(bytes.buffer, 8, 2).set([VERSION, blocks.length]);
  const positions = new Uint32Array(bytes.buffer, HEADER_BYTES, blocks.length + 1);
  let at = start;
  blocks.forEach((block, i) => {
    positions[i] = at;
    bytes.set(block, at);
    at += block.byteLength;
  });
  positions[blocks.length] = at;
  return bytes;
}

/** Most tables of block positions held at once; one takes 4 bytes a block. */
const MAX_TABLES = 4096;

/**
 * Random access to the blocks of shards in a folder or at a URL: one read of a table a shard (kept), then one read a
 * block. Nothing else is kept, so memory does not grow with the corpus.
 */
export class ShardReader {
  private readonly files: FileSource;
  private readonly vocabSize: number;
  private readonly tables = new Map<string, Promise<Uint32Array>>();

  constructor(files: FileSource, vocabSize: number) {
    this.files = files;
    this.vocabSize = vocabSize;
  }

  /**
   * Block number `index` of a shard. Throws `invalid_file` for a file that is damaged, or another than the manifest's.
   */
  async read(shard: ShardEntry, index: number): Promise<Block> {
    const table = await this.table(shard);
    const bytes = await this.files.read(shard.file, table[index], table[index + 1]);
    return decodeBlock(bytes, this.vocabSize, `${this.files.location}/${shard.file}, block ${index},`);
  }

  private table(shard: ShardEntry): Promise<Uint32Array> {
    let table = this.tables.get(shard.file);
    if (!table) {
      if (this.tables.size >= MAX_TABLES) this.tables.delete(this.tables.keys().next().value!);
      table = this.readTable(shard);
      // A failed read may succeed later.
      table.catch(() => this.tables.delete(shard.file));
      this.tables.set(shard.file, table);
    }
    return table;
  }

  private async readTable(shard: ShardEntry): Promise<Uint32Array> {
    const bytes = (await this.files.read(shard.file, 0, HEADER_BYTES + 4 * (shard.blocks + 1))).slice();
    const problem = shardProblem(bytes, shard);
    if (problem) {
      throw new AlbertineError(
        'invalid_file',
        `${this.files.location}/${shard.file} does not fit its manifest: ${problem}`,
        {
          value: shard.file,
          hint: 'Copy it again, or build the shards again; finished ones are kept.',
        },
      );
    }
    return new Uint32Array(bytes.buffer, HEADER_BYTES, shard.blocks + 1);
  }
}

function shardProblem(bytes: Uint8Array, shard: ShardEntry): string | undefined {
  if (bytes.byteLength < HEADER_BYTES + 4 * (shard.blocks + 1)) return 'it is too short';
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) return 'it is no token shard';
  const [version, blocks] = new Uint32Array(bytes.buffer, 8, 2);
  if (version !== VERSION || blocks !== shard.blocks)
    return `version ${version} with ${blocks} blocks where version ${VERSION} with ${shard.blocks} are expected`;
  const end = new Uint32Array(bytes.buffer, HEADER_BYTES, blocks + 1)[blocks];
  return end === shard.bytes ? undefined : `${end} bytes where ${shard.bytes} are expected`;
}
