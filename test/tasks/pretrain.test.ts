import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/model/config.ts';
import type { PretrainOptions, PretrainResult } from '../../src/tasks/pretrain/options.ts';
import { pretrain } from '../../src/tasks/pretrain/pretrain-node.ts';
import type { RunInfo } from '../../src/training/report/run-record.ts';
import { buildToyShards, temporaryFolder, toyText, VOCABULARY } from '../training/pretraining/fixtures.ts';

const folder = temporaryFolder();
const tokens: Record<string, number> = {};
beforeAll(async () => {
  const shards = await buildToyShards(folder, { a: { text: toyText(60, 1) }, b: { text: toyText(60, 2) } });
  const manifest = JSON.parse(new TextDecoder().decode(await shards.read('manifest.json'))) as {
    sources: { name: string; tokens: number }[];
  };
  for (const source of manifest.sources) tokens[source.name] = source.tokens;
});
afterAll(() => folder.remove());

let runs = 0;
const run = (more: Partial<PretrainOptions>): Promise<PretrainResult> =>
  pretrain({
    model: {
      ...DEFAULT_CONFIG,
      vocabSize: VOCABULARY.length,
      embeddingSize: 16,
      hiddenSize: 32,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 32,
      maxPositionEmbeddings: 32,
    },
    tokenizer: folder.path('.'),
    shards: [folder.path('shards')],
    output: folder.path(`run ${runs++}`),
    steps: 1,
    batchSize: 4,
    maxLength: 32,
    threads: 1,
    tensorboard: false,
    wordEmbeddings: 'cooccurrence',
    ...more,
  });

describe('pretrain from co-occurrence counts', () => {
  it('counts the sources as the run weighs them', async () => {
    const counted = async (weights?: Record<string, number>): Promise<string | undefined> => {
      let words: string | undefined;
      await run({
        ...(weights && { weights }),
        onEvent: (kind, message) => {
          if (kind === 'words') words = message;
        },
      });
      return words;
    };
    const told = (count: number): string => `embeddings from neighbours in ${count.toLocaleString('en-US')} tokens`;
    expect(await counted()).toBe(told(tokens['a'] + tokens['b']));
    expect(await counted({ b: 0 })).toBe(told(tokens['a']));
  });

  it('refuses unknown sources, a checkpoint to start from, and an output that would be lost, before it counts', async () => {
    const events: string[] = [];
    const onEvent = (kind: string): void => {
      events.push(kind);
    };
    await expect(run({ weights: { c: 1 }, onEvent })).rejects.toThrow(/there is no source c; there are a, b/);
    await expect(run({ from: 'anything', onEvent })).rejects.toThrow(/wordEmbeddings is for a new network/);
    await expect(run({ output: folder.path('run 0'), onEvent })).rejects.toThrow(
      /holds a finished run with its model already/,
    );
    expect(events).toEqual([]);
  });

  it('goes on without counting again, with the same result', async () => {
    const [whole, parts] = [folder.path('whole'), folder.path('parts')];
    await run({ output: whole, steps: 4 });
    const stop = new AbortController();
    const first = await run({ output: parts, steps: 4, signal: stop.signal, onProgress: () => stop.abort() });
    expect(first).toMatchObject({ outcome: 'interrupted', steps: 1 });
    const events: string[] = [];
    const resumed = await run({ output: parts, steps: 4, resume: true, onEvent: (kind) => events.push(kind) });
    expect(resumed).toMatchObject({ outcome: 'finished', steps: 4 });
    expect(events).toEqual(['data', 'resumed', 'saved']);
    expect(readFileSync(join(parts, 'model.safetensors'))).toEqual(readFileSync(join(whole, 'model.safetensors')));
    await expect(run({ output: parts, steps: 4, resume: true, seed: 2 })).rejects.toThrow(
      /other settings: seed 1 -> 2/,
    );
    await expect(run({ output: parts, steps: 4, resume: true, wordEmbeddings: 'random' })).rejects.toThrow(
      /wordEmbeddings "cooccurrence" -> "random"/,
    );
  });
});

