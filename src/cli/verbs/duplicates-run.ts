import { countOf } from '../../core/count.ts';
import { rounded } from '../../core/decimal.ts';
import { pick } from '../../core/pick.ts';
import { textKey } from '../../data/duplicates.ts';
import { keepDistinct } from '../../analysis/cluster/distinct.ts';
import { DUPLICATE_THRESHOLD, mineDuplicates, similarGroups } from '../../analysis/cluster/duplicates.ts';
import {
  comparedSource,
  readComparedTexts,
  type ComparedFlags,
  type ComparedTexts,
  type Place,
} from '../streams/compared-texts.ts';
import { openSummarisedOutput } from '../streams/summarised-output.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `albertine duplicates`, as commander gives them. */
export interface DuplicateFlags extends ComparedFlags {
  output?: string;
  overwrite?: boolean;
  threshold?: number;
  topK?: number;
  maxPairs?: number;
  groups?: boolean;
  keep?: 'first';
  exact?: boolean;
  json?: boolean;
}

/** What was found, as `--json` prints it and as it stands beside an output. */
export interface DuplicateSummary {
  /** Texts that were compared. */
  texts: number;
  /** Texts that are equal to an earlier one. */
  exactCopies: number;
  /** Absent with `--exact`. */
  threshold?: number;
  /** Pairs that were written, equal ones among them. */
  pairs?: number;
  /** Whether `--max-pairs` left pairs out. */
  limited?: boolean;
  groups?: number;
  /** Rows of groups. */
  grouped?: number;
  kept?: number;
  /** Rows left out because they are near an earlier one, equal ones aside. */
  nearCopies?: number;
  windowedTexts?: number;
  fingerprint?: string | null;
}

/** Runs `albertine duplicates`. */
export async function runDuplicates(io: CliIo, file: string | undefined, given: DuplicateFlags): Promise<void> {
  const flags = comparedSource(file, given);
  requireUse(flags);
  await using output = await openSummarisedOutput(io, flags, {
    inputs: [flags.input, flags.vectors, flags.model, flags.index],
    formats: ['jsonl', 'csv', 'tsv', 'parquet'],
    lines: flags.keep !== undefined,
  });
  await using compared = await readComparedTexts(io, flags);
  const search = new DuplicateSearch(io, compared, flags);
  const found = await search[flags.keep ? 'keep' : flags.groups ? 'groups' : 'pairs']((record) => output.write(record));
  await output.close({ ...search.summary, ...found }, linesOf);
}

function requireUse(flags: DuplicateFlags): void {
  if (flags.keep && flags.groups) throw new UsageError('--groups and --keep are two kinds of output: give one of them');
  const kind = flags.keep ? 'keep' : flags.groups ? 'groups' : undefined;
  if (kind !== undefined && (flags.topK !== undefined || flags.maxPairs !== undefined))
    throw new UsageError(`--${flags.topK === undefined ? 'max-pairs' : 'top-k'} is for pairs, not for --${kind}`);
  if (flags.keep && flags.index !== undefined)
    throw new UsageError('--keep writes rows of a file: an index has none; --groups names its copies');
  if (flags.keep && flags.input === '-') throw new UsageError('--keep reads its input twice: give a file');
  if (!flags.exact) return;
  for (const name of ['threshold', 'topK', 'model', 'vectors', 'maxLength', 'batchTokens'] as const)
    if (flags[name] !== undefined)
      throw new UsageError(`--exact compares no vectors: ${FLAG_NAMES[name]} does nothing with it`);
}

const FLAG_NAMES = {
  threshold: '--threshold',
  topK: '--top-k',
  model: '--model',
  vectors: '--vectors',
  maxLength: '--max-length',
  batchTokens: '--batch-tokens',
} as const;

type Write = (record: Record<string, unknown>) => Promise<void>;

/** Equal texts first; of those that are left, near ones. */
class DuplicateSearch {
  readonly summary: DuplicateSummary;
  /** Texts of which none is equal to another: the first of each. */
  private readonly distinct: number[] = [];
  /** Of each of them, the later texts that are equal to it. */
  private readonly copies = new Map<number, number[]>();
  private readonly io: CliIo;
  private readonly compared: ComparedTexts;
  private readonly flags: DuplicateFlags;

  constructor(io: CliIo, compared: ComparedTexts, flags: DuplicateFlags) {
    this.io = io;
    this.compared = compared;
    this.flags = flags;
    const firsts = new Map<number, number>();
    for (const [place, text] of compared.texts.entries()) {
      const key = textKey([text]);
      const first = firsts.get(key);
      if (first === undefined) {
        firsts.set(key, place);
        this.distinct.push(place);
        continue;
      }
      const copies = this.copies.get(first);
      if (copies) copies.push(place);
      else this.copies.set(first, [place]);
    }
    const texts = compared.texts.length;
    this.summary = {
      texts,
      exactCopies: texts - this.distinct.length,
      ...(!flags.exact && { threshold: flags.threshold ?? DUPLICATE_THRESHOLD }),
    };
  }

