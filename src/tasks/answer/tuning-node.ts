import { openModel } from '../../loaded/load-node.ts';
import { bestNoAnswerThreshold } from '../../metrics/answers.ts';
import { float32 } from '../../runtime/tensor.ts';
import { questionAnsweringHead } from '../../training/heads.ts';
import type { HeadFeeds, Unit, UnitBatch } from '../../training/units.ts';
import { fineTune, type TuningResult } from '../fine-tune-node.ts';
import { pick } from '../../core/pick.ts';
import type { Aftermath, DataReport, Labelled, Splits, Tuning, TuningOptions } from '../tuning.ts';
import { readQuestions, type AnswerFields } from './data-node.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { AnswerReader } from './reader.ts';
import {
  answerTask,
  THRESHOLD_KEY,
  type AnswerGold,
  type AnswerOptions,
  type AnswerPiece,
  type AnswerTypes,
  type ReaderFacts,
} from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Options of `fineTuneReader`. */
export interface FineTuneAnswerOptions
  extends TuningOptions, AnswerFields, Pick<AnswerOptions, 'maxAnswerLength' | 'stride'> {}

/** Contexts are paragraphs; the published runs have the same. */
const DEFAULT_MAX_LENGTH = 384;
const FEWEST_STEPS = 600;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [2, 10];
/** Added to the logits of tokens that can be no answer: far below any, and finite. */
const BARRED = -1e30;

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneReader(
  options: FineTuneAnswerOptions,
): Promise<TuningResult & { noAnswerThreshold?: number }> {
  const result = await fineTune(answerTuning, options);
  const threshold = result.extra[THRESHOLD_KEY];
  return { ...result, ...(typeof threshold === 'number' && { noAnswerThreshold: threshold }) };
}

/** How a reader is learned. */
export const answerTuning: Tuning<AnswerTypes, FineTuneAnswerOptions> = {
  task: answerTask,
  subject: 'fineTuneReader',
  declared: FINE_TUNE_SETTINGS,
  defaults: {
    maxLength: DEFAULT_MAX_LENGTH,
    batchSize: 16,
    epochs: ({ units, batchSize }) =>
      Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / units))),
  },
  read,
  texts: ({ question, context }) => [question, context],
  describe,
  answers: () => ({ head: 'questionAnswering', labels: 'fixed', noun: 'reader', activity: 'answering questions' }),
  head: (config) => questionAnsweringHead(config),
  units: ({ pieces }, gold) =>
    pieces.map((piece): Unit => ({ pieces: [piece], target: placeInWindow(piece, gold), weight: 1 })),
  feeds: (batch) => feedsOf(batch as UnitBatch<Place>),
  asking: (options) => pick(options as AnswerOptions, ['maxAnswerLength', 'stride', 'noAnswerThreshold']),
  defaultMetric: () => 'f1',
  settings: (options) => pick(options, ['maxAnswerLength', 'stride']),
  stored: ({ noAnswerThreshold }) => ({
    extra: noAnswerThreshold === undefined ? {} : { [THRESHOLD_KEY]: noAnswerThreshold },
  }),
  card: {
    name: 'Reader',
    description: (rows) => `Fine-tuned on ${rows} with albertine: answers questions by stretches of a text.`,
    use: [
      "import { AnswerReader } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const reader = await AnswerReader.load('path/to/this/folder');",
      "const [{ answer, start, end }] = await reader.predict([{ question: 'a question', context: 'a text' }]);",
    ],
  },
  open: async (folder, options) => AnswerReader.open(await openModel(folder), pick(options, ['threads'])),
  finish,
};

