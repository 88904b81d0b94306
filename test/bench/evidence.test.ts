import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CellStore, spreadOf, summarise, type CellResult } from '../../bench/pretraining/cells.ts';
import { readDocuments, selectPairs } from '../../bench/pretraining/paragraph-pairs.ts';
import { sampleRows, withoutOverlap, type TaskRow } from '../../bench/pretraining/tasks.ts';
import { characterBigrams, words } from '../../src/classical/terms.ts';
import { sparseCosine, TfIdf } from '../../src/classical/tf-idf.ts';
import { bagVocabulary, trainBagOfWords } from '../../bench/training/bag-of-words.ts';

describe('tf-idf', () => {
  const tfIdf = new TfIdf(['The cat sat.', 'the dog sat', 'The cat ran!'], words);
  const similarity = (a: string, b: string): number => sparseCosine(tfIdf.vector(a), tfIdf.vector(b));

  it('is the cosine of counts times ln((1 + n) / (1 + df)) + 1', () => {
    // Worked out by a few lines of Python with that formula: df the 3, cat 2, sat 2, dog 1, ran 1, bird 0.
    expect(similarity('the cat', 'the dog')).toBeCloseTo(0.3119172480155738, 10);
    expect(similarity('cat, CAT; dog', 'the dog (bird)')).toBeCloseTo(0.3008082824372449, 10);
    expect(similarity('the cat', 'Cat the')).toBeCloseTo(1, 10);
    expect(similarity('bird', 'cat')).toBe(0);
    expect(similarity('...', 'cat')).toBe(0);
  });

  it('takes Chinese as characters and pairs within a run', () => {
    expect(characterBigrams('我爱𠮷，天气')).toEqual(['我', '爱', '𠮷', '我爱', '爱𠮷', '天', '气', '天气']);
  });
});

describe('paragraph pairs', () => {
  const selection = { language: 'en', minLength: 10, minSentences: 4, perDocument: 2, limit: 10 };
  const paragraph = (name: string, sentences = 4): string =>
    Array.from({ length: sentences }, (_, i) => `Sentence ${i} of ${name} is here.`).join(' ');

  it('reads documents between blank lines', () => {
    expect(readDocuments('a\nb\n\n \r\n\nc\r\n')).toEqual([['a', 'b'], ['c']]);
  });

  it('cuts after the first half of the sentences', () => {
    const [even, odd] = selectPairs([[paragraph('A')], [paragraph('B', 5)]], selection);
    expect(even).toEqual({
      first: 'Sentence 0 of A is here. Sentence 1 of A is here.',
      second: 'Sentence 2 of A is here. Sentence 3 of A is here.',
    });
    expect(odd.first).toBe('Sentence 0 of B is here. Sentence 1 of B is here.');
    expect(odd.second).toBe('Sentence 2 of B is here. Sentence 3 of B is here. Sentence 4 of B is here.');
  });

  it('cuts Chinese, too', () => {
    expect(selectPairs([['今天下雨。我们在家。明天晴。去爬山吧！']], { ...selection, language: 'zh' })).toEqual([
      { first: '今天下雨。我们在家。', second: '明天晴。去爬山吧！' },
    ]);
  });

  it('takes documents in turn, few paragraphs of each, none too short, none twice', () => {
    const documents = [
      [paragraph('A1'), 'Short.', paragraph('A2'), paragraph('A3')],
      [paragraph('B1', 3), paragraph('B2')],
      [paragraph('A1'), paragraph('C2')],
    ];
    const names = (limit: number): string[] =>
      selectPairs(documents, { ...selection, limit }).map(({ first }) => /of (\w+)/.exec(first)![1]);
    expect(names(10)).toEqual(['A1', 'B2', 'C2', 'A2']);
    expect(names(3)).toEqual(['A1', 'B2', 'C2']);
  });
});

