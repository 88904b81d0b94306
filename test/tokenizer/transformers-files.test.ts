import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tokenizerForTransformers } from '../../src/tokenizer/transformers-files.ts';

const golden = (name: string): Uint8Array => readFileSync(join(import.meta.dirname, 'golden', name));
const configOf = (files: Record<string, Uint8Array | string>): Record<string, unknown> =>
  JSON.parse(files['tokenizer_config.json'] as string) as Record<string, unknown>;

describe('tokenizerForTransformers', () => {
  it('names the inputs, the class and the limit where the files do not, and keeps the rest', () => {
    const spiece = golden('tiny-albert.model');
    const made = tokenizerForTransformers(
      { 'spiece.model': spiece, 'tokenizer_config.json': '{"do_lower_case":false,"model_max_length":1e30}' },
      { positions: 128 },
    );
    expect(configOf(made)).toEqual({
      tokenizer_class: 'AlbertTokenizer',
      do_lower_case: false,
      model_max_length: 128,
      model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
    });
    expect(made['spiece.model']).toBe(spiece);
    expect(
      configOf(tokenizerForTransformers({ 'vocab.txt': '[UNK]\n' }, { positions: 128, maxLength: 64 })),
    ).toMatchObject({ tokenizer_class: 'BertTokenizer', model_max_length: 64 });
    expect(configOf(tokenizerForTransformers({ 'vocab.txt': '[UNK]\n' }))).not.toHaveProperty('model_max_length');
    expect(configOf(tokenizerForTransformers({ 'tokenizer.json': '{}' }))).toMatchObject({
      tokenizer_class: 'PreTrainedTokenizerFast',
    });
    expect(tokenizerForTransformers({})).toEqual({});
  });

  it('a shorter length of the files stays, another of training replaces it', () => {
    const files = { 'vocab.txt': '[UNK]\n', 'tokenizer_config.json': '{"model_max_length":50}' };
    expect(configOf(tokenizerForTransformers(files, { positions: 128 }))).toMatchObject({ model_max_length: 50 });
    expect(configOf(tokenizerForTransformers(files, { positions: 128, maxLength: 100 }))).toMatchObject({
      model_max_length: 100,
    });
  });

  it('corrects inputs without token types, and a class for another kind of vocabulary', () => {
    const config = '{"model_input_names":["input_ids","attention_mask"],"tokenizer_class":"AlbertTokenizerFast"}';
    expect(
      configOf(tokenizerForTransformers({ 'vocab.txt': '[UNK]\n', 'tokenizer_config.json': config })),
    ).toMatchObject({
      tokenizer_class: 'BertTokenizer',
      model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
    });
    expect(
      configOf(
        tokenizerForTransformers({ 'vocab.txt': '[UNK]\n', 'tokenizer_config.json': '{"tokenizer_class":"Mine"}' }),
      ),
    ).toMatchObject({ tokenizer_class: 'Mine' });
  });

  it('gives the vocabulary the name that is looked for', () => {
    expect(Object.keys(tokenizerForTransformers({ '30k-clean.model': golden('tiny-albert.model') })).sort()).toEqual([
      'spiece.model',
      'tokenizer_config.json',
    ]);
  });

  it('makes a tokenizer.json where the class for ALBERT would not follow the vocabulary', () => {
    const plain = tokenizerForTransformers({
      'spiece.model': golden('tiny-albert.model'),
      'tokenizer_config.json': '{"tokenizer_class":"AlbertTokenizer","albertine_preparation":"none"}',
    });
    const bytes = tokenizerForTransformers({
      'spiece.model': golden('tiny-bytes.model'),
      'tokenizer_config.json': '{"tokenizer_class":"AlbertTokenizer"}',
    });
    for (const files of [plain, bytes])
      expect(configOf(files)).toMatchObject({ tokenizer_class: 'PreTrainedTokenizerFast' });
    expect(JSON.parse(bytes['tokenizer.json'] as string)).toMatchObject({ model: { byte_fallback: true } });
    expect(plain['tokenizer.json']).not.toContain('Lowercase');
  });

  it('says what is no config', () => {
    expect(() => tokenizerForTransformers({ 'vocab.txt': '[UNK]\n', 'tokenizer_config.json': '[1]' })).toThrow(
      expect.objectContaining({ code: 'invalid_file' }),
    );
  });
});
