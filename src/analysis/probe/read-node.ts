import { countOf } from '../../core/count.ts';
import { AlbertineError, wrongOption } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { createRandom, mixSeed, sampleStream } from '../../core/random.ts';
import { readExamples } from '../../data/dataset-node.ts';
import { sortLabels } from '../../data/dataset.ts';
import { openRows, readTexts, type ReadOptions } from '../../data/read-node.ts';
import type { ReadReport } from '../../data/rows.ts';
import { openSentences } from '../../tasks/embedding/sentences-node.ts';
import { FILE_OPTIONS } from '../../tasks/shared-settings.ts';
import { isInColumns, readTagged, type TagFields } from '../../tasks/tag/data-node.ts';
import { segmentWords } from '../../tasks/tag/words.ts';
import { structureTasks, type StructureProbe, type StructureTasks } from './structure.ts';
import type { ProbeKind } from './settings.ts';
import { drawRows, inParts, OUTSIDE, PROBE_LIMIT, PROBE_PARTS, type ProbeRow, type ProbeTask } from './task.ts';

/** How files of tasks are read. */
export interface ProbeFileOptions
  extends
    Omit<ReadOptions, 'fields' | 'maxLineBytes'>,
    Pick<TagFields, 'column' | 'tagColumn' | 'tokensField' | 'tagsField'> {
  /** Field of the text. Default `text`. */
  textField?: string;
  /** Field of the other text of a pair. Default `pair`. */
  pairField?: string;
  /** Field of the label. Default `label`. */
  labelField?: string;
  /** Field of the similarity, a number. Default `score`. */
  scoreField?: string;
  /** Rows to learn from at most, evenly drawn; half as many to test, and a quarter to choose by. Default 10,000. */
  limit?: number;
  /** Of drawing and of parts. Default 1. */
  seed?: number;
}

/** A task in files. */
export interface ProbeFiles {
  /** What it is called. */
  name: string;
  /**
   * One file, of which a fifth is held out to test; two, to learn from and to test; or three, to learn from, to choose
   * by and to test. Without a file to choose by, a tenth of the rows is held out.
   */
  paths: readonly string[];
  /** Default: found from the fields of the first file. */
  kind?: ProbeKind;
}

/** Rows of the other parts, as shares of those to learn from. */
const LIMIT_SHARES = { train: 1, development: 0.25, test: 0.5 } as const;

/**
 * Reads a task: labelled texts, scored pairs, or words with tags (CoNLL or JSON lines; labels of words are those of
 * their entities, without B and I). Throws `invalid_data` for rows that cannot be used, `invalid_argument` for more than
 * three files.
 */
export async function readProbeTask(
  { name, paths, kind: given }: ProbeFiles,
  options: ProbeFileOptions = {},
): Promise<ProbeTask> {
  if (paths.length < 1 || paths.length > 3)
    throw wrongOption('task', 'one, two or three files: to learn from, to choose by, to test', { value: paths });
  const { seed = 1 } = options;
  const kind = given ?? (await kindOfFile(paths[0], options));
  const read = await READERS[kind](paths, options);
  const [train, second, third] = read.files;
  const whole = inParts(
    { train, ...(third ? { development: second, test: third } : second && { test: second }) },
    mixSeed(seed, 3),
  );
  const notes = [...read.notes];
  const parts = Object.fromEntries(
    PROBE_PARTS.map((part, i) => {
      const limit = Math.round((options.limit ?? PROBE_LIMIT) * LIMIT_SHARES[part]);
      const rows = drawRows(whole[part], limit, mixSeed(seed, 4 + i));
      if (rows.length < whole[part].length)
        notes.push(`${part}: ${rows.length.toLocaleString('en-US')} of ${countOf(whole[part].length, 'text')} drawn`);
      return [part, rows];
    }),
  ) as unknown as ProbeTask['parts'];
  return { name, kind, source: paths.join(','), labels: read.labels, parts, notes };
}

interface ReadFiles {
  files: ProbeRow[][];
  labels: readonly string[];
  notes: string[];
}

type Reader = (paths: readonly string[], options: ProbeFileOptions) => Promise<ReadFiles>;

const READERS: Readonly<Record<ProbeKind, Reader>> = {
  classify: async (paths, options) => {
    const reading = pick(options, ['textField', 'labelField', ...FILE_OPTIONS]);
    const sets = [];
    for (const path of paths) sets.push(await readExamples(path, reading));
    const labels = sortLabels(new Set(sets.flatMap((set) => set.labels)));
    const files = sets.map(({ examples }) =>
      examples.map(({ text, label }) => ({ text, target: labels.indexOf(label) })),
    );
    return { files, labels, notes: sets.flatMap(({ report }, i) => reportNotes(paths[i], report)) };
  },
  similarity: async (paths, options) => {
    const files: ProbeRow[][] = [];
    const notes: string[] = [];
    for (const path of paths) {
      const rows: ProbeRow[] = [];
      const source = openSentences(
        path,
        pick(options, ['textField', 'pairField', 'scoreField', ...FILE_OPTIONS]),
        'scored',
      );
      for await (const { texts, score } of source) rows.push({ text: texts[0], pair: texts[1], target: score! });
      files.push(rows);
      notes.push(...reportNotes(path, source.report));
    }
    return { files, labels: [], notes };
  },
  tags: async (paths, options) => {
    const fields = pick(options, ['textField', 'column', 'tagColumn', 'tokensField', 'tagsField', ...FILE_OPTIONS]);
    const sets = [];
    // The ending of a CoNLL file says nothing of its format.
    for (const path of paths) sets.push(await readTagged(path, fields));
    const names = new Set(
      sets.flatMap(({ texts }) => texts.flatMap(({ entities }) => entities.map(({ label }) => label))),
    );
    const labels = [OUTSIDE, ...sortLabels(names)];
    const files = sets.map(({ texts }) => texts.map((text) => wordRow(text, labels)));
    const notes = sets.flatMap(({ report, remarks }, i) => [...reportNotes(paths[i], report), ...remarks]);
    // Parts of speech label every word.
    return { ...withoutUnused(files, labels), notes };
  },
};

