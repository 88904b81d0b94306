import { createHash } from 'node:crypto';
import { countOf } from '../core/count.ts';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { weightsFingerprint } from '../checkpoint/fingerprint.ts';
import { openCheckpoint, type Checkpoint } from '../checkpoint/folder.ts';
import { readStoredSentences } from '../checkpoint/sentence-transformers.ts';
import { classifyByWords } from '../classical/words-classifier.ts';
import { readExamples } from '../data/dataset-node.ts';
import type { ExampleSet, ProblemType } from '../data/dataset.ts';
import type { ReadReport } from '../data/rows.ts';
import type { Duplicates } from '../data/duplicates.ts';
import { stratifiedSplit } from '../data/split.ts';
import type { AlbertConfig } from '../model/config.ts';
import type { HeadName } from '../model/heads.ts';
import type { Weights } from '../model/parameters.ts';
import type { Pooling } from '../model/pooling.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeExamples, type EncodedExample } from '../training/classification.ts';
import type { RunInfo } from '../training/report/run-record.ts';
import { describeDuplicates, distinctExamples, keyedRows, labelWarnings } from './describe-duplicates.ts';
import type { FineTuneOptions, FineTuneRunOptions } from './fine-tune-options.ts';
import { describeClasses, describeMultiLabels } from './label-balance.ts';
import { BUILT_IN_MODEL, modelFolder } from './load-node.ts';
import { pick } from './pick.ts';
import { unknownRemarks } from './text-windows.ts';
import { startClassifier, type HeadOrigins } from './start-heads-node.ts';

/** The model that fine-tuning starts from. */
export interface BaseModel {
  /** As it was asked for. */
  model: string;
  checkpoint: Checkpoint;
  /** Heads of the checkpoint, whose weights are not among `weights`. */
  unusedHeads: readonly HeadName[];
  /** With the dropout of this run. */
  config: AlbertConfig;
  /** With the dropout of the checkpoint, which is what is saved. */
  checkpointConfig: AlbertConfig;
  weights: Weights;
  tokenizer: Tokenizer;
  maxLength: number;
  untrained: boolean;
  fingerprint: string;
  /** Set for a sentence-embedding model. */
  storedPooling?: Pooling;
  notes: string[];
}

/** A model and tokenised data, ready for a trainer. */
export interface PreparedClassification extends BaseModel {
  problem: ProblemType;
  labels: string[];
  train: EncodedExample[];
  evaluation: EncodedExample[];
  /** How often each label occurs, and for several labels a row how many rows there are and have none. */
  balance: Pick<RunInfo, 'classCounts' | 'classRows'>;
  /** Where pooler and head come from, and what is left out. */
  heads: HeadOrigins;
  duplicates: Duplicates;
  /** Predictions for the held-out rows by words alone; undefined where that is not done. */
  byWords?: () => number[] | undefined;
  /** What is wrong with rows and labels, and a head that is not used. */
  warnings: string[];
  /** Content hash of the training and evaluation examples as the model sees them. */
  dataFingerprint: string;
}

/** Longest input by default: most labelled texts are shorter, and attention's memory grows with the square. */
const DEFAULT_MAX_LENGTH = 256;
/** Share of the training rows that is held out where there is no evaluation file. */
export const VALIDATION_FRACTION = 0.1;

/** Opens the checkpoint to start from. Throws as `openCheckpoint` does, and `invalid_argument` for a length it cannot take. */
export async function openBaseModel(options: FineTuneRunOptions, defaults: { model: string; maxLength: number }): Promise<BaseModel> {
  const model = options.model ?? defaults.model;
  const files = await openFolder(await modelFolder(model));
  const checkpoint = await openCheckpoint(files);
  const [{ weights, unusedHeads }, tokenizer, stored] = await Promise.all([checkpoint.load({ heads: [] }), loadTokenizer(files), files.list().then((names) => readStoredSentences(files, names))]);
  const { dropout } = options;
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1)) throw new AlbertineError('invalid_argument', `dropout must be in [0, 1), got ${dropout}`, { value: dropout });
  const config = dropout === undefined ? checkpoint.config : { ...checkpoint.config, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout, classifierDropoutProb: dropout };
  const positions = config.maxPositionEmbeddings;
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  const notes = [...(untrained ? ['training starts from UNTRAINED weights'] : []), ...checkpoint.notes];
  for (const note of notes) options.onEvent?.('note', note);
  return {
    model, checkpoint, unusedHeads, config, checkpointConfig: checkpoint.config, weights, tokenizer, untrained, notes,
    ...(stored.pooling && { storedPooling: stored.pooling }),
    maxLength: requireInteger('maxLength', options.maxLength ?? Math.min(defaults.maxLength, positions), { min: 3, max: positions }),
    fingerprint: await weightsFingerprint(weights),
  };
}

