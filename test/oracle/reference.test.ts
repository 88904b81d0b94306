import { describe, expect, it } from 'vitest';
import { ACTIVATIONS, type AlbertConfig } from '../../src/model/config.ts';
import { headParameters } from '../../src/model/heads.ts';
import { embeddingParameters, encoderParameters, poolerParameters } from '../../src/model/parameters.ts';
import {
  listCases,
  listGradientCases,
  listTrainingCases,
  loadCase,
  loadGradientCase,
  loadLossGoldens,
  loadTrainingCase,
  maxAbsDifference,
  type GoldenLabels,
} from './goldens.ts';
import { ACTIVATION_FUNCTIONS, crossEntropy, erf } from './reference-math.ts';
import {
  referenceForward,
  type ReferenceBatch,
  type ReferenceOptions,
  type ReferenceOutput,
  type ReferenceWeights,
} from './reference.ts';

/** Goldens are float64 results rounded to float32; values stay below 64, whose rounding error is 2e-6. */
const TOLERANCE = 4e-6;

/** The output as named arrays, in the goldens' naming. */
function named(output: ReferenceOutput): Map<string, Float64Array> {
  const { hiddenStates, attentions, ...rest } = output;
  return new Map([
    ...hiddenStates.map((data, i) => [`hiddenStates.${i}`, data] as const),
    ...attentions.map((data, i) => [`attentions.${i}`, data] as const),
    ...Object.entries(rest).filter((entry): entry is [string, Float64Array] => entry[1] !== undefined),
  ]);
}

/** The loss that make_gradient_goldens.py and make_training_goldens.py define. */
function referenceLoss(
  config: AlbertConfig,
  weights: ReferenceWeights,
  inputs: ReferenceBatch & GoldenLabels,
  options: ReferenceOptions = {},
): number {
  const output = referenceForward(config, weights, inputs, {
    ...options,
    classifier: inputs.tokenLabels ? 'token' : 'sequence',
  });
  let loss = 0;
  if (inputs.labels) loss += crossEntropy(output.classifierLogits!, inputs.labels);
  if (inputs.mlmLabels) loss += crossEntropy(output.mlmLogits!, inputs.mlmLabels.flat());
  if (inputs.sopLabels) loss += crossEntropy(output.sopLogits!, inputs.sopLabels);
  if (inputs.tokenLabels) loss += crossEntropy(output.tokenLogits!, inputs.tokenLabels.flat());
  if (inputs.startPositions && inputs.endPositions) {
    const length = inputs.inputIds[0].length;
    const logits = output.qaLogits!;
    const side = (offset: number, positions: number[]) =>
      positions.reduce(
        (sum, position, b) =>
          sum +
          crossEntropy(
            Float64Array.from({ length }, (_, s) => logits[(b * length + s) * 2 + offset]),
            [position],
          ),
        0,
      ) / positions.length;
    loss += (side(0, inputs.startPositions) + side(1, inputs.endPositions)) / 2;
  }
  return loss;
}

describe('reference against PyTorch', () => {
  it.each(listCases())('%s', (name) => {
    const { config, weights, inputs, outputs } = loadCase(name);
    const ours = named(
      referenceForward(config, weights, inputs, { classifier: outputs.has('tokenLogits') ? 'token' : 'sequence' }),
    );
    for (const [key, golden] of outputs) {
      expect(ours.has(key), key).toBe(true);
      expect(maxAbsDifference(ours.get(key)!, golden.data), key).toBeLessThanOrEqual(TOLERANCE);
    }
    expect([...ours.keys()].filter((key) => !outputs.has(key) && !key.startsWith('attentions'))).toEqual([]);
  });

  it('covers every activation', () => {
    expect(new Set(listCases().map((name) => loadCase(name).config.hiddenAct))).toEqual(new Set(ACTIVATIONS));
  });

  it('folders hold the canonical parameters', () => {
    for (const name of listCases()) {
      const { config, weights } = loadCase(name);
      const expected = [...embeddingParameters(config), ...encoderParameters(config), ...poolerParameters(config)];
      if (weights.has('predictions.bias')) expected.push(...headParameters(config, 'maskedLm'));
      if (weights.has('sop_classifier.classifier.bias')) expected.push(...headParameters(config, 'sentenceOrder'));
      if (weights.has('classifier.bias'))
        expected.push(...headParameters(config, 'sequenceClassification', weights.get('classifier.bias')!.data.length));
      if (weights.has('qa_outputs.bias')) expected.push(...headParameters(config, 'questionAnswering'));
      const shapes = Object.fromEntries([...weights].map(([key, weight]) => [key, weight.shape]));
      expect(shapes, name).toEqual(Object.fromEntries(expected.map((spec) => [spec.name, spec.shape])));
    }
  });
});

