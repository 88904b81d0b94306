import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import { DEFAULT_CONFIG, validateConfig, type AlbertConfig } from '../../src/model/config.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { FAMILIES, loadFamily } from '../oracle/families.ts';
import { maxAbsDifference } from '../oracle/goldens.ts';

const TOLERANCE = 1e-5;

describe.each(FAMILIES)('%s against transformers (float64)', (family) => {
  const { folder, inputs, outputs, sentences } = loadFamily(family);
  const [batchSize, sequenceLength] = [inputs.inputIds.length, inputs.inputIds[0].length];
  const batch = {
    batchSize,
    sequenceLength,
    inputIds: inputs.inputIds.flat(),
    attentionMask: inputs.attentionMask.flat(),
    tokenTypeIds: inputs.tokenTypeIds.flat(),
  };
  /** Values of visible tokens: what padding gives is read by nothing, and RoBERTa numbers it otherwise. */
  const visible = (data: ArrayLike<number>): number[] =>
    Array.from(data).filter(
      (_, i) => batch.attentionMask[Math.floor(i / (data.length / batch.attentionMask.length))] === 1,
    );

  it('hidden states of every layer, pooled vectors and logits', async () => {
    const checkpoint = await openCheckpoint(await openFolder(folder));
    const { weights, heads, unexpected } = await checkpoint.load();
    expect([checkpoint.config.modelType, heads, unexpected, checkpoint.details.labels]).toEqual([
      family,
      ['sequenceClassification'],
      [],
      ['negative', 'neutral', 'positive'],
    ]);
    expect([...weights.keys()].filter((name) => name.includes('mapping'))).toEqual([]);
    using encoder = await AlbertEncoder.create(checkpoint.config, weights, { threads: 1 });
    const { hiddenStates, lastHiddenState } = await encoder.forward(batch, { layers: 'all' });
    expect(hiddenStates.size).toBe(4);
    for (const [depth, hidden] of hiddenStates)
      expect(
        maxAbsDifference(visible(hidden), visible(outputs.get(`hiddenStates.${depth}`)!.data)),
        `depth ${depth}`,
      ).toBeLessThan(TOLERANCE);
    const pooled = await encoder.pool(lastHiddenState, batchSize);
    if (outputs.has('pooled')) expect(maxAbsDifference(pooled, outputs.get('pooled')!.data)).toBeLessThan(TOLERANCE);
    expect(
      maxAbsDifference(await encoder.logits('sequenceClassification', pooled), outputs.get('logits')!.data),
    ).toBeLessThan(TOLERANCE);
  });

  it('vectors of sentence-transformers, with every prompt', async () => {
    using model = await loadModel(folder, { threads: 1 });
    expect(model.normalize).toBe(true);
    const { texts, ...vectors } = sentences;
    const prompts = model.prompts!.texts;
    expect(Object.keys(vectors)).toEqual(['default', ...Object.keys(prompts)]);
    for (const [name, expected] of Object.entries(vectors)) {
      const matrix = await model.embed(texts, { longText: 'truncate', ...(name !== 'default' && { prompt: name }) });
      expect(maxAbsDifference(matrix.data, expected.flat()), name).toBeLessThan(TOLERANCE);
      const prompt = name === 'default' ? (prompts[model.prompts!.defaultName ?? ''] ?? '') : prompts[name];
      expect(matrix.fingerprint.includes(`;prompt=${encodeURIComponent(prompt)}`)).toBe(prompt !== '');
      expect(maxAbsDifference((await model.embed(texts, { longText: 'truncate', prompt })).data, matrix.data)).toBe(0);
    }
    await expect(model.embed(['a'], { prompt: 'quary' })).rejects.toThrow(/no prompt of the name "quary"/);
    const [plain] = [await model.embed(['the cat'], { normalize: false, prompt: '' })];
    expect(Math.hypot(...plain.data)).not.toBeCloseTo(1, 3);
    const [{ tokens }] = await model.embedTokens(['the cat']);
    expect(Math.hypot(...tokens[0].embedding)).not.toBeCloseTo(1, 3);
  });
});

describe('a config of a family', () => {
  const bert: AlbertConfig = { ...DEFAULT_CONFIG, modelType: 'bert', embeddingSize: 768, numHiddenGroups: 12 };

  it('has no mapping and a group a layer', () => {
    expect(validateConfig(bert)).toBe(bert);
    const names = encoderParameters(bert).map(({ name }) => name);
    expect(names.filter((name) => name.includes('mapping'))).toEqual([]);
    expect(new Set(names.flatMap((name) => /groups\.(\d+)/.exec(name)?.[1] ?? [])).size).toBe(12);
  });

  it('cannot be what its files have no place for', () => {
    const refused = (fields: Partial<AlbertConfig>, rule: RegExp): void =>
      expect(() => validateConfig({ ...bert, ...fields })).toThrow(rule);
    refused({ embeddingSize: 128 }, /embeddingSize must be hiddenSize \(768\) in bert/);
    refused({ numHiddenGroups: 1 }, /numHiddenGroups must be numHiddenLayers \(12\) in bert/);
    refused({ innerGroupNum: 2 }, /innerGroupNum must be 1 in bert/);
    refused({ positionEmbeddingType: 'relative_key' }, /positionEmbeddingType must be absolute in bert/);
    refused({ modelType: 'gpt2' as 'bert' }, /modelType must be one of albert, bert, roberta, xlm-roberta/);
  });
});
