import { AlbertineError, requireDistinct, requireInteger } from '../../core/errors.ts';
import { requireNotInterrupted } from '../../core/interrupt.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { createRandom, mixSeed } from '../../core/random.ts';
import { languagesOf, perturbationsNamed } from '../../perturbation/registry.ts';
import type { Perturbation, PerturbedLanguage } from '../../perturbation/perturbation.ts';
import { spread, type RewritableData, type RewritableText, type RewrittenText } from '../../tasks/rewriting.ts';
import type { TaskTypes, TextCounts } from '../../tasks/task.ts';
import type { LabelledRow } from '../../tasks/tuning.ts';
import { RobustnessFigures, type AnsweredRow } from './figures.ts';
import type { RobustnessCondition, RobustnessReport } from './report.ts';

/** Whether each text still says what it said. */
export type MeaningCheck = (pairs: readonly { before: string; after: string }[]) => Promise<boolean[]>;

/** What is told of every answer. */
export interface RobustnessRecord {
  /** Place of the row in the data, from 0. */
  index: number;
  /** Name of the perturbation. */
  perturbation: string;
  /** How strong, from 0 to 1. */
  severity: number;
  /** Whether the perturbation changed its texts. */
  changed: boolean;
  /** The texts. */
  texts: string[];
  /** What is right, in a few words. */
  gold: string;
  /** The answer to the clean text. */
  before: string;
  /** The answer to the changed text. */
  after: string;
  /** How right the answer is, from 0 to 1. */
  right: number;
  /** Probability of the answer, where there is one. */
  confidence?: number;
}

/** Options of {@link measureRobustness}. */
export interface RobustnessOptions {
  /** Default: the usual ones of the languages that the data are in. */
  perturbations?: readonly Perturbation[];
  /** Shares of the places where something can be changed. Default 0.1, 0.3. */
  severities?: readonly number[];
  /** Default 1. */
  seed?: number;
  /** Rows that are asked, evenly spread over the file. Default: all. */
  limit?: number;
  /** Failures kept of each condition. Default 5. */
  examples?: number;
  /** By name of a perturbation: its texts are left as they were where the check says no. Default: none is checked. */
  checks?: Readonly<Record<string, MeaningCheck>>;
  /**
   * Conditions that an earlier run with the same model, rows and options has found: they are not asked again, and
   * {@link RobustnessOptions.onRecord} is not told of them. The report is that of a run without them.
   */
  known?: readonly RobustnessCondition[];
  /** Told of every condition that was asked, after its rows. */
  onCondition?: (condition: RobustnessCondition) => void | Promise<void>;
  /** Told of every row of every condition. */
  onRecord?: (record: RobustnessRecord) => void | Promise<void>;
  /** Told about rows that are done. */
  onProgress?: ProgressListener;
  /** Stops between groups of rows with `interrupted`. */
  signal?: AbortSignal;
}

/** Severities unless others are given. */
export const DEFAULT_SEVERITIES = [0.1, 0.3];
/** Rows that are asked at a time. */
const GROUP = 128;

/** Languages of the rows' texts. */
export function languagesOfRows({ data, rewriting }: RewritableData): PerturbedLanguage[] {
  return languagesOf(spread(data.rows, 500).flatMap((row) => rewriting.texts(row).map(({ text }) => text)));
}

/**
 * Asks a model for rows as they are and with their texts perturbed. What is right stays what it was; places of entities
 * and answers are carried along. The same seed gives the same texts, and what is changed at a severity is changed at a
 * higher one too. Throws `invalid_data` without rows, `invalid_argument`, `interrupted`.
 */
export async function measureRobustness(
  source: RewritableData,
  options: RobustnessOptions = {},
): Promise<RobustnessReport> {
  const { severities = DEFAULT_SEVERITIES, seed = 1, limit, known = [] } = options;
  requireSeverities(severities);
  requireInteger('seed', seed);
  const { model, data, metric } = source;
  const languages = languagesOfRows(source);
  const perturbations = options.perturbations ?? perturbationsNamed(undefined, languages);
  const rows = spread(
    data.rows.map((row, index) => ({ row, index })),
    limit,
  );
  if (rows.length === 0) throw new AlbertineError('invalid_data', 'there is no row to ask', { value: 0 });
  const planned = perturbations.flatMap((row) => severities.map((severity) => ({ row, severity })));
  const found = planned.map(({ row, severity }) =>
    known.find((condition) => condition.perturbation === row.name && condition.severity === severity),
  );
  const run = new Run(source, options, {
    total: rows.length * (1 + planned.length),
    alreadyDone: rows.length * found.filter((condition) => condition !== undefined).length,
  });
  const answers = await run.ask(rows.map(({ row }) => row));
  const figures = new RobustnessFigures(
    source,
    rows.map(({ row, index }, i) => ({ row, index, answer: answers[i] })),
  );
  const report: RobustnessReport = {
    task: model.task.name,
    metric,
    fingerprint: model.fingerprint,
    languages,
    rows: rows.length,
    available: data.rows.length,
    truncated: (answers as TextCounts[]).filter(({ truncatedTokens }) => truncatedTokens > 0).length,
    seed,
    clean: figures.clean(),
    conditions: [],
  };
  for (const [i, { row, severity }] of planned.entries())
    report.conditions.push(found[i] ?? (await measureCondition(run, figures, { row, severity, seed, options })));
  run.finish();
  return report;
}

