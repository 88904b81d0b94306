import { rm } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import { AlbertineError, describeValue } from '../../core/errors.ts';
import { readJsonFile, writeFileAtomic } from '../../core/files-node.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { metadataPath } from '../../data/embeddings-node.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter, type RecordWriter } from '../../data/writers-node.ts';
import type { PreparedScores } from '../../analysis/score/prepare-node.ts';
import { keepScoredBlocks, scoredBefore } from '../../analysis/score/resume-node.ts';
import type { ScoredBefore } from '../../analysis/score/score-node.ts';

/** Everything that scores are made from: an output of another origin is not continued. */
export interface ScoreOrigin {
  /** Fingerprint of the model. */
  model: string;
  /** By their names. */
  options: Record<string, unknown>;
  /** By what they are read as. */
  inputs: Record<string, { path: string; sha256: string }>;
}

/** What stands beside the output, in `<output>.meta.json`. */
interface ScoreMetadata {
  kind: string;
  complete: boolean;
  origin: ScoreOrigin;
  /** What was chosen before the first pair. */
  prepared: Omit<PreparedScores, 'idf'>;
  /** When it is complete. */
  summary?: object;
}

const KIND = 'albertine scores';

/** The file that scores are written to, and what is noted beside it so that an interrupted run can be continued. */
export class ScoreJournal {
  private readonly output: OutputFile;
  private readonly path: string;
  private readonly origin: ScoreOrigin;
  private readonly previous: ScoreMetadata | undefined;
  private readonly systems: readonly number[];
  private prepared: Omit<PreparedScores, 'idf'> = {};
  private writer: RecordWriter | undefined;
  private written = 0;

  private constructor(
    output: OutputFile,
    {
      path,
      origin,
      previous,
      systems,
    }: { path: string; origin: ScoreOrigin; previous: ScoreMetadata | undefined; systems: readonly number[] },
  ) {
    this.output = output;
    this.path = path;
    this.origin = origin;
    this.previous = previous;
    this.systems = systems;
  }

  /** Looks at what is there already; with `resume` it must be of the same origin. */
  static async open(
    output: OutputFile,
    { path, resume, origin }: { path: string; resume: boolean; origin: ScoreOrigin },
  ): Promise<ScoreJournal> {
    if (!resume || !(await output.resume()))
      return new ScoreJournal(output, { path, origin, previous: undefined, systems: [] });
    const previous = (await readJsonFile(metadataPath(output.partial)).catch(() => undefined)) as
      ScoreMetadata | undefined;
    if (previous?.kind !== KIND)
      throw refused(path, `there is no ${metadataPath(output.origin)} to tell what it was made with`);
    requireSameOrigin(path, previous.origin, origin);
    return new ScoreJournal(output, { path, origin, previous, systems: await keepScoredBlocks(output.partial) });
  }

  /** What the run before chose; undefined where there was none. */
  get known(): Omit<PreparedScores, 'idf'> | undefined {
    const { layers, ...known } = this.previous?.prepared ?? {};
    if (!this.previous) return undefined;
    // JSON has no NaN.
    return { ...known, ...(layers && { layers: layers.map(numbersOf) }) };
  }

  /** Pairs that are there already. */
  get existing(): number {
    return this.systems.reduce((sum, pairs) => sum + pairs, 0);
  }

  /** Pairs of a system that are there already. */
  done(system: number): ScoredBefore | undefined {
    return scoredBefore(this.output.partial, this.systems, system);
  }

  /** Opens the file; from now on it can be continued. */
  async begin({ layer, layers, direction, baseline }: PreparedScores): Promise<void> {
    this.prepared = Object.fromEntries(
      Object.entries({ layer, layers, direction, baseline }).filter(([, value]) => value !== undefined),
    );
    const { partial, target } = this.output;
    // What is noted now must not vouch for records of another run.
    if (!this.previous && partial !== target) await rm(partial, { force: true });
    await this.describe({ complete: false });
    this.writer = await openRecordWriter(this.path, { output: this.output, resume: this.previous !== undefined });
  }

  async write(record: Record<string, unknown>): Promise<void> {
    await this.writer!.write(record);
    this.written++;
  }

  /** The file takes its name. */
  async close(summary: object): Promise<void> {
    await this.describe({ complete: true, summary });
    await this.writer!.close();
  }

  /** Ends early; what is written can be continued. Returns a note about it, where there is something. */
  async abort(): Promise<string | undefined> {
    await this.writer?.abort();
    const scores = this.existing + this.written;
    return this.writer && scores > 0
      ? `${this.output.partial} holds the first ${countOf(scores, 'score')}; --resume goes on after them`
      : undefined;
  }

  private async describe(state: Pick<ScoreMetadata, 'complete' | 'summary'>): Promise<void> {
    const { origin, prepared } = this;
    // Nothing stands beside a pipe or a device.
    if (this.output.partial === this.output.target) return;
    const metadata: ScoreMetadata = { kind: KIND, ...state, origin, prepared };
    await writeFileAtomic(metadataPath(this.output.partial), `${JSON.stringify(metadata, null, 2)}\n`);
  }
}

const numbersOf = (row: NonNullable<PreparedScores['layers']>[number]): typeof row => ({
  layer: row.layer,
  pearson: row.pearson ?? NaN,
  spearman: row.spearman ?? NaN,
});

function requireSameOrigin(path: string, before: ScoreOrigin, now: ScoreOrigin): void {
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
