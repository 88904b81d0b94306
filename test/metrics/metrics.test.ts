import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accuracy,
  calibrationBins,
  classificationReport,
  confusionMatrix,
  cosine,
  dot,
  euclidean,
  expectedCalibrationError,
  kendallTau,
  logLoss,
  matthewsCorrelation,
  meanAveragePrecision,
  meanReciprocalRank,
  multiLabelReport,
  ndcgAtK,
  pearson,
  precisionAtK,
  r2,
  rankAnswer,
  rankingScores,
  ranks,
  recallAtK,
  regressionReport,
  spearman,
  topKAccuracy,
  balancedAccuracy,
} from '../../src/metrics/index.ts';

interface Case {
  expected: Record<string, number>;
  [key: string]: unknown;
}
type Single = Case & { gold: number[]; predicted: number[]; probabilities: number[][] };
interface Golden {
  single: Single;
  odd: Single;
  multi: Case & { gold: number[][]; predicted: number[][] };
  numbers: Case & { x: number[]; y: number[] };
  retrieval: Case & { rankings: number[][]; gains: number[][]; k: number };
  vectors: Case & { a: number[]; b: number[] };
}
const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden.json'), 'utf8')) as Golden;
const labels = ['a', 'b', 'c', 'd'];

function expectClose(actual: object, expected: Record<string, number>, without: string[] = []): void {
  for (const [name, value] of Object.entries(expected)) {
    if (!without.includes(name)) expect.soft((actual as Record<string, number>)[name], name).toBeCloseTo(value, 12);
  }
}

describe('against numpy', () => {
  it('one label a row', () => {
    const { gold, predicted, probabilities, expected } = golden.single;
    expectClose(classificationReport(gold, predicted, { labels, probabilities }), expected, ['top2']);
    expect(topKAccuracy(gold, probabilities, 2)).toBeCloseTo(expected.top2, 12);
  });

  it('classes that are never predicted, never occur, or neither', () => {
    const { gold, predicted, expected } = golden.odd;
    const report = classificationReport(gold, predicted, { labels });
    expectClose(report, expected);
    expect(report.perClass[1]).toEqual({ label: 'b', precision: 0, recall: 0, f1: 0, support: 3, predicted: 0 });
    expect(report.perClass[3]).toMatchObject({ f1: 0, support: 0, predicted: 0 });
  });

  it('any number of labels a row', () => {
    const { gold, predicted, expected } = golden.multi;
    expectClose(multiLabelReport(gold, predicted, { labels: [...labels, 'e'] }), expected);
  });

  it('numbers', () => {
    const { x, y, expected } = golden.numbers;
    expectClose({ ...regressionReport(x, y), kendall: kendallTau(x, y) }, expected);
  });

  it('rankings', () => {
    const { rankings, gains, k, expected } = golden.retrieval;
    const queries = rankings.map((ranking, index) => ({
      ranking,
      relevance: new Map(gains[index].map((gain, document) => [document, gain])),
    }));
    expectClose(
      {
        mrr: meanReciprocalRank(queries),
        recall: recallAtK(queries, k),
        precision: precisionAtK(queries, k),
        ndcg: ndcgAtK(queries, k),
        ndcgExponential: ndcgAtK(queries, k, { gain: 'exponential' }),
        map: meanAveragePrecision(queries),
      },
      expected,
    );
  });

  it('vectors', () => {
    const { a, b, expected } = golden.vectors;
    expectClose({ dot: dot(a, b), cosine: cosine(a, b), euclidean: euclidean(a, b) }, expected);
  });
});

/** Values printed in the named documentation. */
interface Averages {
  labels: number;
  gold: number[];
  predicted: number[];
  macro: number[];
  micro: number[];
  weighted: number[];
}
const averages = JSON.parse(readFileSync(join(import.meta.dirname, 'averages.json'), 'utf8')) as {
  single: Averages[];
  several: (Omit<Averages, 'gold' | 'predicted'> & { gold: number[][]; predicted: number[][] })[];
};

describe("averages against scikit-learn's, with labels that occur nowhere or are only predicted", () => {
  const namesOf = (count: number): string[] => Array.from({ length: count }, (_, i) => `l${i}`);
  const expectAverages = (report: object, expected: Pick<Averages, 'macro' | 'micro' | 'weighted'>): void => {
    const flat = (['macro', 'micro', 'weighted'] as const).flatMap((kind) =>
      ['Precision', 'Recall', 'F1'].map((name, i): [string, number] => [kind + name, expected[kind][i]]),
    );
    expectClose(report, Object.fromEntries(flat));
  };

  it.each(averages.single)('one label a row, of $labels', ({ labels: count, gold, predicted, ...expected }) => {
    expectAverages(classificationReport(gold, predicted, { labels: namesOf(count) }), expected);
  });

  it.each(averages.several)('several labels a row, of $labels', ({ labels: count, gold, predicted, ...expected }) => {
    expectAverages(multiLabelReport(gold, predicted, { labels: namesOf(count) }), expected);
  });
});

