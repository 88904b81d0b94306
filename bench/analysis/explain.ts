/**
 * How faithful explanations are: areas under deletion and insertion curves of every method, beside random rankings; how
 * many steps integrated gradients need; how often an edit is found that changes the answer; how long it all takes.
 *
 *     npx tsx bench/analysis/explain.ts [--sst FOLDER] [--chnsenticorp FOLDER] [--limit TEXTS] [--characters N] [--baselines mask,pad,zero] [--threads N] [--json]
 *
 * Each folder is a classifier that was fine-tuned on the data set's training rows, such as by
 * `albertine finetune classify --train sst.csv --max-steps 150 --max-length 64`. Texts are of the dev files, spread
 * evenly; with `--characters` those that are at most as long. Data lie in `../shared/data` or `$ALBERTINE_DATA`.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EXPLAIN_METHODS, TextExplainer, type ExplainMethod } from '../../src/analysis/explain/explainer.ts';
import {
  summariseFaithfulness,
  type FaithfulnessOfText,
  type FaithfulnessSummary,
} from '../../src/analysis/explain/faithfulness.ts';
import { BASELINES, type Baseline } from '../../src/analysis/explain/integrated-gradients.ts';
import { requireOneOf } from '../../src/core/errors.ts';
import { Albert } from '../../src/index.ts';
import { TextClassifier } from '../../src/tasks/classify/classifier.ts';
import { markdown, print, runBench, wholeNumber } from '../pretraining/command.ts';
import { DATA, readFileLines, spread } from '../pretraining/data.ts';

const SETS: Record<string, () => string[]> = {
  sst: () => readFileLines(join(DATA, 'sst', 'stsa.binary.dev')).map((line) => line.slice(2).trim()),
  chnsenticorp: () =>
    readFileLines(join(DATA, 'chnsenticorp', 'dev.tsv'))
      .map((line) => line.slice(0, line.lastIndexOf('\t')).trim())
      .filter((text) => text !== ''),
};

interface MethodRow {
  set: string;
  method: string;
  summary: FaithfulnessSummary;
  secondsPerText: number;
}

interface OtherRow {
  set: string;
  texts: number;
  steps: Record<string, number>;
  worstShare: number;
  flipped: number;
  edits: number;
  queries: number;
  secondsPerText: number;
}

type Way = { method: ExplainMethod; baseline?: Baseline };
const ways = (baselines: readonly Baseline[]): Way[] =>
  EXPLAIN_METHODS.flatMap((method): Way[] =>
    method === 'integrated-gradients' ? baselines.map((baseline) => ({ method, baseline })) : [{ method }],
  );
const nameOf = ({ method, baseline }: Way): string => (baseline === undefined ? method : `${method}, ${baseline}`);

async function methodRows(
  explainer: TextExplainer,
  { set, texts, baselines }: { set: string; texts: readonly string[]; baselines: readonly Baseline[] },
): Promise<{ rows: MethodRow[]; steps: Record<string, number>; worstShare: number }> {
  const rows: MethodRow[] = [];
  const steps: Record<string, number> = {};
  let worstShare = 0;
  for (const way of ways(baselines)) {
    const areas: FaithfulnessOfText[] = [];
    let seconds = 0;
    for (const text of texts) {
      const started = performance.now();
      const explanation = await explainer.explain(text, way);
      seconds += (performance.now() - started) / 1000;
      areas.push(await explainer.faithfulness(text, explanation));
      const { completeness } = explanation;
      if (completeness && way.baseline === 'mask') {
        steps[completeness.steps] = (steps[completeness.steps] ?? 0) + 1;
        worstShare = Math.max(worstShare, completeness.error / Math.max(0.1, Math.abs(completeness.difference)));
      }
    }
    rows.push({
      set,
      method: nameOf(way),
      summary: summariseFaithfulness(areas),
      secondsPerText: seconds / texts.length,
    });
    console.error(`${set}: ${nameOf(way)} done`);
  }
  return { rows, steps, worstShare };
}

async function counterfactualRow(
  explainer: TextExplainer,
  texts: readonly string[],
): Promise<Pick<OtherRow, 'flipped' | 'edits' | 'queries' | 'secondsPerText'>> {
  let [flipped, edits, queries] = [0, 0, 0];
  const started = performance.now();
  for (const text of texts) {
    const found = await explainer.counterfactual(text, { maxQueries: 600 });
    queries += found.queries / texts.length;
    if (!found.found) continue;
    flipped++;
    edits += found.edits.length;
  }
  return {
    flipped,
    edits: edits / flipped,
    queries,
    secondsPerText: (performance.now() - started) / 1000 / texts.length,
  };
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      sst: { type: 'string' },
      chnsenticorp: { type: 'string' },
      limit: { type: 'string', default: '100' },
      characters: { type: 'string' },
      baselines: { type: 'string', default: BASELINES.join(',') },
      threads: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const threads = wholeNumber('--threads', values.threads)!;
  const baselines = values.baselines.split(',').map((name) => requireOneOf('--baselines', name, BASELINES));
  const [rows, others]: [MethodRow[], OtherRow[]] = [[], []];
  for (const [set, read] of Object.entries(SETS)) {
    const folder = values[set as 'sst' | 'chnsenticorp'];
    if (folder === undefined) continue;
    const most = wholeNumber('--characters', values.characters) ?? Infinity;
    const texts = spread(
      read().filter(({ length }) => length <= most),
      wholeNumber('--limit', values.limit),
    );
    using explainer = TextExplainer.from(TextClassifier.from(await Albert.load(folder, { threads })), { threads });
    const { rows: own, ...integral } = await methodRows(explainer, { set, texts, baselines });
    rows.push(...own);
    const fewer = spread(texts, 30);
    others.push({ set, texts: fewer.length, ...integral, ...(await counterfactualRow(explainer, fewer)) });
  }
  const digits = (value: number): string => value.toFixed(3);
  print(
    { rows, others },
    {
      json: values.json,
      tables: [
        markdown(
          [
            'set',
            'method',
            'deletion (lower)',
            'random',
            'difference, p',
            'insertion (higher)',
            'random',
            'difference, p',
            's / text',
          ],
          rows.map(({ set, method, summary: own, secondsPerText }) => [
            set,
            method,
            digits(own.deletion.mean),
            digits(own.randomDeletion.mean),
            `${digits(own.deletionGain.difference)}, ${digits(own.deletionGain.pValue)}`,
            digits(own.insertion.mean),
            digits(own.randomInsertion.mean),
            `${digits(own.insertionGain.difference)}, ${digits(own.insertionGain.pValue)}`,
            secondsPerText.toFixed(2),
          ]),
        ),
        markdown(
          ['set', 'steps: texts', 'largest error / difference', 'answers changed', 'edits', 'queries', 's / text'],
          others.map(({ set, texts, steps, worstShare, flipped, edits, queries, secondsPerText }) => [
            set,
            Object.entries(steps)
              .map(([count, own]) => `${count}: ${own}`)
              .join(', '),
            worstShare.toExponential(1),
            `${flipped} of ${texts}`,
            edits.toFixed(2),
            queries.toFixed(0),
            secondsPerText.toFixed(2),
          ]),
        ),
      ],
    },
  );
});
