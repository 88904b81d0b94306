import { parseDecimal } from '../../core/decimal.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose, Prose } from '../../core/prose.ts';
import { openRows, type ReadOptions } from '../../data/read-node.ts';
import {
  joinReports,
  missingFieldReason,
  textFieldProblem,
  type ReadReport,
  type Row,
  type RowFormat,
} from '../../data/rows.ts';

/** A candidate with its references. */
export interface ScoreRow {
  candidate: string;
  references: readonly string[];
  /** What a person says of it, where a field was named. */
  human?: number;
}

/** Where candidates and references are. */
export interface PairFiles extends Pick<
  ReadOptions,
  'format' | 'encoding' | 'delimiter' | 'quotes' | 'header' | 'onError'
> {
  /** File of candidates, beside `references`. */
  candidates?: string;
  /** Files of references, row by row beside `candidates`; of several every candidate has several references. */
  references?: readonly string[];
  /** One file that has both. */
  input?: string;
  /** Field of the candidate; default `candidate` in `input`, else the field that holds the text. */
  candidateField?: string;
  /** Field of the reference: a text, or a list of them. Default `reference` in `input`. */
  referenceField?: string;
  /** Field of a number by people, in `input`. */
  humanField?: string;
}

/** Rows to be scored, read from the beginning whenever they are iterated. */
export interface PairSource extends AsyncIterable<ScoreRow> {
  /** Rows read and left out of the last pass. */
  report(): ReadReport;
}

const READ = ['format', 'encoding', 'delimiter', 'quotes', 'header', 'onError'] as const;

/** Opens candidates and references. Throws `invalid_argument` unless it is clear where both are. */
export function openPairs(files: PairFiles): PairSource {
  const { candidates, references = [], input } = files;
  if ((input === undefined) === (candidates === undefined))
    throw new AlbertineError(
      'invalid_argument',
      prose`give ${option('candidates')} and ${option('references')}, or one ${option('input')} that has both`,
      { value: input ?? null, option: 'candidates' },
    );
  if (input !== undefined && references.length > 0)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('references')} is for a file of its own; in ${option('input')} name a field with ${option('referenceField')}`,
      { value: references, option: 'references' },
    );
  if (candidates !== undefined && references.length === 0)
    throw new AlbertineError('invalid_argument', prose`${option('candidates')} needs ${option('references')}`, {
      value: candidates,
      option: 'candidates',
    });
  if ([candidates, ...references].filter((path) => path === '-').length > 1)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('candidates')} and ${option('references')} cannot both be standard input, which is read once`,
      {
        value: '-',
        option: 'candidates',
      },
    );
  return input === undefined ? besideEachOther(files) : inOneFile(files);
}

/** Throws `invalid_argument` where standard input would have to be read more than once, for what `reason` says. */
export function requireRereadable({ candidates, references = [], input }: PairFiles, reason: string | Prose): void {
  if (![candidates, ...references, input].includes('-')) return;
  throw new AlbertineError('invalid_argument', prose`${reason} reads the texts twice, which standard input cannot be`, {
    value: '-',
    option: input === '-' ? 'input' : candidates === '-' ? 'candidates' : 'references',
    hint: 'Give a file',
  });
}

/** As files are read; standard input has lines of text, or of JSON where both texts are in a row. */
const readOptions = (path: string, files: PairFiles, usual: RowFormat): ReadOptions => ({
  ...(path === '-' && { format: usual }),
  ...pick(files, READ),
});

function inOneFile(files: PairFiles): PairSource {
  const { input, candidateField = 'candidate', referenceField = 'reference', humanField } = files;
  let rows: ReturnType<typeof openRows> | undefined;
  async function* pairs(): AsyncGenerator<ScoreRow> {
    const source = (rows = openRows(input!, readOptions(input!, files, 'jsonl')));
    for await (const row of source) {
      const found = rowOf(row, { candidateField, referenceField, humanField });
      if (typeof found === 'string' || found instanceof Prose) source.reject(row, found);
      else yield found;
    }
  }
  return { report: () => rows!.report, [Symbol.asyncIterator]: pairs };
}

