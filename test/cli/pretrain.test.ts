import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toyText, VOCABULARY } from '../training/pretraining/fixtures.ts';
import { run, temporaryFolder, type CliResult } from './support.ts';

const folder = temporaryFolder();
const MODEL = { preset: 'nano', embeddingSize: 16, hiddenSize: 16, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 32, maxPositionEmbeddings: 64 };

beforeAll(async () => {
  writeFileSync(folder.path('vocab.txt'), VOCABULARY.join('\n'));
  for (const [name, sources] of Object.entries({ train: ['wiki/en', 'books/zh'], heldOut: ['wiki/en', 'books/en', 'books/zh'] })) {
    const texts = sources.map((source, i) => {
      const path = folder.path(`${name}-${i}.txt`);
      writeFileSync(path, toyText(20, i + name.length));
      return `${source}=${path}`;
    });
    const { code, stderr } = await run(['shards', 'build', ...texts, '--tokenizer', folder.path('.'), '--output', folder.path(name), '--workers', '0', '--quiet']);
    expect(code, stderr).toBe(0);
  }
});
afterAll(() => folder.remove());

let runs = 0;
/** Writes a settings file and runs the command with it. */
async function pretrain(settings: Record<string, unknown>, flags: string[] = []): Promise<CliResult & { config: Record<string, unknown> }> {
  const name = `run-${runs++}`;
  writeFileSync(folder.path(`${name}.json`), JSON.stringify({ shards: [folder.path('train')], steps: 1, batchSize: 2, ...settings }));
  const result = await run(['pretrain', '--config', folder.path(`${name}.json`), '--output', folder.path(name), '--threads', '1', ...flags]);
  if (result.code !== 0) return { ...result, config: {} };
  return { ...result, config: (JSON.parse(readFileSync(folder.path(`${name}/run.json`), 'utf8')) as { config: Record<string, unknown> }).config };
}

const start = (): Record<string, unknown> => ({ model: MODEL, tokenizer: folder.path('.') });

describe('albertine pretrain --config', () => {
  it('runs the file; a flag replaces a setting, also one that holds the same under another name', async () => {
    const lengths = [[0, 16], [0.5, 32]];
    const { config, stderr, code } = await pretrain({ ...start(), lengths, steps: 4, masking: { maxNgram: 2 }, optimizer: { name: 'adamw', weightDecay: 0.1 } }, ['--steps', '2', '--optimizer', 'lamb']);
    expect(code, stderr).toBe(0);
    expect(config).toMatchObject({ totalSteps: 2, lengths: [[0, 16], [1, 32]], masking: { maxNgram: 2 }, optimizer: 'lamb', weightDecay: 0.1 });
    expect((await pretrain({ ...start(), lengths }, ['--max-length', '24'])).config).toMatchObject({ lengths: [[0, 24]] });
  });

  it('with --from goes on from that checkpoint, whatever new network the file describes', async () => {
    const first = folder.path(`run-${runs}`);
    expect(await pretrain({ ...start(), maxLength: 16 })).toMatchObject({ code: 0 });
    const { code, stderr, config } = await pretrain({ ...start(), model: { ...MODEL, hiddenSize: 32 }, wordEmbeddings: 'cooccurrence', maxLength: 16 }, ['--from', first]);
    expect(code, stderr).toBe(0);
    expect(config).toMatchObject({ from: first, hiddenSize: 16 });
    expect((await pretrain({ maxLength: 16 }, ['--from', first, '--preset', 'nano'])).stderr).toMatch(/model is for a new network, not with from/);
    expect((await pretrain({ maxLength: 16, from: first }, ['--preset', 'nano', '--tokenizer', folder.path('.')])).config).not.toHaveProperty('from');
  });

  it('tells held-out figures of sources apart whose names end alike', async () => {
    const { stderr, code } = await pretrain({ ...start(), maxLength: 16, heldOut: [folder.path('heldOut')], heldOutExamples: 3 });
    expect(code, stderr).toBe(0);
    expect([...stderr.matchAll(/mlmLoss_(\S+)/g)].map(([, name]) => name)).toEqual(['wiki-en', 'books-en', 'zh']);
    expect((await pretrain({ ...start(), maxLength: 16, heldOut: [folder.path('heldOut'), folder.path('heldOut')] })).stderr).toMatch(/two held-out sources are called wiki\/en/);
  });

  it.each([
    [{ shards: 'train' }, /shards must be a list of folders, got "train"/],
    [{ shards: [] }, /shards must name at least one folder/],
    [{ heldOut: 'heldOut' }, /held-out must be a list of folders/],
    [{ lengths: [16] }, /lengths must be pairs of a share of the steps, from 0 to below 1, and a length, got \[16\]/],
    [{ lengths: [[0, 16], [1.5, 32]] }, /lengths must be pairs/],
    [{ lengths: [[0, 16]], maxLength: 16 }, /give --max-length or lengths, not both/],
    [{ masking: { maxPredictons: 5 } }, /masking has no setting maxPredictons/],
    [{ masking: { wholeWords: 'no' } }, /masking.wholeWords must be a boolean, got "no"/],
    [{ masking: [] }, /masking must be an object/],
    [{ optimizer: { decay: 0.1 } }, /optimizer has no setting decay/],
    [{ maskng: {} }, /unknown settings: maskng/],
  ])('refuses %j', async (settings, message) => {
    const { code, stderr } = await pretrain({ ...start(), ...settings });
    expect(stderr).toMatch(message);
    expect(code).not.toBe(0);
  });
});
