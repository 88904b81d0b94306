import { writeFile } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { pearson, kendallTau, spearman } from '../../metrics/correlation.ts';
import type { BleuTokenizer } from '../../metrics/text/bleu.ts';
import { pairedTest } from '../../metrics/resampling.ts';
import { readTexts } from '../../data/read-node.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
import { readBaseline } from '../../analysis/score/baseline-node.ts';
import { heatMapPage } from '../../analysis/score/heat-map.ts';
import { openPairs, requireRereadable, type PairFiles, type ScoreRow } from '../../analysis/score/pairs-node.ts';
import {
  scoreFiles,
  type FilesScore,
  type ScoreFilesOptions,
  type ScoreMetric,
} from '../../analysis/score/score-node.ts';
import { AlbertScorer } from '../../analysis/score/scorer.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import { requireOutputFormat, outputFile } from '../flags/output-format.ts';
import { rounded } from '../streams/line-output.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import type { InputFlags } from '../streams/text-input.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `albertine score`, as commander gives them. */
export interface ScoreFlags
  extends InputFlags, Omit<PairFiles, 'format' | 'delimiter' | 'encoding' | 'quotes' | 'onError'> {
  model?: string;
  output?: string;
  overwrite?: boolean;
  metrics?: ScoreMetric[];
  layer?: number | 'auto';
  idf?: string | true;
  rescale?: string | true;
  several?: 'best' | 'mean';
  compare?: string[];
  html?: string;
  htmlPairs?: number;
  bleuTokenizer?: BleuTokenizer;
  json?: boolean;
  maxLength?: number;
  batchTokens?: number;
  threads?: number;
  quiet?: boolean;
}

const FILES = [
  'candidates',
  'references',
  'input',
  'candidateField',
  'referenceField',
  'humanField',
  'format',
  'encoding',
  'delimiter',
  'quotes',
  'header',
  'onError',
] as const;
/** Pairs of a picture, and the longest texts that one can be made of. */
const [HTML_PAIRS, HTML_TOKENS] = [20, 160];

/** Runs `albertine score`. */
export async function runScore(io: CliIo, given: ScoreFlags): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite, compare = [] } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  if (compare.length > 0 && flags.candidates === undefined)
    throw new UsageError('--compare is for files: give --candidates and --references');
  const { header, ...files } = pick(flags, FILES);
  if (flags.textField !== undefined && flags.input !== undefined)
    throw new UsageError(
      '--text-field is for --candidates and --references; in --input name --candidate-field and --reference-field',
    );
  const pairFiles: PairFiles = {
    ...(flags.textField !== undefined && { candidateField: flags.textField, referenceField: flags.textField }),
    ...files,
    ...(header === false && { header }),
  };
  openPairs(pairFiles);
  if (flags.html !== undefined) requireRereadable(pairFiles, prose`${option('html')}`);
  if (flags.humanField !== undefined) requireRereadable(pairFiles, prose`${option('humanField')}`);
  if (compare.length > 0) requireRereadable(pairFiles, prose`${option('compare')}`);
  requireUse(flags);
  const read = [flags.idf, flags.rescale].filter((file) => typeof file === 'string');
  const inputs = [flags.input, flags.candidates, ...(flags.references ?? []), ...compare, flags.model, ...read];
  const claimed = output === undefined ? undefined : await claimOutput(output, { inputs, overwrite });
  let page: OutputFile | undefined;
  try {
    page =
      flags.html === undefined ? undefined : await claimOutput(flags.html, { inputs: [...inputs, output], overwrite });
    using model = await openModel(io, flags.model, flags);
    const options = await optionsOf(flags, pairFiles);
    const writer = claimed && (await openRecordWriter(output!, { output: claimed }));
    const write = async (record: object): Promise<void> => {
      const line = Object.fromEntries(Object.entries(record).map(([name, value]) => [name, rounded(value as number)]));
      if (writer) await writer.write(line);
      else if (!flags.json) await io.stdout.write(`${toJson(line)}\n`);
    };
    let result: FilesScore;
    const others: Report['others'] = [];
    try {
      result = await scored(io, model, { ...options, onRecord: write }, flags);
      for (const candidates of compare)
        others.push({
          candidates,
          result: await scored(io, model, { ...options, ...pinned(result), candidates }, flags),
        });
      if (page) await writePage(io, model, { flags, pairFiles, page, layer: result.layer });
      await writer?.close();
    } catch (error) {
      await writer?.abort();
      throw error;
    }
    await report(io, { flags, result, others, people: await peopleOf(pairFiles) });
  } finally {
    await claimed?.abandon({ keep: false });
    await page?.abandon({ keep: false });
  }
}

/** Refuses flags that would do nothing. */
function requireUse({ metrics = ['albertscore'], html, htmlPairs, bleuTokenizer, ...flags }: ScoreFlags): void {
  if (htmlPairs !== undefined && html === undefined) throw new UsageError('--html-pairs is for --html');
  if (bleuTokenizer !== undefined && !metrics.includes('bleu'))
    throw new UsageError('--bleu-tokenizer is for --metrics bleu');
  if (metrics.includes('albertscore')) return;
  for (const name of ['layer', 'idf', 'rescale'] as const)
    if (flags[name] !== undefined) throw new UsageError(`--${name} is for the metric albertscore`);
}

async function optionsOf(flags: ScoreFlags, files: PairFiles): Promise<ScoreFilesOptions> {
  const { idf, rescale } = flags;
  return {
    ...files,
    ...pick(flags, ['metrics', 'layer', 'several', 'maxLength', 'batchTokens', 'bleuTokenizer']),
    ...(idf !== undefined && { idf: idf === true ? 'references' : textsOf(idf) }),
    ...(rescale !== undefined && {
      baseline: rescale === true || rescale === 'auto' ? 'auto' : await readBaseline(rescale),
    }),
  };
}

