import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError } from '../../core/errors.ts';
import { summarizeHistogram } from './histogram.ts';
import { splitName, type RunOutcome, type Tracker } from './tracker.ts';
import { WandbLogWriter } from './wandb-log.ts';
import { objectJson, WANDB_EXIT_CODES, WandbRecords, type WandbRunFacts, type WandbValues } from './wandb-records.ts';
import { readEarlierParts, type EarlierParts } from './wandb-parts.ts';
import { WandbSender, type WandbServer } from './wandb-sender.ts';

/** Where and as what a run is recorded. */
export interface WandbOptions {
  /** Project on W&B. */
  project: string;
  /** User or team that it belongs to. Default: that of whoever syncs the run, or of the key. */
  entity?: string;
  /** Shown name of the run. */
  name?: string;
  /** Also sends the run as it goes on. Default: only the files are written, for `wandb sync`. */
  online?: WandbServer;
  /** Goes on in the latest run of the folder, where there is one. */
  resume?: boolean;
  /** Group for names without one. Default `train`, so that `loss` is shown as `train/loss`. */
  group?: string;
  /** Wall clock in milliseconds. Default `Date.now`. */
  now?: () => number;
  /** Id of a new run: 8 letters and digits. Default: random. */
  id?: string;
  /** Told what could not be sent, or has no place in W&B; training goes on. */
  onWarning?: (message: string) => void;
  /** Told the address of the run's page, once it is known. */
  onAddress?: (url: string) => void;
}

/** A {@link Tracker} that says where it writes. */
export interface WandbTracker extends Tracker {
  /** W&B's id of the run. */
  readonly runId: string;
  /** The folder that `wandb sync` takes. */
  readonly folder: string;
}

/**
 * Records a run as the `wandb` client does when it is offline: `FOLDER/offline-run-YYYYMMDD_HHMMSS-ID/run-ID.wandb`,
 * which `wandb sync` uploads; with `online` it is sent too, and marked as synced once the server has all of it. Scalars
 * of a step become one row of history, texts lines of the log, histograms W&B's histograms, settings its configuration;
 * the outcome is in the summary and in the exit code (0 finished, 1 failed, 255 interrupted, as the client's after
 * Ctrl-C). A run that goes on is a further folder with the same id, as the client makes them. W&B's steps only rise:
 * rows of steps that are there already (taken again after a roll-back, or since the last checkpoint of a killed
 * process) are left out, the former with a warning. `close` never rejects because of the server.
 */
export function createWandbTracker(folder: string, options: WandbOptions): WandbTracker {
  const { now = Date.now } = options;
  const earlier = options.resume ? readEarlierParts(folder) : undefined;
  const startedAt = now();
  const id = earlier?.id ?? options.id ?? newId();
  const part = newPartFolder(folder, id, startedAt);
  const run = new WandbRun(
    part,
    { ...options, now },
    {
      earlier,
      facts: {
        id,
        project: options.project,
        entity: options.entity,
        name: options.name,
        config: {},
        startedAt,
        resumed: earlier !== undefined,
      },
    },
  );
  return {
    runId: id,
    folder: part,
    scalars: (step, values) => run.add(step, jsonOf(values, options.group ?? 'train')),
    text: (tag, step, text) => run.print(`step ${step}  ${tag}: ${text}`),
    histogram: (tag, step, values) =>
      run.add(step, { [withGroup(tag, options.group ?? 'train')]: histogramJson(values) }),
    hyperParameters: (values) => run.configure(mapValues(values, (value) => JSON.stringify(value))),
    close: (outcome = 'finished') => run.close(outcome),
  };
}

interface Row {
  step: number;
  values: Record<string, string>;
}

/** One part of a run: what was written since it was started or resumed. */
class WandbRun {
  private readonly path: string;
  private readonly options: WandbOptions & { now: () => number };
  private readonly facts: WandbRunFacts;
  private readonly earlier: EarlierParts | undefined;
  private readonly records = new WandbRecords();
  private readonly log: WandbLogWriter;
  private sender: WandbSender | undefined;
  private begun = false;
  private closed = false;
  private row: Row | undefined;
  /** The last row that was written, of this part or an earlier one. */
  private last: { step: number; names: ReadonlySet<string> };
  private readonly summary: Record<string, string>;
  private toldOfRepetition = false;

  constructor(
    folder: string,
    options: WandbOptions & { now: () => number },
    { facts, earlier }: { facts: WandbRunFacts; earlier: EarlierParts | undefined },
  ) {
    this.options = options;
    this.earlier = earlier;
    this.last = earlier?.last ?? { step: -1, names: new Set() };
    this.facts = { ...facts, config: earlier?.config ?? {} };
    this.summary = { ...earlier?.summary };
    this.path = join(folder, `run-${facts.id}.wandb`);
    this.log = new WandbLogWriter(this.path);
    this.log.write(this.records.header());
  }

  /** The run's settings: known before anything else, so that they are part of its first record. */
  configure(values: WandbValues): void {
    this.requireOpen();
    if (this.begun) this.log.write(this.records.config(values));
    else this.begin(values);
  }

