import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { evaluateEmbedding } from '../../src/tasks/embedding/evaluate-node.ts';
import { fineTuneEmbedding } from '../../src/tasks/embedding/fine-tune-node.ts';
import { promptPair, trainedPrompts } from '../../src/tasks/embedding/prompts.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { loadFamily } from '../oracle/families.ts';
import { temporaryFolder, writeRows } from '../training/small-run.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

const stored = { texts: { query: 'query: ', passage: 'passage: ' } };

describe('prompts of pairs', () => {
  it('are named or written; the second is as the first unless it differs', () => {
    expect(promptPair(stored, {})).toEqual(['', '']);
    expect(promptPair({ ...stored, defaultName: 'query' }, {})).toEqual(['query: ', 'query: ']);
    expect(promptPair(stored, { prompt: 'query', pairPrompt: 'passage' })).toEqual(['query: ', 'passage: ']);
    expect(promptPair(undefined, { prompt: 'Text: ' })).toEqual(['Text: ', 'Text: ']);
    expect(() => promptPair(stored, { pairPrompt: 'passages' })).toThrow(/pairPrompt.*"passages"/);
  });

  it('are stored with what was trained; the one of both texts becomes the default', () => {
    expect(trainedPrompts(undefined, {})).toBeUndefined();
    expect(trainedPrompts(stored, {})).toEqual(stored);
    expect(trainedPrompts(stored, { prompt: 'query' })).toEqual({ ...stored, defaultName: 'query' });
    expect(trainedPrompts(stored, { prompt: 'query', pairPrompt: 'passage' })).toEqual(stored);
    expect(trainedPrompts({ ...stored, defaultName: 'query' }, { prompt: '' })).toEqual(stored);
    expect(trainedPrompts(undefined, { prompt: 'Text: ' })).toEqual({ texts: { text: 'Text: ' }, defaultName: 'text' });
  });
});

it('training and evaluation put them before texts, and the model keeps them', async () => {
  const { folder: model } = loadFamily('xlm-roberta');
  const pairs = ['the cat', 'a film', 'the night train', 'small', 'the house', 'rain'].map((text, i) => ({
    text,
    pair: `${text} ${i % 2 === 0 ? 'again' : '你好'}`,
    score: i,
  }));
  const train = [writeRows(folder.path('pairs.jsonl'), pairs)];
  const base = {
    model,
    train,
    evaluation: train,
    objective: 'scored' as const,
    maxSteps: 2,
    batchSize: 6,
    threads: 1,
    learningRate: 1e-3,
    maxLength: 24,
  };
  await fineTuneEmbedding({ ...base, output: folder.path('named'), prompt: 'query' });
  const written = writeRows(
    folder.path('written.jsonl'),
    pairs.map(({ text, pair, score }) => ({ text: `query: ${text}`, pair: `query: ${pair}`, score })),
  );
  await fineTuneEmbedding({ ...base, train: [written], evaluation: [written], output: folder.path('written') });
  const weights = (name: string): Buffer => readFileSync(join(folder.path(name), 'model.safetensors'));
  expect(weights('named').equals(weights('written'))).toBe(true);
  using named = await loadModel(folder.path('named'), { threads: 1 });
  using other = await loadModel(folder.path('written'), { threads: 1 });
  expect([named.prompts, named.normalize, other.prompts]).toEqual([{ ...stored, defaultName: 'query' }, true, stored]);
  expect((await named.embed(['the cat'])).data).toEqual((await other.embed(['query: the cat'])).data);
  expect((await evaluateEmbedding(named, train[0])).spearman).toBe((await evaluateEmbedding(other, written)).spearman);
  expect((await evaluateEmbedding(named, train[0], { prompt: 'query', pairPrompt: 'passage' })).pearson).not.toBe(
    (await evaluateEmbedding(other, written)).pearson,
  );
});
