import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig, writeConfig } from '../../src/checkpoint/config-json.ts';
import { familyName } from '../../src/checkpoint/family-names.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { memoryFiles } from '../../src/core/files-memory.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { presetConfig } from '../../src/model/presets.ts';
import type { AlbertConfig } from '../../src/model/config.ts';
import type { HeadName } from '../../src/model/heads.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { run } from '../cli/support.ts';
import { FAMILIES, loadFamily } from '../oracle/families.ts';
import { readSafetensors } from '../oracle/goldens.ts';

const root = mkdtempSync(join(tmpdir(), 'albertine-families-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Keys as `BertConfig` and `XLMRobertaConfig` write them. */
const BERT = {
  architectures: ['BertModel'],
  model_type: 'bert',
  vocab_size: 50,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 24,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: 32,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
  initializer_range: 0.02,
  classifier_dropout: null,
};
const XLM_ROBERTA = {
  ...BERT,
  architectures: ['XLMRobertaModel'],
  model_type: 'xlm-roberta',
  max_position_embeddings: 34,
  type_vocab_size: 1,
  pad_token_id: 1,
  bos_token_id: 0,
  eos_token_id: 2,
};
const configOf = (json: object): AlbertConfig => parseConfig(json, 'huggingface').config;

describe('config.json of other families', () => {
  it('BERT has a group a layer, embeddings as wide as the layers, and the erf form of gelu', () => {
    const { config, extra, notes } = parseConfig(BERT, 'huggingface', 'all-MiniLM-L6-v2');
    expect(config).toMatchObject({
      modelType: 'bert',
      numHiddenGroups: 2,
      innerGroupNum: 1,
      embeddingSize: 12,
      hiddenAct: 'gelu_erf',
      classifierDropoutProb: 0.1,
      maxPositionEmbeddings: 32,
      padTokenId: 0,
    });
    expect([extra, notes]).toEqual([{}, []]);
    expect(parseConfig({ model_type: 'bert' }, 'huggingface').config).toMatchObject({
      vocabSize: 30522,
      hiddenSize: 768,
      numHiddenLayers: 12,
      hiddenDropoutProb: 0.1,
    });
  });

  it('XLM-R counts positions from behind the padding', () => {
    expect(configOf(XLM_ROBERTA)).toMatchObject({
      modelType: 'xlm-roberta',
      maxPositionEmbeddings: 32,
      padTokenId: 1,
      bosTokenId: 0,
      eosTokenId: 2,
      typeVocabSize: 1,
    });
    expect(() => configOf({ ...XLM_ROBERTA, max_position_embeddings: 2 })).toThrow(
      /max_position_embeddings must be above 2, got 2/,
    );
  });

  it.each([BERT, XLM_ROBERTA, { ...XLM_ROBERTA, model_type: 'roberta', architectures: ['RobertaModel'] }])(
    'is written as it was read: $model_type',
    (json) => {
      const config = configOf(json);
      const { dtype, position_embedding_type: positions, ...written } = writeConfig(config);
      expect([dtype, positions]).toEqual(['float32', 'absolute']);
      expect(written).toEqual({ ...json, classifier_dropout: 0.1 });
      expect(configOf(written)).toEqual(config);
    },
  );

  it('names what cannot be read', () => {
    expect(() => configOf({ ...BERT, model_type: 'distilbert' })).toThrow(
      /config.model_type must be albert, bert, roberta or xlm-roberta, got "distilbert"/,
    );
    expect(() => configOf({ ...BERT, is_decoder: true })).toThrow(
      /config.is_decoder is true: only encoders can be read/,
    );
    expect(() => configOf({ ...BERT, position_embedding_type: 'relative_key' })).toThrow(
      /config.position_embedding_type must be absolute in bert/,
    );
  });
});

/** A folder with these weights, under names that `rename` gives. */
async function checkpointWith(json: object, weights: Weights, rename: (name: string) => string) {
  const { chunks } = encodeSafetensors(new Map([...weights].map(([name, weight]) => [rename(name), weight])), {
    dtype: 'f32',
  });
  return openCheckpoint(
    memoryFiles({
      'config.json': JSON.stringify(json),
      'model.safetensors': Buffer.concat([...chunks()].map((chunk) => Buffer.from(chunk))),
    }),
  );
}

describe('weights of other families', () => {
  const config = configOf(BERT);
  const weights = initialiseWeights(config, 1);

  it.each([
    ['without a prefix', (name: string) => name],
    ['with a prefix', (name: string) => `bert.${name}`],
    [
      'of DataParallel, with the oldest norms',
      (name: string) =>
        `module.bert.${name}`
          .replace('LayerNorm.weight', 'LayerNorm.gamma')
          .replace('LayerNorm.bias', 'LayerNorm.beta'),
    ],
  ])('are found %s', async (_, theirs) => {
    const checkpoint = await checkpointWith(BERT, weights, (name) => theirs(familyName(name, config, [])));
    expect([...(await checkpoint.load()).weights]).toEqual([...weights]);
  });

  it('are missed under their own names', async () => {
    const fewer: Weights = new Map([...weights].filter(([name]) => !name.includes('groups.1.')));
    const checkpoint = await checkpointWith(BERT, fewer, (name) => familyName(name, config, []));
    await expect(checkpoint.load()).rejects.toThrow(
      /encoder\.layer\.1\.attention\.self\.query\.weight \[12, 12\] is missing/,
    );
    const { config: albert } = parseConfig({ ...BERT, model_type: 'albert', embedding_size: 12 }, 'huggingface');
    expect(familyName('albert.pooler.weight', albert, [])).toBe('albert.pooler.weight');
  });

  it("a pooler beside XLM-R's classifier, which has its own, belongs to nothing", async () => {
    const roberta = configOf(XLM_ROBERTA);
    const own = initialiseWeights(roberta, 1, { heads: ['sequenceClassification'], numLabels: 3 });
    const stored: Weights = new Map(
      [...own].map(([name, weight]) => [familyName(name, roberta, ['sequenceClassification']), weight]),
    );
    expect([...stored.keys()].filter((name) => /pooler|classifier/.test(name))).toEqual([
      'classifier.dense.weight',
      'classifier.dense.bias',
      'classifier.out_proj.weight',
      'classifier.out_proj.bias',
    ]);
    stored.set('roberta.pooler.dense.weight', { shape: [12, 12], data: new Float32Array(144) });
    const loaded = await (await checkpointWith(XLM_ROBERTA, stored, (name) => name)).load();
    expect(loaded.heads).toEqual(['sequenceClassification']);
    expect(loaded.unexpected).toEqual(['roberta.pooler.dense.weight']);
    expect(loaded.weights.get('albert.pooler.weight')).toEqual(own.get('albert.pooler.weight'));
  });

  it('the head of BERT that predicts the next sentence is left out and told', async () => {
    const stored: Weights = new Map([
      ...weights,
      ['cls.seq_relationship.weight', { shape: [2, 12], data: new Float32Array(24) }],
    ]);
    const { unexpected } = await (
      await checkpointWith({ ...BERT, architectures: ['BertForPreTraining'] }, stored, (name) =>
        familyName(name, config, ['maskedLm']),
      )
    ).load();
    expect(unexpected).toEqual(['cls.seq_relationship.weight']);
  });
});

describe('saving other families', () => {
  const HEADS: readonly (readonly [head: HeadName, bert: string, roberta: string])[] = [
    ['maskedLm', 'BertForMaskedLM', 'XLMRobertaForMaskedLM'],
    ['tokenClassification', 'BertForTokenClassification', 'XLMRobertaForTokenClassification'],
    ['questionAnswering', 'BertForQuestionAnswering', 'XLMRobertaForQuestionAnswering'],
    ['multipleChoice', 'BertForMultipleChoice', 'XLMRobertaForMultipleChoice'],
    ['sequenceClassification', 'BertForSequenceClassification', 'XLMRobertaForSequenceClassification'],
  ];

  it.each(HEADS)('%s has the class and the names of its family, and comes back', async (head, ...classes) => {
    for (const [index, json] of [BERT, XLM_ROBERTA].entries()) {
      const config = configOf(json);
      const weights = initialiseWeights(config, 1, { heads: [head], numLabels: 3 });
      const folder = join(root, `${head}-${index}`);
      await saveCheckpoint(folder, { config, weights, heads: [head] });
      expect(
        [...readSafetensors(join(folder, 'model.safetensors')).keys()].filter(
          (name) => name.includes('albert') || name.startsWith('predictions'),
        ),
      ).toEqual([]);
      const checkpoint = await openCheckpoint(await openFolder(folder));
      expect([checkpoint.config, checkpoint.details.architectures]).toEqual([config, [classes[index]]]);
      const loaded = await checkpoint.load();
      expect([loaded.heads, loaded.unexpected]).toEqual([[head], []]);
      expect(new Map(loaded.weights)).toEqual(weights);
    }
  });

  it.each(FAMILIES)('%s: transformers wrote the names that are written here', async (family) => {
    const { folder } = loadFamily(family);
    const checkpoint = await openCheckpoint(await openFolder(folder));
    const { weights, heads } = await checkpoint.load();
    await saveCheckpoint(join(root, family), { config: checkpoint.config, weights, heads });
    const sorted = (path: string) =>
      [...readSafetensors(join(path, 'model.safetensors'))].sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(join(root, family))).toEqual(sorted(folder));
  });

  it('refuses the head that only ALBERT has', async () => {
    const config = configOf(BERT);
    await expect(
      saveCheckpoint(join(root, 'sop'), {
        config,
        weights: initialiseWeights(config, 1, { heads: ['sentenceOrder'] }),
      }),
    ).rejects.toThrow(/bert has no head for the order of sentences/);
  });

  it.each(FAMILIES)('%s: bytes are read again, with the vectors nearly as they were', async (family) => {
    const {
      folder,
      sentences: { texts },
    } = loadFamily(family);
    const output = join(root, `${family}-int8`);
    expect(await run(['convert', folder, '--to', 'int8', '--activations', 'perRow', '--output', output])).toMatchObject(
      { code: 0 },
    );
    using exact = await loadModel(folder, { threads: 1 });
    using model = await loadModel(output, { threads: 1 });
    expect([model.config, model.prompts, model.normalize]).toEqual([exact.config, exact.prompts, true]);
    const [a, b] = [await exact.embed(texts), await model.embed(texts)];
    texts.forEach((_, row) =>
      expect(a.row(row).reduce((sum, value, i) => sum + value * b.row(row)[i], 0)).toBeGreaterThan(0.99),
    );
  });

  it('ALBERT is written as before', () => {
    expect(writeConfig(presetConfig('nano'))).toMatchObject({
      architectures: ['AlbertModel'],
      model_type: 'albert',
      embedding_size: 32,
      num_hidden_groups: 1,
      classifier_dropout_prob: 0.1,
    });
  });
});