/** What the first system was scored with, so that the others are scored alike. */
const pinned = ({ layer, baseline }: FilesScore): Pick<ScoreFilesOptions, 'layer' | 'baseline'> => ({
  ...(layer !== undefined && { layer }),
  ...(baseline && { baseline }),
});

async function* textsOf(path: string): AsyncGenerator<string> {
  for await (const { text } of readTexts(path)) yield text;
}

async function scored(
  io: CliIo,
  model: NodeAlbert,
  options: ScoreFilesOptions,
  { quiet = false }: ScoreFlags,
): Promise<FilesScore> {
  const bar = createProgressBar(io, { quiet });
  return await scoreFiles(model, { ...options, onProgress: bar.update, signal: io.signal }).finally(() => bar.finish());
}

async function peopleOf(files: PairFiles): Promise<number[] | undefined> {
  if (files.humanField === undefined) return undefined;
  const people: number[] = [];
  for await (const { human } of openPairs(files)) people.push(human!);
  return people;
}

async function writePage(
  io: CliIo,
  model: NodeAlbert,
  {
    flags,
    pairFiles,
    page,
    layer,
  }: { flags: ScoreFlags; pairFiles: PairFiles; page: OutputFile; layer: number | undefined },
): Promise<void> {
  const rows: ScoreRow[] = [];
  for await (const row of openPairs(pairFiles)) if (rows.push(row) === (flags.htmlPairs ?? HTML_PAIRS)) break;
  const scorer = AlbertScorer.from(model, {
    ...(layer !== undefined && { layer }),
    ...pick(flags, ['maxLength']),
  });
  const fits = (text: string): boolean => model.tokenizer.encodeIds(text).length <= HTML_TOKENS;
  const shown = rows.filter(({ candidate, references }) => fits(candidate) && fits(references[0]));
  const pairs = [];
  for (const { candidate, references } of shown)
    pairs.push({ texts: { candidate, reference: references[0] }, ...(await scorer.align(candidate, references[0])) });
  await writeFile(page.partial, heatMapPage(pairs, { fingerprint: scorer.fingerprint }));
  await page.commit();
  const left = rows.length - shown.length;
  io.stderr.write(
    `${flags.html!}: token similarities of ${countOf(pairs.length, 'pair')}${left > 0 ? `; ${countOf(left, 'pair')} of more than ${HTML_TOKENS} tokens left out` : ''}\n`,
  );
}

interface Report {
  flags: ScoreFlags;
  result: FilesScore;
  others: { candidates: string; result: FilesScore }[];
  people: number[] | undefined;
}

async function report(io: CliIo, { flags, result, others, people }: Report): Promise<void> {
  const { values, ...summary } = result;
  const correlations =
    people &&
    Object.fromEntries(
      Object.keys(summary.metrics).map((name) => {
        const own = values(name);
        return [
          name,
          { pearson: pearson(own, people), spearman: spearman(own, people), kendall: kendallTau(own, people) },
        ];
      }),
    );
  const compared = others.map(({ candidates, result: other }) => ({
    candidates,
    metrics: other.metrics,
    tests: Object.fromEntries(
      Object.keys(summary.metrics).map((name) => [name, pairedTest(other.values(name), values(name))]),
    ),
  }));
  if (flags.json)
    return await io.stdout.write(
      `${toJson({ ...summary, ...(correlations && { correlations }), ...(compared.length > 0 && { compared }) })}\n`,
    );
  if (flags.quiet) return;
  const lines = [
    '',
    `${countOf(summary.pairs, 'pair')}`,
    ...Object.entries(summary.metrics).map(
      ([name, { mean, low, high, corpus }]) =>
        `  ${name.padEnd(12)}${mean.toFixed(4)}  (95 %: ${low.toFixed(4)} to ${high.toFixed(4)})${corpus === undefined ? '' : `  corpus ${corpus.toFixed(2)}`}`,
    ),
    ...(summary.layers ?? []).map(
      (one) =>
        `  layer ${one.layer}: Pearson ${one.pearson.toFixed(4)}, Spearman ${one.spearman.toFixed(4)}${one.layer === summary.layer ? '  (taken)' : ''}`,
    ),
    ...Object.entries(correlations ?? {}).map(
      ([name, own]) =>
        `  ${name} and people: Pearson ${own.pearson.toFixed(4)}, Spearman ${own.spearman.toFixed(4)}, Kendall ${own.kendall.toFixed(4)}`,
    ),
    ...compared.flatMap(({ candidates, tests }) =>
      Object.entries(tests).map(
        ([name, { difference, low, high, pValue }]) =>
          `  ${candidates}: ${name} ${difference >= 0 ? '+' : ''}${difference.toFixed(4)} (95 %: ${low.toFixed(4)} to ${high.toFixed(4)}), p ${pValue.toFixed(4)}`,
      ),
    ),
    ...notesOf(result),
    ...(summary.fingerprint === undefined ? [] : [`  ${summary.fingerprint}`]),
  ];
  io.stderr.write(`${lines.join('\n')}\n`);
}

function notesOf({ emptyPairs, windowedTexts, skippedRows }: FilesScore): string[] {
  return [
    ...(emptyPairs > 0 ? [`  ${countOf(emptyPairs, 'pair')} with a text without tokens: score 0`] : []),
    ...(windowedTexts > 0 ? [`  ${countOf(windowedTexts, 'text')} read in several windows`] : []),
    ...(skippedRows > 0 ? [`  ${countOf(skippedRows, 'row')} left out`] : []),
  ];
}
