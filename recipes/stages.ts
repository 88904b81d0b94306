import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AlbertineError } from '../src/index.ts';

/**
 * Figures of a finished stage. `fingerprint` identifies what it made: stages that read it run again when it changes.
 */
export type StageResult = { fingerprint: string } & Record<string, unknown>;

/** What a stage may read of one before it. */
export interface FinishedStage {
  folder: string;
  result: StageResult;
  seconds: number;
}

/** What a stage gets to work with. */
export interface StageJob {
  /** Receives what the stage makes. */
  folder: string;
  /** The folder holds an interrupted run with the same settings. */
  resume: boolean;
  /** A stage named in `needs`. */
  input(name: string): FinishedStage;
}

/** One part of a build. */
export interface Stage {
  /** Also the name of its folder below the output. */
  readonly name: string;
  readonly needs: readonly string[];
  /** The library keeps what still fits when settings change, so that the folder need not be made anew then. */
  readonly inPlace?: boolean;
  /** Everything besides the stages it needs that decides the result, as JSON has it. */
  settings(): Promise<Record<string, unknown>> | Record<string, unknown>;
  /** Throws `interrupted` when it was stopped. */
  run(job: StageJob): Promise<void>;
  /** Reads the result from the folder, so that it does not matter who made it. Throws when it is not complete. */
  describe(folder: string): Promise<StageResult>;
}

/** What `stages.json` holds of a stage. */
interface StageRecord {
  status: 'running' | 'finished';
  /** Hash of `settings`. */
  key: string;
  settings: Record<string, unknown>;
  folder: string;
  startedAt: string;
  finishedAt?: string;
  /** Time worked, over all parts of an interrupted stage. */
  seconds: number;
  result?: StageResult;
}

/** Which stages to run, and how. */
export interface RunStagesOptions {
  /**
   * Runs these stages only (`contrastive` means all of its steps); those that they need must be finished. Default: all.
   */
  only?: readonly string[];
  /** Runs this stage and all after it although they are finished. */
  from?: string;
  /** Folders made elsewhere, by stage. */
  use?: Readonly<Record<string, string>>;
  onNote?: (text: string) => void;
  signal?: AbortSignal;
}

/** How a stage was dealt with. */
export type StageOutcome = 'ran' | 'skipped' | 'taken' | 'left out';

/** In the output folder: what is known of every stage. */
export const STATE_FILE = 'stages.json';
const PREVIOUS = 'previous';

/**
 * Runs stages in order, each unless it is finished with the same settings and the same inputs, and what it made is
 * still there; `stages.json` in `output` remembers that. A folder made elsewhere that has changed since it was taken is
 * taken as it is now. An interrupted stage goes on where it was. What a stage made with other settings is kept once, in
 * `previous/`, before it is made anew.
 */
export async function runStages(
  stages: readonly Stage[],
  output: string,
  options: RunStagesOptions = {},
): Promise<Record<string, StageOutcome>> {
  const { only, from, use = {}, onNote = () => undefined } = options;
  const selected = (stage: Stage): boolean => !only || only.some((name) => matches(stage.name, name));
  for (const name of [...(only ?? []), ...(from === undefined ? [] : [from])]) requireStage(stages, name, matches);
  // A group has no folder of its own that could be taken.
  for (const name of Object.keys(use)) requireStage(stages, name, (stage) => stage === name);
  const first = from === undefined ? stages.length : stages.findIndex(({ name }) => matches(name, from));
  const state = await StateFile.open(output);
  const current = new Map<string, FinishedStage>();
  const outcomes: Record<string, StageOutcome> = {};
  for (const [index, stage] of stages.entries()) {
    const missing = stage.needs.find((name) => !current.has(name));
    if (missing !== undefined) {
      if (selected(stage))
        throw new AlbertineError(
          'not_found',
          `stage ${stage.name} needs ${missing}, which is not finished with these settings`,
          { value: missing, hint: `Run it first: --only ${missing}` },
        );
      outcomes[stage.name] = 'left out';
      continue;
    }
    const settings = asJson({
      ...(await stage.settings()),
      inputs: Object.fromEntries(stage.needs.map((name) => [name, current.get(name)!.result.fingerprint])),
    });
    const before = state.records[stage.name];
    const key = hashOf(settings);
    const finished = before?.status === 'finished' && before.key === key;
    const isAsked = Object.hasOwn(use, stage.name) || (selected(stage) && index >= first);
    const now = finished && !isAsked ? await lookAgain(stage, before, onNote) : undefined;
    const isUnchanged = now !== undefined && now.fingerprint === before.result!.fingerprint;
    if (Object.hasOwn(use, stage.name)) {
      current.set(stage.name, await takeOver(stage, state, { key, settings, folder: use[stage.name] }));
      outcomes[stage.name] = 'taken';
    } else if (isUnchanged) {
      current.set(stage.name, { folder: before.folder, result: before.result!, seconds: before.seconds });
      outcomes[stage.name] = 'skipped';
      onNote(`${stage.name}: finished before, skipped`);
    } else if (now && !isSame(before.folder, join(output, stage.name))) {
      current.set(stage.name, await takeOver(stage, state, { key, settings, folder: before.folder }));
      outcomes[stage.name] = 'taken';
    } else if (selected(stage)) {
      if (options.signal?.aborted) throw interruptedBefore(stage.name);
      if (before && before.key !== key)
        onNote(`${stage.name}: runs again, because of ${changes(before.settings, settings)}`);
      current.set(
        stage.name,
        await runStage(stage, state, { key, settings, output, current, restart: finished, onNote }),
      );
      outcomes[stage.name] = 'ran';
    } else outcomes[stage.name] = 'left out';
  }
  return outcomes;
}

