import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel, records, run, temporaryFolder } from '../cli/support.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { openSmallModel } from './model.ts';

const folder = temporaryFolder();
let model: string;
beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

describe('tokens for what the vocabulary lacks', () => {
  it('are counted in every result', async () => {
    using albert = await openSmallModel();
    const { texts } = await albert.embed(['the cat', 'the 貓 and 狗', 'zebra']);
    expect(texts).toEqual([
      { tokenCount: 2, windows: 1, truncatedTokens: 0 },
      { tokenCount: 4, windows: 1, truncatedTokens: 0, unknownTokens: 1 },
      { tokenCount: 1, windows: 1, truncatedTokens: 0, unknownTokens: 1 },
    ]);
    expect((await albert.embedTokens(['the 貓', 'the cat'])).map(({ unknownTokens }) => unknownTokens)).toEqual([
      1,
      undefined,
    ]);
    expect(
      (await TextClassifier.from(albert).predict(['the 貓', { text: 'zebra', pair: 'the zebra' }, 'cat'])).map(
        ({ unknownTokens }) => unknownTokens,
      ),
    ).toEqual([1, 2, undefined]);
    expect((await albert.embed(['貓 '.repeat(100)])).texts).toMatchObject([
      { tokenCount: 100, unknownTokens: 100, windows: 4 },
    ]);
  });

  const warning =
    'note: 3 of 6 tokens (50 %) unknown to the tokeniser: its vocabulary lacks these characters or words, and the model does not see them\n';

  it('are warned of where they are many', async () => {
    const tokenized = await run(['tokenize', '-m', model, 'the cat', '貓 貓', 'a 貓', '--quiet']);
    expect(records(tokenized.stdout).map(({ unknownTokens }) => unknownTokens)).toEqual([undefined, 2, 1]);
    expect(tokenized.stderr).toBe(warning);
    const embedded = await run(['embed', '-m', model, 'the cat', '貓 貓', 'a 貓']);
    expect(records(embedded.stdout).map(({ unknownTokens }) => unknownTokens)).toEqual([undefined, 2, 1]);
    expect(embedded.stderr).toContain(warning);
    writeFileSync(folder.path('many.txt'), `${'the cat '.repeat(10)}貓\n`);
    const few = await run(['embed', '-m', model, '-i', folder.path('many.txt'), '-o', folder.path('few.csv'), '-q']);
    expect([few.code, few.stderr]).toEqual([0, expect.not.stringContaining('unknown to')]);
    expect(JSON.parse(readFileSync(folder.path('few.csv.meta.json'), 'utf8'))).toMatchObject({
      counts: { tokens: 21, unknownTokens: 1 },
    });
  });

  it('are counted in what is trained on and evaluated', async () => {
    const path = folder.path('labelled.csv');
    writeFileSync(path, 'text,label\n貓 貓,a\nthe cat,b\n' + 'the dog,a\n貓,b\n'.repeat(6));
    const trained = await run([
      'finetune',
      'classify',
      '-m',
      model,
      '--train',
      path,
      '--eval',
      path,
      '-o',
      folder.path('classifier'),
      '--max-steps',
      '1',
      '--no-words-baseline',
      '-q',
    ]);
    expect(trained.code, trained.stderr).toBe(0);
    const notes = (JSON.parse(readFileSync(folder.path('classifier/run.json'), 'utf8')) as { notes: string[] }).notes;
    expect(notes).toContainEqual(expect.stringMatching(/^train: .* unknown to the tokeniser/));
    const evaluated = await run(['evaluate', folder.path('classifier'), '--data', path, '--json']);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ count: 14, tokens: 22, unknownTokens: 8 });
    expect(evaluated.stderr).toContain('note: 8 of 22 tokens (36 %) unknown to the tokeniser');
  });
});