describe('task rows', () => {
  const rows: TaskRow[] = Array.from({ length: 200 }, (_, i) => ({
    text: `text ${i}`,
    label: i % 4 === 0 ? 'a' : 'b',
  }));

  it('samples as many as asked, with the mix of labels, others for another seed', () => {
    const sample = sampleRows(rows, 40, 1);
    expect(sample).toHaveLength(40);
    expect(sample.filter(({ label }) => label === 'a')).toHaveLength(10);
    expect(sampleRows(rows, 40, 1)).toEqual(sample);
    expect(sampleRows(rows, 40, 2)).not.toEqual(sample);
    expect(sampleRows(rows, 500, 1)).toEqual(rows);
  });

  it('leaves out of a split what is in a later one', () => {
    const row = (text: string, pair?: string): TaskRow => ({ text, label: '1', ...(pair !== undefined && { pair }) });
    const clean = withoutOverlap({
      train: [row('a'), row('b '), row('c'), row('x', 'y'), row('y', 'x')],
      dev: [row('b'), row('d')],
      test: [row('d'), row('a'), row('x', 'y')],
    });
    expect(clean.train).toEqual([row('c'), row('y', 'x')]);
    expect(clean.dev).toEqual([row('b')]);
    expect(clean.leftOut).toBe(4);
  });
});

describe('cells', () => {
  const cell = (rate: number, seed: number, dev: number, test: number): CellResult => ({
    task: 'sst2',
    size: '100',
    system: 'pretrained',
    start: 'f',
    epochs: 1,
    batchSize: 2,
    maxLength: 8,
    limit: 0,
    rate,
    seed,
    trainRows: 100,
    dev: { accuracy: dev },
    test: { accuracy: test },
    truncatedTexts: 0,
    finishedAt: '',
  });

  it('summarises the rate that is best on dev among those with all seeds', () => {
    const cells = [
      cell(1, 1, 0.6, 0.9),
      cell(1, 2, 0.6, 0.9),
      cell(2, 2, 0.9, 0.7),
      cell(2, 1, 0.7, 0.5),
      cell(3, 1, 1, 1),
    ];
    const summary = summarise(cells, ['accuracy'])!;
    expect([summary.rate, summary.seeds, summary.rates]).toEqual([2, [1, 2], [1, 2]]);
    expect(summary.dev['accuracy'].mean).toBeCloseTo(0.8, 12);
    expect(summary.test['accuracy'].mean).toBeCloseTo(0.6, 12);
    // numpy.std([0.7, 0.5], ddof=1)
    expect(summary.test['accuracy'].deviation).toBeCloseTo(0.14142135623730948, 12);
    expect(spreadOf([1]).deviation).toBeNaN();
    expect(summarise([], ['accuracy'])).toBeUndefined();
  });

  it('goes on after an interrupted write, and refuses a damaged file', () => {
    const folder = mkdtempSync(join(tmpdir(), 'albertine-cells-'));
    try {
      const path = join(folder, 'deep', 'results.jsonl');
      new CellStore(path).add(cell(1, 1, 0.5, 0.5));
      appendFileSync(path, '{"task":"ss');
      const store = new CellStore(path);
      expect(store.get(cell(1, 1, 0, 0))?.dev).toEqual({ accuracy: 0.5 });
      expect(store.get(cell(1, 2, 0, 0))).toBeUndefined();
      store.add(cell(1, 2, 0.7, 0.7));
      expect(new CellStore(path).of(cell(9, 9, 0, 0))).toHaveLength(2);
      expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
      appendFileSync(path, '{}\n');
      expect(() => new CellStore(path)).toThrow('line 3');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('bag of words', () => {
  it('knows features of two texts, and learns what they tell', async () => {
    expect([...bagVocabulary(['good film', 'a good film', 'good']).keys()]).toEqual(['good', 'film', 'good film']);
    const rows = ['good', 'bad'].flatMap((word, target) =>
      Array.from({ length: 8 }, (_, i) => ({ text: `a ${word} film ${i}`, target })),
    );
    const epochs: number[] = [];
    const model = await trainBagOfWords(rows, rows, { labels: 2, epochs: 5, onEpoch: ({ loss }) => epochs.push(loss) });
    expect(model.accuracy(rows)).toBe(1);
    expect([model.predict('good'), model.predict('bad')]).toEqual([0, 1]);
    expect(epochs).toHaveLength(5);
    expect(epochs[0]).toBeCloseTo(Math.LN2, 6);
    expect(epochs[4]).toBeLessThan(epochs[0]);
  });
});
