import { createReadStream } from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { AlbertineError } from '../core/errors.ts';
import { CsvParser } from './csv.ts';
import { readLines } from './lines.ts';
import { completeNpyRows, openNpyFile } from './npy-node.ts';
import { NPY_DTYPES, type NpyDtype } from './npy.ts';
import { formatOfPath } from './read-node.ts';

/** What {@link countCompleteRecords} found. */
export interface CompleteRecords {
  /** Complete records, a CSV header not counted. */
  records: number;
  /** Length of the file now. */
  bytes: number;
  /** Bytes of a torn last record that were cut off. */
  tornBytes: number;
}

const LINE_FEED = 0x0a;
const QUOTE = 0x22;

/**
 * Counts the complete records of a `.jsonl`, `.csv`, `.tsv` or `.npy` file that this package was writing when it was
 * interrupted, and **cuts a torn last record off**, so that writing can go on. Throws `unsupported` for other formats.
 */
export async function countCompleteRecords(
  path: string,
  format = path.toLowerCase().endsWith('.npy') ? 'npy' : formatOfPath(path),
): Promise<CompleteRecords> {
  if (format === 'npy') return repairNpy(path);
  if (format !== 'jsonl' && format !== 'csv' && format !== 'tsv') {
    throw new AlbertineError('unsupported', `an interrupted file of this kind cannot be continued: ${path}`, {
      value: path,
      hint: 'Write .jsonl, .csv, .tsv or .npy',
    });
  }
  const size = await sizeOf(path);
  const { records, end } = await scanRecords(path, { quoting: format !== 'jsonl' });
  if (end < size) await truncate(path, end);
  return { records: format === 'jsonl' ? records : Math.max(0, records - 1), bytes: end, tornBytes: size - end };
}

/** Cuts a `.jsonl` file off after its first `records`. */
export async function cutRecords(path: string, records: number): Promise<void> {
  await truncate(path, (await scanRecords(path, { quoting: false, most: records })).end);
}

/** Names of the columns in the header of a CSV or TSV file; undefined if it is empty. */
export async function readHeaderFields(path: string, format: 'csv' | 'tsv'): Promise<string[] | undefined> {
  const parser = new CsvParser({ delimiter: format === 'tsv' ? '\t' : ',', quotes: 'rfc4180' });
  for await (const lines of readLines(createReadStream(path))) {
    for (const line of lines) {
      const record = parser.push(line);
      if (record) return record.values;
    }
  }
  return undefined;
}

/**
 * Records that end in a line feed outside quotes, of the first `most`, and the offset after the last of them. Quotes
 * count only in CSV.
 */
async function scanRecords(
  path: string,
  { quoting, most = Infinity }: { quoting: boolean; most?: number },
): Promise<{ records: number; end: number }> {
  let records = 0;
  let end = 0;
  let offset = 0;
  let insideQuotes = false;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
    for (let i = 0; i < chunk.length && records < most; i++) {
      // A doubled quote leaves and enters again, which comes to the same.
      if (quoting && chunk[i] === QUOTE) insideQuotes = !insideQuotes;
      else if (chunk[i] === LINE_FEED && !insideQuotes) {
        records++;
        end = offset + i + 1;
      }
    }
    if (records >= most) break;
    offset += chunk.length;
  }
  return { records, end };
}

async function repairNpy(path: string): Promise<CompleteRecords> {
  const size = await sizeOf(path);
  const { dtype, columns, rows, endOffset } = await completeNpyRows(path);
  if (!NPY_DTYPES.includes(dtype as NpyDtype))
    throw new AlbertineError('unsupported', `rows of ${dtype} cannot be appended to ${path}`, { value: dtype });
  const writer = await openNpyFile(path, { dtype: dtype as NpyDtype, columns, resume: true });
  await writer.close();
  return { records: rows, bytes: endOffset, tornBytes: Math.max(0, size - endOffset) };
}

async function sizeOf(path: string): Promise<number> {
  const info = await stat(path).catch((cause: Error) => {
    throw new AlbertineError('file_not_found', `no file at ${path}`, { value: path, cause });
  });
  return info.size;
}
