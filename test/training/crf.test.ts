import { describe, expect, it } from 'vitest';
import type { Target } from '../../src/graph/graph.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { CRF } from '../../src/model/heads.ts';
import { float32, HostTensor } from '../../src/runtime/tensor.ts';
import { chainFeeds, CRF_RESULTS, crfHead } from '../../src/training/crf-head.ts';
import { CompiledHead, type HeadDefinition } from '../../src/training/head.ts';
import { tokenClassificationHead } from '../../src/training/heads.ts';
import type { HeadFeeds } from '../../src/training/units.ts';
import { loadCrfGolden } from '../oracle/goldens.ts';

const golden = loadCrfGolden();
const width = golden.tags.length;
/** Of which only the width matters: the head alone is run, on hidden states that an identity makes its logits. */
const configOf = (hiddenSize: number): AlbertConfig => ({ ...DEFAULT_CONFIG, hiddenSize });
const identity = (size: number): number[] =>
  Array.from({ length: size * size }, (_, i) => Number(i % size === Math.floor(i / size)));
const largest = (a: ArrayLike<number>, b: readonly number[]): number =>
  Math.max(...b.map((value, i) => Math.abs(value - a[i])));

/** A head alone: values and gradients of its parameters, and a step of gradient descent. */
function alone(definition: HeadDefinition, target: Target, given: Readonly<Record<string, readonly number[]>>) {
  const dtype = target === 'float64' ? 'float64' : 'float32';
  const real = (shape: readonly number[], values: Iterable<number>): HostTensor =>
    new HostTensor(dtype, shape, dtype === 'float64' ? Float64Array.from(values) : Float32Array.from(values));
  const zeros = (shape: readonly number[]): HostTensor =>
    real(shape, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0));
  const parameters = { values: {} as Record<string, HostTensor>, gradients: {} as Record<string, HostTensor> };
  for (const { name, shape } of definition.parameters) {
    parameters.values[name] = given[name] ? real(shape, given[name]) : zeros(shape);
    parameters.gradients[name] = zeros(shape);
  }
  const hiddenSize = definition.parameters.find(({ name }) => name === 'classifier.weight')!.shape[1];
  const head = new CompiledHead(definition, {
    hiddenSize,
    trainable: new Set(Object.keys(parameters.values)),
    dropout: false,
    options: { threads: 1 },
    target,
  });
  return {
    ...parameters,
    real,
    /** Hidden states of `batch` rows of `sequence` tokens. */
    async run(hidden: HostTensor, { feeds, sizes = {} }: HeadFeeds, shape: { batch: number; sequence: number }) {
      for (const { data } of Object.values(parameters.gradients)) (data as Float32Array).fill(0);
      const cast = Object.fromEntries(
        Object.entries(feeds).map(([name, tensor]) => [
          name,
          tensor.dtype === 'float32' ? real(tensor.shape, tensor.data as Float32Array) : tensor,
        ]),
      );
      const hiddenGradient = zeros(hidden.shape);
      return {
        hiddenGradient,
        results: await head.train({ hidden, ...cast }, { parameters, hiddenGradient, sizes: { ...sizes, ...shape } }),
      };
    },
    [Symbol.dispose]: () => head[Symbol.dispose](),
  };
}

describe.each([
  ['cpu', 1e-6],
  ['float64', 1e-12],
  ['onnx', 1e-6],
] as const)('a CRF against PyTorch (float64), target %s', (target, tolerance) => {
  const names = { [CRF.transitions]: golden.transitions.flat(), [CRF.start]: golden.start, [CRF.end]: golden.end };
  const sequence = 8;
  /**
   * A chain a row, with tokens around it that have no label: of the second row those from 1 on, of the others from 0
   * on.
   */
  const placed = (chain: number, row: number): number[] =>
    golden.chains[chain].labels.map((_, place) => row * sequence + place + (row % 2));

  async function lossOf(chains: readonly number[]) {
    using head = alone(crfHead(configOf(width), width), target, { 'classifier.weight': identity(width), ...names });
    const batch = chains.length;
    const hidden = head.real([batch * sequence, width], new Array<number>(batch * sequence * width).fill(7));
    chains.forEach((chain, row) =>
      placed(chain, row).forEach((token, place) =>
        (hidden.data as Float32Array).set(golden.chains[chain].emissions[place], token * width),
      ),
    );
    const feeds = chainFeeds(
      chains.map((chain, row) => {
        const { labels, begins, ends } = golden.chains[chain];
        return { rows: placed(chain, row), labels, begins: begins === 1, ends: ends === 1 };
      }),
      chains.map((chain) => golden.chains[chain].weight),
    );
    const { results, hiddenGradient } = await head.run(hidden, feeds, { batch, sequence });
    return {
      loss: (results['loss'].data as Float32Array)[0],
      hiddenGradient: hiddenGradient.data as Float32Array,
      gradients: head.gradients,
      results,
    };
  }

  it('has its loss and the gradients of emissions and transitions', async () => {
    const { loss: found, hiddenGradient, gradients, results } = await lossOf([0, 1, 2, 3]);
    expect(Math.abs(found - golden.loss)).toBeLessThan(tolerance);
    const expected = new Array<number>(hiddenGradient.length).fill(0);
    golden.chains.forEach(({ gradient }, chain) =>
      gradient.forEach((row, place) =>
        row.forEach((value, tag) => (expected[placed(chain, chain)[place] * width + tag] = value)),
      ),
    );
    expect(largest(hiddenGradient, expected)).toBeLessThan(tolerance);
    for (const [name, key] of [
      [CRF.transitions, 'transitions'],
      [CRF.start, 'start'],
      [CRF.end, 'end'],
    ] as const) {
      expect(largest(gradients[name].data as Float32Array, golden.gradients[key].flat()), name).toBeLessThan(tolerance);
    }
    expect(Array.from(results[CRF_RESULTS.transitions].data as Float32Array)).toEqual(golden.transitions.flat());
  });

  it.each([0, 1, 2, 3])('chain %i is as likely alone', async (chain) => {
    const { loss: found } = await lossOf([chain]);
    expect(Math.abs(found + golden.chains[chain].weight * golden.chains[chain].logLikelihood)).toBeLessThan(tolerance);
  });
});