/** Reads model and data, tokenises, and adds the head: the checkpoint's where it answers the same labels, else a fresh one. */
export async function prepareClassification(options: FineTuneOptions): Promise<PreparedClassification> {
  const problem = options.problem ?? 'singleLabel';
  const sets = await readSplits(options, problem);
  const { labels } = sets.train;
  const base = await openBaseModel(options, { model: BUILT_IN_MODEL, maxLength: DEFAULT_MAX_LENGTH });
  const notes = [...base.notes];
  const encode = (name: string, set: ExampleSet): EncodedExample[] => {
    const { encoded, ...counts } = encodeExamples(base.tokenizer, set.examples, base.maxLength);
    const tokens = encoded.reduce((sum, { ids }) => sum + ids.length, 0);
    const remarks = [...readingRemarks({ ...set, ...counts, maxLength: base.maxLength }), ...unknownRemarks({ tokens, ...counts })];
    if (remarks.length > 0) notes.push(`${name}: ${remarks.join(', ')}`);
    options.onEvent?.('data', [`${name}: ${countOf(set.examples.length, 'row')}, ${countOf(tokens, 'token')}`, ...remarks].join(', '));
    return encoded;
  };
  const [train, evaluation] = [encode('train', sets.train), encode('evaluation', sets.evaluation)];
  const heads = await startClassifier(base.checkpoint, base, { ...base, problem, labels, seed: options.seed ?? 1, freshHead: options.freshHead ?? false });
  options.onEvent?.('model', heads.line);
  notes.push(heads.line);
  const equal = describeDuplicates(sets.train, sets.evaluation, sets.dropped);
  for (const remark of equal.remarks) options.onEvent?.('data', remark);
  notes.push(...equal.remarks);
  const labelReport = problem === 'regression' ? undefined : problem === 'multiLabel' ? describeMultiLabels(sets.train, sets.evaluation) : describeClasses(sets.train);
  if (labelReport) options.onEvent?.('data', labelReport.summary);
  return {
    ...base, notes, problem, labels, train, evaluation,
    duplicates: equal.duplicates, ...(problem === 'singleLabel' && (options.wordsBaseline ?? true) && { byWords: wordsOf(sets) }),
    warnings: [...equal.warnings, ...labelWarnings(labels), ...labelReport?.warnings ?? [], ...(heads.loss === undefined ? [] : [heads.loss])],
    weights: heads.weights, heads: heads.origins,
    balance: {
      ...(problem !== 'regression' && { classCounts: { train: countLabels(sets.train), evaluation: countLabels(sets.evaluation) } }),
      ...(problem === 'multiLabel' && { classRows: { train: countRows(sets.train), evaluation: countRows(sets.evaluation) } }),
    },
    dataFingerprint: fingerprintOf([...train, ...evaluation]),
  };
}

/** What is to be told of rows that were read: those left out with their numbers, empty texts, texts cut. */
export function readingRemarks(facts: { report: ReadReport; emptyTexts: number; truncatedTexts: number; truncatedTokens: number; maxLength: number }): string[] {
  const { report: { skipped, issues }, emptyTexts, truncatedTexts, truncatedTokens, maxLength } = facts;
  return [
    ...(skipped > 0 ? [`${countOf(skipped, 'bad row')} left out (${issues.slice(0, 3).map(({ row, reason }) => `row ${row}: ${reason}`).join('; ')})`] : []),
    ...(emptyTexts > 0 ? [countOf(emptyTexts, 'empty text')] : []),
    ...(truncatedTexts > 0 ? [`${countOf(truncatedTexts, 'text')} cut to ${maxLength} tokens (${countOf(truncatedTokens, 'token')} lost)`] : []),
  ];
}

interface Splits {
  train: ExampleSet;
  evaluation: ExampleSet;
  /** Rows left out by `dropDuplicates`. */
  dropped: number | undefined;
}

