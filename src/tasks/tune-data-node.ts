import { createHash } from 'node:crypto';
import { countOf } from '../core/count.ts';
import { AlbertineError } from '../core/errors.ts';
import type { ReadReport } from '../data/rows.ts';
import { stratifiedSplit } from '../data/split.ts';
import type { Weights } from '../model/parameters.ts';
import type { Unit } from '../training/units.ts';
import { openBaseModel, type BaseModel } from '../training/run/base-model-node.ts';
import {
  describeDuplicates,
  distinctExamples,
  keyedRows,
  type ComparableRows,
  type DuplicateReport,
} from './describe-duplicates.ts';
import { BUILT_IN_MODEL } from '../loaded/load-node.ts';
import { startHead, type HeadOrigins } from '../training/run/start-heads-node.ts';
import type { Encoded, TaskTypes } from './task.ts';
import { unknownRemarks } from '../loaded/text-windows.ts';
import type { DataReport, Labelled, LabelledRow, Splits, Tuning, TuningOptions } from './tuning.ts';
import { tell } from '../training/run/options.ts';

/** Share of the training rows that is held out where there is no evaluation file. */
export const VALIDATION_FRACTION = 0.1;

/** Rows as the network reads them. */
export interface EncodedRows<T extends TaskTypes> {
  encoded: Encoded<T['piece']>[];
  units: Unit[];
  /** Units of each row. */
  counts: number[];
}

/** A model and tokenised data, ready for a trainer. */
export interface PreparedTuning<T extends TaskTypes> extends BaseModel {
  splits: Splits<T>;
  train: EncodedRows<T>;
  evaluation: EncodedRows<T>;
  facts: T['facts'];
  /** Where pooler and head come from, and what is left out. */
  heads: HeadOrigins;
  duplicates: DuplicateReport['duplicates'];
  report: DataReport | undefined;
  /** What is wrong with rows and labels, and a head that is not used. */
  warnings: string[];
  /** Content hash of the training and evaluation units as the model sees them. */
  dataFingerprint: string;
}

/**
 * Reads model and data, tokenises, and adds the head: the checkpoint's where it answers the same labels, else a fresh
 * one.
 */
export async function prepareTuning<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  options: O,
): Promise<PreparedTuning<T>> {
  const { dropped, ...read } = await readSplits(tuning, options);
  const base = await openBaseModel(options, { model: BUILT_IN_MODEL, maxLength: tuning.defaults.maxLength });
  const notes = [...base.notes];
  const tellAndNote = (kind: string, messages: readonly string[]): void => {
    tell(options.onEvent, kind, ...messages);
    notes.push(...messages);
  };
  const adapted = tuning.adapt?.(read.train, options, base.tokenizer);
  tellAndNote('data', adapted?.remarks ?? []);
  const facts = adapted?.facts ?? read.train.facts;
  const splits = { train: { ...read.train, facts }, evaluation: { ...read.evaluation, facts } };
  const encode = (name: string, set: Labelled<T>): EncodedRows<T> => {
    const rows = encodeRows(tuning, set, { ...splits, base, options });
    const { line, remarks } = describeRows(set, rows.encoded, { tuning, maxLength: base.maxLength });
    if (remarks.length > 0) notes.push(`${name}: ${remarks.join(', ')}`);
    tell(options.onEvent, 'data', `${name}: ${line}`);
    return rows;
  };
  const [train, evaluation] = [encode('train', splits.train), encode('evaluation', splits.evaluation)];
  const heads = await startHead(base.checkpoint, base, {
    ...base,
    ...tuning.answers(facts),
    seed: options.seed ?? 1,
    freshHead: options.freshHead ?? false,
  });
  tellAndNote('model', [heads.line]);
  const equal = describeDuplicates(comparable(tuning, splits.train), comparable(tuning, splits.evaluation), dropped);
  tellAndNote('data', equal.remarks);
  const report = tuning.describe?.(splits, options);
  tell(options.onEvent, 'data', ...(report?.remarks ?? []));
  return {
    ...base,
    notes,
    splits,
    train,
    evaluation,
    facts,
    duplicates: equal.duplicates,
    report,
    warnings: [...equal.warnings, ...(report?.warnings ?? []), ...(heads.loss === undefined ? [] : [heads.loss])],
    weights: heads.weights satisfies Weights,
    heads: heads.origins,
    dataFingerprint: fingerprintOf([...train.units, ...evaluation.units]),
  };
}

function encodeRows<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  { rows }: Labelled<T>,
  { train, base, options }: Splits<T> & { base: BaseModel; options: O },
): EncodedRows<T> {
  const asking = tuning.asking(options);
  const context = { facts: train.facts, options, train };
  const how = {
    tokenizer: base.tokenizer,
    maxLength: base.maxLength,
    facts: train.facts,
    options: asking,
    longText: asking.longText,
  };
  const encoded = rows.map(({ input }) => tuning.task.encode(input, how));
  const units = rows.map(({ gold }, row) => tuning.units(encoded[row], gold, context));
  return { encoded, units: units.flat(), counts: units.map(({ length }) => length) };
}

