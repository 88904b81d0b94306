/**
 * Logistic regression on word counts, written with the graph operators: a baseline for text classification.
 *
 *     npx tsx bench/training/bag-of-words.ts train.csv dev.csv [textField] [labelField]
 *
 * Words that occur in at least two training texts, and pairs of neighbouring words, are counted; Chinese text is taken
 * character by character. The weights kept are those of the epoch with the highest accuracy on the held-out file.
 */
import { AlbertineError } from '../../src/core/errors.ts';
import { createRandom, mixSeed, shuffle } from '../../src/core/random.ts';
import { readExamples, type Example } from '../../src/data/index.ts';
import * as graph from '../../src/graph/index.ts';
import { accuracy, classificationReport } from '../../src/metrics/index.ts';
import { compile, type CompiledGraph } from '../../src/runtime/compile.ts';
import { float32, int64, type HostTensor } from '../../src/runtime/tensor.ts';

const DEFAULT_EPOCHS = 30;
const BATCH = 64;
const RATE = 0.02;
const DECAY = 1e-4;

/** What training and prediction need of an example: its text, and the index of its label. */
export type LabelledText = Pick<Example, 'text' | 'target'>;

/** Words and pairs of neighbouring words; every Chinese character, and every other sign, is a word. */
export function bagFeatures(text: string): string[] {
  const words = text.toLowerCase().match(/\p{Script=Han}|[\p{L}\p{N}']+|[^\s\p{L}\p{N}]/gu) ?? [];
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)];
}

/** Index of every feature that occurs in at least two of the texts. */
export function bagVocabulary(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const feature of new Set(bagFeatures(text))) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  return new Map([...counts].filter(([, count]) => count >= 2).map(([feature], index) => [feature, index]));
}

/** The known features of a text as indices, each once. */
const indicesOf = (text: string, vocabulary: ReadonlyMap<string, number>): number[] =>
  [...new Set(bagFeatures(text))].flatMap((feature) => vocabulary.get(feature) ?? []);

/** A trained baseline. */
export class BagOfWords {
  readonly vocabulary: ReadonlyMap<string, number>;
  /** `[labels, features]`, row-major. */
  readonly weight: Float32Array;
  /** `[labels]`. */
  readonly bias: Float32Array;

  constructor(vocabulary: ReadonlyMap<string, number>, weight: Float32Array, bias: Float32Array) {
    this.vocabulary = vocabulary;
    this.weight = weight;
    this.bias = bias;
  }

  /** Index of the label with the highest logit. */
  predict(text: string): number {
    const indices = indicesOf(text, this.vocabulary);
    const width = this.vocabulary.size;
    const logits = Array.from(
      this.bias,
      (bias, label) =>
        indices.reduce((sum, index) => sum + this.weight[label * width + index], 0) /
          Math.sqrt(Math.max(1, indices.length)) +
        bias,
    );
    return logits.indexOf(Math.max(...logits));
  }

  /** Share of the examples whose label is predicted. */
  accuracy(examples: readonly LabelledText[]): number {
    return accuracy(
      examples.map(({ target }) => target as number),
      examples.map(({ text }) => this.predict(text)),
    );
  }
}

/** What {@link trainBagOfWords} tells after every epoch. */
export interface BagOfWordsEpoch {
  epoch: number;
  /** Mean cross-entropy of the epoch's batches. */
  loss: number;
  /** Accuracy on the held-out examples. */
  accuracy: number;
  model: BagOfWords;
}

/** Options of {@link trainBagOfWords}. */
export interface BagOfWordsOptions {
  /** Number of labels; targets are below it. */
  labels: number;
  /** Default 30. */
  epochs?: number;
  /** Of the order of the rows; weights start at 0. Default 1. */
  seed?: number;
  onEpoch?: (epoch: BagOfWordsEpoch) => void;
}

/**
 * Trains with Adam and returns the weights of the epoch with the highest accuracy on `dev`, the first of equal ones.
 */
