import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterBase, isAdapterFolder, openModelFolder } from '../../src/checkpoint/adapter-folder-node.ts';
import { adapterTensors } from '../../src/checkpoint/adapter-files.ts';
import { openCheckpoint, type Checkpoint } from '../../src/checkpoint/folder.ts';
import { encodeSafetensors, openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { AlbertineError } from '../../src/core/errors.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { layerPrefix, type Weight } from '../../src/model/parameters.ts';

const GOLDENS = resolve(import.meta.dirname, '../oracle/goldens/peft');
const expected = JSON.parse(readFileSync(join(GOLDENS, 'expected.json'), 'utf8')) as { ids: number[][] } & Record<
  string,
  number[][]
>;
const work = mkdtempSync(join(tmpdir(), 'albertine-adapter-'));
afterAll(() => rmSync(work, { recursive: true }));

const open = (folder: string) => openModelFolder(folder, async (base) => resolve(folder, base));
const copy = (name: string, change: (config: Record<string, unknown>) => void): string => {
  const folder = mkdtempSync(join(work, 'a-'));
  cpSync(join(GOLDENS, name), folder, { recursive: true });
  const path = join(folder, 'adapter_config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  config['base_model_name_or_path'] = join(GOLDENS, 'base');
  change(config);
  writeFileSync(path, JSON.stringify(config));
  return folder;
};

/** The tensors of peft's LoRA under other names. */
async function renamed(from: string, to: string): Promise<Map<string, Weight>> {
  const file = await openSafetensors(await openFolder(join(GOLDENS, 'lora')), 'adapter_model.safetensors');
  const read = await file.read([...file.tensors.keys()]);
  return new Map([...read].map(([name, weight]) => [name.replace(from, to), weight]));
}

const { ids } = expected;
const batch = { batchSize: 2, sequenceLength: 5, inputIds: ids.flat() };

describe("adapters of Python's peft", () => {
  it.each(['lora', 'ia3'])('%s gives its logits, beside its base and folded into it', async (name) => {
    for (const keepAdapter of [true, false]) {
      const checkpoint = await openCheckpoint(await open(join(GOLDENS, name)), { keepAdapter });
      expect(checkpoint.adapter !== undefined).toBe(keepAdapter);
      expect(checkpoint.details.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
      const { weights, heads } = await checkpoint.load();
      expect(heads).toEqual(['sequenceClassification']);
      using encoder = await AlbertEncoder.create(checkpoint.config, weights, {
        threads: 1,
        extended: checkpoint.adapter?.extended,
      });
      const { lastHiddenState } = await encoder.forward(batch);
      const logits = await encoder.logits('sequenceClassification', await encoder.pool(lastHiddenState, 2));
      expected[name].flat().forEach((value, i) => expect(Math.abs(logits[i] - value)).toBeLessThan(1e-5));
    }
  });

  it.each(['lora', 'ia3'])('%s is written as it was read', async (name) => {
    const { adapter, config } = await openCheckpoint(await open(join(GOLDENS, name)), { keepAdapter: true });
    const written = adapterTensors(adapter!.adapter, {
      config,
      weights: new Map([...adapter!.extended.weights, ...adapter!.heads]),
      heads: ['sequenceClassification'],
    });
    const file = await openSafetensors(await openFolder(join(GOLDENS, name)), 'adapter_model.safetensors');
    const read = await file.read([...file.tensors.keys()]);
    expect([...written.keys()].sort()).toEqual([...read.keys()].sort());
    for (const [tensor, weight] of read) {
      expect(written.get(tensor)!.shape, tensor).toEqual(weight.shape);
      expect([...written.get(tensor)!.data], tensor).toEqual([...weight.data]);
    }
  });

  it('was made for a model without a head: names lack its part; what is of no known use is refused', async () => {
    const { chunks } = encodeSafetensors(await renamed('base_model.model.albert.', 'base_model.model.'), {
      dtype: 'f32',
    });
    const folder = copy('lora', (config) => (config['task_type'] = 'FEATURE_EXTRACTION'));
    writeFileSync(join(folder, 'adapter_model.safetensors'), Buffer.concat([...chunks()]));
    const plain = await openCheckpoint(await open(join(GOLDENS, 'lora')));
    const weights = async (checkpoint: Checkpoint) =>
      (await checkpoint.load({ heads: [] })).weights.get(`${layerPrefix(0, 0)}.attention.query.weight`)!.data;
    expect(await weights(await openCheckpoint(await open(folder)))).toEqual(await weights(plain));
    const strange = encodeSafetensors(
      await renamed('base_model.model.albert.pooler.', 'base_model.model.albert.embeddings.'),
      { dtype: 'f32' },
    );
    writeFileSync(join(folder, 'adapter_model.safetensors'), Buffer.concat([...strange.chunks()]));
    await expect(openCheckpoint(await open(folder))).rejects.toThrow(
      /numbers that are of no known use: albert.embeddings/,
    );
  });

  it('is told what is not supported, and what does not fit', async () => {
    const kinds = {
      use_dora: true,
      use_rslora: true,
      bias: 'all',
      peft_type: 'VERA',
      rank_pattern: { query: 4 },
      init_lora_weights: 'pissa',
    };
    for (const [key, value] of Object.entries(kinds)) {
      const folder = copy('lora', (config) => (config[key] = value));
      await expect(openCheckpoint(await open(folder))).rejects.toMatchObject({ code: 'unsupported' });
    }
    const bare = copy('lora', () => undefined);
    rmSync(join(bare, 'adapter_model.safetensors'));
    await expect(open(bare)).rejects.toThrow(/an adapter without its numbers/);
    const onAdapter = copy('lora', (config) => (config['base_model_name_or_path'] = join(GOLDENS, 'ia3')));
    await expect(open(onAdapter)).rejects.toThrow(/is an adapter too/);
    const nowhere = copy('lora', () => undefined);
    const gone = new AlbertineError('file_not_found', 'no folder');
    await expect(openModelFolder(nowhere, () => Promise.reject(gone))).rejects.toThrow(
      /base of the adapter .* no folder/,
    );
    for (const content of ['{', '{}', '{"adapter":{"method":"dora"}}']) {
      const damaged = copy('lora', () => undefined);
      writeFileSync(join(damaged, 'albertine.json'), content);
      await expect(open(damaged)).rejects.toMatchObject({ code: 'invalid_file' });
    }
    const undefinedNumbers = copy('lora', () => undefined);
    const tensors = await renamed('', '');
    tensors.values().next().value!.data[0] = NaN;
    const { chunks } = encodeSafetensors(tensors, { dtype: 'f32' });
    writeFileSync(join(undefinedNumbers, 'adapter_model.safetensors'), Buffer.concat([...chunks()]));
    await expect(openCheckpoint(await open(undefinedNumbers))).rejects.toMatchObject({ code: 'not_finite' });
    const own = copy('lora', (config) => (config['peft_type'] = 'ALBERTINE_LORA'));
    await expect(openCheckpoint(await open(own))).rejects.toThrow(/without its albertine.json/);
    expect(isAdapterFolder(join(GOLDENS, 'lora'))).toBe(true);
    expect(isAdapterFolder(join(GOLDENS, 'base'))).toBe(false);
    await expect(adapterBase(copy('lora', (config) => delete config['base_model_name_or_path']))).rejects.toThrow(
      /does not name its model/,
    );
  });
});
