import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { countOf } from '../../core/count.ts';
import { AlbertineError, requireDistinct, requireOneOf } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { METADATA_ENDING } from '../../data/embeddings-node.ts';
import { toJson, withoutNaN } from '../../data/json.ts';
import {
  ATTACK_SEARCHES,
  attackRows,
  requireAttackable,
  type AttackReport,
  type AttackSearch,
} from '../../analysis/robustness/attack.ts';
import { ATTACK_COSINE, findNear, meaningCheck } from '../../analysis/robustness/meaning.ts';
import { languagesOfRows, measureRobustness, type RobustnessOptions } from '../../analysis/robustness/measure.ts';
import { modelPerturbations, type FindWords } from '../../analysis/robustness/model-perturbations.ts';
import { readRobustnessData } from '../../analysis/robustness/open-node.ts';
import { robustnessPage } from '../../analysis/robustness/page.ts';
import type { RobustnessReport } from '../../analysis/robustness/report.ts';
import { WordVectors } from '../../analysis/robustness/word-vectors.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import type { Perturbation } from '../../perturbation/perturbation.ts';
import { PERTURBATIONS, perturbationsNamed } from '../../perturbation/registry.ts';
import { spread, type RewritableData } from '../../tasks/rewriting.ts';
import { requireOutputFormat } from '../flags/output-format.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { requireOwnFlags, ROBUSTNESS_SETTINGS } from '../flags/task-flags.ts';
import { openAsked } from '../streams/asked.ts';
import { hashInputs } from '../streams/journal.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { openRobustnessJournal, type RobustnessJournal } from '../streams/robustness-journal.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { describeRobustness, fallenUnder } from './robustness-text.ts';

/** The flags of `albertine robustness`, as commander gives them. */
export interface RobustnessFlags extends Pick<RobustnessOptions, 'severities' | 'seed' | 'limit' | 'examples'> {
  data: string;
  perturbations?: string[];
  attack?: boolean;
  attackSearch?: AttackSearch[];
  queries?: number;
  attackLimit?: number;
  meaning?: number;
  wordsModel?: string;
  failUnder?: number;
  output?: string;
  html?: string;
  overwrite?: boolean;
  resume?: boolean;
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine robustness`. */
export async function runRobustness(io: CliIo, model: string, flags: RobustnessFlags): Promise<void> {
  requireUse(flags);
  const { output, html, overwrite, resume = false } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const options = optionsOfFlags(ROBUSTNESS_SETTINGS, flags as unknown as Record<string, unknown>);
  const inputs = [flags.data, model, flags.wordsModel];
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, { inputs, overwrite, resume, companions: [METADATA_ENDING] });
  const page =
    html === undefined
      ? undefined
      : await claimOutput(html, { inputs: [...inputs, output], overwrite }).catch(abandoning(claimed));
  try {
    // Before anything is loaded: a pipe cannot be hashed.
    const read = claimed && (await hashInputs({ data: flags.data }, { resume }));
    using opened = await openAsked(io, model, flags);
    if (opened.task.rewritable) requireOwnFlags(opened.task, 'evaluate', options);
    const source = await readRobustnessData(opened, flags.data, options);
    if (flags.attack) requireAttackable(source);
    using words = await openWords(io, source, flags);
    const journal =
      claimed &&
      (await openRobustnessJournal(claimed, {
        path: output!,
        resume,
        origin: { model: source.model.fingerprint, options: originOf(flags, { options, words }), inputs: read! },
        rows: spread(source.data.rows, flags.limit).length,
      }));
    const report = await measureInto(io, source, { flags, words, journal });
    if (report.truncated > 0)
      io.stderr.write(
        `note: ${countOf(report.truncated, 'text')} cut to what the model reads at once, as in evaluate; --long-text window reads them whole\n`,
      );
    const attacks = await attack(io, source, { flags, words });
    if (page) {
      await writeFile(page.partial, robustnessPage(report, { name: basename(model), attacks }));
      await page.commit();
    }
    await print(io, { flags, source, report, attacks });
  } finally {
    // Nothing where the journal has ended it.
    await claimed?.abandon({ keep: true });
    await page?.abandon({ keep: false });
  }
}

const abandoning =
  (claimed: Awaited<ReturnType<typeof claimOutput>> | undefined) =>
  async (error: unknown): Promise<never> => {
    await claimed?.abandon({ keep: true });
    throw error;
  };

/** Refuses flags that would do nothing. */
function requireUse({ attack, ...flags }: RobustnessFlags): void {
  if (flags.resume && flags.output === undefined) throw new UsageError('--resume needs --output');
  for (const name of ['attackSearch', 'queries', 'attackLimit'] as const)
    if (flags[name] !== undefined && !attack)
      throw new UsageError(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for --attack`);
  for (const name of flags.attackSearch ?? []) requireOneOf('attackSearch', name, ATTACK_SEARCHES);
  requireDistinct('attackSearch', flags.attackSearch ?? []);
  requireDistinct('perturbations', flags.perturbations ?? []);
}

/** Perturbations with words of a model, and what they need. */
interface Words extends Disposable {
  perturbations: Perturbation[];
  find: FindWords | undefined;
  checks: NonNullable<RobustnessOptions['checks']>;
  /** Of the model of words; undefined where no perturbation needs it. */
  fingerprint: string | undefined;
}