function rowOf(
  { fields }: Row,
  names: { candidateField: string; referenceField: string; humanField: string | undefined },
): ScoreRow | string | Prose {
  const { candidateField, referenceField, humanField } = names;
  const problem = fieldProblem(fields, { name: candidateField, option: 'candidateField' });
  if (problem !== undefined) return problem;
  if (!Object.hasOwn(fields, referenceField))
    return missing(fields, { name: referenceField, option: 'referenceField' });
  const value = fields[referenceField];
  const references = Array.isArray(value) ? (value as unknown[]) : [value];
  if (references.length === 0 || !references.every((text) => typeof text === 'string'))
    return `field ${JSON.stringify(referenceField)} must be a text or a list of texts, got ${describeValue(value)}`;
  const row: ScoreRow = { candidate: fields[candidateField] as string, references: references as string[] };
  if (humanField === undefined) return row;
  if (!Object.hasOwn(fields, humanField)) return missing(fields, { name: humanField, option: 'humanField' });
  const score = fields[humanField];
  const human = typeof score === 'number' ? score : typeof score === 'string' ? parseDecimal(score) : NaN;
  return Number.isFinite(human)
    ? { ...row, human }
    : `field ${JSON.stringify(humanField)} must be a number, got ${describeValue(score)}`;
}

/** A field that is asked for, and the option that names it. */
interface AskedField {
  name: string;
  option: string;
}

const missing = (fields: Record<string, unknown>, asked: AskedField): Prose =>
  prose`${missingFieldReason(asked.name, fields)} (name the right one with ${option(asked.option)})`;

/** Why a row has no text in a field; undefined where it has. */
const fieldProblem = (fields: Record<string, unknown>, asked: AskedField): string | Prose | undefined =>
  Object.hasOwn(fields, asked.name) ? textFieldProblem(asked.name, fields) : missing(fields, asked);

/** Files that go together row by row. */
function besideEachOther(files: PairFiles): PairSource {
  const { candidates, references = [] } = files;
  if (files.humanField !== undefined || files.onError === 'skip')
    throw new AlbertineError(
      'invalid_argument',
      files.humanField !== undefined
        ? prose`${option('humanField')} is a field of ${option('input')}`
        : prose`${option('onError', 'skip')} would put rows of two files out of step`,
      {
        value: candidates,
        option: files.humanField !== undefined ? 'humanField' : 'onError',
        hint: 'Put both texts into one file',
      },
    );
  let reports: ReadReport[] = [];
  const textsOf = (path: string, option: 'candidateField' | 'referenceField'): AsyncIterator<string> => {
    const field = files[option];
    const source = openRows(path, readOptions(path, files, 'txt'), { inStep: true });
    reports.push(source.report);
    return (async function* (): AsyncGenerator<string> {
      for await (const row of source) {
        // Text files have their one field whatever the caller calls it.
        const name = source.format === 'txt' ? 'text' : (field ?? onlyField(row.fields));
        const problem = fieldProblem(row.fields, { name, option });
        if (problem === undefined) yield row.fields[name] as string;
        else source.reject(row, problem);
      }
    })();
  };
  async function* pairs(): AsyncGenerator<ScoreRow> {
    reports = [];
    const own = textsOf(candidates!, 'candidateField');
    const others = references.map((path) => textsOf(path, 'referenceField'));
    for (let row = 0; ; row++) {
      const found = await Promise.all([own, ...others].map((texts) => texts.next()));
      const ended = found.filter(({ done }) => done).length;
      if (ended === found.length) return;
      if (ended > 0) {
        const shorter = [candidates!, ...references].filter((_, i) => found[i].done);
        throw new AlbertineError(
          'invalid_data',
          `${shorter.join(', ')} ${shorter.length === 1 ? 'ends' : 'end'} after ${row} rows, the other files go on`,
          { value: row, hint: 'There must be a reference for each candidate, in the same order' },
        );
      }
      const [candidate, ...texts] = found.map(({ value }) => value as string);
      yield { candidate, references: texts };
    }
  }
  return { report: () => joinReports(reports), [Symbol.asyncIterator]: pairs };
}

const onlyField = (fields: Record<string, unknown>): string => {
  const names = Object.keys(fields);
  return names.length === 1 ? names[0] : 'text';
};
