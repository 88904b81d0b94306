import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { countOf } from '../../core/count.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { hash32 } from '../../core/random.ts';
import { textKey } from '../../data/duplicates.ts';
import { openNpyFile, type NpyWriter } from '../../data/npy-node.ts';
import { formatOfPath, openRows } from '../../data/read-node.ts';
import { joinReports, missingFieldReason, textFieldProblem, type RowSource } from '../../data/rows.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import { splitText, unknownRemarks } from '../../loaded/text-windows.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { TokenFile } from '../../training/distill/token-file-node.ts';
import type { TaughtTexts } from '../../training/distill/vector-task.ts';
import { readingRemarks } from '../tune-data-node.ts';
import type { DistillOptions } from './options.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';

/** Held-out texts: enough for three digits. */
const HELD_OUT = 1000;
const HELD_OUT_SHARE = 0.1;
const VECTOR_FIELD = 'embedding';

/** Texts on disk as a student reads them, with rows of what a teacher says of them. */
export abstract class StoredSequences implements Disposable {
  private readonly file: TokenFile;
  protected readonly rows: StackedRows;

  constructor(file: TokenFile, rows: StackedRows) {
    this.file = file;
    this.rows = rows;
  }

  get length(): number {
    return this.file.length;
  }

  /** Numbers of a row. */
  get width(): number {
    return this.rows.columns;
  }

  lengthOf(text: number): number {
    return this.file.lengthOf(text);
  }

  tokens(text: number): Int32Array {
    return this.file.sequence(text);
  }

  [Symbol.dispose](): void {
    this.file[Symbol.dispose]();
    this.rows[Symbol.dispose]();
  }
}

/** The same with a vector a text. */
export class StoredTexts extends StoredSequences implements TaughtTexts {
  /** Row of a text's vector where texts were left out. */
  private readonly rowOf: readonly number[] | undefined;

  constructor(file: TokenFile, rows: StackedRows, rowOf?: readonly number[]) {
    super(file, rows);
    this.rowOf = rowOf;
  }

  vector(text: number, into: Float32Array): void {
    this.rows.read(this.rowOf ? this.rowOf[text] : text, into);
  }
}

/** What was read besides vectors of files: texts, and where the vectors are. */
export interface ReadTexts {
  file: TokenFile;
  /** One a text, equal for equal texts. */
  keys: number[];
  /** Rows read, empty texts among them: as many as `teacherVectors` must have. */
  read: number;
  /** Row of each text among `teacherVectors`, where empty texts were left out, whose vectors are there all the same. */
  rowOf?: number[];
  remarks: string[];
}

/** What is read together with the texts. */
export interface Beside {
  /** Fields of the rows that it needs. */
  readonly fields: readonly string[];
  /** Looks at every row: why it cannot be used, or what is to be done once it is known that it is. */
  take(text: string, fields: Readonly<Record<string, unknown>>): string | Prose | (() => void | Promise<void>);
  /** After the last row, or an error. */
  close(): Promise<void>;
}

interface Reading {
  tokenizer: Tokenizer;
  maxLength: number;
  /** Where tokens are kept. */
  folder: string;
  beside?: Beside | undefined;
}

/**
 * Texts of all files with the fields of these names; a row that cannot be used is reported by its source. Rows of JSONL
 * may lack `optional`.
 */
export async function* textsOf(
  options: DistillOptions,
  more: readonly string[] = [],
  optional: readonly string[] = [],
): AsyncGenerator<{
  text: string;
  fields: Record<string, unknown>;
  reject: (reason: string | Prose) => void;
  source: RowSource;
}> {
  for (const path of options.input) {
    const format = options.format ?? formatOfPath(path);
    const isPlain = format === 'txt';
    const [missing] = isPlain ? [...more, ...optional] : [];
    if (missing !== undefined)
      throw new AlbertineError(
        'invalid_argument',
        prose`${path} has texts and nothing else: there is no field ${missing}`,
        {
          value: path,
          hint: prose`Give a .jsonl or .parquet file that has it, or ${option('teacher')}${options.teacherVectors ? '' : prose` or ${option('teacherVectors')}`}`,
        },
      );
    const textField = isPlain ? 'text' : (options.textField ?? 'text');
    const how = {
      ...pick(options, FILE_OPTIONS),
      ...((format !== 'jsonl' || optional.length === 0) && { fields: [textField, ...more, ...optional] }),
    };
    const source = openRows(path, how, { inStep: options.teacherVectors !== undefined });
    for await (const row of source) {
      const reject = (reason: string | Prose): void => source.reject(row, reason);
      const problem = textFieldProblem(textField, row.fields);
      if (problem === undefined) yield { text: row.fields[textField] as string, fields: row.fields, reject, source };
      else reject(problem);
    }
  }
}

