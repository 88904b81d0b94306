import { dirname } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { makeFolder } from '../core/files-node.ts';
import { firstInvalidUtf8 } from './lines.ts';
import { missingFieldReason, type Row, type RowReporter } from './rows.ts';
import type { RecordWriter } from './writers-node.ts';
import type { FileMetaData, ParquetReadOptions, SchemaElement } from 'hyparquet';

/** Stands for a string whose bytes are not UTF-8, until its row is reported. */
class InvalidText {
  readonly position: number;
  constructor(position: number) {
    this.position = position;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function stringFromBytes(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return new InvalidText(firstInvalidUtf8(bytes));
  }
}

/**
 * Rows of a Parquet file, one row group in memory at a time; only `fields` are read when they are given.
 * 64-bit integers become numbers where that is exact and stay bigints elsewhere.
 * Throws `invalid_file` for damaged files and `invalid_data` when a field is absent from the schema.
 */
export async function* readParquetRows(
  path: string,
  { fields }: { fields?: readonly string[] },
  reporter: RowReporter,
): AsyncGenerator<Row, void, undefined> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const damaged = (cause: unknown): never => {
    throw new AlbertineError('invalid_file', `${path} cannot be read as Parquet: ${(cause as Error).message}`, {
      value: path,
      cause,
    });
  };
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch(damaged);
  requireColumns(path, metadata, fields ?? []);
  const options: Omit<ParquetReadOptions, 'onComplete'> = {
    file,
    metadata,
    compressors,
    parsers: { stringFromBytes },
    ...(fields && { columns: [...new Set(fields)] }),
  };
  let start = 0;
  for (const group of metadata.row_groups) {
    const end = start + Number(group.num_rows);
    const records = await parquetReadObjects({ ...options, rowStart: start, rowEnd: end }).catch(damaged);
    for (const [index, record] of records.entries()) {
      const number = start + index + 1;
      const problem = normalise(record);
      if (problem !== undefined) reporter.bad(number, problem);
      else {
        reporter.report.rows++;
        yield { number, fields: record };
      }
    }
    start = end;
  }
}

function requireColumns(path: string, metadata: FileMetaData, fields: readonly string[]): void {
  const columns = Object.fromEntries(topLevelNames(metadata.schema).map((name) => [name, '']));
  const missing = fields.find((name) => !Object.hasOwn(columns, name));
  if (missing !== undefined)
    throw new AlbertineError('invalid_data', `${path} has ${missingFieldReason(missing, columns)}`, { value: missing });
}

/** The schema is a tree in depth-first order; its first element is the root. */
function topLevelNames(schema: SchemaElement[]): string[] {
  const names: string[] = [];
  const skipSubtree = (index: number): number => {
    let next = index + 1;
    for (let child = 0; child < (schema[index].num_children ?? 0); child++) next = skipSubtree(next);
    return next;
  };
  for (let index = 1; index < schema.length; index = skipSubtree(index)) names.push(schema[index].name);
  return names;
}

/** Turns exact bigints into numbers, in place; returns the reason if a string was not UTF-8. */
function normalise(record: Record<string, unknown>): string | undefined {
  for (const [name, value] of Object.entries(record)) {
    const invalid = Array.isArray(value) ? value.find((item) => item instanceof InvalidText) : value;
    if (invalid instanceof InvalidText)
      return `invalid UTF-8 at byte ${invalid.position + 1} of field ${JSON.stringify(name)}`;
    if (
      typeof value === 'bigint' &&
      value >= BigInt(Number.MIN_SAFE_INTEGER) &&
      value <= BigInt(Number.MAX_SAFE_INTEGER)
    )
      record[name] = Number(value);
  }
  return undefined;
}

/** Numbers in a row group: 2 MiB of float32, and many times that while it is encoded. */
const ROW_GROUP_NUMBERS = 1 << 19;
const ROW_GROUP_ROWS = 1 << 16;

/**
 * A Parquet file of records; columns and types come from the first row group: integers are INT64, other numbers DOUBLE,
 * `Float32Array` LIST of FLOAT, other numeric arrays LIST of INT32, and strings, booleans and null as they are.
 * Such a file has its index at the end: it is unreadable until `close` or `abort`, and cannot be continued later.
 */