it('without transitions its loss is that of the plain head', async () => {
  const { emissions, labels } = golden.chains[0];
  using crf = alone(crfHead(configOf(width), width), 'cpu', { 'classifier.weight': identity(width) });
  using plain = alone(tokenClassificationHead(configOf(width), width), 'cpu', { 'classifier.weight': identity(width) });
  const hidden = crf.real([labels.length, width], emissions.flat());
  const share = 1 / labels.length;
  const { results: a, hiddenGradient } = await crf.run(
    hidden,
    chainFeeds([{ rows: [...labels.keys()], labels, begins: true, ends: true }], [share]),
    { batch: 1, sequence: labels.length },
  );
  const { results: b, hiddenGradient: expected } = await plain.run(
    hidden,
    {
      feeds: {
        labels: new HostTensor('int64', [labels.length], BigInt64Array.from(labels, BigInt)),
        rowWeights: float32([labels.length], new Float32Array(labels.length).fill(share)),
      },
    },
    { batch: 1, sequence: labels.length },
  );
  expect(Math.abs((a['loss'].data as Float32Array)[0] - (b['loss'].data as Float32Array)[0])).toBeLessThan(1e-6);
  expect(largest(hiddenGradient.data as Float32Array, Array.from(expected.data as Float32Array))).toBeLessThan(1e-6);
});

it('long chains keep their digits', async () => {
  const length = 512;
  const labels = Array.from({ length }, (_, place) => (place * 7) % width);
  const emissions = Array.from({ length: length * width }, (_, i) => 3 * Math.sin(i * 1.7));
  const run = async (target: Target) => {
    using head = alone(crfHead(configOf(width), width), target, {
      'classifier.weight': identity(width),
      [CRF.transitions]: golden.transitions.flat(),
      [CRF.start]: golden.start,
      [CRF.end]: golden.end,
    });
    const { results, hiddenGradient } = await head.run(
      head.real([length, width], Float32Array.from(emissions)),
      chainFeeds([{ rows: [...labels.keys()], labels, begins: true, ends: true }], [1 / 64]),
      { batch: 1, sequence: length },
    );
    return {
      loss: (results['loss'].data as Float64Array)[0],
      gradient: Array.from(hiddenGradient.data as Float64Array),
    };
  };
  const [single, double] = [await run('cpu'), await run('float64')];
  expect(Math.abs(single.loss / double.loss - 1)).toBeLessThan(1e-6);
  expect(largest(single.gradient, double.gradient)).toBeLessThan(1e-6);
});

it('learns what no emission tells: what an ambiguous word is depends on the tag before it alone', async () => {
  // Word 0 has tag 0 and word 1 tag 1. Word 2 looks the same everywhere, and is tag 2 after word 0 and tag 3 after word
  // 1, however far back that is.
  const texts = [
    [0, 2, 2, 2],
    [1, 2, 2, 2],
    [0, 2, 1, 2],
    [1, 2, 0, 2],
  ];
  const right = texts.map((words) => {
    let last = 0;
    return words.map((word) => (word === 2 ? 2 + last : (last = word)));
  });
  const [words, tags, sequence] = [3, 4, 4];
  const count = texts.length * sequence;
  const learn = async (definition: HeadDefinition, feeds: HeadFeeds): Promise<number> => {
    using head = alone(definition, 'cpu', {});
    const hidden = head.real(
      [count, words],
      texts.flat().flatMap((word) => [0, 1, 2].map((other) => Number(other === word))),
    );
    let loss = NaN;
    for (let step = 0; step < 300; step++) {
      const { results } = await head.run(hidden, feeds, { batch: texts.length, sequence });
      loss = (results['loss'].data as Float32Array)[0];
      for (const [name, { data }] of Object.entries(head.values))
        (data as Float32Array).forEach(
          (value, i) => ((data as Float32Array)[i] = value - 2 * (head.gradients[name].data as Float32Array)[i]),
        );
    }
    return loss;
  };
  const plain = await learn(tokenClassificationHead(configOf(words), tags), {
    feeds: {
      labels: new HostTensor('int64', [count], BigInt64Array.from(right.flat(), BigInt)),
      rowWeights: float32([count], new Float32Array(count).fill(1 / count)),
    },
  });
  const crf = await learn(
    crfHead(configOf(words), tags),
    chainFeeds(
      texts.map((own, row) => ({
        rows: own.map((_, at) => row * sequence + at),
        labels: right[row],
        begins: true,
        ends: true,
      })),
      texts.map(() => 1 / count),
    ),
  );
  // Ten of sixteen words are a coin toss for the plain head, which costs ln 2 each.
  expect(plain).toBeGreaterThan((10 / 16) * Math.LN2 - 1e-3);
  expect(crf).toBeLessThan(0.03);
});