  async pairs(write: Write): Promise<Partial<DuplicateSummary>> {
    const { maxPairs = 500_000 } = this.flags;
    let pairs = 0;
    for (const [first, copies] of this.copies)
      for (const second of copies) if (pairs++ < maxPairs) await write(this.pair({ first, second, score: 1 }, true));
    // One more than are written tells whether there are more.
    const near = await this.near(
      (vectors, options) =>
        mineDuplicates(vectors, { ...options, ...pick(this.flags, ['topK']), maxPairs: maxPairs + 1 }),
      [],
    );
    for (const { first, second, score } of near)
      if (pairs++ < maxPairs)
        await write(this.pair({ first: this.distinct[first], second: this.distinct[second], score }, false));
    return { pairs: Math.min(pairs, maxPairs), limited: pairs > maxPairs };
  }

  async groups(write: Write): Promise<Partial<DuplicateSummary>> {
    const near = await this.near((vectors, options) => similarGroups(vectors, options), []);
    const joined = new Set(near.flat().map((i) => this.distinct[i]));
    const groups = [
      ...near.map((group) => group.map((i) => this.distinct[i])),
      ...[...this.copies.keys()].filter((first) => !joined.has(first)).map((first) => [first]),
    ]
      .map((firsts) => firsts.flatMap((first) => [first, ...(this.copies.get(first) ?? [])]).sort((a, b) => a - b))
      .sort(([a], [b]) => a - b);
    for (const [group, members] of groups.entries())
      for (const place of members)
        await write({ group, ...this.compared.places[place], text: this.compared.texts[place] });
    return { groups: groups.length, grouped: groups.reduce((sum, { length }) => sum + length, 0) };
  }

  async keep(write: Write): Promise<Partial<DuplicateSummary>> {
    const all = { kept: [...this.distinct.keys()] };
    const { kept } = await this.near((vectors, options) => keepDistinct(vectors, options), all);
    const stays = new Set(kept.map((i) => this.distinct[i]));
    let place = 0;
    const { input, texts } = this.compared;
    const { openTextInput } = await import('../streams/text-input.ts');
    for await (const { text, fields } of openTextInput([], this.flags, { keepFields: true })) {
      if (text !== texts[place]) throw new UsageError(`${input!.name} was changed while it was read: run it again`);
      if (stays.has(place++)) await write(fields ?? { text });
    }
    return { kept: kept.length, nearCopies: this.distinct.length - kept.length };
  }

  /** Compares the vectors of different texts; `nothing` where only equal texts are looked for. */
  private async near<T>(
    compare: (vectors: { data: Float32Array; dimensions: number }, options: CompareOptions) => Promise<T>,
    nothing: T,
  ): Promise<T> {
    if (this.flags.exact) return nothing;
    const { data, dimensions, ...made } = await this.compared.vectorsOf(this.distinct);
    Object.assign(this.summary, made);
    const bar = createProgressBar(this.io, this.flags);
    const options = { ...pick(this.flags, ['threshold', 'threads']), onProgress: bar.update, signal: this.io.signal };
    return await compare({ data, dimensions }, options).finally(() => bar.finish());
  }

  private pair(
    { first, second, score }: { first: number; second: number; score: number },
    exact: boolean,
  ): Record<string, unknown> {
    const { places, texts } = this.compared;
    return {
      score: rounded(Math.min(1, score)),
      exact,
      ...named('first', places[first]),
      ...named('second', places[second]),
      firstText: texts[first],
      secondText: texts[second],
    };
  }
}

type CompareOptions = Pick<
  Parameters<typeof similarGroups>[1] & object,
  'threshold' | 'threads' | 'onProgress' | 'signal'
>;

/** A place with its names after `side`: `firstRow`. */
const named = (side: string, place: Place): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(place).map(([name, value]) => [`${side}${name[0].toUpperCase()}${name.slice(1)}`, value]),
  );

function linesOf(summary: DuplicateSummary): string[] {
  const { texts, exactCopies, threshold, windowedTexts = 0, fingerprint } = summary;
  const near = threshold === undefined ? 'equal' : `equal, or near with a cosine of at least ${threshold}`;
  return [
    `${countOf(texts, 'text')}, ${exactCopies.toLocaleString('en-US')} equal to an earlier one`,
    ...(summary.pairs === undefined
      ? []
      : [`${countOf(summary.pairs, 'pair')}: ${near}${summary.limited ? '; there are more: raise --max-pairs' : ''}`]),
    ...(summary.groups === undefined
      ? []
      : [`${countOf(summary.groups, 'group')} of ${countOf(summary.grouped!, 'text')}: ${near}`]),
    ...(summary.kept === undefined
      ? []
      : [
          `${countOf(summary.kept, 'row')} kept; left out ${exactCopies.toLocaleString('en-US')} equal and ${summary.nearCopies!.toLocaleString('en-US')} near ones`,
        ]),
    ...(windowedTexts > 0 ? [`${countOf(windowedTexts, 'text')} read in several windows`] : []),
    ...(fingerprint == null ? [] : [fingerprint]),
  ];
}
