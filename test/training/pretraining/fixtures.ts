import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { memoryFiles } from '../../../src/core/files-memory.ts';
import { openFolder } from '../../../src/core/files-node.ts';
import { createRandom } from '../../../src/core/random.ts';
import { createWordPieceTokenizer } from '../../../src/tokenizer/wordpiece-tokenizer.ts';
import type { Tokenizer } from '../../../src/tokenizer/tokenizer.ts';
import { loadTokenizer } from '../../../src/tokenizer/load.ts';
import { buildShards, type BuildShardsOptions } from '../../../src/training/pretraining/shards-node.ts';
import type { FileSource } from '../../../src/core/files.ts';

/** A WordPiece vocabulary of numbered words, word parts and some Chinese characters. */
export const VOCABULARY = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  '.',
  ...Array.from({ length: 400 }, (_, i) => `w${i}`),
  ...Array.from({ length: 40 }, (_, i) => `##x${i}`),
  ...'我们在中国北京大学学习自然语言处理的技术'.split('').filter((c, i, all) => all.indexOf(c) === i),
];

export function toyTokenizer(): Tokenizer {
  return createWordPieceTokenizer(VOCABULARY);
}

/** The folder of ALBERT-like SentencePiece test files, as a source of files. */
export async function unigramTokenizer(): Promise<Tokenizer> {
  const golden = await openFolder(join(import.meta.dirname, '../../tokenizer/golden'));
  return loadTokenizer(memoryFiles({ 'spiece.model': await golden.read('tiny-albert.model') }));
}

/** Documents of sentences of numbered words; every document has its own words' order. */
export function toyText(documents: number, seed: number): string {
  const random = createRandom(seed);
  return Array.from({ length: documents }, () =>
    Array.from({ length: 1 + random.integer(6) }, () =>
      Array.from(
        { length: 1 + random.integer(4) },
        () =>
          `${Array.from({ length: 1 + random.integer(12) }, () => `w${random.integer(400)}`)
            .join(' ')
            .replace('w', 'W')}.`,
      ).join(' '),
    ).join('\n'),
  ).join('\n\n');
}

/** A temporary folder with a tokeniser in `tokenizer/`, removed by `remove`. */
export function temporaryFolder(): { path: (...names: string[]) => string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'albertine-'));
  return { path: (...names) => join(root, ...names), remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Builds shards of named texts on this thread. */
export async function buildToyShards(
  folder: ReturnType<typeof temporaryFolder>,
  texts: Record<string, { text: string; weight?: number }>,
  options: Partial<BuildShardsOptions> = {},
): Promise<FileSource> {
  writeFileSync(folder.path('vocab.txt'), VOCABULARY.join('\n'));
  const sources = Object.entries(texts).map(([name, { text, weight }]) => {
    writeFileSync(folder.path(`${name}.txt`), text);
    return { name, paths: [folder.path(`${name}.txt`)], locale: 'en', ...(weight !== undefined && { weight }) };
  });
  const output = folder.path('shards');
  await buildShards(sources, folder.path('.'), { output, workers: 0, shardTokens: 2000, blockTokens: 128, ...options });
  return openFolder(output);
}