async function readSplits(options: FineTuneOptions, problem: ProblemType): Promise<Splits> {
  const common = { ...pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', 'format', 'encoding', 'delimiter', 'quotes', 'header', 'onError']), problem };
  const train = await readExamples(options.train, common);
  if (problem !== 'regression' && train.labels.length < 2) {
    throw new AlbertineError('invalid_data', `${options.train} has only one label, ${JSON.stringify(train.labels[0])}: there is nothing to tell apart`, { value: train.labels });
  }
  const evaluation = options.evaluation === undefined ? undefined : await readExamples(options.evaluation, { ...common, ...(problem !== 'regression' && { labels: train.labels }) });
  const kept = options.dropDuplicates ? dropDuplicates(train, evaluation) : { train, evaluation, dropped: undefined };
  if (kept.train.examples.length === 0) {
    throw new AlbertineError('invalid_data', `no training row is left without duplicates: every text of ${options.train} is held out too`, { value: options.train, hint: 'Give other rows as the evaluation file, or none' });
  }
  if (options.dropDuplicates) requireEveryLabel(kept.train, options.train);
  if (kept.evaluation !== undefined) return { ...kept, evaluation: kept.evaluation };
  const { examples } = kept.train;
  // Equal texts stay on one side: held-out figures are of texts that were not seen.
  const { keys } = keyedRows(kept.train);
  const split = stratifiedSplit(examples.map(({ label }) => (problem === 'singleLabel' ? label : '')), VALIDATION_FRACTION, options.seed ?? 1, { groups: keys });
  const how = new Set(Array.from(keys)).size < keys.length ? ', equal texts kept on one side' : problem === 'singleLabel' ? ', with the same mix of labels' : '';
  options.onEvent?.('data', `no evaluation file: ${split.validation.length} of ${countOf(examples.length, 'row')} held out${how}`);
  return { train: part(kept.train, split.train), evaluation: { ...part(kept.train, split.validation), report: { rows: 0, skipped: 0, blank: 0, issues: [] } }, dropped: kept.dropped };
}

/** Leaves out repetitions, and training rows whose text is held out. */
function dropDuplicates(train: ExampleSet, evaluation: ExampleSet | undefined): { train: ExampleSet; evaluation: ExampleSet | undefined; dropped: number } {
  const heldOut = new Set(evaluation ? Array.from(keyedRows(evaluation).keys) : []);
  const kept = { train: part(train, distinctExamples(train, heldOut)), evaluation: evaluation && part(evaluation, distinctExamples(evaluation)) };
  const rows = (set: ExampleSet | undefined): number => set?.examples.length ?? 0;
  return { ...kept, dropped: rows(train) + rows(evaluation) - rows(kept.train) - rows(kept.evaluation) };
}

function wordsOf({ train, evaluation }: Splits): () => number[] | undefined {
  const joined = ({ text, pair }: ExampleSet['examples'][number]): string => (pair === undefined ? text : `${text} ${pair}`);
  return () => classifyByWords({
    train: train.examples.map((example) => ({ text: joined(example), class: example.target as number })), evaluation: evaluation.examples.map((example) => ({ text: joined(example) })), classes: train.labels.length,
  });
}

/** Leaving rows out must not leave a label without any. */
function requireEveryLabel(set: ExampleSet, path: string): void {
  if (set.problem === 'regression') return;
  const missing = Object.entries(countLabels(set)).filter(([, count]) => count === 0).map(([label]) => label);
  if (missing.length > 0) throw new AlbertineError('invalid_data', `${path}: without duplicates no training row is left of ${missing.slice(0, 5).map((label) => JSON.stringify(label)).join(', ')}`, { value: missing, hint: 'Their texts are held out too; give other held-out rows' });
}

function part(set: ExampleSet, rows: readonly number[]): ExampleSet {
  const examples = rows.map((row) => set.examples[row]);
  return { ...set, examples, emptyTexts: examples.filter(({ text, pair }) => text === '' || pair === '').length };
}

function countLabels({ examples, problem, labels }: ExampleSet): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(labels.map((label) => [label, 0]));
  for (const { target } of examples) for (const index of problem === 'multiLabel' ? target as number[] : [target as number]) counts[labels[index]]++;
  return counts;
}

function countRows({ examples }: ExampleSet): { rows: number; unlabelled: number } {
  return { rows: examples.length, unlabelled: examples.filter(({ target }) => (target as number[]).length === 0).length };
}

function fingerprintOf(examples: readonly EncodedExample[]): string {
  const hash = createHash('sha256');
  for (const { ids, typeIds, target } of examples) hash.update(ids).update(typeIds).update(JSON.stringify(target));
  return hash.digest('hex').slice(0, 16);
}
