import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { openSmallModel } from './model.ts';

let classifier: TextClassifier;
beforeAll(async () => {
  classifier = TextClassifier.from(await openSmallModel());
});
afterAll(() => classifier[Symbol.dispose]());

describe('TextClassifier', () => {
  it('gives probabilities that sum to one, best first, whatever the batch', async () => {
    const inputs = ['the cat sat', { text: 'a dog', pair: 'red sun' }, '猫好'];
    const predictions = await classifier.predict(inputs);
    for (const [row, { labels, label, score }] of predictions.entries()) {
      expect(labels.reduce((sum, entry) => sum + entry.score, 0)).toBeCloseTo(1, 6);
      expect(labels.map((entry) => entry.score)).toEqual(labels.map((entry) => entry.score).sort((a, b) => b - a));
      expect(labels[0]).toEqual({ label, score });
      expect((await classifier.predict([inputs[row]]))[0]).toEqual(predictions[row]);
    }
    expect((await classifier.predict(['a'], { topK: 1 }))[0].labels).toHaveLength(1);
  });

  it('averages the logits of windows by their tokens, and says what it cut otherwise', async () => {
    const words = Array.from({ length: 40 }, (_, i) => ['cat', 'dog', 'tree', 'moon', 'sun'][i % 5]);
    const [whole, first, second] = (
      await Promise.all([words, words.slice(0, 30), words.slice(30)].map((part) => classifier.logits([part.join(' ')])))
    ).map(({ logits }) => logits);
    whole.forEach((value, i) => expect(value).toBeCloseTo((32 * first[i] + 12 * second[i]) / 44, 5));
    const [cut] = await classifier.predict([words.join(' ')], { longText: 'truncate' });
    expect(cut).toMatchObject({ windows: 1, tokenCount: 40, truncatedTokens: 10 });
    await expect(classifier.predict([words.join(' ')], { longText: 'error' })).rejects.toMatchObject({
      code: 'text_too_long',
    });
  });

  it('takes texts and pairs where the checkpoint does not say what it was fine-tuned on', () => {
    expect(classifier.pairs).toBeUndefined();
    for (const pairs of [true, false]) expect(() => classifier.requireInputs(pairs)).not.toThrow();
  });
});
