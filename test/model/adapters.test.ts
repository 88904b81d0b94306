import { describe, expect, it } from 'vitest';
import { weightedCrossEntropy } from '../../src/graph/operators/loss.ts';
import { linear } from '../../src/graph/operators/matmul.ts';
import {
  canFold,
  createAdapter,
  extendedBy,
  foldAdapter,
  foldedConfig,
  initialAdapter,
  settledAdapter,
} from '../../src/model/adapters/methods.ts';
import { AlbertEncoder } from '../../src/model/encoder.ts';
import type { AdapterSettings } from '../../src/model/adapters/adapter.ts';
import { extensionParameters } from '../../src/model/extension.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { createArena } from '../../src/training/arena.ts';
import type { HeadDefinition } from '../../src/training/head.ts';
import { LayerwiseNetwork, type TrainingBatch } from '../../src/training/layerwise.ts';
import { loadAdapterCase, loadSeamCase } from '../oracle/goldens.ts';

const seams = loadSeamCase();
const { config, inputs } = seams;
const [BATCH, LENGTH] = [inputs.ids.length, inputs.ids[0].length];
const visible = inputs.mask.flat();
const count = visible.reduce((a, b) => a + b, 0);
const batch: TrainingBatch = {
  batchSize: BATCH,
  sequenceLength: LENGTH,
  inputIds: inputs.ids.flat(),
  attentionMask: visible,
  headFeeds: {
    labels: int64([BATCH * LENGTH], inputs.labels.flat()),
    rowWeights: float32(
      [BATCH * LENGTH],
      Float32Array.from(visible, (seen) => seen / count),
    ),
  },
};
const head: HeadDefinition = {
  parameters: [{ name: 'late.weight', shape: [3, config.hiddenSize] }],
  build(graph, hidden, parameter) {
    const labels = graph.input('labels', ['batch*sequence'], { dtype: 'int64' });
    const logits = linear(hidden, parameter('late.weight'));
    return {
      loss: weightedCrossEntropy(logits, labels, graph.input('rowWeights', ['batch*sequence'])),
      outputs: { states: hidden },
    };
  },
};
const difference = (actual: ArrayLike<number>, expected: ArrayLike<number>): number => {
  expect(actual.length).toBe(expected.length);
  return Math.max(...Array.from(expected, (value, i) => Math.abs(value - actual[i])));
};

/** Sizes of make_adapter_goldens.py. */
const METHODS: Record<string, Omit<AdapterSettings, 'scope'>> = {
  lora: { method: 'lora', rank: 2, alpha: 3, targets: ['attention.query', 'attention.value', 'ffn_output'] },
  adapter: { method: 'adapter', size: 4, placement: 'houlsby' },
  prefix: { method: 'prefix', length: 2, hidden: 5 },
  bitfit: { method: 'bitfit' },
  ia3: { method: 'ia3' },
};
const CASES = Object.keys(METHODS).flatMap((name) =>
  (['shared', 'depth'] as const).map((scope) => [name, scope] as const),
);