describe('against published examples', () => {
  it("scikit-learn's f1_score, balanced_accuracy_score, matthews_corrcoef and confusion_matrix", () => {
    const report = classificationReport([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], { labels: ['0', '1', '2'] });
    expect(report.macroF1).toBeCloseTo(0.26667, 5);
    expect(report.microF1).toBeCloseTo(0.33333, 5);
    expect(report.weightedF1).toBeCloseTo(0.26667, 5);
    expect(report.perClass.map(({ f1 }) => f1)).toEqual([0.8, 0, 0]);
    expect(balancedAccuracy(confusionMatrix([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1], 2))).toBe(0.625);
    expect(matthewsCorrelation(confusionMatrix([1, 1, 1, 0], [1, 0, 1, 1], 2))).toBeCloseTo(-1 / 3, 12);
    expect(confusionMatrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2], 3)).toEqual([
      [2, 0, 0],
      [0, 0, 1],
      [1, 0, 2],
    ]);
  });

  it("scikit-learn's precision_recall_fscore_support with labels that occur nowhere, and one that is only predicted", () => {
    const labels = ['a', 'b', 'c', 'd'];
    const several = multiLabelReport([[0], [0, 1], [1], []], [[0], [1], [1, 3], [0]], { labels });
    expect(several).toMatchObject({
      macroPrecision: 0.375,
      macroRecall: 0.375,
      macroF1: 0.375,
      microPrecision: 0.6,
      microRecall: 0.75,
      weightedF1: 0.75,
    });
    const one = classificationReport([0, 0, 1, 1, 2], [0, 1, 1, 3, 2], { labels: [...labels, 'nowhere'] });
    expect(one.macroPrecision).toBeCloseTo(0.625, 12);
    expect(one.macroRecall).toBeCloseTo(0.5, 12);
    expect(one.macroF1).toBeCloseTo(0.5416666666666666, 12);
    expect(one.weightedF1).toBeCloseTo(0.6666666666666666, 12);
  });

  it("scikit-learn's log_loss, top_k_accuracy_score and r2_score", () => {
    expect(
      logLoss(
        [1, 0, 0, 1],
        [
          [0.1, 0.9],
          [0.9, 0.1],
          [0.8, 0.2],
          [0.35, 0.65],
        ],
      ),
    ).toBeCloseTo(0.21616, 5);
    const scores = [
      [0.5, 0.2, 0.2],
      [0.3, 0.4, 0.2],
      [0.2, 0.4, 0.3],
      [0.7, 0.2, 0.1],
    ];
    expect(topKAccuracy([0, 1, 2, 2], scores, 2)).toBe(0.75);
    expect(r2([3, -0.5, 2, 7], [2.5, 0, 2, 8])).toBeCloseTo(0.948608, 6);
  });

  it("SciPy's spearmanr and kendalltau", () => {
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(kendallTau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0])).toBeCloseTo(-0.47140452079103173, 12);
  });

  it("Wikipedia's mean reciprocal rank (cats, tori, viruses) and discounted cumulative gain", () => {
    const queries = [3, 2, 1].map((rank) => ({ ranking: [1, 2, 3], relevance: new Map([[rank, 1]]) }));
    expect(meanReciprocalRank(queries)).toBeCloseTo(11 / 18, 12);
    // Relevances 3 2 3 0 1 2 as ranked; two more documents of relevance 3 and 2 were not found.
    const relevance = new Map([3, 2, 3, 0, 1, 2, 3, 2].map((gain, document) => [document, gain]));
    expect(ndcgAtK([{ ranking: [0, 1, 2, 3, 4, 5], relevance }], 6)).toBeCloseTo(0.785, 3);
  });
});

describe('by hand', () => {
  it('average precision worked out by hand: hits at 1, 3 and 6', () => {
    const query = {
      ranking: [10, 11, 12, 13, 14, 15],
      relevance: new Map([
        [10, 1],
        [12, 1],
        [15, 1],
      ]),
    };
    expect(meanAveragePrecision([query])).toBeCloseTo((1 + 2 / 3 + 3 / 6) / 3, 12);
    expect(meanAveragePrecision([query], 3)).toBeCloseTo((1 + 2 / 3) / 3, 12);
  });
});

