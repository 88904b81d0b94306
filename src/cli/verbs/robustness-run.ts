import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { countOf } from '../../core/count.ts';
import { AlbertineError, requireDistinct, requireOneOf } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
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
import { openRobustnessData } from '../../analysis/robustness/open-node.ts';
import { robustnessPage } from '../../analysis/robustness/page.ts';
import type { RobustnessReport } from '../../analysis/robustness/report.ts';
import { WordVectors } from '../../analysis/robustness/word-vectors.ts';
import type { NodeAlbert } from '../../loaded/load-node.ts';
import type { Perturbation } from '../../perturbation/perturbation.ts';
import { PERTURBATIONS, perturbationsNamed } from '../../perturbation/registry.ts';
import { taskOf } from '../../tasks/registry.ts';
import { spread, type RewritableData } from '../../tasks/rewriting.ts';
import { requireOutputFormat } from '../flags/output-format.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { requireOwnFlags, ROBUSTNESS_SETTINGS } from '../flags/task-flags.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
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
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine robustness`. */
export async function runRobustness(io: CliIo, model: string, flags: RobustnessFlags): Promise<void> {
  requireUse(flags);
  const { output, html, overwrite } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const options = optionsOfFlags(ROBUSTNESS_SETTINGS, flags as unknown as Record<string, unknown>);
  const inputs = [flags.data, model, flags.wordsModel];
  const claimed = output === undefined ? undefined : await claimOutput(output, { inputs, overwrite });
  const page =
    html === undefined
      ? undefined
      : await claimOutput(html, { inputs: [...inputs, output], overwrite }).catch(abandoning(claimed));
  try {
    using opened = await openModel(io, model, flags);
    const task = taskOf(opened);
    if (task.rewritable) requireOwnFlags(task, 'evaluate', options);
    const source = await openRobustnessData(opened, flags.data, options);
    if (flags.attack) requireAttackable(source);
    using words = await openWords(io, source, flags);
    const writer = claimed && (await openRecordWriter(output!, { output: claimed }));
    let report: RobustnessReport;
    try {
      report = await measure(io, source, { flags, words, ...(writer && { write: (record) => writer.write(record) }) });
      await writer?.close();
    } catch (error) {
      await writer?.abort();
      throw error;
    }
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
    await claimed?.abandon({ keep: false });
    await page?.abandon({ keep: false });
  }
}

const abandoning =
  (claimed: Awaited<ReturnType<typeof claimOutput>> | undefined) =>
  async (error: unknown): Promise<never> => {
    await claimed?.abandon({ keep: false });
    throw error;
  };

/** Refuses flags that would do nothing. */
function requireUse({ attack, ...flags }: RobustnessFlags): void {
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
}

const NO_WORDS: FindWords = () => [];

/** Chooses the perturbations; loads the model of words where one of them or the attack needs it. */
async function openWords(io: CliIo, source: RewritableData, flags: RobustnessFlags): Promise<Words> {
  const languages = languagesOfRows(source);
  const known = (find: FindWords): Perturbation[] => [...PERTURBATIONS, ...modelPerturbations(find)];
  const ofModel = modelPerturbations(NO_WORDS).map(({ name }) => name);
  const chosen = perturbationsNamed(flags.perturbations, languages, known(NO_WORDS));
  if (!flags.attack && !chosen.some(({ name }) => ofModel.includes(name))) {
    for (const name of ['meaning', 'wordsModel'] as const)
      if (flags[name] !== undefined)
        throw new UsageError(
          `--${name === 'meaning' ? name : 'words-model'} is for --attack and the perturbations ${ofModel.join(' and ')}`,
        );
    return { perturbations: chosen, find: undefined, checks: {}, [Symbol.dispose]: () => undefined };
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
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

async function measure(
  io: CliIo,
  source: RewritableData,
  {
    flags,
    words,
    write,
  }: { flags: RobustnessFlags; words: Words; write?: (record: Record<string, unknown>) => Promise<void> },
): Promise<RobustnessReport> {
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  return await measureRobustness(source, {
    ...pick(flags, ['severities', 'seed', 'limit', 'examples']),
    perturbations: words.perturbations,
    checks: words.checks,
    ...(write && { onRecord: (record) => write({ ...record }) }),
    onProgress: bar.update,
    signal: io.signal,
  }).finally(() => bar.finish());
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
      ? `${toJson({ ...report, ...(flags.attack && { attacks }) })}\n`
      : describeRobustness(report, attacks, io.stdout.columns),
  );
  const fallen = flags.failUnder === undefined ? [] : fallenUnder(flags.failUnder, report, attacks);
  if (fallen.length > 0)
    throw new AlbertineError('invalid_data', `${report.metric} falls under ${flags.failUnder}: ${fallen.join(', ')}`, {
      value: flags.failUnder,
    });
}
