import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentences, temporaryFolder, writeTinyModel } from '../training/small-run.ts';
import { readJson, records, run } from './support.ts';

const folder = temporaryFolder();
let model: string;
let train: string;
let pairs: string;
beforeAll(async () => {
  model = await writeTinyModel(folder.path('base'));
  train = folder.path('train.txt');
  writeFileSync(
    train,
    sentences(40, 1)
      .map(({ text }) => `${text}\n`)
      .join(''),
  );
  pairs = folder.path('pairs.csv');
  const [a, b] = [sentences(24, 2), sentences(24, 3)];
  writeFileSync(
    pairs,
    a.map(({ text, label }, i) => `${text},${b[i].text},${label === b[i].label ? 5 : 1}\n`).join(''),
  );
});
afterAll(() => folder.remove());

const finetune = (output: string, ...more: string[]): string[] => [
  'finetune',
  'embedding',
  '--model',
  model,
  '--output',
  output,
  '--batch-size',
  '8',
  '--threads',
  '1',
  '--max-steps',
  '4',
  '--no-tensorboard',
  ...more,
];

describe('albertine finetune embedding', () => {
  it('trains in stages, from texts and from scored pairs; evaluate and embed use what was stored', async () => {
    const first = folder.path('first');
    const texts = await run(
      finetune(
        first,
        '--train',
        train,
        '--eval',
        pairs,
        '--no-header',
        '--eval-fields',
        '0,1,2',
        '--pooling',
        'cls',
        '--evaluate-every',
        '2',
      ),
    );
    expect(texts.stderr).toMatch(
      /data: train: 40 rows.*data: evaluation: 24 rows.*finished after 4 steps.*(?:best weights: step [24]|kept: the starting weights), spearman .*held-out examples: spearman .* pearson .*simcse, cls pooling: stored.*albertine evaluate/s,
    );
    expect([texts.code, texts.stdout]).toEqual([0, `${first}\n`]);

    const second = folder.path('second');
    const scored = await run([
      ...finetune(
        second,
        '--train',
        pairs,
        '--no-header',
        '--text-field',
        '0',
        '--pair-field',
        '1',
        '--score-field',
        '2',
        '--loss',
        'cosine',
        '--max-score',
        '5',
      ),
      '--model',
      first,
    ]);
    expect(scored.code, scored.stderr).toBe(0);
    expect(readJson(join(second, 'run.json'))).toMatchObject({
      config: { objective: 'scored', pooling: 'cls', loss: 'cosine', maxScore: 5, trainRows: 22, evaluationRows: 2 },
      outcome: 'finished',
    });

    const fields = [
      '--data',
      pairs,
      '--no-header',
      '--text-field',
      '0',
      '--pair-field',
      '1',
      '--score-field',
      '2',
      '--threads',
      '1',
    ];
    const { code, stdout, stderr } = await run(['evaluate', second, ...fields, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    const [json] = records(stdout);
    expect(json).toMatchObject({
      spearman: expect.any(Number) as number,
      pearson: expect.any(Number) as number,
      rows: 24,
      pooling: 'cls',
      truncatedTexts: 0,
      truncatedTokens: 0,
      skippedRows: 0,
    });
    const { stdout: table } = await run(['evaluate', second, ...fields]);
    expect(table).toMatch(/^24 pairs, cls pooling, .*\n\nspearman +-?[01]\.\d{4}\npearson +-?[01]\.\d{4}\n$/);
    // Any model without a classifier can be held against it.
    const { stdout: mean } = await run(['evaluate', model, ...fields, '--json']);
    expect(records(mean)[0]).toMatchObject({ rows: 24, pooling: 'mean' });

    expect((await run(['evaluate', model, '--data', pairs, '--pooling', 'max', '--threads', '1'])).stderr).toMatch(
      /no field "text"/,
    );

    const output = folder.path('vectors.jsonl');
    expect((await run(['embed', '--model', second, 'good film', '--output', output])).code).toBe(0);
    const meta = readJson(`${output}.meta.json`);
    expect(meta['options']).toMatchObject({ pooling: 'cls' });
    expect(meta['fingerprint']).toContain(';pooling=cls;');

    // Copies in other formats keep the pooling.
    for (const [target, ...more] of [['safetensors', '--dtype', 'f16'], ['int8']]) {
      const copy = folder.path(`copy-${target}`);
      expect((await run(['convert', second, '--to', target, '--output', copy, ...more])).code).toBe(0);
      expect(readJson(join(copy, 'sentence_bert_config.json'))).toEqual(
        readJson(join(second, 'sentence_bert_config.json')),
      );
      expect((await run(['evaluate', copy, ...fields, '--json'])).stdout).toContain('"pooling":"cls"');
    }
  });

  it('is interrupted with 130 and resumed', async () => {
    const output = folder.path('stopped');
    const controller = new AbortController();
    controller.abort();
    const stopped = await run(finetune(output, '--train', train), { signal: controller.signal });
    expect([stopped.code, stopped.stdout]).toEqual([130, '']);
    expect(stopped.stderr).toMatch(/interrupted after step 0.*--resume/);
    expect(existsSync(join(output, 'config.json'))).toBe(false);
    const resumed = await run(finetune(output, '--train', train, '--resume', '--quiet'));
    expect([resumed.code, resumed.stdout]).toEqual([0, `${output}\n`]);
    expect(existsSync(join(output, 'modules.json'))).toBe(true);
  });

  it('names flags in what it refuses', async () => {
    const output = folder.path('never');
    for (const [argv, code, message] of [
      [finetune(output), 2, /--train <file\.\.\.>/],
      [
        finetune(output, '--train', train, '--eval', pairs, '--eval-fields', '0,1'),
        2,
        /--eval-fields takes three names/,
      ],
      [finetune(output, '--train', train, '--objective', 'sentences'), 2, /simcse, pairs, scored/],
      [finetune(output, '--train', train, '--micro-batch-tokens', '10'), 2, /unknown option/],
      [finetune(output, '--train', train, '--dropout', '0'), 1, /simcse without dropout/],
      [finetune(output, '--train', train, '--loss', 'cosent'), 2, /--loss is for the objective scored/],
      [finetune(output, '--train', train, '--metric', 'pearson'), 2, /--metric needs scored pairs.*--eval/],
      [finetune(output, '--train', pairs, '--no-header'), 1, /no field "text"/],
      [
        ['evaluate', model, '--data', pairs, '--score-field', '2', '--label-field', 'label'],
        2,
        /--label-field is for a classifier or .*, and this model is a model of sentence embeddings/,
      ],
    ] as const) {
      const result = await run([...argv]);
      expect(result.stderr).toMatch(message);
      expect(result.code, result.stderr).toBe(code);
    }
    expect(existsSync(output)).toBe(false);
  });
});
