import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig, writeConfig } from '../../src/checkpoint/config-json.ts';
import { DEFAULT_CONFIG } from '../../src/model/config.ts';
import { countParameters, encoderParameters, poolerParameters } from '../../src/model/parameters.ts';
import { presetConfig, PRESETS } from '../../src/model/presets.ts';

/** albert/albert-base-v2's file on the Hub. */
const BASE_V2 = {
  architectures: ['AlbertForMaskedLM'],
  attention_probs_dropout_prob: 0,
  bos_token_id: 2,
  classifier_dropout_prob: 0.1,
  down_scale_factor: 1,
  embedding_size: 128,
  eos_token_id: 3,
  gap_size: 0,
  hidden_act: 'gelu_new',
  hidden_dropout_prob: 0,
  hidden_size: 768,
  initializer_range: 0.02,
  inner_group_num: 1,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  model_type: 'albert',
  net_structure_type: 0,
  num_attention_heads: 12,
  num_hidden_groups: 1,
  num_hidden_layers: 12,
  num_memory_blocks: 0,
  pad_token_id: 0,
  type_vocab_size: 2,
  vocab_size: 30000,
};
const GOOGLE = {
  vocab_size: 30000,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
};

describe('parseConfig', () => {
  it("reads the Hub's base v2", () => {
    const parsed = parseConfig(BASE_V2, 'huggingface');
    expect(parsed.config).toEqual(presetConfig('base-v2'));
    expect(parsed.architectures).toEqual(['AlbertForMaskedLM']);
    expect(parsed.extra).toEqual({ down_scale_factor: 1, gap_size: 0, net_structure_type: 0, num_memory_blocks: 0 });
    expect(parsed.notes).toEqual([]);
    expect(parsed.labels).toBeUndefined();
  });

  it.each([
    ['huggingface', 'gelu', 'gelu_erf'],
    ['huggingface', 'gelu_new', 'gelu_tanh'],
    ['huggingface', 'gelu_pytorch_tanh', 'gelu_tanh'],
    ['huggingface', 'relu', 'relu'],
    ['huggingface', 'swish', 'silu'],
    ['huggingface', 'silu', 'silu'],
    ['google', 'gelu', 'gelu_tanh'],
    ['google', 'relu', 'relu'],
    ['google', 'tanh', 'tanh'],
  ] as const)('%s "%s" is %s', (source, name, activation) => {
    expect(parseConfig({ ...GOOGLE, hidden_act: name }, source).config.hiddenAct).toBe(activation);
  });

  it("takes the source's own default activation", () => {
    expect(parseConfig(GOOGLE, 'huggingface').config.hiddenAct).toBe('gelu_tanh');
    expect(parseConfig(GOOGLE, 'google').config.hiddenAct).toBe('gelu_tanh');
  });

  it("notes Hugging Face's defaults for missing sizes, which are xxlarge's", () => {
    const { config, notes } = parseConfig(
      { model_type: 'albert', vocab_size: 100, num_hidden_layers: 12 },
      'huggingface',
    );
    expect(config).toMatchObject({
      hiddenSize: 4096,
      numAttentionHeads: 64,
      intermediateSize: 16384,
      embeddingSize: 128,
    });
    expect(notes).toHaveLength(3);
  });

  it("requires the shape in Google's files", () => {
    expect(() => parseConfig({ ...GOOGLE, num_attention_heads: undefined }, 'google')).toThrow(
      /no num_attention_heads/,
    );
  });

  it('notes dropout in a version 2 checkpoint', () => {
    expect(parseConfig({ ...BASE_V2, hidden_dropout_prob: 0.1 }, 'huggingface').notes.join()).toMatch(
      /version 2 checkpoint.*set both to 0/,
    );
    expect(
      parseConfig(
        { ...BASE_V2, hidden_act: 'gelu', attention_probs_dropout_prob: 0.1 },
        'huggingface',
        'models/albert-base-v2',
      ).notes,
    ).toHaveLength(1);
    expect(
      parseConfig({ ...BASE_V2, hidden_act: 'gelu', hidden_dropout_prob: 0.1 }, 'huggingface', 'albert-base-v1').notes,
    ).toEqual([]);
  });

  it('reads labels in the order of their ids', () => {
    const id2label = Object.fromEntries(Array.from({ length: 12 }, (_, id) => [String(11 - id), `class ${11 - id}`]));
    expect(parseConfig({ ...BASE_V2, id2label, problem_type: 'regression' }, 'huggingface')).toMatchObject({
      labels: Array.from({ length: 12 }, (_, id) => `class ${id}`),
      problemType: 'regression',
    });
    expect(() => parseConfig({ ...BASE_V2, id2label: { 0: 'a', 2: 'b' } }, 'huggingface')).toThrow(/without gaps/);
  });

  it.each<[string, unknown, string]>([
    ['null', null, 'invalid_config'],
    ['an array', [], 'invalid_config'],
    ['text', 'config', 'invalid_config'],
    ['a size as text', { ...BASE_V2, hidden_size: '768' }, 'invalid_config'],
    ['heads that do not divide', { ...BASE_V2, num_attention_heads: 7 }, 'invalid_config'],
    ['an unknown activation', { ...BASE_V2, hidden_act: 'quick_gelu' }, 'unsupported'],
    ['an activation from the prototype', { ...BASE_V2, hidden_act: 'constructor' }, 'unsupported'],
    ['an unknown position type', { ...BASE_V2, position_embedding_type: 'rotary' }, 'invalid_config'],
    ['another architecture', { model_type: 'distilbert', hidden_size: 768 }, 'unsupported'],
  ])('rejects %s', (_name, json, code) => {
    expect(() => parseConfig(json, 'huggingface')).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('writeConfig', () => {
  it('is read back the same, unknown keys included', () => {
    const parsed = parseConfig({ ...BASE_V2, _name_or_path: 'x', some_list: [1, { a: 2 }] }, 'huggingface');
    const json = writeConfig(parsed.config, {
      ...parsed,
      labels: ['no', 'yes'],
      problemType: 'single_label_classification',
    });
    expect(json).toMatchObject({
      ...BASE_V2,
      some_list: [1, { a: 2 }],
      dtype: 'float32',
      id2label: { 0: 'no', 1: 'yes' },
      label2id: { no: 0, yes: 1 },
    });
    const again = parseConfig(JSON.parse(JSON.stringify(json)), 'huggingface');
    expect(again).toEqual({ ...parsed, labels: ['no', 'yes'], problemType: 'single_label_classification' });
  });

  it('does not let extra keys change the shape', () => {
    expect(writeConfig(DEFAULT_CONFIG, { extra: { hidden_size: 1, model_type: 'bert' } })).toMatchObject({
      hidden_size: 768,
      model_type: 'albert',
    });
  });

  it.each(Object.keys(PRESETS))('round-trips preset %s', (name) => {
    const config = presetConfig(name);
    expect(parseConfig(writeConfig(config), 'huggingface').config).toEqual(config);
  });
});

describe('presets', () => {
  it.each([
    ['base-v2', 11_683_584],
    ['large-v2', 17_683_968],
    ['xlarge-v2', 58_724_864],
    ['xxlarge-v2', 222_595_584],
  ])('%s has %i parameters', (name, count) => {
    const config = presetConfig(name);
    expect(countParameters([...encoderParameters(config), ...poolerParameters(config)])).toBe(count);
  });

  it("accepts the Hub's spellings and returns copies", () => {
    expect(presetConfig('albert/albert-base-v2')).toEqual(presetConfig('base-v2'));
    presetConfig('nano').hiddenSize = 1;
    expect(presetConfig('nano').hiddenSize).toBe(64);
    expect(presetConfig('albert-xxlarge-v1')).toMatchObject({ hiddenAct: 'gelu_erf', hiddenDropoutProb: 0 });
  });

  it.each(['huge', 'constructor', ''])('names the presets when asked for %j', (name) => {
    expect(() => presetConfig(name)).toThrow(/Choose one of nano, tiny/);
  });
});

const real = join(import.meta.dirname, '../../../shared/data/albert-zh-vocab');
describe.skipIf(!existsSync(real))('real Chinese configs (skipped where ../shared/data is absent)', () => {
  it.each([
    ['albert_config_tiny_google', 'chinese-tiny'],
    ['albert_config_small_google', 'chinese-small'],
    ['albert_config_base', 'brightmart-base'],
    ['albert_config_large', 'brightmart-large'],
    ['albert_config_xlarge', 'brightmart-xlarge'],
  ])('%s is preset %s', (file, preset) => {
    const parsed = parseConfig(JSON.parse(readFileSync(join(real, `${file}.json`), 'utf8')), 'google');
    // These files say nothing of special tokens.
    expect({ ...parsed.config, bosTokenId: 101, eosTokenId: 102 }).toEqual(presetConfig(preset));
  });

  it('xxlarge is pre-LayerNorm, tiny fast has more groups than layers: both refused', () => {
    for (const file of ['albert_config_xxlarge', 'albert_config_tiny_google_fast']) {
      expect(() => parseConfig(JSON.parse(readFileSync(join(real, `${file}.json`), 'utf8')), 'google')).toThrow(
        /preln|num_hidden_groups/,
      );
    }
  });
});