const reportNotes = (path: string, { skipped }: ReadReport): string[] =>
  skipped > 0 ? [`${path}: ${countOf(skipped, 'bad row')} left out`] : [];

function wordRow(
  { text, words = segmentWords(text), entities }: Awaited<ReturnType<typeof readTagged>>['texts'][number],
  labels: readonly string[],
): ProbeRow {
  const target = words.map(([start, end]) => {
    const entity = entities.find((one) => one.start < end && one.end > start);
    return entity === undefined ? 0 : labels.indexOf(entity.label);
  });
  return { text, words, target };
}

/** Without the label `O` where every word has another. */
function withoutUnused(files: ProbeRow[][], labels: readonly string[]): Pick<ReadFiles, 'files' | 'labels'> {
  const targets = (row: ProbeRow): readonly number[] => row.target as readonly number[];
  if (files.some((rows) => rows.some((row) => targets(row).includes(0)))) return { files, labels };
  const shifted = files.map((rows) => rows.map((row) => ({ ...row, target: targets(row).map((label) => label - 1) })));
  return { files: shifted, labels: labels.slice(1) };
}

/** What says where texts and labels stand in a file. */
export type ProbeField = 'textField' | 'pairField' | 'labelField' | 'scoreField' | keyof typeof TAG_FIELDS;

/** Of tags: in rows or in columns. */
const TAG_FIELDS = { tokensField: false, tagsField: false, column: true, tagColumn: true } as const;
const FIELD_KINDS = { labelField: 'classify', pairField: 'similarity', scoreField: 'similarity' } as const;

/** Whether a task of these files looks at a field, as {@link readProbeTask} reads them. */
export function looksAt(
  field: ProbeField,
  { kind, paths }: { kind: ProbeKind; paths: readonly string[] },
  options: ProbeFileOptions,
): boolean {
  if (field in FIELD_KINDS) return kind === FIELD_KINDS[field as keyof typeof FIELD_KINDS];
  const isColumns = (path: string): boolean => kind === 'tags' && isInColumns(path, options);
  if (field === 'textField') return !paths.every(isColumns);
  return kind === 'tags' && paths.some((path) => isColumns(path) === TAG_FIELDS[field as keyof typeof TAG_FIELDS]);
}

/** What a task is about, by the fields of the first row. */
async function kindOfFile(path: string, options: ProbeFileOptions): Promise<ProbeKind> {
  const { textField = 'text', pairField = 'pair', scoreField = 'score', labelField = 'label' } = options;
  const { tokensField = 'tokens', tagsField = 'tags' } = options;
  if (isInColumns(path, options)) return 'tags';
  const rows = openRows(path, { ...pick(options, FILE_OPTIONS), onError: 'skip' });
  for await (const { fields } of rows) {
    const has = (...names: string[]): boolean => names.every((name) => Object.hasOwn(fields, name));
    if (has(tokensField, tagsField) || has(textField, 'entities')) return 'tags';
    if (has(pairField, scoreField)) return 'similarity';
    if (has(textField, labelField)) return 'classify';
    throw new AlbertineError(
      'invalid_data',
      `${path} has the fields ${Object.keys(fields).join(', ')}: neither ${textField} with ${labelField}, nor ${textField} with ${pairField} and ${scoreField}, nor ${tokensField} with ${tagsField}`,
      { value: path, hint: 'Name the fields, or the kind of the task' },
    );
  }
  throw new AlbertineError('invalid_data', `${path} has no row`, { value: path });
}

/** Probes of structure from the texts of a file, of which `limit` are drawn (default 10,000). */
export async function readStructureTasks(
  path: string,
  { limit = PROBE_LIMIT, seed = 1, probes, ...options }: ProbeFileOptions & { probes?: readonly StructureProbe[] } = {},
): Promise<StructureTasks> {
  const source = readTexts(path, pick(options, ['textField', ...FILE_OPTIONS]));
  let count = 0;
  const texts = (async function* (): AsyncGenerator<string> {
    for await (const { text } of source) {
      if (text.trim() === '') continue;
      count++;
      yield text;
    }
  })();
  const drawn = await sampleStream(texts, limit, createRandom(seed));
  const made = structureTasks(drawn, { source: path, seed, limit, ...(probes && { probes }) });
  const notes = [
    ...reportNotes(path, source.report),
    ...(drawn.length < count
      ? [`${path}: ${drawn.length.toLocaleString('en-US')} of ${countOf(count, 'text')} drawn`]
      : []),
    ...made.notes,
  ];
  return { tasks: made.tasks, notes };
}