/**
 * Tokenises all texts, each once, into a file; those without a letter teach nothing and are left out. Throws
 * `invalid_data` for rows that cannot be used.
 */
export async function readTexts(options: DistillOptions, reading: Reading): Promise<ReadTexts> {
  const { tokenizer, maxLength, folder, beside } = reading;
  const file = new TokenFile(join(folder, 'tokens.bin'));
  const counts = { emptyTexts: 0, truncatedTexts: 0, truncatedTokens: 0, tokens: 0, unknownTokens: 0 };
  const [keys, rowOf]: [number[], number[]] = [[], []];
  const sources = new Set<RowSource>();
  const meter = new ProgressMeter(options.onProgress, { stage: 'reading texts', unit: 'texts' });
  let read = 0;
  try {
    for await (const { text, fields, reject, source } of textsOf(options, beside?.fields)) {
      sources.add(source);
      const row = read++;
      meter.add(1);
      if (options.signal?.aborted) throw new AlbertineError('interrupted', 'interrupted while texts were read');
      const keep = beside?.take(text, fields);
      if (keep !== undefined && typeof keep !== 'function') reject(keep);
      else if (text.trim() === '') counts.emptyTexts++;
      else {
        const {
          windows: [ids],
          truncatedTokens,
          tokenCount,
          unknownTokens,
        } = splitText(tokenizer, text, { longText: 'truncate', maxLength, stride: 0 });
        file.add(ids);
        keys.push(textKey([text]));
        rowOf.push(row);
        counts.truncatedTokens += truncatedTokens;
        counts.tokens += tokenCount;
        counts.unknownTokens += unknownTokens;
        if (truncatedTokens > 0) counts.truncatedTexts++;
        await keep?.();
      }
    }
    meter.finish();
    if (keys.length === 0)
      throw new AlbertineError('invalid_data', `${options.input.join(', ')}: there is no usable text`, {
        value: options.input,
      });
    await beside?.close();
    const report = joinReports([...sources].map((source) => source.report));
    const remarks = [
      ...readingRemarks({ report, ...counts, emptyTexts: 0, maxLength }),
      ...(counts.emptyTexts > 0 ? [`${countOf(counts.emptyTexts, 'empty text')} left out`] : []),
      ...unknownRemarks(counts),
    ];
    return {
      file,
      keys,
      read,
      remarks,
      ...(options.teacherVectors && rowOf.length < read && { rowOf }),
    };
  } catch (error) {
    file[Symbol.dispose]();
    await beside?.close().catch(() => undefined);
    throw error;
  }
}

/** Vectors of a field, written to a matrix as they are read. */
export class VectorColumn implements Beside {
  /** The matrix. */
  readonly path: string;
  private readonly field: string;
  private writer: NpyWriter | undefined;
  private width: number | undefined;

  constructor(path: string, field: string) {
    this.path = path;
    this.field = field;
  }

  /** Of vectors that stand beside the texts. */
  static inFolder(folder: string, field = VECTOR_FIELD): VectorColumn {
    return new VectorColumn(join(folder, 'vectors.npy'), field);
  }

  get fields(): readonly string[] {
    return [this.field];
  }

  take(_: string, fields: Readonly<Record<string, unknown>>): string | (() => Promise<void>) {
    const values = this.valuesOf(fields);
    return typeof values === 'string' ? values : () => this.write(values);
  }

  /** The numbers of a row, or why there are none. */
  valuesOf(fields: Readonly<Record<string, unknown>>): readonly number[] | string {
    const name = JSON.stringify(this.field);
    if (!Object.hasOwn(fields, this.field)) return missingFieldReason(this.field, fields);
    const value = fields[this.field];
    const numbers = ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value;
    if (!Array.isArray(numbers) || numbers.length === 0)
      return `field ${name} must be a list of numbers, got ${describeValue(value)}`;
    const wrong = numbers.findIndex((entry) => typeof entry !== 'number' || !Number.isFinite(Math.fround(entry)));
    if (wrong >= 0)
      return `field ${name} must be a list of numbers, and number ${wrong + 1} is ${describeValue(numbers[wrong])}`;
    this.width ??= numbers.length;
    return numbers.length === this.width
      ? (numbers as number[])
      : `field ${name} has ${numbers.length} numbers, that of the first row ${this.width}`;
  }

  async write(values: readonly number[]): Promise<void> {
    this.writer ??= await openNpyFile(this.path, { columns: values.length });
    await this.writer.write(values);
  }

  async close(): Promise<void> {
    await this.writer?.close();
  }
}

