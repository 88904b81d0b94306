import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stagesOf } from '../../recipes/build-recipe.ts';
import { fileHash, type BuildContext } from '../../recipes/context.ts';
import { checkRecipe, readRecipe, type Recipe } from '../../recipes/recipe.ts';
import { hashOf } from '../../recipes/stages.ts';

let corpus: string;
let recipe: Recipe;
beforeAll(async () => {
  corpus = await mkdtemp(join(tmpdir(), 'context-'));
  recipe = await readRecipe(join(import.meta.dirname, '../../recipes/miniature.json'));
  for (const file of [
    'en.txt',
    'zh.txt',
    'heldout-en.txt',
    'heldout-zh.txt',
    'scored-train.csv',
    'scored-dev.csv',
    'scored-test.csv',
  ])
    await writeFile(join(corpus, file), file);
});
afterAll(() => rm(corpus, { recursive: true, force: true }));

/** Hash of the settings of every stage. */
async function keysOf(changed: Recipe): Promise<Record<string, string>> {
  const context: BuildContext = { recipe: changed, corpus, data: corpus, onNote: () => undefined };
  return Object.fromEntries(
    await Promise.all(stagesOf(context).map(async (stage) => [stage.name, hashOf(await stage.settings())] as const)),
  );
}

describe('settings of stages', () => {
  it('hash the contents that files have now', async () => {
    const path = join(corpus, 'changing.txt');
    await writeFile(path, 'before');
    const before = await fileHash(path);
    expect(await fileHash(path)).toBe(before);
    await writeFile(path, 'behind');
    expect(await fileHash(path)).not.toBe(before);
  });

  it('tell sources from those that are held out', async () => {
    const moved = structuredClone(recipe);
    moved.heldOut.unshift(moved.sources.pop()!);
    expect((await keysOf(moved))['shards']).not.toBe((await keysOf(recipe))['shards']);
    const twice = structuredClone(recipe);
    twice.heldOut[0].name = twice.sources[0].name;
    expect(() => checkRecipe(twice)).toThrow(/two sources are called stories\/en/);
  });

  it('of the release have what its card tells, although the weights may be the same', async () => {
    const changed = structuredClone(recipe);
    changed.pretrain.heldOutExamples = 3;
    expect((await keysOf(changed))['release']).not.toBe((await keysOf(recipe))['release']);
  });
});
