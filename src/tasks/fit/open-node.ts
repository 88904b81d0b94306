import { pick } from '../../core/pick.ts';
import { readExamples, type ReadExampleOptions } from '../../data/dataset-node.ts';
import { classifyRewriting } from '../classify/rewriting.ts';
import type { ClassifyTypes } from '../classify/task.ts';
import { classifyTuning, labelled } from '../classify/tuning-node.ts';
import { answerCells, answerRecord } from '../classify/answer-record.ts';
import { evaluateTask } from '../evaluate-node.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';
import type { RewritableData } from '../rewriting.ts';
import type { Labelled } from '../tuning.ts';
import type { AskedModel, GivenOptions, Predictor } from '../verbs.ts';
import { noPairs, type FittedClassifier, type FittedPredictOptions } from './classifier.ts';
import { loadFittedClassifier } from './fit-node.ts';

/** Opens a folder of `albertine fit` for the verbs that ask models. */
export async function openFitted(folder: string, options: { threads?: number } = {}): Promise<AskedModel> {
  const classifier = await loadFittedClassifier(folder, options);
  const { facts } = classifier;
  const read = async (path: string, given: GivenOptions): Promise<Labelled<ClassifyTypes>> => {
    const reading = pick(given as ReadExampleOptions, ['textField', 'labelField', 'labelSeparator', ...FILE_OPTIONS]);
    const { problem, labels } = facts;
    const set = await readExamples(path, { ...reading, problem, ...(problem !== 'regression' && { labels }) });
    return labelled(set, facts);
  };
  return {
    notes: [],
    predictor: predictorOf(classifier),
    evaluate: async (path, given) => evaluateTask(classifier, await read(path, given), {}),
    async rewritable(path, given) {
      classifyRewriting.check!(facts);
      return {
        model: classifier,
        data: await read(path, given),
        asking: {},
        rewriting: classifyRewriting,
        metric: classifyTuning.defaultMetric(facts),
      } as unknown as RewritableData;
    },
    [Symbol.dispose]: () => classifier[Symbol.dispose](),
  };
}

function predictorOf(classifier: FittedClassifier): Predictor {
  return {
    requireInputs(pairs) {
      if (pairs) throw noPairs();
    },
    ofText:
      () =>
      ({ text, pair }) =>
        pair === undefined ? text : { text, pair },
    answers: (inputs, options) =>
      classifier.predictStream(inputs as AsyncIterable<string>, {
        ...pick(options as FittedPredictOptions & { lookAhead?: number }, ['topK', 'lookAhead', 'batchTokens']),
      }),
    record: (answer) => answerRecord(answer as never, classifier.facts),
    cells: (answer, { topK }) => answerCells(answer as never, classifier.facts, (topK as number | undefined) ?? 1),
  };
}
