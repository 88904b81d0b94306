import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { downloadModel } from '../../src/checkpoint/hub-node.ts';
import { saveOnnx } from '../../src/checkpoint/onnx-export-node.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { readExamples } from '../../src/data/dataset-node.ts';
import { openRows, readTexts } from '../../src/data/read-node.ts';
import { trainVocabularyFromFiles } from '../../src/tokenizer/training/train-node.ts';
import { buildShards } from '../../src/training/pretraining/shards-node.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import type { Albert } from '../../src/loaded/albert.ts';
import { evaluateClassifier } from '../../src/tasks/classify/evaluate-node.ts';
import { evaluateEmbedding } from '../../src/tasks/embedding/evaluate-node.ts';
import { fineTuneEmbedding } from '../../src/tasks/embedding/fine-tune-node.ts';
import { fineTuneClassifier } from '../../src/tasks/classify/tuning-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { UrlAlbert } from '../../src/loaded/load-url.ts';
import { pretrain } from '../../src/tasks/pretrain/pretrain-node.ts';
import { quantizeModel } from '../../src/loaded/quantize-model.ts';
import { openSmallModel } from './model.ts';

let model: Albert;
beforeAll(async () => {
  model = await openSmallModel();
});
afterAll(() => model[Symbol.dispose]());

const first = async (stream: AsyncGenerator<unknown>): Promise<unknown> => (await stream.next()).value;
/** A call as JavaScript may make it. */
type Call = (options: never) => unknown;

describe('options of the public functions', () => {
  const calls: [string, Call, string][] = [
    ['embed', (options) => model.embed(['a'], options), 'normalize'],
    ['embedStream', (options) => first(model.embedStream(['a'], options)), 'lookAhead'],
    ['embedTokens', (options) => model.embedTokens(['a'], options), 'unit'],
    ['predict', (options) => TextClassifier.from(model).predict(['a'], options), 'topK'],
    ['predictStream', (options) => first(TextClassifier.from(model).predictStream(['a'], options)), 'longText'],
    ['logits', (options) => TextClassifier.from(model).logits(['a'], options), 'maxLength'],
    [
      'evaluateClassifier',
      (options) => evaluateClassifier(TextClassifier.from(model), 'none.csv', options),
      'labelField',
    ],
    ['evaluateEmbedding', (options) => evaluateEmbedding(model, 'none.csv', options), 'scoreField'],
    ['quantizeModel', (options) => quantizeModel(model, options), 'activations'],
    ['Albert.load', (options) => loadModel('./none', options), 'threads'],
    ['Albert.load', (options) => UrlAlbert.load('http://localhost/none', options), 'headers'],
    ['fineTuneClassifier', (options) => fineTuneClassifier(options), 'learningRate'],
    ['fineTuneEmbedding', (options) => fineTuneEmbedding(options), 'batchSize'],
    ['pretrain', (options) => pretrain(options), 'heldOut'],
    ['saveCheckpoint', (options) => saveCheckpoint('none', options), 'labels'],
    ['saveOnnx', (options) => saveOnnx('none.onnx', model.config, model.weights, options), 'layout'],
    ['buildShards', (options) => buildShards([], 'none', options), 'segments'],
    ['openRows', (options) => openRows('none.csv', options), 'delimiter'],
    ['readTexts', (options) => readTexts('none.csv', options), 'textField'],
    ['readExamples', (options) => readExamples('none.csv', options), 'labelField'],
    ['trainVocabularyFromFiles', (options) => trainVocabularyFromFiles([], options), 'vocabSize'],
    ['downloadModel', (options) => downloadModel('owner/name', options), 'revision'],
  ];

  it.each(calls)('%s names an unknown one', async (subject, call, name) => {
    const misspelt = `${name}s`;
    await expect((async () => call({ [misspelt]: 1 } as never))()).rejects.toMatchObject({
      code: 'invalid_argument',
      value: misspelt,
      hint: `Did you mean "${name}"?`,
      message: `${subject} has no option "${misspelt}". Did you mean "${name}"?`,
    });
    await expect((async () => call('text' as never))()).rejects.toMatchObject({
      code: 'invalid_argument',
      value: 'text',
    });
  });

  it('says which required one is missing', async () => {
    await expect(fineTuneClassifier({ output: 'x' } as never)).rejects.toThrow(
      'fineTuneClassifier needs the option "train", which is missing',
    );
    await expect(pretrain({ output: 'x' } as never)).rejects.toThrow(
      'pretrain needs the option "shards", which is missing',
    );
  });
});

describe('texts of the public functions', () => {
  it('are lists', async () => {
    const classifier = TextClassifier.from(model);
    const wrong = 'a text' as never;
    for (const [subject, call] of [
      ['embed', () => model.embed(wrong)],
      ['embedTokens', () => model.embedTokens(wrong)],
      ['predict', () => classifier.predict(wrong)],
      ['logits', () => classifier.logits(wrong)],
      ['embedStream', () => first(model.embedStream(wrong))],
      ['predictStream', () => first(classifier.predictStream(wrong))],
    ] as const) {
      await expect((async () => call())()).rejects.toMatchObject({
        code: 'invalid_argument',
        value: 'a text',
        hint: `Put it into a list: ${subject}([text])`,
      });
    }
    await expect(model.embed(['a', 5 as never])).rejects.toThrow('text 1 of embed must be a string, got 5');
    await expect(classifier.predict(['a', { text: 'a', pair: 5 as never }])).rejects.toThrow(
      'text 1 of predict must be a string, got 5',
    );
    await expect(first(model.embedStream(['a', null as never]))).rejects.toThrow(
      'text 1 of embedStream must be a string, got null',
    );
  });
});
