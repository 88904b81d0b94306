import { createHash } from 'node:crypto';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { formatOfPath } from '../../data/read-node.ts';
import type { ReadReport } from '../../data/rows.ts';
import { distinctRows, findDuplicates, textKey, type Duplicates, type KeyedRows } from '../../data/duplicates.ts';
import { stratifiedSplit } from '../../data/split.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { EmbeddingObjective } from '../../training/contrastive-head.ts';
import { rowCount, selectRows, TokenTable, type SentenceRows } from '../../training/contrastive-rows.ts';
import { duplicateRemarks, sharedWarnings } from '../describe-duplicates.ts';
import { readingRemarks, VALIDATION_FRACTION } from '../tune-data-node.ts';
import type { FineTuneEmbeddingOptions } from './options.ts';
import { pick } from '../../core/pick.ts';
import { promptPair } from './prompts.ts';
import { openSentences, type SentenceFields } from './sentences-node.ts';
import { splitText } from '../../loaded/text-windows.ts';
import type { BaseModel } from '../../training/run/base-model-node.ts';
import { tell } from '../../training/run/options.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Tokenised training and evaluation rows. */
export interface EmbeddingData {
  train: SentenceRows;
  evaluation?: SentenceRows;
  /** Of all rows as the model sees them. */
  fingerprint: string;
  notes: string[];
  duplicates: Duplicates;
  /** Held-out rows that are trained on too, equal pairs with different scores. */
  warnings: string[];
}

const FIELD_OPTIONS = ['textField', 'pairField', 'scoreField', ...FILE_OPTIONS] as const;

/** What the texts are trained on, from the fields that are named; see `FineTuneEmbeddingOptions.objective`. */
export function inferObjective({
  objective,
  train,
  format,
  pairField,
  scoreField,
}: FineTuneEmbeddingOptions): EmbeddingObjective {
  if (objective !== undefined) return objective;
  if (train.every((path) => (format ?? formatOfPath(path)) === 'txt')) return 'simcse';
  return scoreField !== undefined ? 'scored' : pairField !== undefined ? 'pairs' : 'simcse';
}

/**
 * Reads and tokenises all files, each once, keeping ids only. Throws `invalid_data` for rows that cannot be used and
 * where nothing is left.
 */
export async function readEmbeddingData(
  options: FineTuneEmbeddingOptions,
  objective: EmbeddingObjective,
  base: Pick<BaseModel, 'tokenizer' | 'maxLength' | 'storedSentences'>,
): Promise<EmbeddingData> {
  const { onEvent } = options;
  const model = {
    tokenizer: base.tokenizer,
    maxLength: base.maxLength,
    prompts: promptPair(base.storedSentences.prompts, options),
  };
  const notes: string[] = [];
  const read = async (
    name: string,
    paths: readonly string[],
    request: Omit<ReadRequest, keyof typeof model>,
  ): Promise<SentenceRows> => {
    const { rows, remarks } = await readSentences(paths, { ...model, ...request });
    if (remarks.length > 0) notes.push(`${name}: ${remarks.join(', ')}`);
    tell(
      onEvent,
      'data',
      [`${name}: ${countOf(rowCount(rows), 'row')}, ${countOf(rows.sequences.tokenCount, 'token')}`, ...remarks].join(
        ', ',
      ),
    );
    return rows;
  };
  const fields = pick(options, FIELD_OPTIONS);
  let train = await read('train', options.train, { fields, objective, keepEmpty: false });
  let evaluation: SentenceRows | undefined;
  if (options.evaluation && options.evaluation.length > 0) {
    // A format that is named for plain texts is not that of scored pairs.
    const { format, ...others } = fields;
    evaluation = await read('evaluation', options.evaluation, {
      fields: { ...others, ...(format !== 'txt' && format && { format }), ...options.evaluationFields },
      objective: 'scored',
      keepEmpty: true,
    });
  }
  let dropped: number | undefined;
  if (options.dropDuplicates) ({ train, evaluation, dropped } = withoutDuplicates(train, evaluation));
  if (!evaluation && objective === 'scored') {
    const rows = rowCount(train);
    const split = stratifiedSplit(new Array<string>(rows).fill(''), VALIDATION_FRACTION, options.seed ?? 1, {
      groups: rowKeys(train),
    });
    tell(onEvent, 'data', `no evaluation file: ${split.validation.length} of ${countOf(rows, 'row')} held out`);
    [train, evaluation] = [selectRows(train, split.train), selectRows(train, split.validation)];
  }
  const duplicates = {
    ...findDuplicates(keyed(train), evaluation && keyed(evaluation)),
    ...(dropped !== undefined && { dropped }),
  };
  const remarks = [...duplicateRemarks(duplicates), ...trainedTexts(train, evaluation)];
  tell(onEvent, 'data', ...remarks);
  return {
    train,
    notes: [...notes, ...remarks],
    fingerprint: fingerprintOf(train, evaluation),
    duplicates,
    warnings: [
      ...(evaluation
        ? sharedWarnings(duplicates.shared, rowCount(evaluation), evaluation.textsPerRow === 2 ? 'pair' : 'text')
        : []),
      ...(duplicates.contradictory > 0
        ? [
            `${countOf(duplicates.contradictory, 'pair')} ${duplicates.contradictory === 1 ? 'stands' : 'stand'} in several rows with different scores`,
          ]
        : []),
    ],
    ...(evaluation && { evaluation }),
  };
}

