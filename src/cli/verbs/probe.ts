import { InvalidArgumentError, type Command } from 'commander';
import { PROBE_KINDS, type ProbeKind } from '../../analysis/probe/settings.ts';
import { FILE_SETTINGS } from '../../tasks/shared-settings.ts';
import { integer, list, number, oneOf } from '../flags/arguments.ts';
import { addSettings } from '../flags/setting-flags.ts';
import { nameFlags } from '../flags/spelling.ts';
import { OVERWRITE } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';

/** A task of the command line. */
export interface TaskFlag {
  name: string;
  kind?: ProbeKind;
  paths: string[];
}

/** `albertine probe`: what models know, and in which layer. */
export function registerProbe(program: Command, io: CliIo): void {
  const command = program
    .command('probe')
    .summary('what models know, and in which layer: linear probes')
    .description(
      'Says what models know, and where: linear probes on the frozen vectors of every layer, beside words alone and an untrained network. Without --task and --text on small built-in tasks in English and Chinese, which are made by templates.',
    )
    .argument('[models...]', 'folders, hub ids or built-in names, side by side. Default: the built-in model')
    .option(
      '--task <name=files>',
      'a task of your own, repeatable: name=file, name=train,test or name=train,development,test; name:kind=... where tasks have several kinds. .csv, .tsv, .jsonl, .parquet, or CoNLL columns for tags',
      tasks,
    )
    .option(
      '--kind <kind>',
      'classify (a label a text), similarity (a number a pair) or tags (a label a word) of all --task. Default: by the fields of the file',
      oneOf(...PROBE_KINDS),
    )
    .option(
      '--text <file>',
      'probes of structure from raw text, a text a row: length, wordContent, swap, swapPlace, sentenceOrder',
    )
    .option('--only <names>', 'of the tasks those of these names', list)
    .option('--layers <depths>', 'all, or depths such as 0,3,-1; 0 is the embeddings. Default: all', depths)
    .option(
      '--limit <n>',
      'rows to learn from at most, evenly drawn; half as many to test, a quarter to choose by. Default: 10,000; built-in tasks have 600',
      integer({ min: 20 }),
    )
    .option('--control', 'also the same probes with random labels: selectivity')
    .option('--mdl', 'also the minimum description length of the labels (online coding)')
    .option('--knn', 'also nearest neighbours by cosine')
    .option('--no-floor', 'no untrained network of the same shape')
    .option(
      '--pooling <name>',
      'mean, cls, max, mean_sqrt or weighted: how token vectors become one of a text. Default: as the model was trained, else mean',
      oneOf('mean', 'cls', 'max', 'mean_sqrt', 'weighted'),
    )
    .option(
      '--word-pooling <how>',
      'vector of a word: its first token, or the mean of all. Default: mean',
      oneOf('first', 'mean'),
    )
    .option('--strengths <numbers>', 'C of the probes, from small to large. Default: 0.3,3,30,300', numbers)
    .option('--text-field <name>', 'field of the text in --task and --text. Default: text')
    .option('--pair-field <name>', 'field of the other text of a pair. Default: pair')
    .option('--label-field <name>', 'field of the label. Default: label')
    .option('--score-field <name>', 'field of the similarity of a pair. Default: score')
    .option('--tokens-field <name>', 'field of the words. Default: tokens')
    .option('--tags-field <name>', 'field of their tags. Default: tags')
    .option('--column <n>', "CoNLL columns: the word's, from 1. Default: 1", integer({ min: 1 }))
    .option('--tag-column <n>', "CoNLL columns: the tag's. Default: the last", integer({ min: 1 }));
  addSettings(command, FILE_SETTINGS)
    .option('-o, --output <file>', 'everything that was found, as a .json file')
    .option('--html <file>', 'a page with a heat map of tasks and layers')
    .option('--overwrite', OVERWRITE)
    .option('--json', 'everything as JSON on standard output, in place of the table')
    .option(
      '--seed <n>',
      'of drawing, of control labels, of the untrained network and of the intervals. Default: 1',
      integer(),
    )
    .option('--batch-tokens <n>', 'tokens computed at a time, padding included. Default: 1024', integer({ min: 1 }))
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('-q, --quiet', 'no progress and no notes; the table and errors are still printed')
    .addHelpText('after', MANUAL);
  nameFlags(command, { task: 'tasks' }).action(async (models: string[]) => {
    const { runProbe } = await import('./probe-run.ts');
    await runProbe(io, models, command.opts());
  });
}

function tasks(text: string, before: TaskFlag[] = []): TaskFlag[] {
  const match = /^([^=:,\s]+)(?::(\w+))?=(.+)$/.exec(text);
  if (!match) throw new InvalidArgumentError('It must be name=file, or name:kind=file.');
  const [, name, kind, paths] = match;
  if (kind !== undefined && !PROBE_KINDS.includes(kind as ProbeKind))
    throw new InvalidArgumentError(`The kind must be one of ${PROBE_KINDS.join(', ')}.`);
  return [...before, { name, ...(kind !== undefined && { kind: kind as ProbeKind }), paths: list(paths) }];
}

const depths = (text: string): 'all' | number[] => (text === 'all' ? text : list(text).map(integer()));
const numbers = (text: string): number[] => list(text).map(number());

const MANUAL = `
Output
  For each task a line a network, with a column a layer; * marks the layer that is best on held-out rows which are not those of the figure. Figures are in percent:
  accuracy (classify), F1 of the words that are not O (tags; accuracy where every word has a label), Spearman's correlation (similarity, by ridge regression on |u - v| and u * v).
  Compare with: always the most frequent label, words alone (tf-idf; of tags the most frequent one of the word), and the untrained network.
  selectivity       accuracy less that on random labels: of tags by word type (Hewitt and Liang 2019), of texts by text, where nothing can be known of new ones
  learned by heart  share of the random labels of the rows it was learned on that the probe gets right
  compression       bits of the labels by the uniform code over those by the probe (Voita and Titov 2020): 1 where vectors say nothing

Parts: a file without a test part has a fifth of its rows held out; without one to choose by, a tenth. Equal texts stay in one part. A file of ours with B- and I- tags is
read as one label an entity.

Examples
  albertine probe
  albertine probe albertine-nano-en-zh ./my-model --html probes.html
  albertine probe --text corpus.txt --limit 3000
  albertine probe --task sentiment=train.csv,test.csv --task entities=train.conll,test.conll --control --mdl
`;
