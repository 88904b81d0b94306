import { countOf } from '../../core/count.ts';
import { pick } from '../../core/pick.ts';
import type { LoadOptions } from '../../loaded/albert.ts';
import { readExamples, type ReadExampleOptions } from '../../data/dataset-node.ts';
import { textClassification } from '../classify/hugging-face.ts';
import { classifyRewriting } from '../classify/rewriting.ts';
import type { ClassifyTypes } from '../classify/task.ts';
import { classifyTuning, labelled } from '../classify/tuning-node.ts';
import { answerCells, answerRecord } from '../classify/answer-record.ts';
import { evaluateTask } from '../evaluate-node.ts';
import type { RewritableData } from '../rewriting.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';
import type { Labelled } from '../tuning.ts';
import type { AskedModel, GivenOptions, Predictor } from '../verbs.ts';
import type { FittedClassifier, FittedPrediction, FittedPredictOptions } from './classifier.ts';
import { loadFittedClassifier } from './fit-node.ts';

const FIELDS = ['textField', 'pairField', 'labelField', 'labelSeparator', ...FILE_OPTIONS] as const;

/** Opens a folder of `albertine fit` for the verbs that ask models. */
export async function openFitted(folder: string, options: LoadOptions = {}): Promise<AskedModel> {
  const classifier = await loadFittedClassifier(folder, options);
  const { facts } = classifier;
  const read = async (path: string, given: GivenOptions): Promise<Labelled<ClassifyTypes>> => {
    const reading = pick(given as ReadExampleOptions, FIELDS);
    classifier.requireInputs(reading.pairField !== undefined);
    const { problem, labels } = facts;
    const set = await readExamples(path, { ...reading, problem, ...(problem !== 'regression' && { labels }) });
    return labelled(set, facts);
  };
  return {
    notes: [],
    predictor: predictorOf(classifier),
    service: {
      async answer(inputs, asked) {
        const answers = await classifier.predict(inputs as readonly string[], asked as FittedPredictOptions);
        return answers.map((answer) => ({ record: recordOf(answer, facts), counts: answer }));
      },
      huggingFace: textClassification,
    },
    async evaluate(path, given) {
      let unknown = 0;
      const counting = {
        task: classifier.task,
        facts,
        async predict(...asked: Parameters<FittedClassifier['predict']>): Promise<FittedPrediction[]> {
          const answers = await classifier.predict(...asked);
          unknown += answers.filter(({ noKnownWords }) => noKnownWords).length;
          return answers;
        },
      };
      const { remarks, ...evaluation } = await evaluateTask(counting, await read(path, given), {});
      return { ...evaluation, remarks: [...remarks, ...unknownTexts(unknown)] };
    },
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

/** What is said of texts without a word that was learned. */
const unknownTexts = (count: number): string[] =>
  count === 0
    ? []
    : [
        `${countOf(count, 'text')} ${count === 1 ? 'has' : 'have'} no word that was learned: the answer is that to no text at all, not to this one`,
      ];

function predictorOf(classifier: FittedClassifier): Predictor {
  let unknown = 0;
  return {
    requireInputs: (pairs) => classifier.requireInputs(pairs),
    remarks: () => unknownTexts(unknown),
    ofText:
      () =>
      ({ text, pair }) =>
        pair === undefined ? text : { text, pair },
    async *answers(inputs, options) {
      const asking = pick(options as FittedPredictOptions & { lookAhead?: number }, [
        'topK',
        'lookAhead',
        'batchTokens',
      ]);
      for await (const answer of classifier.predictStream(inputs as AsyncIterable<string>, asking)) {
        if (answer.noKnownWords) unknown++;
        yield answer;
      }
    },
    record: (answer) => recordOf(answer as FittedPrediction, classifier.facts),
    cells: (answer, { topK }) => answerCells(answer as never, classifier.facts, (topK as number | undefined) ?? 1),
  };
}

function recordOf(answer: FittedPrediction, facts: FittedClassifier['facts']): Record<string, unknown> {
  const { noKnownWords } = answer;
  return { ...answerRecord(answer as never, facts), ...(noKnownWords && { noKnownWords }) };
}