interface ReadRequest {
  fields: SentenceFields;
  objective: EmbeddingObjective;
  /** Keeps rows with an empty text: they count in an evaluation and teach nothing. */
  keepEmpty: boolean;
  tokenizer: Tokenizer;
  maxLength: number;
  /** Stand before the first text of a row, and before the second. */
  prompts: readonly [first: string, second: string];
}

async function readSentences(
  paths: readonly string[],
  request: ReadRequest,
): Promise<{ rows: SentenceRows; remarks: string[] }> {
  const sequences = new TokenTable();
  const scores: number[] = [];
  const remarks: string[] = [];
  for (const path of paths) {
    const counts = await readFile(path, request, { sequences, scores });
    const found = readingRemarks({ ...counts, maxLength: request.maxLength });
    if (counts.emptyRows > 0) found.push(`${countOf(counts.emptyRows, 'row')} with an empty text left out`);
    remarks.push(...(paths.length > 1 && found.length > 0 ? [`${path}: ${found.join(', ')}`] : found));
  }
  if (sequences.length === 0)
    throw new AlbertineError('invalid_data', `${paths.join(', ')}: there is no usable row`, { value: paths });
  const textsPerRow = request.objective === 'simcse' ? 1 : 2;
  return { rows: { sequences, textsPerRow, ...(request.objective === 'scored' && { scores }) }, remarks };
}

interface FileCounts {
  report: ReadReport;
  emptyTexts: number;
  emptyRows: number;
  truncatedTexts: number;
  truncatedTokens: number;
}

async function readFile(
  path: string,
  request: ReadRequest,
  into: { sequences: TokenTable; scores: number[] },
): Promise<FileCounts> {
  const { fields, objective, tokenizer, maxLength, keepEmpty, prompts } = request;
  const rows = openSentences(path, fields, objective);
  const counts: FileCounts = {
    report: rows.report,
    emptyTexts: 0,
    emptyRows: 0,
    truncatedTexts: 0,
    truncatedTokens: 0,
  };
  for await (const found of rows) {
    const empty = found.texts.filter((text) => text.trim() === '').length;
    if (empty > 0 && !keepEmpty) {
      counts.emptyRows++;
      continue;
    }
    counts.emptyTexts += empty;
    for (const [index, text] of found.texts.entries()) {
      const { windows, truncatedTokens } = splitText(tokenizer, prompts[index] + text, {
        longText: 'truncate',
        maxLength,
        stride: 0,
      });
      into.sequences.add(windows[0]);
      counts.truncatedTokens += truncatedTokens;
      if (truncatedTokens > 0) counts.truncatedTexts++;
    }
    if (found.score !== undefined) into.scores.push(found.score);
  }
  return counts;
}

/** One number a row, equal for rows that are the same to the model; a pair is the same either way round. */
function rowKeys({ sequences, textsPerRow }: SentenceRows): Float64Array {
  const texts = Array.from({ length: sequences.length }, (_, index) => sequences.sequence(index).join(' '));
  return Float64Array.from({ length: texts.length / textsPerRow }, (_, row) =>
    textKey(texts.slice(row * textsPerRow, (row + 1) * textsPerRow).sort()),
  );
}

/**
 * Texts without a pair teach no score, but those that are held out in pairs are known to the model: a fact, not a
 * fault.
 */
function trainedTexts(train: SentenceRows, evaluation: SentenceRows | undefined): string[] {
  if (train.textsPerRow !== 1 || evaluation?.textsPerRow !== 2) return [];
  const known = new Set(rowKeys(train));
  const texts = new Set(rowKeys({ ...evaluation, textsPerRow: 1 }));
  const shared = [...texts].filter((key) => known.has(key)).length;
  return shared === 0
    ? []
    : [
        `${shared.toLocaleString('en-US')} of ${countOf(texts.size, 'held-out text')} ${shared === 1 ? 'is' : 'are'} also among the training texts (without their scores)`,
      ];
}

/** Each row once with each of its scores, and no training row that is held out. */
function withoutDuplicates(
  train: SentenceRows,
  evaluation: SentenceRows | undefined,
): { train: SentenceRows; evaluation: SentenceRows | undefined; dropped: number } {
  const heldOut = new Set(evaluation ? Array.from(rowKeys(evaluation)) : []);
  const kept = {
    train: selectRows(train, distinctRows(keyed(train), heldOut)),
    evaluation: evaluation && selectRows(evaluation, distinctRows(keyed(evaluation))),
  };
  const rows = (...sets: (SentenceRows | undefined)[]): number =>
    sets.reduce((sum, set) => sum + (set ? rowCount(set) : 0), 0);
  if (rows(kept.train) === 0)
    throw new AlbertineError(
      'invalid_data',
      'no training row is left without duplicates: all of them are held out too',
      { value: rows(train), hint: 'Give other rows as the evaluation file, or none' },
    );
  return { ...kept, dropped: rows(train, evaluation) - rows(kept.train, kept.evaluation) };
}

/** Scores are what equal pairs should agree on. */
function keyed(rows: SentenceRows): KeyedRows {
  return { keys: rowKeys(rows), ...(rows.scores && { labels: rows.scores.map(String) }) };
}

function fingerprintOf(...sets: (SentenceRows | undefined)[]): string {
  const hash = createHash('sha256');
  for (const set of sets) {
    if (!set) continue;
    hash.update(set.sequences.all());
    if (set.scores) hash.update(Float64Array.from(set.scores));
  }
  return hash.digest('hex').slice(0, 16);
}