async function read(path: string, options: FineTuneAnswerOptions, facts?: ReaderFacts): Promise<Labelled<AnswerTypes>> {
  const { rows, report, remarks } = await readQuestions(
    path,
    pick(options, ['questionField', 'contextField', 'answerField', ...FILE_OPTIONS]),
  );
  // Until the held-out rows have said where the line is, no answer is given where it is likelier than the best one.
  const noAnswerThreshold = rows.some(({ gold }) => gold.answers.length === 0) ? 0 : undefined;
  return { rows, facts: facts ?? { noAnswerThreshold }, report, remarks };
}

function describe({ train, evaluation }: Splits<AnswerTypes>): DataReport {
  const count = ({ rows }: Labelled<AnswerTypes>): Record<string, number> => {
    const answered = rows.filter(({ gold }) => gold.answers.length > 0).length;
    return { answered, unanswerable: rows.length - answered };
  };
  const { answered, unanswerable } = count(train);
  return {
    remarks: [
      `questions: ${answered.toLocaleString('en-US')} with an answer, ${unanswerable.toLocaleString('en-US')} without`,
    ],
    warnings: [],
    info: { classCounts: { train: count(train), evaluation: count(evaluation) } },
  };
}

/** Tokens where the answer begins and ends; both 0, which is [CLS], where the window does not have it all. */
interface Place {
  first: number;
  last: number;
  /** For each token whether an answer may be there: context, and [CLS] for none. */
  allowed: Uint8Array;
}

function placeInWindow({ offsets }: AnswerPiece, { start, end, answers }: AnswerGold): Place {
  const allowed = Uint8Array.from(offsets, ([from], token) => (token === 0 || from >= 0 ? 1 : 0));
  const inContext = Array.from(offsets.keys()).filter((token) => offsets[token][0] >= 0);
  const covers =
    inContext.length > 0 && offsets[inContext[0]][0] <= start && offsets[inContext[inContext.length - 1]][1] >= end;
  if (answers.length === 0 || !covers) return { first: 0, last: 0, allowed };
  // The last token that begins at or before the answer, and the first that ends at or behind it.
  const first = inContext.findLast((token) => offsets[token][0] <= start)!;
  const last = inContext.find((token) => offsets[token][1] >= end)!;
  return { first: Math.min(first, last), last, allowed };
}

function feedsOf({ units, sequenceLength, totalWeight }: UnitBatch<Place>): HeadFeeds {
  const shape = [units.length, sequenceLength];
  const size = units.length * sequenceLength;
  const [starts, ends, bias] = [new Float32Array(size), new Float32Array(size), new Float32Array(size).fill(BARRED)];
  units.forEach(({ target: { first, last, allowed } }, row) => {
    starts[row * sequenceLength + first] = 1;
    ends[row * sequenceLength + last] = 1;
    allowed.forEach((may, token) => {
      if (may) bias[row * sequenceLength + token] = 0;
    });
  });
  return {
    feeds: {
      starts: float32(shape, starts),
      ends: float32(shape, ends),
      tokenBias: float32(shape, bias),
      rowWeights: float32(
        [units.length],
        Float32Array.from(units, ({ weight }) => weight / totalWeight),
      ),
    },
  };
}

type Held = Parameters<NonNullable<Tuning<AnswerTypes, FineTuneAnswerOptions>['finish']>>[1];

/** Where questions without answers are among the held-out ones, the threshold with the best F1 on them. */
async function finish(model: unknown, { evaluation: { rows, facts }, options }: Held): Promise<Aftermath> {
  const gold = rows.map((row) => row.gold.answers);
  if (facts.noAnswerThreshold === undefined || gold.every((answers) => answers.length > 0))
    return { warnings: [], info: {} };
  const found = await (model as AnswerReader).predict(
    rows.map(({ input }) => input),
    { ...answerTuning.asking(options), noAnswerThreshold: Infinity },
  );
  const best = bestNoAnswerThreshold(gold, found);
  return {
    warnings: [],
    info: {
      notes: [`no answer is given where it is ${best.toFixed(3)} likelier in logits: chosen on the held-out questions`],
    },
    extra: { [THRESHOLD_KEY]: best },
  };
}