describe('one right answer', () => {
  const rankOf = (right: number, scores: number[]): number =>
    1 + Array.from(rankAnswer(right, scores).ranking).indexOf(right);

  it('counts equal scores, and scores that are no number, against the right answer', () => {
    expect(rankOf(1, [0.1, 0.9, 0.3])).toBe(1);
    expect(rankOf(0, [0.5, 0.9, 0.5, 0.1])).toBe(3);
    expect(rankOf(0, [1, 1, 1])).toBe(3);
    expect(rankOf(2, [1, 1, 1])).toBe(3);
    expect(rankOf(0, [NaN, 1])).toBe(2);
    expect(rankOf(0, [1, NaN])).toBe(2);
    expect(rankOf(0, [1])).toBe(1);
    expect(() => rankAnswer(2, [1, 0])).toThrow(/right must be an integer >= 0 and <= 1, got 2/);
  });

  it('gives accuracies and the mean reciprocal rank as worked out by hand', () => {
    const twelve = (score: number): number[] => [score, ...Array.from({ length: 11 }, (_, i) => i + 1)];
    // Ranks 1 (above 11), 2 (ties with 11), 10 (ties with 3: nine from 3 to 11 are before) and 12 (below all).
    const queries = [12, 11, 3, 0].map((score) => rankAnswer(0, twelve(score)));
    expect(rankingScores(queries)).toEqual({
      queries: 4,
      accuracyAt1: 1 / 4,
      accuracyAt10: 3 / 4,
      meanReciprocalRank: expect.closeTo((1 + 1 / 2 + 1 / 10 + 1 / 12) / 4, 12) as number,
    });
    expect(rankingScores([])).toEqual({ queries: 0, accuracyAt1: NaN, accuracyAt10: NaN, meanReciprocalRank: NaN });
  });

  it('gives the shares and the mean of the ranks, for any scores', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 12, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(scores, { minLength: 1, maxLength: 12 }), (rows) => {
        const places = rows.map((row, right) => row.filter((score) => score >= row[right]).length);
        const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
        const found = rankingScores(rows.map((row, right) => rankAnswer(right, row)));
        expect(found.queries).toBe(rows.length);
        expect(found.accuracyAt1).toBeCloseTo(mean(places.map((rank) => Number(rank === 1))), 12);
        expect(found.accuracyAt10).toBeCloseTo(mean(places.map((rank) => Number(rank <= 10))), 12);
        expect(found.meanReciprocalRank).toBeCloseTo(mean(places.map((rank) => 1 / rank)), 12);
      }),
    );
  });
});

describe('where a figure is undefined', () => {
  it('correlations of constant or single values are NaN', () => {
    for (const correlation of [pearson, spearman, kendallTau]) {
      expect(correlation([1, 2, 3], [0.1, 0.1, 0.1])).toBeNaN();
      expect(correlation([0.1, 0.1, 0.1], [1, 2, 3])).toBeNaN();
      expect(correlation([1], [1])).toBeNaN();
      expect(correlation([], [])).toBeNaN();
      expect(correlation([1, NaN, 3], [1, 2, 3])).toBeNaN();
    }
    expect(r2([2, 2], [2, 2])).toBeNaN();
  });

  it('perfect and reversed order are exactly 1 and -1, also with infinities', () => {
    expect(spearman([1, 2, Infinity, -Infinity], [10, 20, 30, 5])).toBe(1);
    expect(kendallTau([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
    expect([...ranks([3, 1, 3, 2])]).toEqual([3.5, 1, 3.5, 2]);
  });

  it('Matthews is 0 when one side is a single class', () => {
    expect(matthewsCorrelation(confusionMatrix([0, 1, 1], [1, 1, 1], 2))).toBe(0);
    expect(matthewsCorrelation(confusionMatrix([1, 1], [1, 1], 2))).toBe(0);
  });

  it('nothing to score gives NaN, a zero vector cosine 0', () => {
    expect(accuracy([], [])).toBeNaN();
    expect(classificationReport([], [], { labels }).macroF1).toBeNaN();
    expect(cosine([0, 0], [1, 2])).toBe(0);
    const noneRelevant = { ranking: [1, 2], relevance: new Map([[1, 0]]) };
    expect(meanReciprocalRank([noneRelevant])).toBeNaN();
    expect(ndcgAtK([noneRelevant, { ranking: [1], relevance: new Map([[1, 1]]) }], 3)).toBe(1);
    expect(recallAtK([{ ranking: [], relevance: new Map([[1, 1]]) }], 3)).toBe(0);
  });

  it('a probability of 0 for the gold class costs a bounded amount', () => {
    expect(logLoss([0], [[0, 1]])).toBeCloseTo(-Math.log(Number.EPSILON), 12);
  });

  it('rejects what cannot be scored', () => {
    expect(() => accuracy([1], [1, 2])).toThrow(/differ in length: 1 and 2/);
    expect(() => confusionMatrix([0, 4], [0, 1], 4)).toThrow(/from 0 to 3, got 4/);
    expect(() => logLoss([2], [[0.5, 0.5]])).toThrow(/class 2 needs a probability/);
    expect(() => ndcgAtK([{ ranking: [1, 1], relevance: new Map([[1, 1]]) }], 2)).toThrow(/twice/);
    expect(() => recallAtK([], 0)).toThrow(/k must be an integer >= 1/);
  });
});

describe('calibration', () => {
  it('is 0 when confidence equals accuracy, and their distance otherwise', () => {
    const sure = Array.from({ length: 10 }, () => [0.2, 0.8]);
    expect(expectedCalibrationError([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], sure)).toBeCloseTo(0, 12);
    expect(expectedCalibrationError([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], sure)).toBeCloseTo(0.8, 12);
  });

  it('puts a limit into the bin below it', () => {
    const bins = calibrationBins(
      [0, 0],
      [
        [0.6, 0.4],
        [1, 0],
      ],
      5,
    );
    expect(bins.map(({ count }) => count)).toEqual([0, 0, 1, 0, 1]);
    expect(bins[0].accuracy).toBeNaN();
  });
});
