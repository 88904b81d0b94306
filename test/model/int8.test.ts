import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { quantizeDynamic, quantizedLinear, quantizeRows, quantizeStatic } from '../../src/graph/operators/quantized.ts';
import type { EncoderBatch } from '../../src/model/batch.ts';
import { calibrate } from '../../src/model/calibrate.ts';
import { RANGE_METHODS } from '../../src/model/quantize.ts';
import type { AlbertConfig } from '../../src/model/config.ts';
import { cosine, measureDrift } from '../../src/model/drift.ts';
import { AlbertEncoder, type EncoderInt8 } from '../../src/model/encoder.ts';
import { layerPrefix, type Weights } from '../../src/model/parameters.ts';
import {
  ACTIVATION_QUANTIZATIONS,
  activationScale,
  QUANTIZED_DENSE,
  quantizeWeight,
  rangeOf,
  type Int8Weight,
} from '../../src/model/quantize.ts';
import { compile } from '../../src/runtime/compile.ts';
import { detectInt8 } from '../../src/runtime/cpu.ts';
import { float32, HostTensor } from '../../src/runtime/tensor.ts';
import { createRandom } from '../../src/core/random.ts';
import { loadCase } from '../oracle/goldens.ts';

/** What this processor computes exactly; see int8-processor.test.ts for why. */
const BITS = detectInt8().exact ? 8 : 7;

function randomValues(size: number, seed: number, spread = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from(
    { length: size },
    () => spread * (random.uniform() + random.uniform() + random.uniform() - 1.5),
  );
}

/** Rounds half to even, as ONNX's QuantizeLinear does. */
function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor + (floor % 2 === 0 ? 0 : 1);
}

const quantize = (value: number, scale: number, zeroPoint: number): number =>
  Math.max(0, Math.min(255, roundEven(Math.fround(value / scale)) + zeroPoint));

interface RowScale {
  scale: number;
  zeroPoint: number;
}

/** The product in exact integers, scaled in double precision. */
function integerReference(
  x: Float32Array,
  rowScales: readonly RowScale[],
  weight: Int8Weight,
  bias: Float32Array,
): number[] {
  const { inputs, outputs, values, scales } = weight;
  return rowScales.flatMap(({ scale, zeroPoint }, row) =>
    Array.from({ length: outputs }, (_, output) => {
      let sum = 0;
      for (let i = 0; i < inputs; i++)
        sum += (quantize(x[row * inputs + i], scale, zeroPoint) - zeroPoint) * values[i * outputs + output];
      return sum * scale * scales[output] + bias[output];
    }),
  );
}

/** Scales in single precision, as the graph computes them. */
function expectedScales(kind: (typeof KINDS)[number], x: Float32Array, width: number, zeroPoint: number): RowScale[] {
  const rows = Array.from({ length: x.length / width }, (_, row) => x.subarray(row * width, (row + 1) * width));
  if (kind === 'perRow') {
    return rows.map((row) => {
      const { min, max } = rangeOf(row);
      const largest = zeroPoint === 128 ? Math.max(max, -min) : max;
      const above = Math.fround(largest * Math.fround(1 / (255 - zeroPoint)));
      return { scale: zeroPoint === 128 ? above : Math.max(above, Math.fround(-LOWEST / zeroPoint)), zeroPoint };
    });
  }
  const range = rangeOf(x);
  const { scale, zeroPoint: shared } = activationScale(
    kind === 'dynamic' ? range : { min: range.min * 0.8, max: range.max * 0.8 },
  );
  return rows.map(() => ({ scale: Math.fround(scale), zeroPoint: shared }));
}

/** Of values with another zero point than the middle. */
const LOWEST = -3;

async function runLinear(
  kind: (typeof KINDS)[number],
  x: Float32Array,
  context: { weight: Int8Weight; bias: Float32Array; zeroPoint: number; scales: RowScale },
): Promise<Float32Array> {
  const { weight, bias, zeroPoint, scales } = context;
  const { inputs, outputs } = weight;
  const graph = new Graph();
  const input = graph.input('x', ['rows', inputs]);
  const quantized =
    kind === 'dynamic'
      ? quantizeDynamic(input)
      : kind === 'perRow'
        ? quantizeRows(input, zeroPoint === 128 ? { zeroPoint } : { zeroPoint, lowest: zeroPoint === 0 ? 0 : LOWEST })
        : quantizeStatic(input, graph.input('scale', []), graph.input('zeroPoint', [], { dtype: 'uint8' }));
  const constants = {
    values: graph.constant(weight.values, [inputs, outputs]),
    scales: graph.constant(weight.scales, [outputs]),
    zeroPoints: graph.constant(new Int8Array(outputs), [outputs]),
  };
  using compiled = await compile(
    { outputs: { y: quantizedLinear(quantized, constants, graph.constant(bias, [outputs])) } },
    { threads: 1 },
  );
  const { y } = await compiled.run({
    x: float32([x.length / inputs, inputs], x),
    scale: float32([], Float32Array.of(scales.scale)),
    zeroPoint: new HostTensor('uint8', [], Uint8Array.of(scales.zeroPoint)),
  });
  return y.data as Float32Array;
}

