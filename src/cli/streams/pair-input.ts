import { AlbertineError } from '../../core/errors.ts';
import { formatOfPath, openRows } from '../../data/read-node.ts';
import { textFieldProblem, type ReadReport } from '../../data/rows.ts';
import { pick } from '../../core/pick.ts';
import { UsageError } from '../terminal/errors.ts';
import type { InputFlags } from './text-input.ts';

/** Two texts that are read together. */
export interface TextPair {
  /** As in a row of texts. */
  number: number;
  text: string;
  pair: string;
  /** Of the row: the two, or with `keepFields` all. */
  fields: Record<string, unknown>;
}

/** Pairs of texts from the rows of a file or of standard input. */
export interface PairInput extends AsyncIterable<TextPair> {
  /** As of the text input. */
  readonly name: string;
  readonly report: ReadReport;
  readonly notes: readonly string[];
}

/**
 * Pairs from one source of rows: `--input`, the only argument, or `-` for standard input, which is JSONL unless
 * `--format` says otherwise. The first text is in `--text-field`, by default "text". Throws {@link UsageError} for
 * texts as arguments, `invalid_argument` for a format that has one text a row.
 */
export function openPairInput(
  texts: readonly string[],
  flags: InputFlags & { pairField: string; keepFields?: boolean },
): PairInput {
  const { textField = 'text', pairField } = flags;
  const source = flags.input ?? (texts.length === 1 ? texts[0] : undefined);
  if (source === undefined || (flags.input !== undefined && texts.length > 0))
    throw new UsageError('--pair-field needs one file of rows, or - for standard input');
  const format = flags.format ?? (source === '-' ? 'jsonl' : undefined);
  if ((format ?? formatOfPath(source)) === 'txt') {
    throw new AlbertineError(
      'invalid_argument',
      'text files have one text a line and no fields, so they cannot hold pairs',
      { value: source, hint: 'Give pairs as .jsonl, .csv, .tsv or .parquet, or name the format with --format' },
    );
  }
  const rows = openRows(source, {
    ...pick(flags, ['encoding', 'delimiter', 'quotes', 'onError']),
    ...(format && { format }),
    ...(flags.header === false && { header: false }),
    ...(!flags.keepFields && { fields: [textField, pairField] }),
  });
  async function* pairs(): AsyncGenerator<TextPair> {
    for await (const row of rows) {
      const { [textField]: text, [pairField]: pair } = row.fields;
      if (typeof text === 'string' && typeof pair === 'string')
        yield { number: row.number, text, pair, fields: row.fields };
      else rows.reject(row, (textFieldProblem(textField, row.fields) ?? textFieldProblem(pairField, row.fields))!);
    }
  }
  return { name: rows.name, report: rows.report, notes: [], [Symbol.asyncIterator]: pairs };
}
