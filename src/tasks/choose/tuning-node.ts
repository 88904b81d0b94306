import { AlbertineError } from '../../core/errors.ts';
import { optionsHead } from '../../training/heads.ts';
import { fineTune, type TuningResult } from '../fine-tune-node.ts';
import { optionFeeds } from '../option-pieces.ts';
import { pick } from '../../core/pick.ts';
import type { Labelled, Tuning, TuningOptions } from '../tuning.ts';
import { openChoices, type ChoiceFields } from './data-node.ts';
import { FINE_TUNE_SETTINGS } from './settings.ts';
import { chooseTask, type ChooseTypes } from './task.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Options of `fineTuneChoice`. */
export interface FineTuneChooseOptions extends TuningOptions, ChoiceFields {}

const FEWEST_STEPS = 600;
const [FEWEST_EPOCHS, MOST_EPOCHS] = [3, 10];

/** What the main entry's function of this name loads; it says more. */
export async function fineTuneChoice(options: FineTuneChooseOptions): Promise<TuningResult> {
  return await fineTune(chooseTuning, options);
}

/** How choosing is learned. */
export const chooseTuning: Tuning<ChooseTypes, FineTuneChooseOptions> = {
  task: chooseTask,
  subject: 'fineTuneChoice',
  declared: FINE_TUNE_SETTINGS,
  defaults: {
    maxLength: 256,
    batchSize: 8,
    epochs: ({ units, batchSize }) =>
      Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.ceil((FEWEST_STEPS * batchSize) / units))),
  },
  read,
  texts: ({ context = '', question = '', choices }) => [context, question, ...choices],
  answers: () => ({ head: 'multipleChoice', labels: 'fixed', noun: 'head of multiple choice', activity: 'choosing' }),
  head: (config) => optionsHead(config, 'multipleChoice'),
  units: ({ pieces }, gold) => [{ pieces, target: gold, weight: 1 }],
  feeds: (batch) =>
    optionFeeds(batch, (question) =>
      batch.units[question].pieces.map((_, choice) => Number(choice === batch.units[question].target)),
    ),
  asking: () => ({ longText: 'truncate' }),
  defaultMetric: () => 'accuracy',
  settings: () => ({}),
  stored: () => ({}),
  card: {
    name: 'Multiple choice',
    description: (rows) => `Fine-tuned on ${rows} with albertine: chooses the right answer.`,
    use: [
      "import { ChoiceModel } from 'albertine'; // in a page: from 'albertine/browser', with the URL of this folder",
      "const chooser = await ChoiceModel.load('path/to/this/folder');",
      "const [{ choice }] = await chooser.predict([{ context: 'a text', question: 'a question', choices: ['an answer', 'another'] }]);",
    ],
  },
};

async function read(path: string, options: FineTuneChooseOptions): Promise<Labelled<ChooseTypes>> {
  const source = openChoices(path, pick(options, FILE_OPTIONS), {
    labelled: true,
  });
  const rows: { input: ChooseTypes['input']; gold: number }[] = [];
  for await (const { input, gold } of source) rows.push({ input, gold: gold! });
  if (rows.length > 0) return { rows, facts: {}, report: source.report, remarks: [] };
  const [first] = source.report.issues;
  throw new AlbertineError('invalid_data', `${path} has no usable question`, {
    value: path,
    hint: first && `The first bad row is ${first.row}: ${first.reason}`,
  });
}