describe('a run that goes on with other micro-batches and threads', () => {
  it('notes it; a run of before they were recorded goes on as it is', async () => {
    const output = folder.path('divided');
    const more: Partial<PretrainOptions> = { output, wordEmbeddings: 'random', keepCheckpoints: 2 };
    await run({ ...more, microBatchTokens: 64 });
    const notes = (): string[] =>
      readFileSync(join(output, 'events.jsonl'), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { event?: string; message?: string })
        .flatMap(({ event, message }) => (event === 'note' ? [message!] : []));
    expect(await run({ ...more, microBatchTokens: 64, resume: true })).toMatchObject({ outcome: 'finished' });
    expect(notes()).toEqual([]);
    const told: string[] = [];
    await run({
      ...more,
      threads: 2,
      resume: true,
      onEvent: (kind, message) => {
        if (kind === 'note') told.push(message);
      },
    });
    expect(told).toEqual(notes());
    expect(notes()).toEqual([
      expect.stringMatching(/^continued with 2 threads instead of 1: /),
      expect.stringMatching(/^continued with 4096 tokens per micro-batch instead of 64: steps are divided differently/),
    ]);
    // Without a number the run keeps its own.
    await run({ ...more, threads: undefined, resume: true });
    expect(notes()).toHaveLength(2);
    const path = join(output, 'run.json');
    const info = JSON.parse(readFileSync(path, 'utf8')) as RunInfo & { config: Record<string, unknown> };
    const { threads, microBatchTokens, ...config } = info.config;
    expect({ threads, microBatchTokens }).toEqual({ threads: 2, microBatchTokens: 4096 });
    writeFileSync(path, JSON.stringify({ ...info, config }));
    expect(await run({ ...more, resume: true })).toMatchObject({ outcome: 'finished' });
    expect(notes()).toHaveLength(2);
  });
});

describe('pairs', () => {
  it('are missed aloud where every document is one sentence', async () => {
    const single = temporaryFolder();
    await buildToyShards(single, {
      a: {
        text: toyText(40, 1)
          .split('\n\n')
          .map((document) => document.split('.')[0])
          .join('\n\n'),
      },
    });
    const warnings = async (more: Partial<PretrainOptions>): Promise<string[]> => {
      const messages: string[] = [];
      await run({
        wordEmbeddings: 'random',
        onEvent: (kind, message) => {
          if (kind === 'warning') messages.push(message);
        },
        ...more,
      });
      return messages;
    };
    expect(await warnings({ shards: [single.path('shards')] })).toEqual([
      'no document has two segments, so there are no pairs and sop learns nothing',
    ]);
    expect(await warnings({ shards: [single.path('shards')], objective: 'none' })).toEqual([]);
    expect(await warnings({})).toEqual([]);
    single.remove();
  });
});

describe('the data of a resumed run', () => {
  const resume = (output: string, more: Partial<PretrainOptions>): Promise<PretrainResult> =>
    run({ output, wordEmbeddings: 'random', keepCheckpoints: 2, resume: true, ...more });

  it('are known by their content, wherever they lie', async () => {
    const [output, base, moved] = [folder.path('known'), folder.path('base'), folder.path('moved')];
    await run({ output: base, wordEmbeddings: 'random' });
    const start: Partial<PretrainOptions> = {
      from: base,
      tokenizer: undefined,
      model: undefined,
      shards: [folder.path('shards')],
      heldOut: [folder.path('shards')],
    };
    await run({ output, wordEmbeddings: 'random', keepCheckpoints: 2, ...start });
    for (const name of ['shards', 'base']) cpSync(folder.path(name), join(moved, name), { recursive: true });
    const elsewhere = {
      ...start,
      from: relative('.', join(moved, 'base')),
      shards: [join(moved, 'shards')],
      heldOut: [relative('.', folder.path('shards'))],
    };
    expect(await resume(output, elsewhere)).toMatchObject({ outcome: 'finished', steps: 1 });

    const other = temporaryFolder();
    await buildToyShards(other, { a: { text: toyText(60, 1) }, b: { text: toyText(60, 3) } });
    await expect(resume(output, { ...start, shards: [other.path('shards')] })).rejects.toThrow(
      /other settings: shardsContent/,
    );
    await expect(resume(output, { ...start, heldOut: [other.path('shards')] })).rejects.toThrow(
      /other settings: heldOutContent/,
    );
    await expect(resume(output, { ...start, heldOut: [] })).rejects.toThrow(/other settings: heldOut/);
    await run({ output: folder.path('another base'), wordEmbeddings: 'random', seed: 2 });
    await expect(resume(output, { ...start, from: folder.path('another base') })).rejects.toThrow(
      /other settings: the weights that it started from are others/,
    );
    other.remove();
    // A run of before contents were noted: the paths have to do.
    const path = join(output, 'run.json');
    const {
      config: { shardsContent, heldOutContent, ...config },
      ...info
    } = JSON.parse(readFileSync(path, 'utf8')) as RunInfo & { config: Record<string, unknown> };
    expect([shardsContent, heldOutContent].every((content) => /^[0-9a-f]{16}$/.test(String(content)))).toBe(true);
    writeFileSync(path, JSON.stringify({ ...info, config }));
    await expect(resume(output, start)).rejects.toThrow(/other settings: shards \[/);
    expect(await resume(output, elsewhere)).toMatchObject({ outcome: 'finished' });
  });
});