describe('reference semantics', () => {
  it('erf agrees with published values', () => {
    // NIST Digital Library of Mathematical Functions, table 7.23 and Abramowitz & Stegun, table 7.1.
    const published: [number, number][] = [
      [0, 0],
      [0.5, 0.5204998778130465],
      [1, 0.8427007929497149],
      [2, 0.9953222650189527],
      [2.5, 0.999593047982555],
      [3, 0.9999779095030014],
      [-1, -0.8427007929497149],
      [7, 1],
    ];
    for (const [x, y] of published) expect(Math.abs(erf(x) - y), `erf(${x})`).toBeLessThan(2e-15);
    expect(erf(1e-8)).toBeCloseTo(1.1283791670955126e-8, 22);
  });

  it('the two gelus differ by about 4.7e-4 at most', () => {
    const differences = Array.from({ length: 1001 }, (_, i) =>
      Math.abs(ACTIVATION_FUNCTIONS.gelu_erf(i / 100 - 5) - ACTIVATION_FUNCTIONS.gelu_tanh(i / 100 - 5)),
    );
    expect(Math.max(...differences)).toBeGreaterThan(4e-4);
    expect(Math.max(...differences)).toBeLessThan(5e-4);
  });

  it('masked keys have probability exactly zero, and a row without visible keys has only zeros', () => {
    const { config, weights, inputs } = loadCase('nothing-visible');
    const { attentions } = referenceForward(config, weights, inputs);
    const length = inputs.inputIds[0].length;
    const perRow = config.numAttentionHeads * length * length;
    for (const probabilities of attentions) {
      probabilities.forEach((probability, i) => {
        const masked = !inputs.attentionMask![Math.floor(i / perRow)][i % length];
        expect(masked ? probability === 0 : probability > 0).toBe(true);
      });
    }
  });

  it('padding does not change the visible positions', () => {
    const { config, weights, inputs } = loadCase('padding');
    const whole = referenceForward(config, weights, inputs).hiddenStates.at(-1)!;
    const length = inputs.inputIds[0].length;
    inputs.inputIds.forEach((ids, b) => {
      const visible = inputs.attentionMask![b].filter(Boolean).length;
      const alone = referenceForward(config, weights, { inputIds: [ids.slice(0, visible)] }).hiddenStates.at(-1)!;
      const start = b * length * config.hiddenSize;
      expect(maxAbsDifference(alone, whole.subarray(start, start + alone.length))).toBeLessThan(1e-12);
    });
  });
});

describe('gradient goldens', () => {
  it.each(listGradientCases())('%s: the loss and central differences of the reference agree', (name) => {
    const { config, weights, inputs, dropoutMasks, losses, gradients } = loadGradientCase(name);
    const wide = new Map([...weights].map(([key, { shape, data }]) => [key, { shape, data: Float64Array.from(data) }]));
    const loss = () => referenceLoss(config, wide, inputs, { dropoutMasks });
    expect(Math.abs(loss() - losses.total)).toBeLessThan(1e-12);
    expect([...gradients.keys()].filter((key) => key !== 'embeddingSum').sort()).toEqual([...weights.keys()].sort());
    for (const [key, { data }] of wide) {
      const gradient = gradients.get(key)!.data;
      // The entry with the steepest slope of every parameter: the one that tells most.
      const index = gradient.reduce((best, value, i) => (Math.abs(value) > Math.abs(gradient[best]) ? i : best), 0);
      const [value, delta] = [data[index], 1e-5];
      data[index] = value + delta;
      const above = loss();
      data[index] = value - delta;
      const below = loss();
      data[index] = value;
      expect(Math.abs((above - below) / (2 * delta) - gradient[index]), key).toBeLessThan(2e-6);
    }
  });

  it('cross-entropy on bare logits agrees', () => {
    const goldens = loadLossGoldens();
    const logits = Float64Array.from(goldens.logits.flat());
    expect(Math.abs(crossEntropy(logits, goldens.labels) - goldens.crossEntropy.loss)).toBeLessThan(1e-14);
    expect(
      Math.abs(crossEntropy(logits, goldens.labelsWithIgnored) - goldens.crossEntropyIgnoreIndex.loss),
    ).toBeLessThan(1e-14);
  });

  it('without a tied decoder, the word embedding gradient is the scatter of the embedding sum gradient', () => {
    for (const name of listGradientCases().filter((candidate) => candidate !== 'pretraining')) {
      const { config, inputs, gradients } = loadGradientCase(name);
      const size = config.embeddingSize;
      const scattered = new Float64Array(config.vocabSize * size);
      inputs.inputIds.flat().forEach((id, position) => {
        for (let i = 0; i < size; i++)
          scattered[id * size + i] += gradients.get('embeddingSum')!.data[position * size + i];
      });
      expect(
        maxAbsDifference(scattered, gradients.get('albert.embeddings.word_embeddings.weight')!.data),
        name,
      ).toBeLessThan(1e-6);
    }
  });
});

describe('training goldens', () => {
  it.each(listTrainingCases())('%s: the first losses are those of the reference on the initial weights', (name) => {
    const { config, initial, final, batches, curve } = loadTrainingCase(name);
    expect(batches.length).toBe(curve.steps);
    expect([curve.losses.length, curve.gradNorms.length, curve.learningRates.length]).toEqual([
      curve.steps,
      curve.steps,
      curve.steps,
    ]);
    // The schedule starts at rate 0, so the second loss belongs to the initial weights as well.
    expect(curve.learningRates[0]).toBe(0);
    for (const step of [0, 1])
      expect(Math.abs(referenceLoss(config, initial, batches[step]) - curve.losses[step])).toBeLessThan(1e-12);
    expect([...final.keys()]).toEqual([...initial.keys()]);
  });
});