const KINDS = ['static', 'perRow', 'dynamic'] as const;

describe('int8 products against exact integers', () => {
  const [rows, inputs, outputs] = [7, 96, 40];
  const cases: [string, Float32Array, Float32Array][] = [
    ['ordinary values', randomValues(rows * inputs, 1), randomValues(inputs * outputs, 2, 0.05)],
    // Every product is the largest that bytes allow: what saturates where sums are kept in 16 bits.
    [
      'extreme values',
      new Float32Array(rows * inputs).map((_, i) => (i % 97 === 0 ? -0.01 : 1)),
      new Float32Array(inputs * outputs).map((_, i) => (Math.floor(i / inputs) % 2 ? -1 : 1)),
    ],
  ];
  for (const [name, x, data] of cases) {
    it.each(KINDS)(`${name}, %s`, async (kind) => {
      const bias = randomValues(outputs, 3);
      const weight = quantizeWeight(data, outputs, inputs, BITS);
      for (const zeroPoint of kind === 'perRow' ? [128, 16] : [128]) {
        const scales = expectedScales(kind, x, inputs, zeroPoint);
        const actual = await runLinear(kind, x, { weight, bias, zeroPoint, scales: scales[0] });
        const expected = integerReference(x, scales, weight, bias);
        const largest = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
        expect(largest).toBeLessThan(1e-4);
      }
    });
  }

  it('a row of zeros gives the bias', async () => {
    const weight = quantizeWeight(randomValues(8 * 4, 5), 4, 8, BITS);
    const bias = Float32Array.of(1, -2, 3, 0.5);
    for (const zeroPoint of [0, 16, 128])
      expect([
        ...(await runLinear('perRow', new Float32Array(8), {
          weight,
          bias,
          zeroPoint,
          scales: { scale: 1, zeroPoint },
        })),
      ]).toEqual([...bias]);
  });
});

function quantizeLayers(config: AlbertConfig, weights: Weights): EncoderInt8['layers'] {
  return Array.from({ length: config.numHiddenGroups * config.innerGroupNum }, (_, index) => {
    const prefix = layerPrefix(Math.floor(index / config.innerGroupNum), index % config.innerGroupNum);
    return new Map(
      QUANTIZED_DENSE.map((name) => {
        const { data, shape } = weights.get(`${prefix}.${name}.weight`)!;
        return [name, quantizeWeight(data, shape[0], shape[1], BITS)];
      }),
    );
  });
}

/** The case's first text `mates + 1` times over, the copies with other tokens and other padding. */
function batchOf(config: AlbertConfig, ids: readonly number[], mates: number): EncoderBatch {
  const sequenceLength = ids.length;
  const inputIds = Array.from({ length: mates + 1 }, (_, row) =>
    ids.map((id, i) => (row === 0 ? id : (id * 7 + row * 13 + i) % config.vocabSize)),
  ).flat();
  const attentionMask = inputIds.map((_, i) => (i < sequenceLength || i % sequenceLength < 4 ? 1 : 0));
  return { batchSize: mates + 1, sequenceLength, inputIds, attentionMask };
}

const NAMES = [
  'base-v2',
  'chinese-relu',
  'groups',
  'relative-key-query',
  'nothing-visible',
  'silu',
  'sigmoid',
  'tanh',
  'xlarge-heads',
];