const NO_WORDS: FindWords = () => [];

/** Chooses the perturbations; loads the model of words where one of them or the attack needs it. */
async function openWords(io: CliIo, source: RewritableData, flags: RobustnessFlags): Promise<Words> {
  const languages = languagesOfRows(source);
  const known = (find: FindWords): Perturbation[] => [...PERTURBATIONS, ...modelPerturbations(find)];
  const ofModel = modelPerturbations(NO_WORDS).map(({ name }) => name);
  const chosen = perturbationsNamed(flags.perturbations, languages, known(NO_WORDS));
  const isPerturbed = chosen.some(({ name }) => ofModel.includes(name));
  if (!flags.attack && !isPerturbed) {
    for (const name of ['meaning', 'wordsModel'] as const)
      if (flags[name] !== undefined)
        throw new UsageError(
          `--${name === 'meaning' ? name : 'words-model'} is for --attack and the perturbations ${ofModel.join(' and ')}`,
        );
    return {
      perturbations: chosen,
      find: undefined,
      checks: {},
      fingerprint: undefined,
      [Symbol.dispose]: () => undefined,
    };
  }
  const model: NodeAlbert = await openModel(io, flags.wordsModel, flags);
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  const textsOf = (limit: number | undefined): string[] =>
    spread(source.data.rows, limit).flatMap((row) => source.rewriting.texts(row).map(({ text }) => text));
  const texts = [...textsOf(flags.limit), ...(flags.attack ? textsOf(flags.attackLimit ?? 100) : [])];
  const vectors = await WordVectors.build(model, texts, { onProgress: bar.update, signal: io.signal }).finally(() =>
    bar.finish(),
  );
  const find = findNear(vectors);
  return {
    perturbations: known(find).filter(({ name }) => chosen.some((one) => one.name === name)),
    find: findNear(vectors, ATTACK_COSINE),
    checks: { synonyms: meaningCheck(model, flags.meaning) },
    fingerprint: isPerturbed ? model.fingerprint : undefined,
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

/** What the records depend on besides model and data; an attack counts where its words are looked up with the others. */
function originOf(
  flags: RobustnessFlags,
  { options, words }: { options: Readonly<Record<string, unknown>>; words: Words },
): Record<string, unknown> {
  return {
    ...options,
    ...pick(flags, ['perturbations', 'severities', 'seed', 'limit', 'examples']),
    ...(words.fingerprint !== undefined && {
      ...pick(flags, ['meaning', 'attack', 'attackLimit']),
      wordsModel: words.fingerprint,
    }),
  };
}

/** Measures; what is found is written to the file meanwhile, and kept where it ends early. */
async function measureInto(
  io: CliIo,
  source: RewritableData,
  { flags, words, journal }: { flags: RobustnessFlags; words: Words; journal: RobustnessJournal | undefined },
): Promise<RobustnessReport> {
  try {
    await journal?.begin();
    if (journal && journal.existing > 0 && !flags.quiet)
      io.stderr.write(`going on after ${countOf(journal.existing, 'answer')}\n`);
    const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
    const report = await measureRobustness(source, {
      ...pick(flags, ['severities', 'seed', 'limit', 'examples']),
      perturbations: words.perturbations,
      checks: words.checks,
      ...journal?.options,
      onProgress: bar.update,
      signal: io.signal,
    }).finally(() => bar.finish());
    await journal?.close(report);
    return report;
  } catch (error) {
    const note = await journal?.abort();
    if (note !== undefined) io.stderr.write(`${note}\n`);
    throw error;
  }
}

async function attack(
  io: CliIo,
  source: RewritableData,
  { flags, words }: { flags: RobustnessFlags; words: Words },
): Promise<AttackReport[]> {
  if (!flags.attack) return [];
  const reports: AttackReport[] = [];
  for (const search of flags.attackSearch ?? ['greedy']) {
    const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
    reports.push(
      await attackRows(source, {
        ...pick(flags, ['queries', 'seed']),
        ...(flags.attackLimit !== undefined && { limit: flags.attackLimit }),
        search,
        find: words.find!,
        check: words.checks['synonyms'],
        onProgress: bar.update,
        signal: io.signal,
      }).finally(() => bar.finish()),
    );
  }
  return reports;
}

async function print(
  io: CliIo,
  {
    flags,
    source: { data },
    report,
    attacks,
  }: { flags: RobustnessFlags; source: RewritableData; report: RobustnessReport; attacks: AttackReport[] },
): Promise<void> {
  if (!flags.quiet) {
    for (const remark of data.remarks) io.stderr.write(`note: ${remark}\n`);
    if (data.report.skipped > 0) io.stderr.write(`note: ${countOf(data.report.skipped, 'bad row')} left out\n`);
  }
  await io.stdout.write(
    flags.json
      ? `${toJson(withoutNaN({ ...report, ...(flags.attack && { attacks }) }))}\n`
      : describeRobustness(report, attacks, io.stdout.columns),
  );
  const fallen = flags.failUnder === undefined ? [] : fallenUnder(flags.failUnder, report, attacks);
  if (fallen.length > 0)
    throw new AlbertineError('invalid_data', `${report.metric} falls under ${flags.failUnder}: ${fallen.join(', ')}`, {
      value: flags.failUnder,
    });
}