function describeRows<T extends TaskTypes, O extends TuningOptions>(
  set: Labelled<T>,
  encoded: readonly Encoded[],
  { tuning, maxLength }: { tuning: Tuning<T, O>; maxLength: number },
): { line: string; remarks: string[] } {
  const tokens = encoded.reduce((sum, { pieces }) => sum + pieces.reduce((total, { ids }) => total + ids.length, 0), 0);
  const sum = (of: (one: Encoded) => number): number => encoded.reduce((total, one) => total + of(one), 0);
  const remarks = [
    ...readingRemarks({
      report: set.report,
      emptyTexts: set.rows.filter(({ input }) => tuning.texts(input).includes('')).length,
      maxLength,
      truncatedTexts: encoded.filter(({ truncatedTokens }) => truncatedTokens > 0).length,
      truncatedTokens: sum(({ truncatedTokens }) => truncatedTokens),
    }),
    ...set.remarks,
    ...unknownRemarks({ tokens, unknownTokens: sum(({ unknownTokens }) => unknownTokens) }),
  ];
  const total = sum(({ pieces, windows: own = pieces.length }) => own);
  const windows = total > encoded.length && set.rows.length > 0 ? [`${total.toLocaleString('en-US')} windows`] : [];
  return {
    line: [countOf(set.rows.length, 'row'), countOf(tokens, 'token'), ...windows, ...remarks].join(', '),
    remarks,
  };
}

/** What is to be told of rows that were read: those left out with their numbers, empty texts, texts cut. */
export function readingRemarks(facts: {
  report: ReadReport;
  emptyTexts: number;
  truncatedTexts: number;
  truncatedTokens: number;
  maxLength: number;
}): string[] {
  const {
    report: { skipped, issues },
    emptyTexts,
    truncatedTexts,
    truncatedTokens,
    maxLength,
  } = facts;
  return [
    ...(skipped > 0
      ? [
          `${countOf(skipped, 'bad row')} left out (${issues
            .slice(0, 3)
            .map(({ row, reason }) => `row ${row}: ${reason}`)
            .join('; ')})`,
        ]
      : []),
    ...(emptyTexts > 0 ? [countOf(emptyTexts, 'empty text')] : []),
    ...(truncatedTexts > 0
      ? [`${countOf(truncatedTexts, 'text')} cut to ${maxLength} tokens (${countOf(truncatedTokens, 'token')} lost)`]
      : []),
  ];
}

async function readSplits<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  options: O,
): Promise<Splits<T> & { dropped: number | undefined }> {
  const train = await tuning.read(options.train, options);
  const evaluation =
    options.evaluation === undefined ? undefined : await tuning.read(options.evaluation, options, train.facts);
  const kept = options.dropDuplicates
    ? dropDuplicates(tuning, train, evaluation)
    : { train, evaluation, dropped: undefined };
  if (kept.train.rows.length === 0) {
    throw new AlbertineError(
      'invalid_data',
      `no training row is left without duplicates: every text of ${options.train} is held out too`,
      { value: options.train, hint: 'Give other rows as the evaluation file, or none' },
    );
  }
  if (options.dropDuplicates) tuning.requireUsable?.(kept.train, options.train);
  if (kept.evaluation !== undefined) return { ...kept, evaluation: kept.evaluation };
  const { rows, facts } = kept.train;
  // Equal texts stay on one side: held-out figures are of texts that were not seen.
  const { keys } = keyedRows(comparable(tuning, kept.train));
  const stratified = tuning.stratified?.(options) ?? false;
  const split = stratifiedSplit(
    rows.map(({ gold }) => (stratified ? tuning.label!(gold, facts) : '')),
    VALIDATION_FRACTION,
    options.seed ?? 1,
    { groups: keys },
  );
  const how =
    new Set(Array.from(keys)).size < keys.length
      ? ', equal texts kept on one side'
      : stratified
        ? ', with the same mix of labels'
        : '';
  tell(
    options.onEvent,
    'data',
    `no evaluation file: ${split.validation.length} of ${countOf(rows.length, 'row')} held out${how}`,
  );
  return {
    train: part(kept.train, split.train),
    evaluation: {
      ...part(kept.train, split.validation),
      report: { rows: 0, skipped: 0, blank: 0, issues: [] },
      remarks: [],
    },
    dropped: kept.dropped,
  };
}

/** Leaves out repetitions, and training rows whose text is held out. */
function dropDuplicates<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  train: Labelled<T>,
  evaluation: Labelled<T> | undefined,
): { train: Labelled<T>; evaluation: Labelled<T> | undefined; dropped: number } {
  const heldOut = new Set(evaluation ? Array.from(keyedRows(comparable(tuning, evaluation)).keys) : []);
  const kept = {
    train: part(train, distinctExamples(comparable(tuning, train), heldOut)),
    evaluation: evaluation && part(evaluation, distinctExamples(comparable(tuning, evaluation))),
  };
  const rows = (set: Labelled<T> | undefined): number => set?.rows.length ?? 0;
  return { ...kept, dropped: rows(train) + rows(evaluation) - rows(kept.train) - rows(kept.evaluation) };
}

/** Rows as duplicates are told by; answers without a text of their own are compared as JSON. */
function comparable<T extends TaskTypes, O extends TuningOptions>(
  tuning: Tuning<T, O>,
  { rows, facts }: Labelled<T>,
): ComparableRows {
  const answer = ({ gold }: LabelledRow<T>): string => tuning.label?.(gold, facts) ?? JSON.stringify(gold);
  return {
    rows: rows.map((row) => ({ texts: tuning.texts(row.input), answer: answer(row) })),
    contradict: tuning.contradict?.(facts) ?? tuning.label !== undefined,
  };
}

function part<T extends TaskTypes>(set: Labelled<T>, rows: readonly number[]): Labelled<T> {
  return { ...set, rows: rows.map((row) => set.rows[row]) };
}

function fingerprintOf(units: readonly Unit[]): string {
  const hash = createHash('sha256');
  for (const { pieces, target } of units) {
    for (const { ids, typeIds } of pieces) hash.update(ids).update(typeIds);
    hash.update(JSON.stringify(target));
  }
  return hash.digest('hex').slice(0, 16);
}
