import { createHash } from 'node:crypto';
import { countOf } from '../core/count.ts';
import { AlbertineError, requireInteger } from '../core/errors.ts';
import { openFolder } from '../core/files-node.ts';
import { weightsFingerprint } from '../checkpoint/fingerprint.ts';
import { openCheckpoint } from '../checkpoint/folder.ts';
import { initialValues } from '../checkpoint/initialise.ts';
import { readStoredPooling } from '../checkpoint/sentence-transformers.ts';
import { readExamples } from '../data/dataset-node.ts';
import type { ExampleSet, ProblemType } from '../data/dataset.ts';
import type { ReadReport } from '../data/rows.ts';
import { stratifiedSplit } from '../data/split.ts';
import type { AlbertConfig } from '../model/config.ts';
import { headParameters, poolerParameters, type Weights } from '../model/parameters.ts';
import type { Pooling } from '../model/pooling.ts';
import { loadTokenizer } from '../tokenizer/load.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { encodeExamples, type EncodedExample } from '../training/classification.ts';
import type { RunInfo } from '../training/report/run-record.ts';
import type { FineTuneOptions, FineTuneRunOptions } from './fine-tune-options.ts';
import { describeClasses, describeMultiLabels } from './label-balance.ts';
import { BUILT_IN_MODEL, modelFolder } from './load-node.ts';
import { pick } from './pick.ts';

/** The model that fine-tuning starts from. */
export interface BaseModel {
  /** As it was asked for. */
  model: string;
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
  /** What is wrong with the labels. */
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
  const [{ weights }, tokenizer, stored] = await Promise.all([checkpoint.load({ heads: [] }), loadTokenizer(files), files.list().then((names) => readStoredPooling(files, names))]);
  const { dropout } = options;
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1)) throw new AlbertineError('invalid_argument', `dropout must be in [0, 1), got ${dropout}`, { value: dropout });
  const config = dropout === undefined ? checkpoint.config : { ...checkpoint.config, hiddenDropoutProb: dropout, attentionProbsDropoutProb: dropout, classifierDropoutProb: dropout };
  const positions = config.maxPositionEmbeddings;
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  const notes = [...(untrained ? ['training starts from UNTRAINED weights'] : []), ...checkpoint.notes];
  for (const note of notes) options.onEvent?.('note', note);
  return {
    model, config, checkpointConfig: checkpoint.config, weights, tokenizer, untrained, notes,
    ...(stored.pooling && { storedPooling: stored.pooling }),
    maxLength: requireInteger('maxLength', options.maxLength ?? Math.min(defaults.maxLength, positions), { min: 3, max: positions }),
    fingerprint: await weightsFingerprint(weights),
  };
}

/** Reads model and data, tokenises, and adds fresh weights for the head. */
export async function prepareClassification(options: FineTuneOptions): Promise<PreparedClassification> {
  const problem = options.problem ?? 'singleLabel';
  const sets = await readSplits(options, problem);
  const { labels } = sets.train;
  const base = await openBaseModel(options, { model: BUILT_IN_MODEL, maxLength: DEFAULT_MAX_LENGTH });
  const notes = [...base.notes];
  const encode = (name: string, set: ExampleSet): EncodedExample[] => {
    const { encoded, truncatedTexts, truncatedTokens } = encodeExamples(base.tokenizer, set.examples, base.maxLength);
    const remarks = readingRemarks({ ...set, truncatedTexts, truncatedTokens, maxLength: base.maxLength });
    if (remarks.length > 0) notes.push(`${name}: ${remarks.join(', ')}`);
    options.onEvent?.('data', [`${name}: ${countOf(set.examples.length, 'row')}, ${countOf(encoded.reduce((sum, { ids }) => sum + ids.length, 0), 'token')}`, ...remarks].join(', '));
    return encoded;
  };
  const [train, evaluation] = [encode('train', sets.train), encode('evaluation', sets.evaluation)];
  const labelReport = problem === 'regression' ? undefined : problem === 'multiLabel' ? describeMultiLabels(sets.train, sets.evaluation) : describeClasses(sets.train);
  if (labelReport) options.onEvent?.('data', labelReport.summary);
  return {
    ...base, notes, problem, labels, train, evaluation,
    warnings: labelReport?.warnings ?? [],
    weights: withFreshHead(base.config, base.weights, { numLabels: problem === 'regression' ? 1 : labels.length, seed: options.seed ?? 1 }),
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

async function readSplits(options: FineTuneOptions, problem: ProblemType): Promise<{ train: ExampleSet; evaluation: ExampleSet }> {
  const common = { ...pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', 'format', 'encoding', 'delimiter', 'quotes', 'header', 'onError']), problem };
  const train = await readExamples(options.train, common);
  if (problem !== 'regression' && train.labels.length < 2) {
    throw new AlbertineError('invalid_data', `${options.train} has only one label, ${JSON.stringify(train.labels[0])}: there is nothing to tell apart`, { value: train.labels });
  }
  if (options.evaluation !== undefined) return { train, evaluation: await readExamples(options.evaluation, { ...common, ...(problem !== 'regression' && { labels: train.labels }) }) };
  const strata = train.examples.map(({ label }) => (problem === 'singleLabel' ? label : ''));
  const split = stratifiedSplit(strata, VALIDATION_FRACTION, options.seed ?? 1);
  const none = { rows: 0, skipped: 0, blank: 0, issues: [] };
  const part = (rows: readonly number[], report: ExampleSet['report']): ExampleSet => {
    const examples = rows.map((row) => train.examples[row]);
    return { ...train, examples, report, emptyTexts: examples.filter(({ text, pair }) => text === '' || pair === '').length };
  };
  options.onEvent?.('data', `no evaluation file: ${split.validation.length} of ${countOf(train.examples.length, 'row')} held out${problem === 'singleLabel' ? ', with the same mix of labels' : ''}`);
  return { train: part(split.train, train.report), evaluation: part(split.validation, none) };
}

function withFreshHead(config: AlbertConfig, weights: Weights, head: { numLabels: number; seed: number }): Weights {
  const all: Weights = new Map(weights);
  for (const spec of poolerParameters(config)) if (!all.has(spec.name)) all.set(spec.name, { shape: spec.shape, data: initialValues(spec, head.seed, config.initializerRange) });
  for (const spec of headParameters(config, 'sequenceClassification', head.numLabels)) all.set(spec.name, { shape: spec.shape, data: initialValues(spec, head.seed, config.initializerRange) });
  return all;
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
