import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentences, temporaryFolder, writeRows, writeTinyModel } from '../training/small-run.ts';
import { readJson, records, run } from './support.ts';

const folder = temporaryFolder();
let teacher: string;
let texts: string;
beforeAll(async () => {
  teacher = await writeTinyModel(folder.path('teacher'));
  texts = folder.path('texts.txt');
  writeFileSync(
    texts,
    sentences(60, 1)
      .map(({ text }) => `${text}\n`)
      .join(''),
  );
});
afterAll(() => folder.remove());

const SHAPE = JSON.stringify({ preset: 'nano', hiddenSize: 16, maxPositionEmbeddings: 32 });
const distill = (output: string, ...more: string[]): string[] => [
  'distill',
  '--input',
  texts,
  '--output',
  output,
  '--batch-size',
  '8',
  '--threads',
  '1',
  '--max-steps',
  '6',
  '--no-tensorboard',
  ...more,
];

describe('albertine distill', () => {
  it('teaches a new network the vectors that embed writes; the folder is embedded with and reported', async () => {
    const vectors = folder.path('vectors.npy');
    expect((await run(['embed', '--model', teacher, '--input', texts, '--output', vectors, '--quiet'])).code).toBe(0);
    const output = folder.path('small');
    const { code, stdout, stderr } = await run(
      distill(
        output,
        '--teacher-vectors',
        vectors,
        '--student',
        SHAPE,
        '--tokenizer',
        teacher,
        '--evaluate-every',
        '3',
        '--learning-rate',
        '2e-3',
      ),
    );
    expect([code, stdout], stderr).toEqual([0, `${output}\n`]);
    expect(stderr).toMatch(
      /data: 60 texts, [\d,]+ tokens.* 6 held out.*data: vectors of 32 numbers, of which the student learns the 16 main directions.*estimate: 6 steps.*data: 6 held-out texts: cosine to the teacher -?0\.\d+ -> -?0\.\d+, Spearman of similarities.*finished after 6 steps.*cosine.*next: albertine report .*albertine embed --model/s,
    );
    expect(readJson(join(output, 'run.json'))).toMatchObject({
      outcome: 'finished',
      config: { task: 'distillation', teacherWidth: 32, trainRows: 54, evaluationRows: 6 },
    });
    const embedded = await run(['embed', '--model', output, 'good film', '--threads', '1']);
    expect((records(embedded.stdout)[0]['embedding'] as number[]).length).toBe(16);
    expect((await run(['report', output])).code).toBe(0);
    const report = readFileSync(join(output, 'report.html'), 'utf8');
    expect(report).toContain('held-out texts: cosine to the teacher');
    expect(report).toContain('spearman');
  });

  it('asks a teacher itself, is interrupted with 130 and resumed', async () => {
    const output = folder.path('stopped');
    const argv = distill(output, '--teacher', teacher, '--student', SHAPE);
    const controller = new AbortController();
    controller.abort();
    const stopped = await run(argv, { signal: controller.signal });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(existsSync(join(output, 'config.json'))).toBe(false);
    const resumed = await run([...argv, '--resume', '--quiet']);
    expect([resumed.code, resumed.stdout], resumed.stderr).toEqual([0, `${output}\n`]);
    expect(existsSync(join(output, 'modules.json'))).toBe(true);
    expect((await run([...argv, '--resume'])).stderr).toMatch(/note: the run in .* is finished/);
  });

  it('teaches a classifier from logits', async () => {
    const rows = writeRows(
      folder.path('logits.jsonl'),
      sentences(40, 2).map(({ text, label }) => ({ body: text, logits: label === 'good' ? [-1, 1] : [1, -1] })),
    );
    const output = folder.path('classifier');
    const { code, stderr } = await run([
      'distill',
      '--task',
      'classify',
      '--input',
      rows,
      '--text-field',
      'body',
      '--labels',
      'bad,good',
      '--student',
      teacher,
      '--output',
      output,
      '--threads',
      '1',
      '--max-steps',
      '4',
      '--temperature',
      '3',
      '--no-tensorboard',
    ]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/data: 4 held-out texts: agreement with the teacher [01]\.\d+, divergence \d/);
    const predicted = await run(['predict', output, 'a good film', '--threads', '1']);
    expect(records(predicted.stdout)[0]).toMatchObject({ label: expect.stringMatching(/^(good|bad)$/) as string });
  });

  it('names flags in what it refuses', async () => {
    const output = folder.path('never');
    for (const [argv, code, message] of [
      [distill(output), 2, /--student <model>/],
      [
        distill(output, '--student', teacher),
        1,
        /texts\.txt has texts and nothing else.*or --teacher or --teacher-vectors/,
      ],
      [distill(output, '--student', '{oops'), 2, /--student is not JSON/],
      [
        distill(output, '--student', teacher, '--teacher', teacher, '--hard-weight', '0.3'),
        2,
        /--hard-weight is for the task masked or classify.*Set --task masked/,
      ],
      [
        distill(output, '--student', teacher, '--teacher', teacher, '--held-out', '100'),
        2,
        /--held-out 100 leaves nothing to learn from/,
      ],
      [distill(output, '--student', teacher, '--teacher', teacher, '--loss', 'far'), 2, /cosine, mse/],
      [
        distill(output, '--student', teacher, '--teacher', teacher, '--metric', 'loss'),
        2,
        /--metric must be one of cosine, spearman/,
      ],
    ] as const) {
      const result = await run([...argv]);
      expect(result.stderr).toMatch(message);
      expect(result.code, result.stderr).toBe(code);
    }
    expect(existsSync(join(output, 'config.json'))).toBe(false);
  });
});
