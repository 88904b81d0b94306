import { countOf } from '../../core/count.ts';
import type { TaskEvaluation } from '../../tasks/evaluate-node.ts';
import type { ScoreTable } from '../../tasks/task.ts';
import { unknownRemarks } from '../../loaded/text-windows.ts';
import type { CliIo } from '../terminal/io.ts';
import { openAsked } from '../streams/asked.ts';
import { formatDuration } from '../terminal/progress-bar.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { requireOwnFlags, unitedSettings } from '../flags/task-flags.ts';
import { fitWidth, formatTable } from '../terminal/text-width.ts';

/** The flags of `albertine evaluate` that any task has, as commander gives them. */
export interface EvaluateFlags {
  data: string;
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Columns beyond which labels are cut to this width. */
const MANY_COLUMNS = 6;
const LABEL_WIDTH = 14;

/** Runs `albertine evaluate`. */
export async function runEvaluate(io: CliIo, model: string, flags: EvaluateFlags): Promise<void> {
  const started = performance.now();
  const options = optionsOfFlags(unitedSettings('evaluate'), flags as unknown as Record<string, unknown>);
  using opened = await openAsked(io, model, flags);
  requireOwnFlags(opened.task, 'evaluate', options);
  const evaluation = await opened.evaluate(flags.data, { ...options, signal: io.signal });
  if (!flags.quiet) for (const note of notesOf(evaluation)) io.stderr.write(`note: ${note}\n`);
  await io.stdout.write(
    flags.json
      ? `${JSON.stringify(toPlain(evaluation), nullForUndefined)}\n`
      : describe(evaluation, (performance.now() - started) / 1000),
  );
}

/** Figures at the top level, where scripts look for them. */
function toPlain({
  metrics,
  details,
  count,
  truncatedTexts,
  truncatedTokens,
  tokens,
  unknownTokens,
  skippedRows,
}: TaskEvaluation): Record<string, unknown> {
  return { ...metrics, ...details, count, truncatedTexts, truncatedTokens, tokens, unknownTokens, skippedRows };
}

const nullForUndefined = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? null : value;

function notesOf(evaluation: TaskEvaluation): string[] {
  const { truncatedTexts, truncatedTokens, skippedRows, remarks, notes = [] } = evaluation;
  return [
    ...(truncatedTexts > 0
      ? [
          `${countOf(truncatedTexts, 'text')} cut, ${countOf(truncatedTokens, 'token')} in all; --long-text window reads texts whole, as predict and embed do`,
        ]
      : []),
    ...(skippedRows > 0 ? [`${countOf(skippedRows, 'bad row')} left out`] : []),
    ...remarks,
    ...unknownRemarks(evaluation),
    ...notes,
  ];
}

function describe(evaluation: TaskEvaluation & { heading?: string }, seconds: number): string {
  const { metrics, count, heading = countOf(count, 'example'), tables } = evaluation;
  const parts = [
    `${heading}, ${formatDuration(seconds)}`,
    formatTable(
      Object.entries(metrics).map(([name, value]) => [name, cell(value)]),
      { right: [1] },
    ),
    ...(tables?.() ?? []).map(printTable),
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}

const cell = (value: string | number): string =>
  typeof value === 'string' ? value : Number.isFinite(value) ? value.toFixed(4) : 'undefined';

function printTable({ title, columns, rows }: ScoreTable): string {
  const lines = [...(columns ? [columns] : []), ...rows].map((row) => row.map(cell));
  const width = lines[0]?.length ?? 0;
  const shown =
    width > MANY_COLUMNS ? lines.map((row) => row.map((text) => fitWidth(text, LABEL_WIDTH).trimEnd())) : lines;
  // What is a number in the first row is one in all of them.
  const right = Array.from({ length: width }, (_, column) => column).filter(
    (column) => rows.length > 0 && /^[-+]?[\d.]+%?$|^undefined$/.test(cell(rows[0][column])),
  );
  return `${title === undefined ? '' : `${title}\n`}${formatTable(shown, { right })}`;
}
