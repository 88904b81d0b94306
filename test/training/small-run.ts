import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { createRandom } from '../../src/core/random.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import type { Weights } from '../../src/model/parameters.ts';
import type { FineTuneOptions } from '../../src/tasks/classify/tuning-node.ts';

const GOOD = ['good', 'fine', 'great', 'lovely'];
const BAD = ['bad', 'poor', 'awful', 'dull'];
const OTHER =
  'a the film was story and plot very actor with scene long short new old music it one two three four five'.split(' ');
export const VOCABULARY = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', ...GOOD, ...BAD, ...OTHER];

/** Trains in milliseconds a step; with every kind of dropout. */
export const TINY_CONFIG: AlbertConfig = {
  ...DEFAULT_CONFIG,
  vocabSize: VOCABULARY.length,
  embeddingSize: 16,
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 64,
  maxPositionEmbeddings: 32,
  hiddenDropoutProb: 0.1,
  attentionProbsDropoutProb: 0.1,
  classifierDropoutProb: 0.1,
  initializerRange: 0.1,
};

/** A folder for one test file, removed by `remove`. */
export function temporaryFolder(): { path: (name: string) => string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'albertine-training-'));
  return { path: (name) => join(folder, name), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Writes an untrained tiny checkpoint (without dropout, as published ones are) and returns its folder. */
export async function writeTinyModel(folder: string): Promise<string> {
  const config = { ...TINY_CONFIG, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 };
  await saveCheckpoint(folder, {
    config,
    weights: initialiseWeights(TINY_CONFIG, 3),
    tokenizerFiles: { 'vocab.txt': `${VOCABULARY.join('\n')}\n` },
    extra: { albertine_untrained: true },
  });
  return folder;
}

/** Sentences with one telling word each, and that word's label. */
export function sentences(rows: number, seed: number): { text: string; label: 'bad' | 'good' }[] {
  const random = createRandom(seed);
  return Array.from({ length: rows }, () => {
    const label = random.integer(2) === 1 ? 'good' : 'bad';
    const words = Array.from({ length: 3 + random.integer(15) }, () => OTHER[random.integer(OTHER.length)]);
    words[random.integer(words.length)] = (label === 'good' ? GOOD : BAD)[random.integer(4)];
    return { text: words.join(' '), label };
  });
}

/** Writes rows as JSON lines and returns the path. */
export function writeRows(path: string, rows: readonly object[]): string {
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

/** Settings with which the sentences are learned in about a second. */
export const LEARNS: Pick<FineTuneOptions, 'batchSize' | 'learningRate' | 'threads' | 'tensorboard'> = {
  batchSize: 16,
  learningRate: 3e-3,
  threads: 1,
  tensorboard: false,
};

/** Lines of a JSONL file. */
export function readLines(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The bits of weights, for exact comparison. */
export function bits(weights: Weights): Record<string, string> {
  return Object.fromEntries(
    [...weights].map(([name, { data }]) => [
      name,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
    ]),
  );
}
