import { writeFile } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { formatOfPath, readTexts } from '../../data/read-node.ts';
import { METADATA_ENDING, metadataPath } from '../../data/embeddings-node.ts';
import { toJson, withoutNaN } from '../../data/json.ts';
import { readBaseline } from '../../analysis/score/baseline-node.ts';
import { heatMapPage } from '../../analysis/score/heat-map.ts';
import { openPairs, requireRereadable, type PairFiles, type ScoreRow } from '../../analysis/score/pairs-node.ts';
import { prepareScores } from '../../analysis/score/prepare-node.ts';
import { scoreFiles, type FilesScore, type ScoreFilesOptions } from '../../analysis/score/score-node.ts';
import { hasCorpusFigure, type ScoreMetric, type WordOptions } from '../../analysis/score/score-run.ts';
import { AlbertScorer } from '../../analysis/score/scorer.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import { requireOutputFormat, outputFile } from '../flags/output-format.ts';
import { hashInputs, isFile, type Origin } from '../streams/journal.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { chosenOf, openScoreJournal } from '../streams/score-journal.ts';
import { estimateRows, type InputFlags } from '../streams/text-input.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { printReport, reportOf, type ScoreFindings } from './score-report.ts';

/** The flags of `albertine score`, as commander gives them. */
export interface ScoreFlags
  extends InputFlags, WordOptions, Omit<PairFiles, 'format' | 'delimiter' | 'encoding' | 'quotes' | 'onError'> {
  model?: string;
  output?: string;
  overwrite?: boolean;
  resume?: boolean;
  metrics?: ScoreMetric[];
  layer?: number | 'auto';
  idf?: string | true;
  rescale?: string | true;
  several?: 'best' | 'mean';
  compare?: string[];
  html?: string;
  htmlPairs?: number;
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
const WORDS = ['bleuTokenizer', 'rougeTokens', 'rougeStemmer'] as const;
/** What the scores of an output depend on, besides the model and the files. */
const ORIGIN = [
  ...['layer', 'several', 'maxLength', 'batchTokens', ...WORDS],
  ...['candidateField', 'referenceField', 'humanField', 'textField'],
  ...['format', 'encoding', 'delimiter', 'quotes', 'header', 'onError'],
] as const;
/** Pairs of a picture, and the longest texts that one can be made of. */
const [HTML_PAIRS, HTML_TOKENS] = [20, 160];

/** Everything that the parts of one run share. */
interface Run {
  flags: ScoreFlags;
  pairFiles: PairFiles;
  /** Files that are read, by what they are read as. */
  read: Record<string, string>;
  output: OutputFile | undefined;
  page: OutputFile | undefined;
}

/** Runs `albertine score`. */
export async function runScore(io: CliIo, given: ScoreFlags): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite, resume = false } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const pairFiles = pairFilesOf(flags);
  requireUse(flags, pairFiles);
  const read = filesRead(flags);
  const inputs = [...Object.values(read), flags.model];
  const written = output === undefined ? [] : [output, metadataPath(output)];
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, { inputs, overwrite, resume, companions: [METADATA_ENDING] });
  let page: OutputFile | undefined;
  try {
    page =
      flags.html === undefined
        ? undefined
        : await claimOutput(flags.html, { inputs: [...inputs, ...written], overwrite });
    await scoreInto(io, { flags, pairFiles, read, output: claimed, page });
  } finally {
    // Nothing where the journal has ended it.
    await claimed?.abandon({ keep: true });
    await page?.abandon({ keep: false });
  }
}

async function scoreInto(io: CliIo, run: Run): Promise<void> {
  const { flags, pairFiles, page, output } = run;
  const { compare = [], metrics = ['albertscore'] } = flags;
  using model = await openModel(io, flags.model, flags);
  const options = await optionsOf(io, run);
  const begun =
    output &&
    (await openScoreJournal(output, {
      path: flags.output!,
      resume: flags.resume ?? false,
      origin: await originOf(model, run),
    }));
  const journal = begun?.journal;
  const found: Omit<ScoreFindings, 'result'> = {
    metrics,
    words: pick(flags, WORDS),
    others: [],
    people: await peopleOf(pairFiles),
  };
  const files = flags.candidates === undefined ? [] : [flags.candidates, ...compare];
  try {
    const prepared = await withBar(io, flags, (onProgress) =>
      prepareScores(model, { ...options, onProgress }, journal?.known),
    );
    await journal?.begin(chosenOf(prepared));
    if (journal && journal.existing > 0 && !flags.quiet)
      io.stderr.write(`going on after ${countOf(journal.existing, 'pair')}\n`);
    const system = async (place: number): Promise<FilesScore> => {
      const name = compare.length > 0 ? { candidates: files[place] } : {};
      const done = begun?.done(place);
      return await withBar(io, flags, (onProgress) =>
        scoreFiles(model, {
          ...options,
          ...(place > 0 && { candidates: files[place] }),
          ...(done && { done }),
          prepared,
          onProgress,
          onRecord: async (record) => {
            if (journal) await journal.write({ ...name, ...record });
            else if (!flags.json) await io.stdout.write(`${toJson({ ...name, ...record })}\n`);
          },
        }),
      );
    };
    const result = await system(0);
    for (const [i, candidates] of compare.entries()) found.others.push({ candidates, result: await system(i + 1) });
    if (page) await writePage(io, model, { flags, pairFiles, page, layer: result.layer });
    const report = reportOf({ ...found, result });
    await journal?.close(withoutNaN(report) as object);
    await printReport(io, report, flags);
  } catch (error) {
    const note = await journal?.abort();
    if (note !== undefined) io.stderr.write(`${note}\n`);
    throw error;
  }
}