describe('int8 encoder', () => {
  it.each(NAMES)('%s stays close to f32 in every mode', async (name) => {
    const { config, weights, inputs } = loadCase(name);
    const mask = inputs.attentionMask as ArrayLike<number | boolean>[] | undefined;
    const batches = inputs.inputIds.map((ids, row): EncoderBatch => ({
      batchSize: 1,
      sequenceLength: ids.length,
      inputIds: ids,
      attentionMask: mask && Array.from(mask[row], Number),
    }));
    using exact = await AlbertEncoder.create(config, weights, { threads: 1 });
    const calibration = await calibrate(exact, batches, 'minMax');
    expect(calibration).toHaveLength(config.numHiddenLayers * config.innerGroupNum);
    for (const activations of ACTIVATION_QUANTIZATIONS) {
      using encoder = await AlbertEncoder.create(config, weights, {
        threads: 1,
        int8: { layers: quantizeLayers(config, weights), activations, calibration },
      });
      // Every depth has the scales of its own, in one run too.
      const layers = await encoder.forward(batches[0], { layers: 'all', attentions: true });
      expect((await encoder.forward(batches[0])).lastHiddenState, activations).toEqual(layers.lastHiddenState);
      const drift = await measureDrift(exact, encoder, batches);
      expect(drift[0].tokens.min).toBeCloseTo(1, 6);
      // 32 and 64 wide, so quantisation noise averages out far less than at real widths; a wrong scale or zero point
      // gives below 0.9.
      const last = drift[drift.length - 1];
      expect(last.tokens.mean, activations).toBeGreaterThan(0.996);
      expect(last.pooled.min, activations).toBeGreaterThan(0.995);
    }
  });

  it.each(['mixed', 'perRow', 'static'] as const)('%s vectors do not depend on batch mates', async (activations) => {
    const { config, weights, inputs } = loadCase('base-v2');
    using exact = await AlbertEncoder.create(config, weights, { threads: 1 });
    const ids = Array.from(inputs.inputIds[0]);
    const calibration = await calibrate(exact, [batchOf(config, ids, 0)], 'minMax');
    using encoder = await AlbertEncoder.create(config, weights, {
      threads: 1,
      int8: { layers: quantizeLayers(config, weights), activations, calibration },
    });
    const alone = (await encoder.forward(batchOf(config, ids, 0))).lastHiddenState;
    for (const mates of [1, 2, 6, 19]) {
      const together = (await encoder.forward(batchOf(config, ids, mates))).lastHiddenState;
      expect([...together.subarray(0, alone.length)], `${mates} mates`).toEqual([...alone]);
    }
  });

  it('dynamic vectors depend on them a little, which is why it is not the default', async () => {
    const { config, weights, inputs } = loadCase('base-v2');
    using encoder = await AlbertEncoder.create(config, weights, {
      threads: 1,
      int8: { layers: quantizeLayers(config, weights), activations: 'dynamic' },
    });
    const ids = Array.from(inputs.inputIds[0]);
    const alone = (await encoder.forward(batchOf(config, ids, 0))).lastHiddenState;
    const together = (await encoder.forward(batchOf(config, ids, 6))).lastHiddenState.subarray(0, alone.length);
    expect([...together]).not.toEqual([...alone]);
    expect(cosine(together, alone)).toBeGreaterThan(0.99);
  });

  it("needs no float weights of the layers' dense parts", async () => {
    const { config, weights, inputs } = loadCase('base-v2');
    const int8: EncoderInt8 = { layers: quantizeLayers(config, weights), activations: 'perRow' };
    const rest: Weights = new Map(
      [...weights].filter(([name]) => !/albert_layers.*\.(query|key|value|dense|ffn|ffn_output)\.weight$/.test(name)),
    );
    expect(rest.size).toBe(weights.size - 6);
    using encoder = await AlbertEncoder.create(config, rest, { threads: 1, int8 });
    const { lastHiddenState } = await encoder.forward(batchOf(config, Array.from(inputs.inputIds[0]), 0));
    expect(lastHiddenState.every(Number.isFinite)).toBe(true);
  });

  it.each(['static', 'mixed'] as const)(
    'refuses %s activations without ranges for every layer',
    async (activations) => {
      const { config, weights } = loadCase('base-v2');
      const layers = quantizeLayers(config, weights);
      await expect(AlbertEncoder.create(config, weights, { int8: { layers, activations } })).rejects.toMatchObject({
        code: 'invalid_argument',
      });
    },
  );

  it('ranges: cutting methods lie within the extremes, which are the true ones', async () => {
    const { config, weights, inputs } = loadCase('base-v2');
    using exact = await AlbertEncoder.create(config, weights, { threads: 1 });
    const batch = batchOf(config, Array.from(inputs.inputIds[0]), 0);
    const seen: number[] = [];
    await exact.forward(batch, { onSites: (layer, sites) => layer === 1 && seen.push(...sites.feedForwardInner) });
    const [widest, ...others] = await Promise.all(RANGE_METHODS.map((method) => calibrate(exact, [batch], method)));
    expect(widest[1].feedForwardInner).toEqual(rangeOf(seen));
    for (const calibration of others) {
      expect(calibration[1].feedForwardInner.min).toBeGreaterThanOrEqual(widest[1].feedForwardInner.min);
      expect(calibration[1].feedForwardInner.max).toBeLessThanOrEqual(widest[1].feedForwardInner.max + 1e-6);
    }
    await expect(calibrate(exact, [], 'minMax')).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
