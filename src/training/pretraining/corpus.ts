import { AlbertineError } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { Block } from './blocks.ts';
import { readManifest, type ShardEntry } from './manifest.ts';
import { upperBound } from './schedule.ts';
import { ShardReader } from './shard-file.ts';

/** A source of one of the manifests, ready to be read at any block. */
export interface OpenSource {
  name: string;
  tokens: number;
  documents: number;
  segments: number;
  blocks: number;
  weight: number;
  /** Most tokens of a block. */
  blockTokens: number;
  /** Hash of its shards' contents. */
  content: number;
  read(block: number): Promise<Block>;
}

/**
 * Opens the shards of one or several folders or addresses. Throws `invalid_data` when they were made with another
 * tokeniser or two sources have one name.
 */
export async function openSources(
  folders: readonly FileSource[],
  tokenizer: Pick<Tokenizer, 'fingerprint' | 'vocabSize'>,
): Promise<OpenSource[]> {
  const sources: OpenSource[] = [];
  for (const files of folders) {
    const manifest = await readManifest(files);
    if (manifest.tokenizer.fingerprint !== tokenizer.fingerprint) {
      throw new AlbertineError(
        'invalid_data',
        `the shards in ${files.location} were made with tokeniser ${manifest.tokenizer.fingerprint}, this one is ${tokenizer.fingerprint}`,
        {
          value: manifest.tokenizer.fingerprint,
          hint: 'Use the tokeniser they were made with, or build the shards again.',
        },
      );
    }
    const reader = new ShardReader(files, tokenizer.vocabSize);
    for (const { name, tokens, documents, segments, weight, shards } of manifest.sources) {
      if (sources.some((source) => source.name === name))
        throw new AlbertineError('invalid_data', `two sources are called ${name}; the second is in ${files.location}`, {
          value: name,
        });
      sources.push({
        name,
        tokens,
        documents,
        segments,
        weight,
        blockTokens: manifest.options.blockTokens,
        ...blocksOf(shards, reader),
      });
    }
  }
  return sources;
}

function blocksOf(shards: readonly ShardEntry[], reader: ShardReader): Pick<OpenSource, 'blocks' | 'content' | 'read'> {
  const firstBlocks = [0];
  for (const { blocks } of shards) firstBlocks.push(firstBlocks.at(-1)! + blocks);
  return {
    blocks: firstBlocks.at(-1)!,
    content: shards.reduce((hash, { sha256 }) => (Math.imul(hash, 31) + parseInt(sha256.slice(0, 8), 16)) | 0, 0),
    read: (block) => {
      const shard = upperBound(firstBlocks, block) - 1;
      return reader.read(shards[shard], block - firstBlocks[shard]);
    },
  };
}
