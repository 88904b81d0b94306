import { pick } from '../../core/pick.ts';
import type { LoadOptions } from '../../loaded/albert.ts';
import { readExamples, type ReadExampleOptions } from '../../data/dataset-node.ts';
import { labelled } from '../classify/tuning-node.ts';
import { textClassification } from '../classify/hugging-face.ts';
import { answerCells, answerRecord } from '../classify/answer-record.ts';
import { evaluateTask } from '../evaluate-node.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';
import type { AskedModel, Predictor } from '../verbs.ts';
import { noPairs, type FittedClassifier, type FittedPredictOptions } from './classifier.ts';
import { loadFittedClassifier } from './fit-node.ts';

/** Opens a folder of `albertine fit` for the verbs that ask models. */
export async function openFitted(folder: string, options: LoadOptions = {}): Promise<AskedModel> {
  const classifier = await loadFittedClassifier(folder, options);
  const { facts } = classifier;
  return {
    notes: [],
    predictor: predictorOf(classifier),
    service: {
      async answer(inputs, asked) {
        const answers = await classifier.predict(inputs as readonly string[], asked as FittedPredictOptions);
        return answers.map((answer) => ({ record: answerRecord(answer as never, facts), counts: answer }));
      },
      huggingFace: textClassification,
    },
    async evaluate(path, given) {
      const reading = pick(given as ReadExampleOptions, ['textField', 'labelField', 'labelSeparator', ...FILE_OPTIONS]);
      const { problem, labels } = facts;
      const set = await readExamples(path, { ...reading, problem, ...(problem !== 'regression' && { labels }) });
      return evaluateTask(classifier, labelled(set, facts), {});
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
