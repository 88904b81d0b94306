import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { fileHash, readJsonFile, writeFileAtomic } from '../../core/files-node.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { metadataPath } from '../../data/embeddings-node.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter, type RecordWriter } from '../../data/writers-node.ts';
import { UsageError } from '../terminal/errors.ts';

/** Everything that records are made from: an output of another origin is not continued. */
export interface Origin {
  /** Fingerprint of the model. */
  model: string;
  /** By their names. */
  options: Record<string, unknown>;
  /** By what they are read as. */
  inputs: Record<string, { path: string; sha256: string }>;
}

/** What stands beside the output, in `<output>.meta.json`. */
interface Metadata<N> {
  kind: string;
  complete: boolean;
  /** When it is complete. */
  summary?: object;
  origin: Origin;
  /** What cannot be seen from the records. */
  noted?: N;
}

/** Options of {@link Journal.open}. */
export interface JournalOptions<N> {
  /** As the user calls the output. */
  path: string;
  resume: boolean;
  origin: Origin;
  /** What the file is, in its metadata. */
  kind: string;
  /** What a record is called: `score`. */
  noun: string;
  /** **Cuts off** what cannot be gone on from, and returns how many records are left. */
  keep: (partial: string, noted: N | undefined) => Promise<number>;
}

/**
 * A `.jsonl` file that records are written to, and what is noted beside it so that an interrupted run can be continued:
 * what it was made from and, where the records alone do not tell, how far it came.
 */
export class Journal<N extends object = never> {
  /** Records that are there already. */
  readonly existing: number;
  /** What the run before noted; undefined where there was none, or where it noted nothing. */
  readonly known: N | undefined;
  private readonly output: OutputFile;
  private readonly options: JournalOptions<N>;
  private readonly continues: boolean;
  private noted: N | undefined;
  private writer: RecordWriter | undefined;
  private written = 0;

  private constructor(
    output: OutputFile,
    options: JournalOptions<N>,
    before: { existing: number; known: N | undefined } | undefined,
  ) {
    this.output = output;
    this.options = options;
    this.continues = before !== undefined;
    this.existing = before?.existing ?? 0;
    this.known = before?.known;
  }

  /** Looks at what is there already; with `resume` it must be of the same origin. */
  static async open<N extends object = never>(output: OutputFile, options: JournalOptions<N>): Promise<Journal<N>> {
    const { path, resume, kind, origin, keep } = options;
    if (!resume || !(await output.resume())) return new Journal(output, options, undefined);
    const previous = (await readJsonFile(metadataPath(output.partial)).catch(() => undefined)) as
      Metadata<N> | undefined;
    if (previous?.kind !== kind)
      throw refused(path, `there is no ${metadataPath(output.origin)} to tell what it was made with`);
    requireSameOrigin(path, previous.origin, origin);
    const known = previous.noted && withNaN(previous.noted);
    return new Journal(output, options, { existing: await keep(output.partial, known), known });
  }

  /** Opens the file; from now on it can be continued. */
  async begin(noted?: N): Promise<void> {
    this.noted = noted;
    const { partial, target } = this.output;
    // What is noted now must not vouch for records of another run.
    if (!this.continues && partial !== target) await rm(partial, { force: true });
    await this.describe({ complete: false });
    this.writer = await openRecordWriter(this.options.path, { output: this.output, resume: this.continues });
  }

  async write(record: Record<string, unknown>): Promise<void> {
    await this.writer!.write(record);
    this.written++;
  }

  /** Notes how far the records have come that were written until now. */
  async note(noted: N): Promise<void> {
    this.noted = noted;
    // What is noted must not be ahead of the records.
    await this.writer!.flush();
    await this.describe({ complete: false });
  }

  /** The file takes its name. */
  async close(summary: object): Promise<void> {
    await this.describe({ complete: true, summary });
    await this.writer!.close();
  }

  /** Ends early; what is written can be continued. Returns a note about it, where there is something. */
  async abort(): Promise<string | undefined> {
    await this.writer?.abort();
    const records = this.existing + this.written;
    return this.writer && records > 0
      ? `${this.output.partial} holds the first ${countOf(records, this.options.noun)}; --resume goes on after them`
      : undefined;
  }

  private async describe(state: Pick<Metadata<N>, 'complete' | 'summary'>): Promise<void> {
    const { kind, origin } = this.options;
    // Nothing stands beside a pipe or a device.
    if (this.output.partial === this.output.target) return;
    const metadata: Metadata<N> = { kind, ...state, origin, ...(this.noted && { noted: this.noted }) };
    await writeFileAtomic(metadataPath(this.output.partial), `${JSON.stringify(metadata, null, 2)}\n`);
  }
}

/** JSON has no NaN and writes null, which nobody notes. */
const withNaN = <N>(noted: N): N =>
  JSON.parse(JSON.stringify(noted), (_, value: unknown) => (value === null ? NaN : value)) as N;

/**
 * The files that records are made from, for their {@link Origin}; `read` names them by what they are read as. Pipes are
 * left out. Throws {@link UsageError} for them with `resume`: their beginning cannot be read again.
 */
export async function hashInputs(
  read: Readonly<Record<string, string | undefined>>,
  { resume }: { resume: boolean },
): Promise<Origin['inputs']> {
  const inputs: Origin['inputs'] = {};
  for (const [role, path] of Object.entries(read)) {
    if (path === undefined) continue;
    if (path !== '-' && (await isFile(path))) inputs[role] = { path, sha256: await fileHash(path) };
    else if (resume)
      throw new UsageError(
        `--resume reads the texts again from their beginning, which ${path === '-' ? 'standard input cannot be' : `${path} cannot be: it is no file`}`,
      );
  }
  return inputs;
}

/** The same of texts that are in no file. */
export const hashTexts = (name: string, texts: readonly string[]): Origin['inputs'] => ({
  [name]: { path: name, sha256: createHash('sha256').update(JSON.stringify(texts)).digest('hex') },
});

/** A pipe can be read only once, and not for its length or its hash. */
export const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() ?? false;

function requireSameOrigin(path: string, before: Origin, now: Origin): void {
  if (before.model !== now.model) throw refused(path, `it was begun with another model (${before.model})`);
  for (const name of new Set([...Object.keys(before.options), ...Object.keys(now.options)])) {
    const [then, given] = [before.options[name], now.options[name]];
    if (toJson(then ?? null) === toJson(given ?? null)) continue;
    const shown = (value: unknown): string => (value === undefined ? 'not given' : describeValue(value));
    throw refused(path, prose`${option(name)} was ${shown(then)} when it was begun, and is ${shown(given)} now`);
  }
  for (const role of new Set([...Object.keys(before.inputs), ...Object.keys(now.inputs)])) {
    if (before.inputs[role]?.sha256 === now.inputs[role]?.sha256) continue;
    const name = now.inputs[role]?.path ?? before.inputs[role].path;
    throw refused(
      path,
      now.inputs[role] && before.inputs[role]
        ? `${name} has changed since it was begun`
        : `${name} was ${now.inputs[role] ? 'not ' : ''}read when it was begun`,
    );
  }
}

const refused = (path: string, reason: string | Prose): AlbertineError =>
  new AlbertineError('invalid_argument', prose`cannot continue ${path}: ${reason}`, {
    value: path,
    hint: 'Start again with --overwrite, or write to another file',
  });
