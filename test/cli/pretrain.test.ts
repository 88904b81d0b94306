import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyText, VOCABULARY } from '../training/pretraining/fixtures.ts';
import { records, run, temporaryFolder, type CliResult } from './support.ts';

const folder = temporaryFolder();
const MODEL = {
  preset: 'nano',
  embeddingSize: 16,
  hiddenSize: 16,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 32,
  maxPositionEmbeddings: 64,
};

beforeAll(async () => {
  writeFileSync(folder.path('vocab.txt'), VOCABULARY.join('\n'));
  for (const [name, sources] of Object.entries({
    train: ['wiki/en', 'books/zh'],
    heldOut: ['wiki/en', 'books/en', 'books/zh'],
  })) {
    const texts = sources.map((source, i) => {
      const path = folder.path(`${name}-${i}.txt`);
      writeFileSync(path, toyText(20, i + name.length));
      return `${source}=${path}`;
    });
    const { code, stderr } = await run([
      'shards',
      'build',
      ...texts,
      '--tokenizer',
      folder.path('.'),
      '--output',
      folder.path(name),
      '--workers',
      '0',
      '--quiet',
    ]);
    expect(code, stderr).toBe(0);
  }
});
afterAll(() => folder.remove());

it('takes the tokeniser of a built-in model by its name, for shards and for a new network', async () => {
  const shards = await run([
    'shards',
    'build',
    folder.path('train-0.txt'),
    '--tokenizer',
    'albertine-nano-en-zh',
    '--output',
    folder.path('named'),
    '--workers',
    '0',
    '--quiet',
  ]);
  expect(shards).toMatchObject({ code: 0, stderr: '' });
  const network = [
    '--preset',
    'nano',
    '--steps',
    '1',
    '--batch-size',
    '2',
    '--max-length',
    '16',
    '--threads',
    '1',
    '--quiet',
  ];
  const trained = await run([
    'pretrain',
    '--shards',
    folder.path('named'),
    '--tokenizer',
    'albertine-nano-en-zh',
    ...network,
    '--output',
    folder.path('from-named'),
  ]);
  expect(trained.code, trained.stderr).toBe(0);
});

let runs = 0;
/** Writes a settings file and runs the command with it. */
async function pretrain(
  settings: Record<string, unknown>,
  flags: string[] = [],
): Promise<CliResult & { config: Record<string, unknown> }> {
  const name = `run-${runs++}`;
  writeFileSync(
    folder.path(`${name}.json`),
    JSON.stringify({ shards: [folder.path('train')], steps: 1, batchSize: 2, ...settings }),
  );
  const result = await run([
    'pretrain',
    '--config',
    folder.path(`${name}.json`),
    '--output',
    folder.path(name),
    '--threads',
    '1',
    ...flags,
  ]);
  if (result.code !== 0) return { ...result, config: {} };
  return {
    ...result,
    config: (JSON.parse(readFileSync(folder.path(`${name}/run.json`), 'utf8')) as { config: Record<string, unknown> })
      .config,
  };
}

const start = (): Record<string, unknown> => ({ model: MODEL, tokenizer: folder.path('.') });

