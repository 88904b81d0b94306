import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { readStoredSentences } from '../../src/checkpoint/sentence-transformers.ts';
import { readRun } from '../../src/training/report/report-node.ts';
import { evaluateEmbedding } from '../../src/tasks/embedding/evaluate-node.ts';
import {
  fineTuneEmbedding,
  type FineTuneEmbeddingOptions,
  type FineTuneEmbeddingResult,
} from '../../src/tasks/embedding/fine-tune-node.ts';
import { fineTuneClassifier } from '../../src/tasks/classify/tuning-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { scoredPairs } from './fixtures.ts';
import { LEARNS, readLines, sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';

const folder = temporaryFolder();
const KIND = { good: ['good', 'fine', 'great', 'lovely'], bad: ['bad', 'poor', 'awful', 'dull'] };

let model: string;
let train: string;
let dev: string;
let texts: string;
beforeAll(async () => {
  model = await writeTinyModel(folder.path('model'));
  train = writeRows(folder.path('train.jsonl'), scoredPairs(128, 1));
  dev = writeRows(folder.path('dev.jsonl'), scoredPairs(60, 2));
  texts = folder.path('texts.txt');
  writeFileSync(
    texts,
    `${sentences(40, 1)
      .map(({ text }) => text)
      .join('\n')}\n\n`,
  );
});
afterAll(() => folder.remove());

let runs = 0;
const fineTune = (more: Partial<FineTuneEmbeddingOptions> = {}): Promise<FineTuneEmbeddingResult> =>
  fineTuneEmbedding({
    model,
    train: [train],
    evaluation: [dev],
    output: folder.path(`run ${runs++}`),
    ...LEARNS,
    ...more,
  });
const weightsOf = (output: string): string => readFileSync(join(output, 'model.safetensors')).toString('base64');
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

describe('fineTuneEmbedding', () => {
  it('tells of held-out texts that are trained on without their scores', async () => {
    const pairs = scoredPairs(12, 9);
    const [path, held] = [folder.path('known.txt'), writeRows(folder.path('known.jsonl'), pairs)];
    const known = new Set(pairs.slice(0, 5).flatMap(({ text, pair }) => [text, pair]));
    const all = new Set(pairs.flatMap(({ text, pair }) => [text, pair]));
    writeFileSync(path, `${[...known, 'nothing of the kind', 'something else'].join('\n')}\n`);
    const told: string[] = [];
    await fineTune({ train: [path], evaluation: [held], maxSteps: 1, onEvent: (_, message) => told.push(message) });
    expect(told).toContain(
      `${known.size} of ${all.size} held-out texts are also among the training texts (without their scores)`,
    );
  });

  it('learns what scored pairs mean, for texts it has not seen, and saves what was measured', async () => {
    using untrained = await loadModel(model, { threads: 1 });
    const before = await evaluateEmbedding(untrained, dev);
    const result = await fineTune({ scoreField: 'score', epochs: 8 });
    expect(result).toMatchObject({
      outcome: 'finished',
      objective: 'scored',
      pooling: 'mean',
      trainRows: 128,
      evaluationRows: 60,
      steps: 64,
    });
    expect(result.best!.value).toBeGreaterThan(before.spearman + 0.2);
    expect(result.best!.value).toBeGreaterThan(0.7);

    using trained = await loadModel(result.output, { threads: 1 });
    const after = await evaluateEmbedding(trained, dev);
    expect(after).toMatchObject({ rows: 60, pooling: 'mean', skippedRows: 0, truncatedTexts: 0 });
    expect(after.spearman).toBeCloseTo(result.best!.evaluation['spearman'], 5);
    expect(after.pearson).toBeCloseTo(result.best!.evaluation['pearson'], 5);
    const { info, evaluations } = await readRun(result.output);
    expect(info).toMatchObject({
      outcome: 'finished',
      totalSteps: 64,
      bestCheckpoint: { metric: 'spearman' },
      config: { task: 'embedding', loss: 'cosent', hiddenDropout: 0, maxLength: 32 },
    });
    expect(evaluations.map(({ step }) => step)).toEqual([0, 8, 16, 24, 32, 40, 48, 56, 64]);
  });

  it('fits cosines to scores, with a held-out part of its own', async () => {
    const events: string[] = [];
    const { best, evaluationRows } = await fineTuneEmbedding({
      model,
      train: [train, dev],
      output: folder.path('cosine'),
      scoreField: 'score',
      loss: 'cosine',
      epochs: 4,
      metric: 'pearson',
      ...LEARNS,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect([evaluationRows, best!.metric]).toEqual([19, 'pearson']);
    expect(events).toContain('data: no evaluation file: 19 of 188 rows held out');
    const [first, ...rest] = readLines(folder.path('cosine/metrics.jsonl')).map(({ loss }) => loss as number);
    expect(Math.min(...rest.slice(-8))).toBeLessThan(first / 2);
  });

  it('learns from pairs: held-out texts find their partners', async () => {
    // A pair says the same with other words of its kind.
    const translate = (text: string): string =>
      text
        .split(' ')
        .map((word) => (KIND.good.includes(word) ? 'film' : 'plot'))
        .join(' ');
    const rows = scoredPairs(96, 5).map(({ text }) => ({ text, pair: translate(text) }));
    const { output, objective } = await fineTune({
      train: [writeRows(folder.path('pairs.jsonl'), rows)],
      pairField: 'pair',
      maxSteps: 48,
    });
    expect(objective).toBe('pairs');
    using trained = await loadModel(output, { threads: 1 });
    using untrained = await loadModel(model, { threads: 1 });
    const held = writeRows(
      folder.path('held.jsonl'),
      scoredPairs(60, 6).map(({ text, pair, score }) => ({ text, pair: translate(pair), score })),
    );
    expect((await evaluateEmbedding(trained, held)).spearman).toBeGreaterThan(
      (await evaluateEmbedding(untrained, held)).spearman + 0.2,
    );
    expect(readLines(join(output, 'metrics.jsonl'))[0]).toMatchObject({ batchAccuracy: expect.any(Number) as number });
  });

  it('trains on texts alone, without an evaluation, under dropout of its own, and stores the pooling', async () => {
    const events: string[] = [];
    const result = await fineTuneEmbedding({
      model,
      train: [texts],
      output: folder.path('simcse'),
      pooling: 'cls',
      maxSteps: 3,
      maxLength: 8,
      ...LEARNS,
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(result).toMatchObject({ objective: 'simcse', pooling: 'cls', trainRows: 40, evaluationRows: 0 });
    expect(result.best).toBeUndefined();
    expect(events.find((event) => event.startsWith('data: train'))).toMatch(
      /^data: train: 40 rows, \d+ tokens, \d+ texts cut to 8 tokens \(\d+ tokens lost\), 1 row with an empty text left out$/,
    );
    const { info } = await readRun(result.output);
    expect(info.config).toMatchObject({ hiddenDropout: 0.1, attentionDropout: 0.1, temperature: 0.05 });
    // As published: dropout belongs to the run, and the pooler, which took no part, is there as it was.
    expect(readJson(join(result.output, 'config.json'))).toMatchObject({
      architectures: ['AlbertModel'],
      hidden_dropout_prob: 0,
    });
    using trained = await loadModel(result.output, { threads: 1 });
    using before = await loadModel(model, { threads: 1 });
    expect(trained.weights.get('albert.pooler.weight')!.data).toEqual(before.weights.get('albert.pooler.weight')!.data);

    expect(readJson(join(result.output, 'modules.json'))).toEqual([
      { idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' },
      { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' },
    ]);
    expect(readJson(join(result.output, '1_Pooling/config.json'))).toMatchObject({
      word_embedding_dimension: 32,
      pooling_mode_cls_token: true,
      pooling_mode_mean_tokens: false,
    });
    expect(readJson(join(result.output, 'sentence_bert_config.json'))).toEqual({
      max_seq_length: 8,
      do_lower_case: false,
    });
    const [plain, cls, mean] = await Promise.all(
      [{}, { pooling: 'cls' as const }, { pooling: 'mean' as const }].map((options) =>
        trained.embed(['good film'], options),
      ),
    );
    expect([plain.pooling, plain.fingerprint]).toEqual(['cls', cls.fingerprint]);
    expect(plain.row(0)).toEqual(cls.row(0));
    expect(mean.row(0)).not.toEqual(cls.row(0));
    expect((await trained.embed(['good film'], { layers: 'static' })).pooling).toBe('mean');

    // The next stage goes on with it.
    const next = await fineTuneEmbedding({
      model: result.output,
      train: [train],
      output: folder.path('next'),
      pairField: 'pair',
      maxSteps: 1,
      ...LEARNS,
    });
    expect(next.pooling).toBe('cls');
  });

  it('leaves its pooling to no other model that replaces it', async () => {
    const { output } = await fineTune({ train: [texts], pooling: 'cls', maxSteps: 1, maxLength: 8 });
    expect(existsSync(join(output, 'modules.json'))).toBe(true);
    const labelled = writeRows(folder.path('labelled.jsonl'), sentences(20, 4));
    await fineTuneClassifier({ model, train: labelled, output, overwrite: true, maxSteps: 1, ...LEARNS });
    using classifier = await loadModel(output, { threads: 1 });
    expect(classifier.pooling).toBeUndefined();
  });

  it('continues an interrupted run bit for bit', async () => {
    const options = {
      objective: 'simcse',
      train: [texts, train],
      maxSteps: 9,
      evaluateEvery: 4,
      checkpointEvery: 3,
      evaluation: [dev],
    } as const;
    const whole = await fineTune(options);
    const output = folder.path('interrupted');
    for (const stopAt of [2, 5]) {
      const controller = new AbortController();
      const part = await fineTune({
        ...options,
        output,
        resume: stopAt > 2,
        signal: controller.signal,
        onProgress: ({ done }) => {
          if (done === stopAt) controller.abort();
        },
      });
      expect(part).toMatchObject({ outcome: 'interrupted', steps: stopAt });
    }
    const resumed = await fineTune({ ...options, output, resume: true });
    expect(resumed).toMatchObject({ outcome: 'finished', steps: 9, best: whole.best });
    expect(weightsOf(output)).toBe(weightsOf(whole.output));
    const untimed = (path: string): unknown =>
      readLines(join(path, 'metrics.jsonl')).map((line) => ({ ...line, seconds: 0 }));
    expect(untimed(output)).toEqual(untimed(whole.output));
  });
});

describe('what cannot be trained', () => {
  it('is refused with the row, the option and what to do', async () => {
    const wrong = async (more: Partial<FineTuneEmbeddingOptions>, code: string, message: RegExp): Promise<void> => {
      await expect(fineTune({ maxSteps: 1, ...more })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message) as string,
      });
    };
    const bad = writeRows(folder.path('bad.jsonl'), [
      { text: 'a', pair: 'b', score: 1 },
      { text: 'a', pair: 'b', score: 'high' },
    ]);
    await wrong(
      { train: [bad], scoreField: 'score' },
      'invalid_data',
      /bad\.jsonl, row 2: field "score" must be a number, got "high"/,
    );
    await wrong(
      { train: [dev, bad], pairField: 'second' },
      'invalid_data',
      /dev\.jsonl, row 1: no field "second"; the fields present are "text", "pair", "score"/,
    );
    await wrong(
      { train: [texts], objective: 'pairs' },
      'invalid_argument',
      /\.txt file has one text a line, and pairs need more fields/,
    );
    await wrong(
      {
        train: [
          writeRows(folder.path('equal.jsonl'), [
            { text: 'a', pair: 'b', score: 1 },
            { text: 'b', pair: 'c', score: 1 },
          ]),
        ],
        scoreField: 'score',
      },
      'invalid_data',
      /every training score is 1: there is nothing to tell apart/,
    );
    await wrong(
      { train: [texts], dropout: 0 },
      'invalid_argument',
      /simcse without dropout has nothing to learn from.*Set dropout/,
    );
    await wrong(
      { scoreField: 'score', temperature: 0.1 },
      'invalid_argument',
      /temperature is for the objective simcse or pairs, this one is scored/,
    );
    await wrong({ scoreField: 'score', maxScore: 5 }, 'invalid_argument', /maxScore needs loss 'cosine'/);
    await wrong(
      { microBatchTokens: 10 } as Partial<FineTuneEmbeddingOptions>,
      'invalid_argument',
      /microBatchTokens does not apply.*Lower batchSize or maxLength/,
    );
    await wrong(
      { device: 'gpu' as 'webgpu', train: [folder.path('absent.txt')] },
      'invalid_argument',
      /device must be one of cpu, webgpu, got "gpu"/,
    );
    await wrong(
      { train: [texts], evaluation: [], patience: 2 },
      'invalid_argument',
      /patience needs scored pairs to evaluate on/,
    );
    await wrong({ train: [] }, 'invalid_argument', /train names no file/);
    await wrong(
      { train: [texts], batchSize: 1e9 },
      'out_of_memory',
      /All rows of a step are computed at once: lower batchSize or maxLength, or use saveActivations 'none'/,
    );
    expect(existsSync(folder.path(`run ${runs - 1}/model.safetensors`))).toBe(false);
  });

  it('tells of rows left out, by file', async () => {
    const events: string[] = [];
    const bad = writeRows(folder.path('two bad.jsonl'), [
      { text: 'a', pair: 'b' },
      { text: 3, pair: 'b' },
      { text: 'bad', pair: 'dull' },
      { pair: 'b' },
      { text: '', pair: 'dull' },
    ]);
    await fineTune({
      train: [train, bad],
      pairField: 'pair',
      maxSteps: 1,
      onError: 'skip',
      onEvent: (kind, message) => events.push(`${kind}: ${message}`),
    });
    expect(events.find((event) => event.startsWith('data: train'))).toMatch(
      /train: 130 rows, [\d,]+ tokens, .*two bad\.jsonl: 2 bad rows left out \(row 2: field "text" must be a string, got 3; row 4: no field "text".*\), 1 row with an empty text left out$/,
    );
  });
});

describe('a run too small to say much', () => {
  it('is told so, where rows are held out', async () => {
    const warnings = async (
      more: Partial<FineTuneEmbeddingOptions>,
    ): Promise<{ told: string[]; noted: readonly string[] | undefined }> => {
      const told: string[] = [];
      const { output } = await fineTune({
        evaluation: [],
        onEvent: (kind, message) => {
          if (kind === 'warning') told.push(message);
        },
        ...more,
      });
      return { told, noted: (await readRun(output)).info.notes };
    };
    const few = writeRows(folder.path('few.jsonl'), scoredPairs(40, 7));
    const held = 'only 4 rows held out: its figures, and the choice of the best weights by them, are mostly chance';
    const climbing = expect.stringMatching(/^spearman was still improving at the end/) as string;
    expect(await warnings({ train: [few], scoreField: 'score', maxSteps: 20, evaluateEvery: 20 })).toEqual({
      told: [held, climbing],
      noted: ['training starts from UNTRAINED weights', held, climbing],
    });
    const three = writeRows(folder.path('three.jsonl'), [
      ...scoredPairs(2, 7),
      { text: 'good', pair: 'bad', score: 0.5 },
    ]);
    expect((await warnings({ train: [three], scoreField: 'score', maxSteps: 20 })).told).toEqual([
      expect.stringMatching(/^nothing is held out: the last weights are kept/),
    ]);
    expect((await warnings({ train: [few], pairField: 'pair', maxSteps: 1 })).told).toEqual([
      expect.stringMatching(/^the whole run has only 1 step on 40 rows/),
    ]);
  });
});

describe('readStoredSentences', () => {
  it('reads what sentence-transformers writes, and tells of what is not applied', async () => {
    const read = (files: Record<string, unknown>): ReturnType<typeof readStoredSentences> =>
      readStoredSentences(
        memoryFiles(Object.fromEntries(Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]))),
        Object.keys(files),
      );
    const modules = (...types: string[]): object[] =>
      types.map((type, idx) => ({
        idx,
        name: String(idx),
        path: idx === 0 ? '' : `${idx}_${type}`,
        type: `sentence_transformers.models.${type}`,
      }));
    expect(await read({ 'config.json': {} })).toEqual({ notes: [] });
    expect(
      await read({
        'modules.json': modules('Transformer', 'Pooling'),
        '1_Pooling/config.json': {
          pooling_mode_cls_token: false,
          pooling_mode_mean_tokens: false,
          pooling_mode_max_tokens: true,
        },
      }),
    ).toEqual({ pooling: 'max', notes: [] });
    expect(
      (
        await read({
          'modules.json': modules('Transformer', 'Pooling'),
          '1_Pooling/config.json': { pooling_mode_lasttoken: true },
        })
      ).notes,
    ).toEqual(['1_Pooling/config.json names no pooling that is known here; pooling is mean unless chosen']);
    expect((await read({ 'modules.json': modules('Transformer', 'Pooling') })).notes).toHaveLength(1);
    expect(await read({ 'modules.json': [null] })).toEqual({
      notes: [expect.stringContaining('nameless module, which is not applied')],
    });
    const all = await read({
      'modules.json': modules('Transformer', 'Pooling', 'Dense', 'Normalize'),
      '1_Pooling/config.json': { pooling_mode_mean_tokens: true },
    });
    expect(all).toEqual({
      pooling: 'mean',
      normalize: true,
      notes: [expect.stringContaining('Dense module, which is not applied')],
    });
    const modern = {
      'modules.json': modules('Transformer', 'Pooling'),
      '1_Pooling/config.json': { pooling_mode_mean_tokens: true, include_prompt: false },
    };
    expect(
      await read({
        ...modern,
        'config_sentence_transformers.json': {
          prompts: { query: 'query: ', document: '' },
          default_prompt_name: 'query',
        },
      }),
    ).toEqual({
      pooling: 'mean',
      prompts: { texts: { query: 'query: ', document: '' }, defaultName: 'query' },
      notes: [expect.stringContaining('leaves the prompt out of the pooling')],
    });
    // As version 6 writes them where there are none.
    expect(
      (
        await read({
          ...modern,
          'config_sentence_transformers.json': { prompts: { query: '', document: '' }, default_prompt_name: null },
        })
      ).prompts,
    ).toBeUndefined();
    // As version 6 writes them.
    const sixth = {
      'modules.json': [
        { path: '', type: 'sentence_transformers.base.modules.transformer.Transformer' },
        { path: '1_Pooling', type: 'sentence_transformers.sentence_transformer.modules.pooling.Pooling' },
      ],
    };
    expect(
      await read({
        ...sixth,
        '1_Pooling/config.json': { embedding_dimension: 8, pooling_mode: 'mean_sqrt_len_tokens', include_prompt: true },
        'sentence_bert_config.json': {},
        'tokenizer_config.json': { model_max_length: 50 },
      }),
    ).toEqual({ pooling: 'mean_sqrt', maxLength: 50, notes: [] });
    expect((await read({ ...sixth, '1_Pooling/config.json': { pooling_mode: ['cls', 'mean'] } })).notes).toHaveLength(
      1,
    );
    expect(
      await read({
        ...sixth,
        '1_Pooling/config.json': { pooling_mode: ['cls'] },
        'sentence_bert_config.json': { max_seq_length: 40 },
        'tokenizer_config.json': { model_max_length: 1e30 },
      }),
    ).toEqual({ pooling: 'cls', maxLength: 40, notes: [] });
  });
});
