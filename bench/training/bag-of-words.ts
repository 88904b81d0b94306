/**
 * Logistic regression on word counts, written with the graph operators: a baseline for text classification.
 *
 *     npx tsx bench/training/bag-of-words.ts train.csv dev.csv [textField] [labelField]
 *
 * Words that occur at least twice, and pairs of neighbouring words, are counted; Chinese text is taken character by character.
 */
import { AlbertineError, classificationReport, compile, float32, graph, HostTensor, int64, readExamples, type Example } from '../../src/index.ts';

const EPOCHS = 30;
const BATCH = 64;
const RATE = 0.02;
const DECAY = 1e-4;

/** Words and pairs of neighbouring words. */
function features(text: string): string[] {
  const words = text.toLowerCase().match(/\p{Script=Han}|[\p{L}\p{N}']+|[^\s\p{L}\p{N}]/gu) ?? [];
  return [...words, ...words.slice(1).map((word, i) => `${words[i]} ${word}`)];
}

function vocabularyOf(examples: readonly Example[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of examples) for (const feature of new Set(features(text))) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  return new Map([...counts].filter(([, count]) => count >= 2).map(([feature], index) => [feature, index]));
}

/** The known features of a text as indices, each once. */
const indicesOf = (text: string, vocabulary: ReadonlyMap<string, number>): number[] => [...new Set(features(text))].flatMap((feature) => vocabulary.get(feature) ?? []);

const [trainFile, devFile, textField = 'text', labelField = 'label'] = process.argv.slice(2);
if (trainFile === undefined || devFile === undefined) throw new AlbertineError('invalid_argument', 'give a training file and a held-out file');
const train = await readExamples(trainFile, { textField, labelField });
const dev = await readExamples(devFile, { textField, labelField, labels: train.labels });
const vocabulary = vocabularyOf(train.examples);
const [inputs, outputs] = [vocabulary.size, train.labels.length];
const rows = train.examples.map(({ text }) => indicesOf(text, vocabulary));

// The model in six lines: features [batch, inputs] -> logits [batch, outputs] -> mean cross-entropy, and its gradients.
const g = new graph.Graph();
const x = g.input('x', ['batch', inputs]);
const y = g.input('y', ['batch'], { dtype: 'int64' });
const weight = g.input('weight', [outputs, inputs], { differentiable: true });
const bias = g.input('bias', [outputs], { differentiable: true });
const loss = graph.crossEntropy(graph.linear(x, weight, bias), y);
const [weightGradient, biasGradient] = graph.grad(loss, [weight, bias]);
using step = await compile({ outputs: { loss, weightGradient, biasGradient } });

/** A batch of counts; every row is scaled to length 1, so that long texts do not weigh more. */
function batchOf(batch: readonly number[][]): HostTensor {
  const data = new Float32Array(batch.length * inputs);
  batch.forEach((indices, row) => {
    for (const index of indices) data[row * inputs + index] = 1 / Math.sqrt(indices.length);
  });
  return float32([batch.length, inputs], data);
}

const parameters = { weight: float32([outputs, inputs], new Float32Array(outputs * inputs)), bias: float32([outputs], new Float32Array(outputs)) };
const moments = new Map<string, { first: Float32Array; second: Float32Array }>();

/** One update by Adam. */
function update(name: keyof typeof parameters, gradient: Float32Array, time: number): void {
  const values = parameters[name].data as Float32Array;
  const { first, second } = moments.get(name) ?? { first: new Float32Array(values.length), second: new Float32Array(values.length) };
  moments.set(name, { first, second });
  for (let i = 0; i < values.length; i++) {
    first[i] = 0.9 * first[i] + 0.1 * gradient[i];
    second[i] = 0.999 * second[i] + 0.001 * gradient[i] ** 2;
    values[i] -= RATE * (first[i] / (1 - 0.9 ** time) / (Math.sqrt(second[i] / (1 - 0.999 ** time)) + 1e-8) + DECAY * values[i]);
  }
}

function predict(indices: readonly number[]): number {
  const [w, b] = [parameters.weight.data, parameters.bias.data] as [Float32Array, Float32Array];
  const logits = Array.from({ length: outputs }, (_, label) => indices.reduce((sum, index) => sum + w[label * inputs + index], 0) / Math.sqrt(Math.max(1, indices.length)) + b[label]);
  return logits.indexOf(Math.max(...logits));
}

let time = 0;
for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  let total = 0;
  for (let start = 0; start < rows.length; start += BATCH) {
    // A fixed stride that shares no factor with the number of rows visits all of them in a mixed order.
    const picked = Array.from({ length: Math.min(BATCH, rows.length - start) }, (_, i) => ((start + i) * 7919 + epoch * 31) % rows.length);
    const results = await step.run({ x: batchOf(picked.map((row) => rows[row])), y: int64([picked.length], picked.map((row) => train.examples[row].target as number)), ...parameters });
    time++;
    update('weight', results['weightGradient'].data as Float32Array, time);
    update('bias', results['biasGradient'].data as Float32Array, time);
    total += (results['loss'].data as Float32Array)[0] * picked.length;
  }
  if (epoch % 10 !== 0) continue;
  const predicted = dev.examples.map(({ text }) => predict(indicesOf(text, vocabulary)));
  const { accuracy, macroF1 } = classificationReport(dev.examples.map(({ target }) => target as number), predicted, { labels: train.labels });
  console.log(`epoch ${epoch}: training loss ${(total / rows.length).toFixed(4)}, held-out accuracy ${accuracy.toFixed(4)}, macro F1 ${macroF1.toFixed(4)} (${inputs} features)`);
}
