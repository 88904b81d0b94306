import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import { ZeroShotClassifier } from '../../src/tasks/zero-shot/zero-shot.ts';
import { records, run, temporaryFolder } from '../cli/support.ts';
import { SMALL_CONFIG, WORDS } from './model.ts';

const folder = temporaryFolder();
const model = folder.path('nli');
const write = (path: string, labels: string[]): Promise<unknown> =>
  saveCheckpoint(path, {
    config: SMALL_CONFIG,
    weights: initialiseWeights(SMALL_CONFIG, 4, { heads: ['sequenceClassification'], numLabels: labels.length }),
    tokenizerFiles: { 'vocab.txt': `${WORDS.join('\n')}\n` },
    labels,
    problemType: 'single_label_classification',
  });
beforeAll(() => write(model, ['contradiction', 'neutral', 'entailment']));
afterAll(() => folder.remove());
const softmax = (values: number[]): number[] =>
  values.map((value) => Math.exp(value) / values.reduce((sum, other) => sum + Math.exp(other), 0));

describe('zero-shot classification', () => {
  it("compares how much each label is entailed, or each with its contradiction, as Hugging Face's pipeline", async () => {
    using zero = ZeroShotClassifier.from(await loadModel(model, { threads: 1 }));
    const [text, labels, template] = ['the cat sat', ['dog', 'sun', 'house'], 'a {} .'];
    const { logits } = await zero.classifier.logits(labels.map((label) => ({ text, pair: `a ${label} .` })));
    const one = softmax(labels.map((_, i) => logits[3 * i + 2]));
    const [found] = await zero.classify([text], labels, { template });
    for (const [i, label] of labels.entries())
      expect(found.labels.find((other) => other.label === label)!.score).toBeCloseTo(one[i], 6);
    expect(found.label).toBe(found.labels[0].label);
    const [several] = await zero.classify([text], labels, { template, multiLabel: true });
    for (const [i, label] of labels.entries())
      expect(several.labels.find((other) => other.label === label)!.score).toBeCloseTo(
        softmax([logits[3 * i + 2], logits[3 * i]])[0],
        6,
      );
    expect(found.truncatedTokens).toBe(0);
    const [cut] = await zero.classify(['the cat sat '.repeat(100)], labels, { template });
    expect(cut.truncatedTokens).toBeGreaterThan(200);
    const [twice] = await zero.classify([text], labels, { template: '{} and {} .' });
    const both = softmax(
      Array.from(
        (await zero.classifier.logits(labels.map((label) => ({ text, pair: `${label} and ${label} .` })))).logits,
      ).filter((_, i) => i % 3 === 2),
    );
    for (const [i, label] of labels.entries())
      expect(twice.labels.find((other) => other.label === label)!.score).toBeCloseTo(both[i], 6);
    await expect(zero.classify([text], ['dog', 'sun', 'dog'])).rejects.toMatchObject({
      message: 'labels has "dog" twice',
      option: 'labels',
    });
    await expect(zero.classify([text], ['dog'])).rejects.toThrow('there must be at least two labels');
    await expect(zero.classify([text], labels, { template: 'no place' })).rejects.toThrow('the template has no {}');
  });

  it('is a command, and refuses a model that does not know entailment', async () => {
    const { stdout, code, stderr } = await run([
      'zero-shot',
      model,
      'the cat sat',
      '--labels',
      'dog,sun',
      '--template',
      'a {} .',
      '--threads',
      '1',
    ]);
    expect(code, stderr).toBe(0);
    expect(records(stdout)).toMatchObject([{ index: 0, labels: [{ score: expect.any(Number) as number }, {}] }]);
    expect(await run(['zero-shot', model, 'x', '--labels', 'dog,dog', '--threads', '1'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--labels has "dog" twice') as string,
    });
    expect(
      await run(['zero-shot', model, 'x', '--labels', 'a,b', '--template', 'none', '--threads', '1']),
    ).toMatchObject({ code: 2, stderr: expect.stringContaining('the --template has no {}') as string });
    await write(folder.path('other'), ['x', 'y']);
    expect(await run(['zero-shot', folder.path('other'), 'the cat', '--labels', 'a,b'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/does not know entailment: its labels are x, y/) as string,
    });
  });
});