export async function openParquetWriter(path: string): Promise<RecordWriter> {
  const { ParquetWriter, fileWriter } = await import('hyparquet-writer');
  await makeFolder(dirname(path));
  const output = fileWriter(path);
  let writer: InstanceType<typeof ParquetWriter> | undefined;
  let columns: ParquetColumn[] = [];
  let pending: Record<string, unknown>[] = [];
  let numbers = 0;
  let closed = false;

  const writeGroup = async (): Promise<void> => {
    if (writer === undefined) {
      columns = inferColumns(pending);
      writer = new ParquetWriter({
        writer: output,
        schema: [{ name: 'root', num_children: columns.length }, ...columns.flatMap(schemaOf)],
      });
    }
    if (pending.length === 0) return;
    const columnData = columns.map((column) => ({
      name: column.name,
      data: pending.map((record) => cellOf(column, record[column.name])),
      // Vectors neither repeat nor compress; looking for it takes most of the time.
      ...(column.list && { encoding: 'PLAIN' as const, codec: 'UNCOMPRESSED' as const, statistics: false }),
    }));
    await writer.write({ columnData, rowGroupSize: pending.length });
    pending = [];
    numbers = 0;
  };
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await writeGroup();
    await writer!.finish();
  };
  return {
    existing: 0,
    flush: async () => undefined,
    close,
    abort: close,
    write: async (record) => {
      if (closed) throw new AlbertineError('disposed', 'the output is closed already');
      if (writer) requireKnownFields(columns, record);
      pending.push(record);
      for (const value of Object.values(record)) numbers += isNumericArray(value) ? value.length : 1;
      if (numbers >= ROW_GROUP_NUMBERS || pending.length >= ROW_GROUP_ROWS) await writeGroup();
    },
  };
}

interface ParquetColumn {
  name: string;
  type: 'INT64' | 'DOUBLE' | 'FLOAT' | 'INT32' | 'BYTE_ARRAY' | 'BOOLEAN';
  list: boolean;
}

function isNumericArray(value: unknown): value is ArrayLike<number> {
  return (
    (ArrayBuffer.isView(value) && 'length' in value) ||
    (Array.isArray(value) && value.every((item) => typeof item === 'number'))
  );
}

function inferColumns(records: readonly Record<string, unknown>[]): ParquetColumn[] {
  if (records.length === 0) return [{ name: 'index', type: 'INT64', list: false }];
  const names = [...new Set(records.flatMap(Object.keys))];
  return names.map((name) => {
    const values = records.map((record) => record[name]).filter((value) => value !== undefined && value !== null);
    const list = values.length > 0 && values.every(isNumericArray);
    if (list)
      return {
        name,
        list,
        type: values.every((value) => value instanceof Float32Array)
          ? 'FLOAT'
          : isIntegerList(values)
            ? 'INT32'
            : 'DOUBLE',
      };
    if (values.length === 0 || values.every((value) => typeof value === 'string'))
      return { name, list, type: 'BYTE_ARRAY' };
    if (values.every((value) => typeof value === 'boolean')) return { name, list, type: 'BOOLEAN' };
    if (values.every((value) => typeof value === 'number'))
      return { name, list, type: values.every(Number.isInteger) ? 'INT64' : 'DOUBLE' };
    throw new AlbertineError('unsupported', `Parquet output has no type for the values of ${JSON.stringify(name)}`, {
      value: values[0],
      hint: 'Write .jsonl for nested or mixed values',
    });
  });
}

function isIntegerList(lists: readonly ArrayLike<number>[]): boolean {
  return lists.every((list) => Array.from(list).every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31));
}

function schemaOf({ name, type, list }: ParquetColumn): SchemaElement[] {
  const text = type === 'BYTE_ARRAY' ? { converted_type: 'UTF8' as const } : {};
  if (!list) return [{ name, type, repetition_type: 'OPTIONAL', ...text }];
  return [
    { name, repetition_type: 'OPTIONAL', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type, repetition_type: 'REQUIRED' },
  ];
}

function cellOf({ name, type, list }: ParquetColumn, value: unknown): unknown {
  const fail = (): never => {
    throw new AlbertineError(
      'invalid_data',
      `column ${JSON.stringify(name)} holds ${list ? 'lists of ' : ''}${type}, and a later record has another type`,
      {
        value,
      },
    );
  };
  if (value === undefined || value === null) return null;
  if (list) return isNumericArray(value) ? Array.from(value) : fail();
  if (type === 'INT64') return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : fail();
  const expected = type === 'BYTE_ARRAY' ? 'string' : type === 'BOOLEAN' ? 'boolean' : 'number';
  return typeof value === expected ? value : fail();
}

function requireKnownFields(columns: readonly ParquetColumn[], record: Record<string, unknown>): void {
  const unknown = Object.keys(record).find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined) {
    throw new AlbertineError(
      'invalid_data',
      `the record has a field that the file does not: ${JSON.stringify(unknown)}`,
      {
        value: unknown,
      },
    );
  }
}
