import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { adapterBase, isAdapterFolder, openModelFolder } from '../../src/checkpoint/adapter-folder-node.ts';
import { adapterTensors } from '../../src/checkpoint/adapter-files.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openSafetensors } from '../../src/checkpoint/safetensors.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';

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

  it('is told what is not supported, and what does not fit', async () => {
    const kinds = { use_dora: true, use_rslora: true, bias: 'all', peft_type: 'VERA', rank_pattern: { query: 4 } };
    for (const [key, value] of Object.entries(kinds)) {
      const folder = copy('lora', (config) => (config[key] = value));
      await expect(openCheckpoint(await open(folder))).rejects.toMatchObject({ code: 'unsupported' });
    }
    expect(isAdapterFolder(join(GOLDENS, 'lora'))).toBe(true);
    expect(isAdapterFolder(join(GOLDENS, 'base'))).toBe(false);
    await expect(adapterBase(copy('lora', (config) => delete config['base_model_name_or_path']))).rejects.toThrow(
      /does not name its model/,
    );
  });
});
