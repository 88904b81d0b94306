import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadFamily } from '../oracle/families.ts';
import { maxAbsDifference } from '../oracle/goldens.ts';
import { temporaryFolder } from '../training/small-run.ts';
import { run } from './support.ts';

const {
  folder: model,
  sentences: { texts, ...vectors },
} = loadFamily('xlm-roberta');

/** The vectors of a run, by row. */
const vectorsOf = (stdout: string): number[][] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { embedding: number[] }).embedding);

describe('a folder of sentence-transformers on the command line', () => {
  const chosen = texts.filter((text) => text.trim() !== '').slice(0, 3);
  const expected = (name: string): number[] => chosen.flatMap((text) => vectors[name][texts.indexOf(text)]);

  it('embed scales as the folder says, and takes prompts by name or as they are', async () => {
    for (const [name, flags] of [
      ['default', []],
      ['query', ['--prompt', 'query']],
      ['query', ['--prompt', 'query: ']],
      ['passage', ['--prompt', 'passage']],
      ['default', ['--prompt', '']],
    ] as const) {
      const { code, stdout } = await run([
        'embed',
        ...chosen,
        '--model',
        model,
        '--quiet',
        '--long-text',
        'truncate',
        ...flags,
      ]);
      expect(code).toBe(0);
      expect(maxAbsDifference(vectorsOf(stdout).flat(), expected(name)), flags.join(' ')).toBeLessThan(1e-5);
    }
    const { stdout } = await run(['embed', ...chosen, '--model', model, '--quiet', '--no-normalize']);
    expect(Math.hypot(...vectorsOf(stdout)[0])).toBeGreaterThan(1.5);
  });

  it('embed stores what it did, and refuses a prompt that is none', async () => {
    const folder = temporaryFolder();
    const output = folder.path('vectors.npy');
    expect(
      await run(['embed', ...chosen, '--model', model, '--quiet', '--prompt', 'query', '--output', output]),
    ).toMatchObject({ code: 0 });
    const metadata = JSON.parse(readFileSync(`${output}.meta.json`, 'utf8')) as {
      fingerprint: string;
      options: object;
    };
    expect(metadata.options).toMatchObject({ prompt: 'query: ', normalize: true });
    expect(metadata.fingerprint).toContain(';norm=1;dim=24;prompt=query%3A%20');
    folder.remove();
    expect(await run(['embed', 'a', '--model', model, '--prompt', 'quary'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        '--prompt: this model has no prompt of the name "quary". It has query, passage.',
      ) as string,
    });
    expect(await run(['embed', 'a', '--model', model, '--prompt', 'query', '--pooling', 'tokens'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--prompt does not apply to --pooling tokens') as string,
    });
  });

  it('info tells family, pooling and prompts', async () => {
    const { stdout } = await run(['info', model]);
    expect(stdout).toMatch(/family +xlm-roberta/);
    expect(stdout).toMatch(/vectors of texts +mean pooling, scaled to length 1, read in windows of 32 tokens/);
    expect(stdout).toMatch(/prompts +query "query: ", passage "passage: "/);
    expect(stdout).toMatch(/layers +14,616 +\(3 sets of weights for 3 layers\)/);
  });
});