describe('albertine pretrain --config', () => {
  it('runs the file; a flag replaces a setting, also one that holds the same under another name', async () => {
    const lengths = [
      [0, 16],
      [0.5, 32],
    ];
    const { config, stderr, code } = await pretrain(
      { ...start(), lengths, steps: 4, masking: { maxNgram: 2 }, optimizer: { name: 'adamw', weightDecay: 0.1 } },
      ['--steps', '2', '--optimizer', 'lamb'],
    );
    expect(code, stderr).toBe(0);
    expect(config).toMatchObject({
      totalSteps: 2,
      lengths: [
        [0, 16],
        [1, 32],
      ],
      masking: { maxNgram: 2 },
      optimizer: 'lamb',
      weightDecay: 0.1,
    });
    expect((await pretrain({ ...start(), lengths }, ['--max-length', '24'])).config).toMatchObject({
      lengths: [[0, 24]],
    });
  });

  it('with --from goes on from that checkpoint, whatever new network the file describes', async () => {
    const first = folder.path(`run-${runs}`);
    expect(await pretrain({ ...start(), maxLength: 16 })).toMatchObject({ code: 0 });
    const { code, stderr, config } = await pretrain(
      { ...start(), model: { ...MODEL, hiddenSize: 32 }, wordEmbeddings: 'cooccurrence', maxLength: 16 },
      ['--from', first],
    );
    expect(code, stderr).toBe(0);
    expect(config).toMatchObject({ from: first, hiddenSize: 16 });
    expect((await pretrain({ maxLength: 16 }, ['--from', first, '--preset', 'nano'])).stderr).toMatch(
      /--preset is for a new network, not with --from/,
    );
    expect(
      (await pretrain({ maxLength: 16, from: first }, ['--preset', 'nano', '--tokenizer', folder.path('.')])).config,
    ).not.toHaveProperty('from');
  });

  it('tells held-out figures of sources apart whose names end alike', async () => {
    const { stderr, code } = await pretrain({
      ...start(),
      maxLength: 16,
      heldOut: [folder.path('heldOut')],
      heldOutExamples: 3,
    });
    expect(code, stderr).toBe(0);
    expect([...stderr.matchAll(/mlmLoss_(\S+)/g)].map(([, name]) => name)).toEqual(['wiki-en', 'books-en', 'zh']);
    expect(
      (await pretrain({ ...start(), maxLength: 16, heldOut: [folder.path('heldOut'), folder.path('heldOut')] })).stderr,
    ).toMatch(/two held-out sources are called wiki\/en/);
  });

  it('hands every constant on to the trainer, from the file or from flags, one by one', async () => {
    const { code, stderr, config } = await pretrain(
      {
        ...start(),
        maxLength: 16,
        steps: 6,
        learningRate: 1e-3,
        warmupRatio: 0.5,
        schedule: 'polynomial',
        power: 2,
        optimizer: { weightDecay: 0.1, epsilon: 1e-5 },
        guard: { rollBackAfter: 3 },
        masking: { maxNgram: 2, wordSegmenter: 'intl' },
      },
      [
        '--warmup-steps',
        '2',
        '--final-learning-rate',
        '1e-4',
        '--beta1',
        '0.8',
        '--beta2',
        '0.9',
        '--adam-epsilon',
        '1e-7',
        '--spike-factor',
        '0',
        '--max-grad-norm',
        '0.5',
        '--keep-checkpoints',
        '3',
        '--checkpoint-every',
        '2',
        '--histogram-every',
        '3',
        '--mask-probability',
        '0.3',
        '--max-predictions',
        '4',
      ],
    );
    expect(code, stderr).toBe(0);
    expect(config).toMatchObject({
      schedule: 'polynomial',
      power: 2,
      warmupSteps: 2,
      finalLearningRate: 1e-4,
      optimizer: 'lamb',
      weightDecay: 0.1,
      epsilon: 1e-7,
      beta1: 0.8,
      beta2: 0.9,
      maxGradNorm: 0.5,
      guard: { spikeFactor: 0, rollBackAfter: 3 },
      masking: { maxNgram: 2, wordSegmenter: 'intl', probability: 0.3, maxPredictions: 4 },
    });
    expect(config).not.toHaveProperty('warmupRatio');
    const output = folder.path(`run-${runs - 1}`);
    const lines = (name: string): Record<string, unknown>[] => records(readFileSync(join(output, name), 'utf8'));
    // 1e-4 + 9e-4 (1 - i / 4)^2 after a rise in two steps
    const rates = lines('metrics.jsonl').flatMap(({ learningRate }) =>
      typeof learningRate === 'number' ? [learningRate] : [],
    );
    for (const [i, rate] of [0, 5e-4, 1e-3, 6.0625e-4, 3.25e-4, 1.5625e-4].entries())
      expect(rates[i]).toBeCloseTo(rate, 12);
    expect(readdirSync(join(output, 'checkpoints'))).toEqual(['step-000000002', 'step-000000004', 'step-000000006']);
    expect([
      ...new Set(
        lines('events.jsonl')
          .filter(({ histogram }) => histogram !== undefined)
          .map(({ step }) => step),
      ),
    ]).toEqual([3, 6]);
  });

  it('without them has the settings of earlier versions, so that their runs can be continued', async () => {
    const { code, config } = await pretrain({ ...start(), maxLength: 16, optimizer: { weightDecay: 0.1 } });
    expect(code).toBe(0);
    const training = Object.entries(config).slice(Object.keys(config).indexOf('lengths'));
    expect(Object.fromEntries(training)).toEqual({
      lengths: [[0, 16]],
      totalSteps: 1,
      batchSize: 2,
      learningRate: 1.76e-3 * Math.sqrt(2 / 4096),
      schedule: 'linear',
      warmupRatio: 0.025,
      optimizer: 'lamb',
      weightDecay: 0.1,
      maxGradNorm: 1,
      seed: 1,
      shardsContent: expect.any(String) as string,
      modelFingerprint: expect.any(String) as string,
      microBatchTokens: 4096,
      threads: 1,
    });
  });

  it('refuses flags that contradict each other or that the optimiser has no use for', async () => {
    for (const [flags, message] of [
      [['--warmup-steps', '5', '--warmup-ratio', '0.1'], /either --warmup-steps or --warmup-ratio/],
      [['--momentum', '0.5'], /--momentum is not for lamb/],
      [['--optimizer', 'sgd', '--adam-epsilon', '1e-8'], /--adam-epsilon is not for sgd/],
    ] as const)
      expect(await pretrain(start(), [...flags])).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(message) as string,
      });
    expect(
      await pretrain({ ...start(), optimizer: { name: 'adamw', epsilon: 1e-6 } }, ['--optimizer', 'sgd']),
    ).toMatchObject({ code: 1, stderr: expect.stringMatching(/ epsilon is not for sgd/) as string });
  });

  it.each([
    [{ power: 2 }, /the linear schedule has no power/],
    [{ schedule: 'constant', finalLearningRate: 1e-5 }, /the constant schedule has no finalLearningRate/],
    [{ warmupSteps: 1, warmupRatio: 0.1 }, /schedule.warmupRatio must be left out when warmupSteps is given/],
    [{ power: '2' }, /power of pretrain must be a number, got "2"/],
    [{ keepCheckpoints: 0 }, /: keepCheckpoints must be an integer >= 1, got 0/],
    [{ guard: { spikeFactor: -1 } }, /guard.spikeFactor must be a number of at least 0, got -1/],
    [{ guard: { spike: 1 } }, /guard has no setting spike. There are "spikeFactor", "rollBackAfter"/],
    [{ shards: 'train' }, /shards of pretrain must be a list, got "train"/],
    [{ shards: [] }, /shards must name at least one folder/],
    [{ heldOut: 'heldOut' }, /heldOut of pretrain must be a list/],
    [{ lengths: [16] }, /lengths must be pairs of a share of the steps, from 0 to below 1, and a length, got \[16\]/],
    [
      {
        lengths: [
          [0, 16],
          [1.5, 32],
        ],
      },
      /lengths must be pairs/,
    ],
    [{ lengths: [[0, 16]], maxLength: 16 }, /give maxLength or lengths, not both/],
    [{ masking: { maxPredictons: 5 } }, /masking has no setting maxPredictons/],
    [{ masking: { wholeWords: 'no' } }, /masking.wholeWords must be a boolean, got "no"/],
    [{ masking: [] }, /masking of pretrain must be an object/],
    [{ optimizer: { decay: 0.1 } }, /optimizer has no setting decay/],
    [{ maskng: {} }, /unknown settings: maskng/],
  ])('refuses %j', async (settings, message) => {
    const { code, stderr } = await pretrain({ ...start(), ...settings });
    expect(stderr).toMatch(message);
    expect(code).not.toBe(0);
  });
});
