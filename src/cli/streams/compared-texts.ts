import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { readEmbeddingMetadata } from '../../data/embeddings-node.ts';
import { NpyRows } from '../../data/vector-rows-node.ts';
import type { VectorRows } from '../../analysis/cluster/vectors.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { inputNotes } from './embed-summary.ts';
import { openModel } from './models.ts';
import { untilAborted } from './text-feed.ts';
import { openTextInput, type InputFlags, type TextInput } from './text-input.ts';

/** Flags of commands that compare all texts of a file, or all chunks of an index. */
export interface ComparedFlags extends InputFlags {
  index?: string;
  vectors?: string;
  model?: string;
  maxLength?: number;
  batchTokens?: number;
  threads?: number;
  quiet?: boolean;
}

/** Where a text is: a row of a file, or a chunk of a document. */
export type Place = { row: number } | { file: string; row: number | null; start: number; end: number };

/** Texts that are compared. */
export interface ComparedTexts {
  texts: string[];
  /** One a text. */
  places: Place[];
  /** Fields of the rows, where they were asked for. */
  labels: string[] | undefined;
  /** The file, for a second reading. */
  input: TextInput | undefined;
  /** Vectors of some of the texts, in the order asked for. */
  vectorsOf(which: readonly number[]): Promise<TextVectors>;
  /** Closes what is open. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Vectors with what they were made by. */
export interface TextVectors extends VectorRows {
  /** Null where vectors of a file have no sidecar that tells it. */
  fingerprint: string | null;
  /** Texts that were read in several windows; not known of stored vectors. */
  windowedTexts?: number;
}

const FILE_FLAGS = [
  ...(['input', 'textField', 'format', 'encoding', 'delimiter', 'quotes', 'onError', 'vectors'] as const),
  ...(['model', 'maxLength', 'batchTokens'] as const),
];

/** The flags with a file that is named without `--input`, and those refused that would do nothing. */
export function comparedSource<T extends ComparedFlags>(file: string | undefined, flags: T): T {
  if (flags.index !== undefined) {
    const other = FILE_FLAGS.find((name) => flags[name] !== undefined);
    if (file !== undefined || other !== undefined || flags.header === false)
      throw new UsageError(
        '--index has texts and vectors of its own: give no file, no model and no flags of them with it',
      );
    return flags;
  }
  if (file !== undefined && flags.input !== undefined) throw new UsageError('give either a file or --input, not both');
  const input = file ?? flags.input;
  if (input === undefined)
    throw new UsageError('nothing to read: give a file of texts, - for standard input, or --index');
  if (flags.vectors !== undefined)
    for (const name of ['model', 'maxLength', 'batchTokens'] as const)
      if (flags[name] !== undefined)
        throw new UsageError(
          `--vectors are there already: nothing is embedded, and --${FLAG_NAMES[name]} does nothing`,
        );
  return { ...flags, input };
}

const FLAG_NAMES = { model: 'model', maxLength: 'max-length', batchTokens: 'batch-tokens' } as const;

/** Reads all texts into memory. Throws `invalid_data` where there is none. */
export async function readComparedTexts(
  io: CliIo,
  flags: ComparedFlags,
  { labelField }: { labelField?: string | undefined } = {},
): Promise<ComparedTexts> {
  if (flags.index !== undefined) return await readIndex(flags.index);
  const input = openTextInput([], flags, { keepFields: labelField !== undefined });
  const [texts, places, labels]: [string[], Place[], string[]] = [[], [], []];
  for await (const { text, number, fields } of untilAborted(input, io.signal)) {
    texts.push(text);
    places.push({ row: number });
    if (labelField !== undefined) labels.push(labelOf(fields ?? {}, labelField, `${input.name}, row ${number}`));
  }
  for (const note of inputNotes(input)) io.stderr.write(`${note}\n`);
  if (texts.length === 0)
    throw new AlbertineError('invalid_data', `${input.name} has no texts to compare`, { value: input.name });
  return {
    texts,
    places,
    labels: labelField === undefined ? undefined : labels,
    input,
    vectorsOf: (which) =>
      flags.vectors === undefined
        ? embedded(
            io,
            which.map((row) => texts[row]),
            flags,
          )
        : stored(flags.vectors, which, { rows: texts.length, name: input.name }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function labelOf(fields: Record<string, unknown>, name: string, where: string): string {
  const label = fields[name];
  if (typeof label === 'string' || typeof label === 'number') return String(label);
  throw new AlbertineError('invalid_data', `${where} has no field ${JSON.stringify(name)} that is a text or a number`, {
    value: label,
    hint: `Its fields are ${Object.keys(fields).join(', ')}`,
  });
}

async function readIndex(folder: string): Promise<ComparedTexts> {
  const { openIndex } = await import('../../retrieval/open-node.ts');
  const index = await openIndex(folder);
  const { chunks, vectors, manifest } = index;
  if (chunks.length === 0)
    throw new AlbertineError('invalid_data', `the index ${folder} has no chunks to compare`, { value: folder });
  const texts: string[] = [];
  const places: ComparedTexts['places'][number][] = [];
  for await (const { text, file, row = null, start, end } of chunks) {
    texts.push(text);
    places.push({ file, row, start, end });
  }
  return {
    ...{ texts, places },
    labels: undefined,
    input: undefined,
    vectorsOf: async (which) => {
      const data = new Float32Array(which.length * vectors.dimensions);
      (await vectors.read(which)).forEach((vector, i) => data.set(vector, i * vectors.dimensions));
      return { data, dimensions: vectors.dimensions, fingerprint: manifest.fingerprint };
    },
    [Symbol.asyncDispose]: () => index[Symbol.asyncDispose](),
  };
}

async function embedded(io: CliIo, texts: readonly string[], flags: ComparedFlags): Promise<TextVectors> {
  using model = await openModel(io, flags.model, flags);
  const bar = createProgressBar(io, flags);
  const options = { normalize: true, onProgress: bar.update, signal: io.signal };
  const matrix = await model
    .embed(texts, { ...options, ...pick(flags, ['maxLength', 'batchTokens']) })
    .finally(() => bar.finish());
  const { data, dimensions, fingerprint } = matrix;
  return { data, dimensions, fingerprint, windowedTexts: matrix.texts.filter(({ windows }) => windows > 1).length };
}

/** Vectors of `albertine embed`, one for each text of the file. */
async function stored(
  path: string,
  which: readonly number[],
  { rows, name }: { rows: number; name: string },
): Promise<TextVectors> {
  using file = await NpyRows.open(path);
  if (file.rows !== rows)
    throw new AlbertineError(
      'shape_mismatch',
      `${path} has ${countOf(file.rows, 'vector')} and ${name} ${countOf(rows, 'text')}`,
      { value: file.rows, hint: 'Make them of the same file: albertine embed --input FILE --output VECTORS.npy' },
    );
  const data = new Float32Array(which.length * file.columns);
  which.forEach((row, i) => file.read(row, data.subarray(i * file.columns, (i + 1) * file.columns)));
  const fingerprint = (await readEmbeddingMetadata(path))?.fingerprint ?? null;
  return { data, dimensions: file.columns, fingerprint };
}