async function measureCondition(
  run: Run,
  figures: RobustnessFigures,
  {
    row,
    severity,
    seed,
    options: { examples = 5, onRecord, onCondition },
  }: { row: Perturbation; severity: number; seed: number; options: RobustnessOptions },
): Promise<RobustnessCondition> {
  const { after, rejected } = await run.perturbed(figures.rows, { row, severity, seed });
  const named = { perturbation: row.name, severity };
  const condition = { ...named, rejected, ...figures.of(after, examples) };
  if (onRecord) for (const record of figures.records(after)) await onRecord({ ...record, ...named });
  await onCondition?.(condition);
  return condition;
}

function requireSeverities(severities: readonly number[]): void {
  const wrong = severities.find((severity) => !(severity > 0 && severity <= 1));
  if (wrong !== undefined || severities.length === 0)
    throw new AlbertineError(
      'invalid_argument',
      `severities must be numbers above 0, up to 1, got ${wrong ?? 'none'}`,
      {
        value: wrong,
        option: 'severities',
      },
    );
  requireDistinct('severities', severities.map(String));
}

/** Texts of a row after a perturbation; the places that must stay are protected. */
export function perturbTexts(
  texts: readonly RewritableText[],
  { row, severity, seed }: { row: Perturbation; severity: number; seed: number },
): RewrittenText[] {
  const protect = texts.map(({ text, spans, fixed, isWhole }) =>
    row.needsWholeText && !isWhole ? [[-1, text.length + 1] as const] : [...fixed, ...(row.withinWords ? [] : spans)],
  );
  return row.applyAll(
    texts.map(({ text }) => text),
    { severity, random: createRandom(seed), protect },
  );
}

/** Asks for rows, in groups, and counts them. */
class Run {
  private readonly meter: ProgressMeter;
  private readonly source: RewritableData;
  private readonly options: RobustnessOptions;

  constructor(source: RewritableData, options: RobustnessOptions, count: { total: number; alreadyDone: number }) {
    this.source = source;
    this.options = options;
    this.meter = new ProgressMeter(options.onProgress, { stage: 'asking', unit: 'rows', ...count });
  }

  async ask(rows: readonly LabelledRow<TaskTypes>[]): Promise<object[]> {
    const { model, asking } = this.source;
    const answers: object[] = [];
    for (let from = 0; from < rows.length; from += GROUP) {
      this.goOn();
      const group = rows.slice(from, from + GROUP).map(({ input }) => input);
      answers.push(...(await model.predict(group, asking)));
      this.meter.add(group.length);
    }
    return answers;
  }

  /** Answers to perturbed rows; rows that nothing was changed in keep theirs. */
  async perturbed(
    rows: readonly AnsweredRow[],
    { row: perturbation, severity, seed }: { row: Perturbation; severity: number; seed: number },
  ): Promise<{ after: (AnsweredRow & { texts: RewrittenText[] })[]; rejected: number }> {
    const { rewriting } = this.source;
    const own = mixSeed(seed, ...Array.from(perturbation.name, (letter) => letter.charCodeAt(0)));
    const texts = rows.map(({ row, index }) =>
      perturbTexts(rewriting.texts(row), { row: perturbation, severity, seed: mixSeed(own, index) }),
    );
    const rejected = await this.reject(rows, texts, this.options.checks?.[perturbation.name]);
    const changed = rows.flatMap((_, i) => (texts[i].some(({ edits }) => edits.length > 0) ? [i] : []));
    const rewritten = new Map(changed.map((i) => [i, rewriting.put(rows[i].row, texts[i])]));
    const answers = await this.ask(changed.map((i) => rewritten.get(i)!));
    this.meter.add(rows.length - changed.length);
    const answered = new Map(changed.map((i, at) => [i, answers[at]]));
    return {
      rejected,
      after: rows.map(({ row, index, answer }, i) => ({
        row: rewritten.get(i) ?? row,
        index,
        answer: answered.get(i) ?? answer,
        texts: texts[i],
      })),
    };
  }

  finish(): void {
    this.meter.finish();
  }

  /** Puts back the texts of rows that a check says no to. */
  private async reject(
    rows: readonly AnsweredRow[],
    texts: RewrittenText[][],
    check: MeaningCheck | undefined,
  ): Promise<number> {
    if (!check) return 0;
    const { rewriting } = this.source;
    let rejected = 0;
    for (let from = 0; from < rows.length; from += GROUP) {
      this.goOn();
      const places = rows
        .slice(from, from + GROUP)
        .flatMap(({ row }, i) =>
          rewriting
            .texts(row)
            .flatMap(({ text: before }, part) =>
              texts[from + i][part].edits.length > 0 ? [{ row: from + i, part, before }] : [],
            ),
        );
      const kept = await check(places.map(({ row, part, before }) => ({ before, after: texts[row][part].text })));
      const refused = new Set(places.filter((_, i) => !kept[i]).map(({ row }) => row));
      for (const i of refused) texts[i] = rewriting.texts(rows[i].row).map(({ text }) => ({ text, edits: [] }));
      rejected += refused.size;
    }
    return rejected;
  }

  private goOn(): void {
    requireNotInterrupted(this.options.signal, 'interrupted while rows were asked');
  }
}