export async function trainBagOfWords(
  train: readonly LabelledText[],
  dev: readonly LabelledText[],
  options: BagOfWordsOptions,
): Promise<BagOfWords> {
  const { labels, epochs = DEFAULT_EPOCHS, seed = 1, onEpoch } = options;
  const vocabulary = bagVocabulary(train.map(({ text }) => text));
  if (vocabulary.size === 0)
    throw new AlbertineError('invalid_data', `no word occurs in two of the ${train.length} training texts`, {
      value: train.length,
    });
  const rows = train.map(({ text }) => indicesOf(text, vocabulary));
  const model = new BagOfWords(vocabulary, new Float32Array(labels * vocabulary.size), new Float32Array(labels));
  const adam = { weight: new Adam(model.weight), bias: new Adam(model.bias) };
  const parameters = { weight: float32([labels, vocabulary.size], model.weight), bias: float32([labels], model.bias) };
  using step = await compileStep(vocabulary.size, labels);
  let best: { accuracy: number; model: BagOfWords } | undefined;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = shuffle(Array.from(rows.keys()), createRandom(mixSeed(seed, epoch)));
    let total = 0;
    for (let start = 0; start < order.length; start += BATCH) {
      const picked = order.slice(start, start + BATCH);
      const y = int64(
        [picked.length],
        picked.map((row) => train[row].target as number),
      );
      const results = await step.run({
        x: batchOf(
          picked.map((row) => rows[row]),
          vocabulary.size,
        ),
        y,
        ...parameters,
      });
      adam.weight.update(results['weightGradient'].data as Float32Array);
      adam.bias.update(results['biasGradient'].data as Float32Array);
      total += (results['loss'].data as Float32Array)[0] * picked.length;
    }
    const current = model.accuracy(dev);
    if (!best || current > best.accuracy)
      best = { accuracy: current, model: new BagOfWords(vocabulary, model.weight.slice(), model.bias.slice()) };
    onEpoch?.({ epoch, loss: total / rows.length, accuracy: current, model });
  }
  return best?.model ?? model;
}

/**
 * The model in six lines: features `[batch, inputs]` -> logits `[batch, outputs]` -> mean cross-entropy, and its
 * gradients.
 */
function compileStep(inputs: number, outputs: number): Promise<CompiledGraph> {
  const g = new graph.Graph();
  const x = g.input('x', ['batch', inputs]);
  const y = g.input('y', ['batch'], { dtype: 'int64' });
  const weight = g.input('weight', [outputs, inputs], { differentiable: true });
  const bias = g.input('bias', [outputs], { differentiable: true });
  const loss = graph.crossEntropy(graph.linear(x, weight, bias), y);
  const [weightGradient, biasGradient] = graph.grad(loss, [weight, bias]);
  return compile({ outputs: { loss, weightGradient, biasGradient } });
}

/** A batch of counts `[batch, inputs]`; every row is scaled to length 1, so that long texts do not weigh more. */
function batchOf(batch: readonly number[][], inputs: number): HostTensor {
  const data = new Float32Array(batch.length * inputs);
  batch.forEach((indices, row) => {
    for (const index of indices) data[row * inputs + index] = 1 / Math.sqrt(indices.length);
  });
  return float32([batch.length, inputs], data);
}

/** Adam with decoupled decay on one array of values. */
class Adam {
  private readonly values: Float32Array;
  private readonly first: Float32Array;
  private readonly second: Float32Array;
  private time = 0;

  constructor(values: Float32Array) {
    this.values = values;
    this.first = new Float32Array(values.length);
    this.second = new Float32Array(values.length);
  }

  update(gradient: Float32Array): void {
    const { values, first, second } = this;
    const time = ++this.time;
    for (let i = 0; i < values.length; i++) {
      first[i] = 0.9 * first[i] + 0.1 * gradient[i];
      second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2;
      values[i] -=
        RATE * (first[i] / (1 - 0.9 ** time) / (Math.sqrt(second[i] / (1 - 0.999 ** time)) + 1e-8) + DECAY * values[i]);
    }
  }
}

/** Trains on a file and prints how well every tenth epoch, and the best one, does on another. */
async function main([trainFile, devFile, textField = 'text', labelField = 'label']: readonly string[]): Promise<void> {
  if (trainFile === undefined || devFile === undefined)
    throw new AlbertineError('invalid_argument', 'give a training file and a held-out file');
  const train = await readExamples(trainFile, { textField, labelField });
  const dev = await readExamples(devFile, { textField, labelField, labels: train.labels });
  const gold = dev.examples.map(({ target }) => target as number);
  const scores = (model: BagOfWords): string => {
    const { accuracy: share, macroF1 } = classificationReport(
      gold,
      dev.examples.map(({ text }) => model.predict(text)),
      { labels: train.labels },
    );
    return `held-out accuracy ${share.toFixed(4)}, macro F1 ${macroF1.toFixed(4)} (${model.vocabulary.size} features)`;
  };
  const best = await trainBagOfWords(train.examples, dev.examples, {
    labels: train.labels.length,
    onEpoch: ({ epoch, loss, model }) =>
      epoch % 10 === 0 && console.log(`epoch ${epoch}: training loss ${loss.toFixed(4)}, ${scores(model)}`),
  });
  console.log(`best epoch: ${scores(best)}`);
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));