describe('adapters against PyTorch', () => {
  it.each(CASES)('%s, weights %s: gradients and hidden states', async (name, scope) => {
    const golden = loadAdapterCase(`${name}-${scope}`);
    const { extension } = createAdapter({ ...METHODS[name], scope }, config);
    const specs = extensionParameters(config, extension);
    expect(specs.map((spec) => spec.name).sort()).toEqual(
      [...golden.keys()].filter((key) => key.startsWith('extension.')).sort(),
    );
    for (const saveActivations of ['all', 'none'] as const) {
      const arena = createArena([...encoderParameters(config), ...head.parameters, ...specs], 2, {
        frozen: ['albert', 'late'],
      });
      arena.load(new Map([...seams.weights, ...golden]));
      using network = new LayerwiseNetwork(config, arena, head, { threads: 1, extension, saveActivations });
      const results = await network.accumulate(batch, { step: 0, microBatch: 0 });
      expect(Math.abs((results['loss'].data as Float32Array)[0] - golden.get('loss')!.data[0])).toBeLessThan(2e-6);
      const hidden = results['states'].data as Float32Array;
      const expected = golden.get('hidden')!.data;
      // The second text ends in padding, where nobody looks.
      visible.forEach((seen, token) => {
        const [start, end] = [token * config.hiddenSize, (token + 1) * config.hiddenSize];
        if (seen) expect(difference(hidden.subarray(start, end), expected.subarray(start, end))).toBeLessThan(5e-6);
      });
      for (const { name: slot } of arena.slots)
        expect(difference(arena.view(slot, 'gradients'), golden.get(`gradient.${slot}`)!.data), slot).toBeLessThan(
          2e-6,
        );
    }
  });

  it.each(CASES)(
    '%s, weights %s: the encoder, in one run, layer by layer, and beside others on one base',
    async (name, scope) => {
      const golden = loadAdapterCase(`${name}-${scope}`);
      const adapter = createAdapter({ ...METHODS[name], scope }, config);
      using base = await AlbertEncoder.create(config, seams.weights, { threads: 1 });
      const plain = await base.forward(batch);
      using adapted = base.withAdapter(extendedBy(adapter, golden), new Map());
      const layers = await adapted.forward(batch, { layers: 'all', attentions: true });
      const once = await adapted.forward(batch);
      expect(once.lastHiddenState).toEqual(layers.lastHiddenState);
      expect((await adapted.forward(batch, { layers: [1, 3] })).hiddenStates.get(1)).toEqual(
        layers.hiddenStates.get(1),
      );
      const expected = golden.get('hidden')!.data;
      visible.forEach((seen, token) => {
        const [start, end] = [token * config.hiddenSize, (token + 1) * config.hiddenSize];
        const own = once.lastHiddenState.subarray(start, end);
        if (seen) expect(difference(own, expected.subarray(start, end))).toBeLessThan(5e-6);
      });
      expect((await base.forward(batch)).lastHiddenState).toEqual(plain.lastHiddenState);
      // Another adapter of the kind has the graph of the first.
      using other = base.withAdapter(extendedBy(adapter, initialAdapter(adapter, config, 1)), new Map());
      expect((await other.forward(batch)).lastHiddenState).not.toEqual(once.lastHiddenState);
      if (name === 'prefix') {
        const settled = settledAdapter(adapter, config, golden);
        expect(settled.adapter.settings.hidden).toBe(0);
        using short = base.withAdapter(extendedBy(settled.adapter, settled.weights), new Map());
        expect(difference((await short.forward(batch)).lastHiddenState, once.lastHiddenState)).toBeLessThan(2e-6);
      }
      if (!canFold(adapter)) return;
      const folded = {
        config: foldedConfig(config, adapter),
        weights: foldAdapter({ config, weights: seams.weights }, adapter, golden),
      };
      expect(folded.config.numHiddenGroups).toBe(scope === 'depth' ? config.numHiddenLayers : 1);
      using encoder = await AlbertEncoder.create(folded.config, folded.weights, { threads: 1 });
      expect(difference((await encoder.forward(batch)).lastHiddenState, once.lastHiddenState)).toBeLessThan(5e-6);
    },
  );

  it.each(['lora', 'adapter', 'bitfit', 'ia3'] as const)('%s starts as the model that it adapts', async (name) => {
    const adapter = createAdapter({ ...METHODS[name], scope: 'depth' }, config);
    const specs = extensionParameters(config, adapter.extension);
    const loss = async (extended: boolean): Promise<number> => {
      const arena = createArena([...encoderParameters(config), ...head.parameters, ...(extended ? specs : [])], 2, {});
      arena.load(new Map([...seams.weights, ...initialAdapter(adapter, config, 1)]));
      using network = new LayerwiseNetwork(config, arena, head, {
        threads: 1,
        ...(extended && { extension: adapter.extension }),
      });
      return ((await network.evaluate(batch))['loss'].data as Float32Array)[0];
    };
    expect(await loss(true)).toBeCloseTo(await loss(false), 6);
  });

  it('says which layers there are', () => {
    expect(() => createAdapter({ method: 'lora', scope: 'depth', targets: ['query' as 'ffn'] }, config)).toThrow(
      /adapterTargets must be some of attention.query/,
    );
  });
});
