import { countOf } from '../core/count.ts';
import { evaluateClassifier, type Evaluation } from '../tasks/evaluate-node.ts';
import { evaluateEmbedding, type EmbeddingEvaluation } from '../tasks/evaluate-embedding-node.ts';
import { TextClassifier, type PredictOptions } from '../tasks/classify.ts';
import type { Albert } from '../tasks/albert.ts';
import { unknownRemarks } from '../tasks/text-windows.ts';
import { pick } from '../tasks/pick.ts';
import type { Pooling } from '../model/pooling.ts';
import { UsageError } from './errors.ts';
import { dataOptions, fileOptions, type DataFlags } from './finetune-run.ts';
import type { CliIo } from './io.ts';
import { openModel } from './models.ts';
import { formatDuration } from './progress-bar.ts';
import { fitWidth, formatTable } from './text-width.ts';

/** The flags of `albertine evaluate`, as commander gives them. */
export interface EvaluateFlags extends DataFlags, Pick<PredictOptions, 'longText' | 'maxLength' | 'batchTokens'> {
  data: string;
  scoreField?: string;
  pooling?: Pooling;
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Labels beyond which the confusion matrix is too wide to print; the most frequent confusions are listed instead. */
const WIDEST_MATRIX = 12;
const LISTED_CONFUSIONS = 15;
const LABEL_WIDTH = 14;

/** Runs `albertine evaluate`. */
export async function runEvaluate(io: CliIo, model: string, flags: EvaluateFlags): Promise<void> {
  const started = performance.now();
  using opened = await openModel(io, model, flags);
  const isClassifier = opened.loaded.heads.includes('sequenceClassification');
  if (!isClassifier && (opened.pooling !== undefined || flags.scoreField !== undefined || flags.pooling !== undefined)) return await evaluatePairs(io, opened, flags);
  if (flags.scoreField !== undefined || flags.pooling !== undefined) throw new UsageError('--score-field and --pooling are for sentence embeddings, and this model is a classifier');
  const classifier = TextClassifier.from(opened);
  const evaluation = await evaluateClassifier(classifier, flags.data, { ...dataOptions(flags), ...pick(flags, ['longText', 'maxLength', 'batchTokens']) });
  if (!flags.quiet) for (const note of [...notesOf(evaluation), ...unknownRemarks(evaluation), ...absentLabels(evaluation)]) io.stderr.write(`note: ${note}\n`);
  await io.stdout.write(flags.json ? `${JSON.stringify(toPlain(evaluation), nullForUndefined)}\n` : describe(evaluation, (performance.now() - started) / 1000));
}

async function evaluatePairs(io: CliIo, model: Albert, flags: EvaluateFlags): Promise<void> {
  const started = performance.now();
  const unfit = flags.labelField !== undefined ? '--label-field' : flags.labelSeparator !== undefined ? '--label-separator' : undefined;
  if (unfit) throw new UsageError(`${unfit} is for classifiers, and this model embeds sentences: name the scores with --score-field`);
  const evaluation = await evaluateEmbedding(model, flags.data, { ...fileOptions(flags), ...pick(flags, ['textField', 'pairField', 'scoreField', 'pooling', 'longText', 'maxLength', 'batchTokens']), signal: io.signal });
  if (!flags.quiet) for (const note of notesOf(evaluation)) io.stderr.write(`note: ${note}\n`);
  await io.stdout.write(flags.json ? `${JSON.stringify(evaluation, nullForUndefined)}\n` : describePairs(evaluation, (performance.now() - started) / 1000));
}

function describePairs({ rows, pooling, spearman, pearson }: EmbeddingEvaluation, seconds: number): string {
  const number = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : 'undefined');
  return `${countOf(rows, 'pair')}, ${pooling} pooling, ${formatDuration(seconds)}\n\n${formatTable([['spearman', number(spearman)], ['pearson', number(pearson)]], { right: [1] }).trimEnd()}\n`;
}

/** Metrics at the top level, where scripts look for them. */
function toPlain({ metrics, ...rest }: Evaluation): Record<string, unknown> {
  return { ...metrics, ...rest };
}

const nullForUndefined = (_key: string, value: unknown): unknown => (typeof value === 'number' && !Number.isFinite(value) ? null : value);

function notesOf({ truncatedTexts, truncatedTokens, skippedRows }: Pick<Evaluation, 'truncatedTexts' | 'truncatedTokens' | 'skippedRows'>): string[] {
  return [
    ...(truncatedTexts > 0 ? [`${countOf(truncatedTexts, 'text')} cut, ${countOf(truncatedTokens, 'token')} in all; --long-text window reads texts whole, as predict and embed do`] : []),
    ...(skippedRows > 0 ? [`${countOf(skippedRows, 'bad row')} left out`] : []),
  ];
}

/** Averages over labels say nothing of those that no row has. */
function absentLabels({ perClass = [] }: Evaluation): string[] {
  const absent = perClass.filter(({ support }) => support === 0);
  return absent.length === 0 ? [] : [`${absent.length} of ${countOf(perClass.length, 'label')} ${absent.length === 1 ? 'does' : 'do'} not occur in the data (${absent.slice(0, 3).map(({ label }) => JSON.stringify(label)).join(', ')}${absent.length > 3 ? ' ...' : ''}); macro averages are of the others and of those predicted`];
}

function describe(evaluation: Evaluation, seconds: number): string {
  const { metrics, count, perClass, confusionMatrix, labels } = evaluation;
  const number = (value: number): string => (Number.isFinite(value) ? value.toFixed(4) : 'undefined');
  const parts = [
    `${countOf(count, 'example')}, ${formatDuration(seconds)}`,
    formatTable(Object.entries(metrics).map(([name, value]) => [name, number(value)]), { right: [1] }),
    ...(perClass ? [formatTable([
      ['label', 'precision', 'recall', 'F1', 'support'],
      ...perClass.map(({ label, precision, recall, f1, support }) => [label, number(precision), number(recall), number(f1), String(support)]),
    ], { right: [1, 2, 3, 4] })] : []),
    ...(confusionMatrix ? [labels.length <= WIDEST_MATRIX ? matrixTable(labels, confusionMatrix) : topConfusions(labels, confusionMatrix)] : []),
  ];
  return `${parts.map((part) => part.trimEnd()).join('\n\n')}\n`;
}

function matrixTable(labels: readonly string[], counts: readonly (readonly number[])[]): string {
  const short = (label: string): string => fitWidth(label, LABEL_WIDTH).trimEnd();
  const rows = labels.map((label, row) => [short(label), ...counts[row].map(String)]);
  return `true label (rows) and prediction (columns)\n${formatTable([['', ...labels.map(short)], ...rows], { right: labels.map((_, i) => i + 1) })}`;
}

function topConfusions(labels: readonly string[], counts: readonly (readonly number[])[]): string {
  const wrong = counts.flatMap((row, truth) => row.flatMap((count, prediction) => (count > 0 && truth !== prediction ? [{ truth, prediction, count }] : [])));
  wrong.sort((a, b) => b.count - a.count);
  const rows = wrong.slice(0, LISTED_CONFUSIONS).map(({ truth, prediction, count }) => [labels[truth], labels[prediction], String(count)]);
  return `most frequent confusions (all of them with --json)\n${formatTable([['true label', 'prediction', 'rows'], ...rows], { right: [2] })}`;
}