  /** Values of a step; all of a step are one row, which is written when the next one begins. */
  add(step: number, values: WandbValues): void {
    this.requireOpen();
    this.begin();
    if (this.row && this.row.step !== step) this.writeRow();
    if (step <= this.last.step) return this.tellOfRepetition(step, Object.keys(values));
    this.row ??= { step, values: {} };
    Object.assign(this.row.values, values);
  }

  print(line: string): void {
    this.requireOpen();
    this.begin();
    const time = this.options.now();
    this.log.write(this.records.output(line, time));
    this.sender?.output(line, time);
  }

  async close(outcome: RunOutcome): Promise<void> {
    if (this.closed) return;
    this.begin();
    this.writeRow();
    this.closed = true;
    const end = { outcome: JSON.stringify(outcome) };
    Object.assign(this.summary, end);
    this.log.write(this.records.summary(end));
    this.log.write(this.records.exit(outcome, this.seconds()));
    this.log.write(this.records.final());
    this.log.close();
    if (!this.sender) return;
    if (await this.sender.close(WANDB_EXIT_CODES[outcome], objectJson(this.summary))) {
      for (const path of [...(this.earlier?.paths ?? []), this.path]) writeFileSync(`${path}.synced`, '');
    } else
      this.options.onWarning?.(
        `W&B does not have all of the run; it is complete on disk: wandb sync ${join(this.path, '..')}`,
      );
  }

  private begin(config: WandbValues = {}): void {
    if (this.begun) return;
    this.begun = true;
    const { options } = this;
    const facts = { ...this.facts, config: { ...this.facts.config, ...config } };
    this.log.write(this.records.run(facts));
    this.log.write(this.records.environment(facts));
    if (!options.online) return;
    this.sender = new WandbSender(options.online, facts, {
      earlier: this.earlier?.lines ?? { history: [], output: [] },
      onWarning: (message) => options.onWarning?.(message),
      onAddress: (url) => options.onAddress?.(url),
    });
  }

  private writeRow(): void {
    if (!this.row) return;
    const { step, values } = this.row;
    this.row = undefined;
    const row = {
      ...values,
      _step: String(step),
      _timestamp: String(this.options.now() / 1000),
      _runtime: String(this.seconds()),
    };
    this.log.write(this.records.summary(row));
    this.log.write(this.records.history(step, row));
    Object.assign(this.summary, row);
    this.sender?.history(objectJson(row), objectJson(this.summary));
    this.last = { step, names: new Set(Object.keys(values)) };
  }

  /** Of all parts together. */
  private seconds(): number {
    return Math.round(this.options.now() - this.facts.startedAt + 1000 * (this.earlier?.seconds ?? 0)) / 1000;
  }

  /** Steps that a resumed run takes again have the same values; those after a roll-back have others. */
  private tellOfRepetition(step: number, names: readonly string[]): void {
    const { last, earlier, options } = this;
    const isAgain = earlier !== undefined && last.step === earlier.last.step;
    const lacking = isAgain && step === last.step ? names.filter((name) => !last.names.has(name)) : [];
    if (lacking.length > 0)
      options.onWarning?.(`W&B has step ${step} already and its steps only rise: ${lacking.join(', ')} left out there`);
    if (isAgain || this.toldOfRepetition) return;
    this.toldOfRepetition = true;
    options.onWarning?.(
      `step ${step} comes again after step ${last.step}; W&B's steps only rise, so it keeps the first values until then`,
    );
  }

  private requireOpen(): void {
    if (this.closed)
      throw new AlbertineError('disposed', `W&B tracker of run ${this.facts.id} is closed`, { value: this.facts.id });
  }
}

/** A new folder for a part; named by its second, or the first second after it that is free. */
function newPartFolder(folder: string, id: string, startedAt: number): string {
  for (let time = startedAt; ; time += 1000) {
    const stamp = new Date(time).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '_');
    const part = join(folder, `offline-run-${stamp}-${id}`);
    if (existsSync(part)) continue;
    mkdirSync(join(part, 'files'), { recursive: true });
    return part;
  }
}

const ID_LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const newId = (): string => Array.from({ length: 8 }, () => ID_LETTERS[randomInt(ID_LETTERS.length)]).join('');

const withGroup = (name: string, group: string): string =>
  splitName(name).group === undefined ? `${group}/${name}` : name;

/** As the Python client writes numbers: NaN, Infinity and -Infinity stand bare. */
const jsonOf = (values: Readonly<Record<string, number>>, group: string): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [withGroup(name, group), String(value)]));

const mapValues = <T>(values: Readonly<Record<string, T>>, map: (value: T) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));

/** W&B's histogram: counts, and the edges around them. A single value gets a bucket of width 1, as numpy gives it. */
function histogramJson(values: ArrayLike<number>): string {
  const { min, max, bucketCounts, bucketLimits } = summarizeHistogram(values);
  const bins = min === max ? [min - 0.5, max + 0.5] : [min, ...bucketLimits];
  return JSON.stringify({ _type: 'histogram', values: bucketCounts.length > 0 ? bucketCounts : [0], bins });
}