/** Files of vectors as matrices: what is none is written as one. */
export async function vectorFiles(options: DistillOptions, folder: string): Promise<string[]> {
  const { teacherVectors = [], vectorField = VECTOR_FIELD } = options;
  const paths: string[] = [];
  for (const [index, path] of teacherVectors.entries()) {
    if (path.toLowerCase().endsWith('.npy')) {
      paths.push(path);
      continue;
    }
    const rows = openRows(path, { fields: [vectorField] });
    const column = new VectorColumn(join(folder, `vectors-${index}.npy`), vectorField);
    for await (const row of rows) {
      const values = column.valuesOf(row.fields);
      // Rows are matched by their order, so that none may be left out.
      if (typeof values === 'string')
        throw new AlbertineError('invalid_data', `${path}, row ${row.number}: ${values}`, {
          value: row.number,
          hint: prose`Correct the row, or name the field with ${option('vectorField')}`,
        });
      await column.write(values);
    }
    if (rows.report.rows === 0) throw new AlbertineError('invalid_data', `${path} has no vector`, { value: path });
    await column.close();
    paths.push(column.path);
  }
  return paths;
}

/** Which texts are held out: by a hash of the text and the seed, so that equal texts stay together. */
export function holdOut(
  keys: readonly number[],
  { heldOut, seed }: { heldOut: number | undefined; seed: number },
): { train: Uint32Array; evaluation: number[]; distinct: number } {
  const wanted = heldOut ?? Math.min(HELD_OUT, Math.floor(keys.length * HELD_OUT_SHARE));
  const ranks = Uint32Array.from(keys, (key) => hash32(hash32(seed, key % 4294967296), Math.floor(key / 4294967296)));
  const distinct = sortedWithoutRepetitions(ranks);
  if (wanted >= distinct.length)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('heldOut')} ${wanted} leaves nothing to learn from: there are ${countOf(distinct.length, 'different text')}`,
      { value: wanted, option: 'heldOut' },
    );
  if (wanted === 0) return { train: Uint32Array.from(keys.keys()), evaluation: [], distinct: distinct.length };
  const last = distinct[wanted - 1];
  const train: number[] = [];
  const first = new Map<number, number>();
  ranks.forEach((rank, text) => {
    if (rank > last) train.push(text);
    else if (!first.has(rank)) first.set(rank, text);
  });
  return { train: Uint32Array.from(train), evaluation: [...first.values()], distinct: distinct.length };
}

/** Not by a set, which takes 16 million entries at most. */
function sortedWithoutRepetitions(values: Uint32Array): Uint32Array {
  const sorted = values.slice().sort();
  let length = 0;
  for (let i = 0; i < sorted.length; i++) if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[length++] = sorted[i];
  return sorted.subarray(0, length);
}

/** Numbers of the sample that mean and main directions are made of: 64 MB. */
const SAMPLE_NUMBERS = 1 << 24;
const SAMPLE_ROWS = 20_000;

/**
 * Reads every vector once: throws `invalid_data` for one that has no direction, and gives a sample of the training
 * vectors and a hash of all that is learned from.
 */
export function scanTexts(
  texts: StoredTexts,
  train: Uint32Array,
  describe: (text: number) => string,
  options: Pick<DistillOptions, 'onProgress' | 'signal'>,
): { sample: Float32Array; fingerprint: string } {
  const { width } = texts;
  const hash = createHash('sha256');
  const vector = new Float32Array(width);
  const bytes = new Uint8Array(vector.buffer);
  const rows = Math.min(train.length, SAMPLE_ROWS, Math.max(2, Math.floor(SAMPLE_NUMBERS / width)));
  const sample = new Float32Array(rows * width);
  const meter = new ProgressMeter(options.onProgress, {
    stage: 'checking vectors',
    unit: 'vectors',
    total: texts.length,
  });
  for (let text = 0; text < texts.length; text++) {
    if (options.signal?.aborted) throw new AlbertineError('interrupted', 'interrupted while vectors were checked');
    texts.vector(text, vector);
    const problem = vectorProblem(vector);
    if (problem !== undefined)
      throw new AlbertineError('invalid_data', `${describe(text)} ${problem}`, {
        value: text,
        hint: 'Correct it, or leave the text out',
      });
    hash.update(texts.tokens(text)).update(bytes);
    meter.add(1);
  }
  meter.finish();
  for (let row = 0; row < rows; row++)
    texts.vector(train[Math.floor((row * train.length) / rows)], sample.subarray(row * width, (row + 1) * width));
  return { sample, fingerprint: hash.digest('hex').slice(0, 16) };
}

function vectorProblem(vector: Float32Array): string | undefined {
  let any = false;
  for (let i = 0; i < vector.length; i++) {
    if (!Number.isFinite(vector[i])) return `has ${vector[i]} at place ${i + 1}`;
    any ||= vector[i] !== 0;
  }
  return any ? undefined : 'is all zeros and has no direction';
}