/** What a finished stage left, as it is there now; undefined where it is gone or damaged. */
async function lookAgain(
  stage: Stage,
  { folder, result }: StageRecord,
  onNote: (text: string) => void,
): Promise<StageResult | undefined> {
  const now = existsSync(folder) ? await stage.describe(folder).catch(() => undefined) : undefined;
  if (now?.fingerprint !== result!.fingerprint)
    onNote(
      `${stage.name}: ${folder} ${now ? 'does not hold what it held when the stage was finished' : 'cannot be read any more'}`,
    );
  return now;
}

/** The same folder, by an absolute path or not. */
const isSame = (a: string, b: string): boolean => resolve(a) === resolve(b);

interface StagePlan {
  key: string;
  settings: Record<string, unknown>;
}

async function runStage(
  stage: Stage,
  state: StateFile,
  plan: StagePlan & {
    output: string;
    current: ReadonlyMap<string, FinishedStage>;
    restart: boolean;
    onNote: (text: string) => void;
  },
): Promise<FinishedStage> {
  const { key, settings, output, current, restart, onNote } = plan;
  const folder = join(output, stage.name);
  const before = state.records[stage.name];
  const resume =
    before?.status === 'running' && before.key === key && isSame(before.folder, folder) && existsSync(folder);
  if (!resume && existsSync(folder) && (restart || !stage.inPlace)) {
    const kept = join(output, PREVIOUS, stage.name);
    await rm(kept, { recursive: true, force: true });
    await mkdir(dirname(kept), { recursive: true });
    await rename(folder, kept);
    onNote(`${stage.name}: what was there is now in ${kept}`);
  }
  onNote(`${stage.name}: ${resume ? 'goes on' : restart ? 'runs once more' : 'starts'}`);
  const workedBefore = resume ? before.seconds : 0;
  const record: StageRecord = {
    status: 'running',
    key,
    settings,
    folder,
    startedAt: resume ? before.startedAt : new Date().toISOString(),
    seconds: workedBefore,
  };
  await state.set(stage.name, record);
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  const seconds = (): number => workedBefore + (performance.now() - started) / 1000;
  try {
    await stage.run({ folder, resume, input: (name) => current.get(name)! });
  } catch (error) {
    await state.set(stage.name, { ...record, seconds: seconds() });
    throw error;
  }
  const result = await stage.describe(folder);
  await state.set(stage.name, {
    ...record,
    status: 'finished',
    finishedAt: new Date().toISOString(),
    seconds: seconds(),
    result,
  });
  return { folder, result, seconds: seconds() };
}

async function takeOver(
  stage: Stage,
  state: StateFile,
  { key, settings, folder }: StagePlan & { folder: string },
): Promise<FinishedStage> {
  const result = await stage.describe(folder);
  const now = new Date().toISOString();
  await state.set(stage.name, {
    status: 'finished',
    key,
    settings,
    folder,
    startedAt: now,
    finishedAt: now,
    seconds: 0,
    result,
  });
  return { folder, result, seconds: 0 };
}

/** `stages.json`; every change is written at once. */
class StateFile {
  readonly records: Record<string, StageRecord>;
  private readonly path: string;

  private constructor(path: string, records: Record<string, StageRecord>) {
    this.path = path;
    this.records = records;
  }

  static async open(output: string): Promise<StateFile> {
    const path = join(output, STATE_FILE);
    if (!existsSync(path)) return new StateFile(path, {});
    try {
      return new StateFile(
        path,
        (JSON.parse(await readFile(path, 'utf8')) as { stages: Record<string, StageRecord> }).stages ?? {},
      );
    } catch (cause) {
      throw new AlbertineError('invalid_file', `${path} is damaged`, {
        value: path,
        hint: 'Delete it: the stages then run again',
        cause,
      });
    }
  }

  async set(name: string, record: StageRecord): Promise<void> {
    this.records[name] = record;
    await writeFileAtOnce(this.path, `${JSON.stringify({ stages: this.records }, null, 2)}\n`);
  }
}

/** Writes a file so that a reader sees either the old content or all of the new. */
export async function writeFileAtOnce(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.tmp`, content, { flush: true });
  await rename(`${path}.tmp`, path);
}

/** The error of a stage that a signal stopped. */
export function interruptedIn(stage: string, detail = ''): AlbertineError {
  return new AlbertineError('interrupted', `${stage} was interrupted${detail}`, {
    value: stage,
    hint: 'The same command goes on where it was',
  });
}

function interruptedBefore(stage: string): AlbertineError {
  return new AlbertineError('interrupted', `interrupted before ${stage}`, {
    value: stage,
    hint: 'The same command goes on where it was',
  });
}

/** Hash of a value as JSON has it. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function asJson(value: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

function matches(stage: string, name: string): boolean {
  return stage === name || stage.startsWith(`${name}/`);
}

function requireStage(stages: readonly Stage[], name: string, isMeant: (stage: string, name: string) => boolean): void {
  if (stages.some((stage) => isMeant(stage.name, name))) return;
  throw new AlbertineError('invalid_argument', `the recipe has no stage ${name}`, {
    value: name,
    hint: `There are ${stages.map((stage) => stage.name).join(', ')}`,
  });
}

/** Names of the settings that differ, two levels deep. */
function changes(before: Record<string, unknown>, now: Record<string, unknown>, prefix = ''): string {
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]),
  );
  return changed
    .map((key) => {
      const [a, b] = [before[key], now[key]];
      return prefix === '' && isObject(a) && isObject(b) ? changes(a, b, `${key}.`) : prefix + key;
    })
    .join(', ');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
