import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModel, run, temporaryFolder } from './support.ts';

const folder = temporaryFolder();
let model: string;
beforeAll(async () => {
  model = await makeModel(folder);
});
afterAll(() => folder.remove());

/** What the program holds, as Python's `json.loads` gives it. */
function checkIn(program: string): Record<string, unknown> {
  const [, literal] = /^CHECK = json\.loads\((".*")\)$/m.exec(program)!;
  return JSON.parse(JSON.parse(literal) as string) as Record<string, unknown>;
}

describe('albertine parity', () => {
  it('prints a program of ASCII with the results of Node', async () => {
    const { code, stdout, stderr } = await run(['parity', model, 'the cat sat', '猫 好']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\n -~]*$/);
    expect(stdout).toContain('import json');
    expect(stdout).not.toContain('CHECK = None');
    expect(checkIn(stdout)).toMatchObject({
      folder: model,
      loader: 'AlbertForPreTraining',
      outputs: ['prediction_logits', 'sop_logits'],
      perToken: ['prediction_logits'],
      maxLength: 128,
      cases: [{ text: 'the cat sat', ids: [2, 6, 7, 9, 3], typeIds: [0, 0, 0, 0, 0] }, { text: '猫 好' }],
    });
  });

  it('runs the built-in model as sentences, cut where sentence-transformers cuts, and says that int8 is not for Python', async () => {
    const check = checkIn((await run(['parity'])).stdout) as {
      loader: string;
      maxLength: number;
      cases: { ids: number[] }[];
    };
    expect(check).toMatchObject({ loader: 'SentenceTransformer', outputs: ['embedding'] });
    expect(Math.max(...check.cases.map(({ ids }) => ids.length))).toBe(check.maxLength);
    expect((await run(['convert', model, '--to', 'int8', '--output', folder.path('int8'), '--quiet'])).code).toBe(0);
    expect(await run(['parity', folder.path('int8')])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('int8 checkpoints are for albertine alone') as string,
    });
  });
});
