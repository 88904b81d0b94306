import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { fineTuneEmbedding } from '../../src/tasks/embedding/fine-tune-node.ts';
import { fineTuneClassifier, type FineTuneOptions } from '../../src/tasks/classify/tuning-node.ts';
import { readLines, temporaryFolder, TINY_CONFIG, writeRows } from '../training/small-run.ts';

const GOLDEN = fileURLToPath(new URL('../oracle/goldens/second-stage/', import.meta.url));
const MODEL = join(GOLDEN, 'model');
const TRAIN = join(GOLDEN, 'train.jsonl');
const LOSSES = JSON.parse(readFileSync(join(GOLDEN, 'losses.json'), 'utf8')) as number[];

const folder = temporaryFolder();
afterAll(() => folder.remove());
let runs = 0;

interface Run {
  losses: number[];
  told: string[];
  heads: unknown;
  notes: string[];
}

async function run(more: Partial<FineTuneOptions> = {}): Promise<Run> {
  const told: string[] = [];
  const output = more.output ?? folder.path(`run ${runs++}`);
  await fineTuneClassifier({
    model: MODEL,
    train: TRAIN,
    evaluation: TRAIN,
    output,
    maxSteps: 30,
    batchSize: 8,
    learningRate: 2e-3,
    warmupRatio: 0,
    shuffle: false,
    optimizer: { name: 'adamw', epsilon: 1e-6 },
    threads: 1,
    tensorboard: false,
    evaluateEvery: 30,
    onEvent: (kind, message) => told.push(`${kind}: ${message}`),
    ...more,
  });
  const info = JSON.parse(readFileSync(join(output, 'run.json'), 'utf8')) as {
    config: { heads: unknown };
    notes: string[];
  };
  return {
    losses: readLines(join(output, 'metrics.jsonl')).map(({ loss }) => loss as number),
    told,
    heads: info.config.heads,
    notes: info.notes,
  };
}

describe('a second stage of fine-tuning', () => {
  it('goes on from the classifier of the checkpoint: the losses of 30 steps are those of transformers', async () => {
    const { losses, told, heads, notes } = await run();
    expect(losses).toHaveLength(LOSSES.length);
    for (const [step, loss] of losses.entries())
      expect(Math.abs(loss - LOSSES[step]) / LOSSES[step], `step ${step}`).toBeLessThan(1e-4);
    const line = `the classifier of ${MODEL} is kept, for the same 3 labels, re-ordered by name`;
    expect(told).toContain(`model: ${line}`);
    expect(notes).toContain(line);
    expect(heads).toEqual({ pooler: 'kept', sequenceClassification: 'kept' });
  });

  it('starts a fresh one where that is asked for, and says what is lost', async () => {
    const { losses, told, heads, notes } = await run({ freshHead: true });
    expect(Math.abs(losses[0] - LOSSES[0])).toBeGreaterThan(0.1);
    const warning = `the classifier of ${MODEL} is not used, a fresh one takes its place: a fresh head was asked for`;
    expect(told).toContain(`warning: ${warning}`);
    expect(told).toContain('model: the classifier starts fresh, for 3 labels');
    expect(notes).toContain(warning);
    expect(heads).toEqual({ pooler: 'kept', sequenceClassification: 'fresh' });
  });

  it('starts a fresh one for other labels and other problems, naming the difference', async () => {
    const other = writeRows(
      folder.path('other.jsonl'),
      readLines(TRAIN)
        .slice(0, 16)
        .map(({ text, label }) => ({ text, label: label === 'poor' ? 'bad' : label })),
    );
    const renamed = await run({ train: other, evaluation: other, maxSteps: 1, batchSize: 4 });
    expect(renamed.told).toContainEqual(
      expect.stringMatching(/^warning: .*its labels are others \(it lacks "bad"; the data lack "poor"\)$/),
    );
    const numbers = writeRows(
      folder.path('numbers.jsonl'),
      readLines(TRAIN)
        .slice(0, 16)
        .map(({ text }, row) => ({ text, label: row })),
    );
    const regression = await run({
      train: numbers,
      evaluation: numbers,
      problem: 'regression',
      maxSteps: 1,
      batchSize: 4,
    });
    expect(regression.told).toContainEqual(
      expect.stringMatching(/^warning: .*it answers 3 labels, and this problem is regression$/),
    );
  });

  it('keeps what a first stage made, so the second begins near where that one ended', async () => {
    const first = folder.path('first');
    await run({ output: first, learningRate: 3e-3, maxSteps: 60 });
    const last = readLines(join(first, 'metrics.jsonl')).at(-1)!['loss'] as number;
    const second = await run({ model: first });
    expect(second.heads).toMatchObject({ sequenceClassification: 'kept' });
    expect(Math.abs(second.losses[0] - last)).toBeLessThan(0.3);
  });
});

describe('heads that a task has no use for', () => {
  it('are named by sentence embeddings and by classification, and recorded', async () => {
    const model = folder.path('pretrained');
    const words = [
      '[PAD]',
      '[UNK]',
      '[CLS]',
      '[SEP]',
      '[MASK]',
      ...Array.from({ length: TINY_CONFIG.vocabSize - 5 }, (_, i) => `w${i}`),
    ];
    await saveCheckpoint(model, {
      config: { ...TINY_CONFIG, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
      weights: initialiseWeights(TINY_CONFIG, 3, { heads: ['maskedLm', 'sentenceOrder'] }),
      heads: ['maskedLm', 'sentenceOrder'],
      tokenizerFiles: { 'vocab.txt': `${words.join('\n')}\n` },
    });
    const told: string[] = [];
    const texts = folder.path('texts.jsonl');
    writeRows(
      texts,
      Array.from({ length: 8 }, (_, i) => ({ text: `w${i} w${i + 1} w${i + 2}` })),
    );
    await fineTuneEmbedding({
      model,
      train: [texts],
      output: folder.path('vectors'),
      objective: 'simcse',
      maxSteps: 2,
      batchSize: 4,
      threads: 1,
      tensorboard: false,
      onEvent: (kind, message) => told.push(`${kind}: ${message}`),
    });
    expect(told).toContain(
      'model: sentenceOrder, maskedLm of the checkpoint have no part in sentence embeddings: not used and not saved',
    );
    expect((await openCheckpoint(await openFolder(folder.path('vectors')))).details.architectures).toEqual([
      'AlbertModel',
    ]);
    const classified = await run({ model, maxSteps: 1 });
    expect(classified.told).toContainEqual(
      'model: the classifier starts fresh, for 3 labels; sentenceOrder, maskedLm of the checkpoint have no part in classification: not used and not saved',
    );
    expect(classified.heads).toEqual({
      pooler: 'kept',
      sequenceClassification: 'fresh',
      sentenceOrder: 'left out',
      maskedLm: 'left out',
    });
  });
});