function pairFilesOf(flags: ScoreFlags): PairFiles {
  const { header, ...files } = pick(flags, FILES);
  if (flags.textField !== undefined && flags.input !== undefined)
    throw new UsageError(
      '--text-field is for --candidates and --references; in --input name --candidate-field and --reference-field',
    );
  return {
    ...(flags.textField !== undefined && { candidateField: flags.textField, referenceField: flags.textField }),
    ...files,
    ...(header === false && { header }),
  };
}

/** Refuses flags that do not go together or would do nothing. */
function requireUse(flags: ScoreFlags, files: PairFiles): void {
  const { metrics = ['albertscore'], compare = [], html } = flags;
  if (compare.length > 0 && flags.candidates === undefined)
    throw new UsageError('--compare is for files: give --candidates and --references');
  if (flags.resume && flags.output === undefined) throw new UsageError('--resume needs --output');
  openPairs(files);
  for (const name of ['html', 'humanField', 'resume'] as const)
    if (flags[name] !== undefined) requireRereadable(files, prose`${option(name)}`);
  if (compare.length > 0) requireRereadable(files, prose`${option('compare')}`);
  if (flags.htmlPairs !== undefined && html === undefined) throw new UsageError('--html-pairs is for --html');
  if (flags.bleuTokenizer !== undefined && !metrics.includes('bleu'))
    throw new UsageError('--bleu-tokenizer is for --metrics bleu');
  if (!metrics.some((name) => name.startsWith('rouge')))
    for (const name of ['rougeTokens', 'rougeStemmer'] as const)
      if (flags[name] !== undefined)
        throw new UsageError(
          `--rouge-${name === 'rougeTokens' ? 'tokens' : 'stemmer'} is for --metrics rouge1, rouge2, rougeL or rougeLsum`,
        );
  if (metrics.includes('albertscore')) return;
  for (const name of ['layer', 'idf', 'rescale'] as const)
    if (flags[name] !== undefined) throw new UsageError(`--${name} is for the metric albertscore`);
}

/** Standard input aside. */
function filesRead({ input, candidates, references = [], compare = [], idf, rescale }: ScoreFlags): Run['read'] {
  const named = {
    input,
    candidates,
    ...Object.fromEntries(references.map((path, i) => [`references ${i + 1}`, path])),
    ...Object.fromEntries(compare.map((path, i) => [`compare ${i + 1}`, path])),
    idf: idf === true ? undefined : idf,
    rescale: rescale === true || rescale === 'auto' ? undefined : rescale,
  };
  return Object.fromEntries(
    Object.entries(named).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '-'),
  );
}

async function originOf(model: NodeAlbert, { flags, read }: Run): Promise<Origin> {
  const { metrics = ['albertscore'], idf, rescale } = flags;
  const isAuto = rescale === true || rescale === 'auto';
  return {
    model: model.fingerprint,
    options: {
      metrics,
      ...pick(flags, ORIGIN as unknown as (keyof ScoreFlags)[]),
      ...(idf !== undefined && { idf: idf === true ? 'references' : 'file' }),
      ...(rescale !== undefined && { rescale: isAuto ? 'auto' : 'file' }),
    },
    inputs: await hashInputs(read, { resume: flags.resume ?? false }),
  };
}

async function optionsOf(io: CliIo, { flags, pairFiles }: Run): Promise<ScoreFilesOptions> {
  const { idf, rescale, metrics = [], compare = [] } = flags;
  return {
    ...pairFiles,
    ...pick(flags, ['metrics', 'layer', 'several', 'maxLength', 'batchTokens', ...WORDS]),
    ...(idf !== undefined && { idf: idf === true ? 'references' : textsOf(idf, flags) }),
    ...(rescale !== undefined && {
      baseline: rescale === true || rescale === 'auto' ? 'auto' : await readBaseline(rescale),
    }),
    keepStatistics: compare.length > 0 && metrics.some(hasCorpusFigure),
    total: flags.quiet ? undefined : await countPairs(pairFiles),
    signal: io.signal,
  };
}

/** For progress: the rows of a file that is read in step with the others. */
async function countPairs(files: PairFiles): Promise<number | undefined> {
  const path = (files.input ?? files.candidates)!;
  const format = files.format ?? formatOfPath(path);
  if (path === '-' || format === undefined || !(await isFile(path))) return undefined;
  return await estimateRows(path, { format, header: files.header ?? true, quotes: files.quotes }).catch(
    () => undefined,
  );
}

async function* textsOf(path: string, flags: ScoreFlags): AsyncGenerator<string> {
  for await (const { text } of readTexts(path, pick(flags, ['encoding', 'textField']))) yield text;
}

async function withBar<T>(
  io: CliIo,
  { quiet = false }: ScoreFlags,
  work: (onProgress: NonNullable<ScoreFilesOptions['onProgress']>) => Promise<T>,
): Promise<T> {
  const bar = createProgressBar(io, { quiet });
  return await work(bar.update).finally(() => bar.finish());
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
