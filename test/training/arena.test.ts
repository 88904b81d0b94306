import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_CONFIG } from '../../src/model/config.ts';
import { headParameters } from '../../src/model/heads.ts';
import { encoderParameters, poolerParameters } from '../../src/model/parameters.ts';
import { createArena, layerwiseScales } from '../../src/training/arena.ts';

const config = {
  ...DEFAULT_CONFIG,
  vocabSize: 11,
  hiddenSize: 6,
  embeddingSize: 3,
  numAttentionHeads: 2,
  intermediateSize: 10,
  maxPositionEmbeddings: 5,
  numHiddenGroups: 2,
  numHiddenLayers: 4,
};
const specs = [
  ...encoderParameters(config),
  ...poolerParameters(config),
  ...headParameters(config, 'sequenceClassification', 3),
];

describe('arena', () => {
  it('aligns every slice and keeps slices apart', () => {
    const arena = createArena(specs, 4);
    for (const kind of arena.kinds) {
      for (const slot of arena.slots) {
        const view = arena.view(slot.name, kind);
        expect(view.byteOffset % 16).toBe(0);
        expect(view.length).toBe(slot.shape.reduce((a, b) => a * b, 1));
      }
    }
    specs.forEach(({ name }, index) => arena.view(name, 'values').fill(index + 1));
    specs.forEach(({ name }, index) =>
      expect(arena.view(name, 'values').every((value) => value === index + 1)).toBe(true),
    );
    expect(arena.view('classifier.bias', 'gradients').every((value) => value === 0)).toBe(true);
  });

  it('stores decayed parameters contiguously and leaves bias and LayerNorm out', () => {
    const arena = createArena(specs, 4);
    expect(arena.ranges.map(({ decay }) => decay)).toEqual([true, false]);
    const undecayed = arena.slots.filter(({ decay }) => !decay).map(({ name }) => name);
    expect(undecayed.every((name) => /bias$|LayerNorm|layer_norm/.test(name))).toBe(true);
    expect(undecayed).toContain('albert.encoder.albert_layer_groups.1.albert_layers.0.full_layer_layer_norm.weight');
    expect(arena.slots.find(({ name }) => name === 'albert.embeddings.word_embeddings.weight')?.decay).toBe(true);
  });

  it('excludes frozen parameters but keeps their values', () => {
    const arena = createArena(specs, 4, { frozen: ['albert.embeddings', 'albert.*.attention.*', /pooler/] });
    const frozen = arena.frozen.map(({ name }) => name);
    expect(frozen).toContain('albert.embeddings.LayerNorm.bias');
    expect(frozen).toContain('albert.pooler.weight');
    expect(arena.slots.map(({ name }) => name).filter((name) => frozen.includes(name))).toEqual([]);
    arena.view('albert.pooler.weight', 'values').fill(2);
    expect(arena.weights().get('albert.pooler.weight')?.data[0]).toBe(2);
    expect(() => arena.view('albert.pooler.weight', 'gradients')).toThrow(
      /frozen parameter albert.pooler.weight has no gradients/,
    );
    expect(() => createArena(specs, 4, { frozen: ['albert.embedding'] })).toThrow(
      /frozen selects no parameter: albert.embedding/,
    );
    expect(() => createArena(specs, 4, { frozen: ['*'] })).toThrow(/no parameter is left/);
  });

  it('loads and returns weights', () => {
    const weights = new Map(
      specs.map(({ name, shape }, index) => [
        name,
        { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(index) },
      ]),
    );
    const arena = createArena(specs, 2, { frozen: ['classifier'] });
    arena.load(weights);
    expect([...arena.weights()]).toEqual([...weights]);
    weights.delete('classifier.bias');
    weights.set('albert.pooler.bias', { shape: [2], data: new Float32Array(2) });
    expect(() => arena.load(weights)).toThrow(
      /albert.pooler.bias has shape \[2\] instead of \[6\]; classifier.bias is missing/,
    );
  });

  it('scales the learning rate by distance from the output', () => {
    const arena = createArena(specs, 4, { learningRateScales: layerwiseScales(config.numHiddenGroups, 0.5) });
    const scale = (name: string) => arena.slots.find((slot) => slot.name === name)?.learningRateScale;
    expect(scale('classifier.weight')).toBe(1);
    expect(scale('albert.encoder.albert_layer_groups.1.albert_layers.0.ffn.weight')).toBe(0.5);
    expect(scale('albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight')).toBe(0.25);
    expect(scale('albert.embeddings.word_embeddings.weight')).toBe(0.125);
    expect(arena.ranges.length).toBe(8);
  });

  it('refuses nonsense', () => {
    expect(() => createArena([...specs, specs[0]], 4)).toThrow(/two parameters are named/);
    expect(() => createArena(specs, 5)).toThrow(/buffers must be 2, 3 or 4/);
    expect(() => createArena(specs, 2).buffer('firstMoment')).toThrow(/no buffer for firstMoment/);
    expect(() => createArena(specs, 2).view('nothing', 'values')).toThrow(/no parameter is named nothing/);
  });

  it('ranges cover exactly the padded slots, for any shapes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 9 })), {
          minLength: 1,
          maxLength: 12,
        }),
        (shapes) => {
          const arena = createArena(
            shapes.map(([bias, rows, columns], index) => ({
              name: `p${index}.${bias ? 'bias' : 'weight'}`,
              shape: [rows, columns],
            })),
            2,
          );
          let position = 0;
          for (const { start, end } of arena.ranges) {
            expect(start).toBe(position);
            position = end;
          }
          expect(position).toBe(arena.length);
          expect(
            arena.slots.every(
              ({ offset, length, paddedEnd }) =>
                offset % 4 === 0 && paddedEnd - offset - length < 4 && paddedEnd - offset >= length,
            ),
          ).toBe(true);
        },
      ),
    );
  });
});
