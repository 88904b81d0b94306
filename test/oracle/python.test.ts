import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ParityRecord } from '../../src/loaded/parity-node.ts';
import { writePythonFolders } from './python-folders.ts';

interface Golden extends Pick<ParityRecord, 'loader' | 'outputs' | 'maxLength'> {
  settings: Record<string, unknown>;
  cases: { ids: number[]; typeIds: number[]; values: number[][] }[];
}

const goldens = JSON.parse(readFileSync(join(import.meta.dirname, 'goldens/python.json'), 'utf8')) as Record<
  string,
  Golden
>;
const root = mkdtempSync(join(tmpdir(), 'albertine-python-'));
let records: Record<string, ParityRecord>;
beforeAll(async () => {
  records = await writePythonFolders(root);
}, 120_000);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Without the keys that only this package reads. */
function forPython(settings: unknown): unknown {
  return Array.isArray(settings)
    ? settings
    : Object.fromEntries(Object.entries(settings as object).filter(([key]) => !key.startsWith('albertine_')));
}

/** As the golden script keeps them. */
const EVERY = 8;
const TOLERANCE = 1e-4;

describe('folders in Node and in Python', () => {
  it('has goldens for every kind', () => {
    expect(Object.keys(records)).toEqual(Object.keys(goldens));
  });

  it.each(Object.entries(goldens))('%s: Python reads what was compared', (name, golden) => {
    const { loader, outputs, maxLength } = records[name];
    expect({ loader, outputs, maxLength }).toEqual({
      loader: golden.loader,
      outputs: golden.outputs,
      maxLength: golden.maxLength,
    });
    for (const [file, content] of Object.entries(golden.settings))
      expect([file, forPython(JSON.parse(readFileSync(join(root, name, file), 'utf8')))]).toEqual([
        file,
        forPython(content),
      ]);
    expect(existsSync(join(root, name, 'modules.json'))).toBe('modules.json' in golden.settings);
  });

  it.each(Object.entries(goldens))('%s: the same tokens, token types and outputs', (name, golden) => {
    records[name].cases.forEach(({ ids, typeIds, values }, index) => {
      const expected = golden.cases[index];
      expect({ index, ids, typeIds }).toEqual({ index, ids: expected.ids, typeIds: expected.typeIds });
      values.forEach((column, output) => {
        const kept = column.filter((_, i) => i % EVERY === 0);
        expect(kept.length).toBe(expected.values[output].length);
        kept.forEach((value, i) => expect(Math.abs(value - expected.values[output][i])).toBeLessThan(TOLERANCE));
      });
    });
  });

  it('pairs have token types, and 16-bit weights are computed in 32', () => {
    for (const [name, { settings, cases }] of Object.entries(goldens)) {
      expect([name, settings['tokenizer_config.json']]).toMatchObject([
        name,
        {
          model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
          model_max_length: expect.any(Number) as number,
        },
      ]);
      expect([name, settings['config.json']]).toMatchObject([name, { dtype: 'float32' }]);
      expect([name, cases.some(({ typeIds }) => typeIds.includes(1))]).toEqual([
        name,
        name.startsWith('pair') || name === 'bert-classify',
      ]); // XLM-R has one type for both
    }
  });

  it.each(['albertine-nano-en-zh'])('the built-in %s says so, too', (name) => {
    const read = (file: string): unknown =>
      JSON.parse(readFileSync(join(import.meta.dirname, '../../models', name, file), 'utf8'));
    expect(read('tokenizer_config.json')).toMatchObject({
      model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
      model_max_length: expect.any(Number) as number,
    });
    expect(read('config.json')).toMatchObject({ dtype: 'float32' });
  });
});
