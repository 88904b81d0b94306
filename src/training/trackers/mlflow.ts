import { AlbertineError } from '../../core/errors.ts';
import { summarizeHistogram } from './histogram.ts';
import { basicAuthorization, requestJson } from './server-request.ts';
import type { HyperParameter, RunOutcome, Tracker } from './tracker.ts';

/** Where and as what a run is recorded. */
export interface MlflowOptions {
  /** Address of the tracking server, such as `http://localhost:5000`. */
  trackingUri: string;
  /** Experiment, created when absent. Default `albertine`. */
  experiment?: string;
  /** Shown name of the run. */
  runName?: string;
  /** Continues this run instead of creating one. */
  runId?: string;
  /** Bearer token. */
  token?: string;
  /** Basic authentication, used when there is no token. */
  username?: string;
  /** See `username`. */
  password?: string;
  /** How long metrics may wait before they are sent, in milliseconds. Default 5000. */
  flushIntervalMs?: number;
  /**
   * Metrics kept while the server cannot be reached; beyond that the oldest are dropped and counted. Default 100,000.
   */
  maxBuffered?: number;
  /**
   * Told about failed deliveries; training goes on. Default: silent until {@link Tracker.close} reports what was lost.
   */
  onWarning?: (message: string) => void;
}

/** A {@link Tracker} with the id of its run on the server, for resuming. */
export interface MlflowTracker extends Tracker {
  /** The server's id of the run. */
  readonly runId: string;
}

interface Metric {
  key: string;
  /** A string for NaN and infinities, which JSON has no numbers for. */
  value: number | string;
  timestamp: number;
  step: number;
}

interface KeyValue {
  key: string;
  value: string;
}

/** The server's limits for one request (MLflow REST API, "Log Batch"). */
const MAX_METRICS = 800;
const MAX_PAIRS = 100;
const MAX_VALUE_LENGTH = 500;
const MAX_TAG_LENGTH = 5000;
const CLOSE_ATTEMPTS = 4;
const STATUS: Record<RunOutcome, string> = { finished: 'FINISHED', failed: 'FAILED', interrupted: 'KILLED' };

/**
 * Records a run on an MLflow tracking server over its REST API. Scalars become metrics; of each text tag the latest
 * text is kept as tag `text.<tag>`; of a histogram its mean, minimum, maximum and deviation become metrics; settings
 * become parameters. Metrics are sent in the background; an unreachable server delays them and never stops training.
 * Rejects with `network` or `unauthorized` when the run cannot be created, and from `close` when something could not be
 * delivered.
 */
export async function createMlflowTracker(options: MlflowOptions): Promise<MlflowTracker> {
  const client = new MlflowClient(options);
  const runId = options.runId ?? (await client.createRun(options.experiment ?? 'albertine', options.runName));
  if (options.runId !== undefined) await client.post('runs/update', { run_id: runId, status: 'RUNNING' });
  const sender = new BatchSender(client, runId, options);
  const metrics = (step: number, values: Readonly<Record<string, number>>): void => {
    const timestamp = Date.now();
    sender.addMetrics(
      Object.entries(values).map(([key, value]) => ({
        key: cleanKey(key),
        value: Number.isFinite(value) ? value : String(value),
        timestamp,
        step,
      })),
    );
  };
  return {
    runId,
    scalars: metrics,
    text: (tag, step, text) =>
      sender.addTag({ key: cleanKey(`text.${tag}`), value: `step ${step}: ${text}`.slice(0, MAX_TAG_LENGTH) }),
    histogram: (tag, step, values) => {
      const { count, sum, sumOfSquares, min, max } = summarizeHistogram(values);
      const mean = count > 0 ? sum / count : 0;
      const deviation = count > 0 ? Math.sqrt(Math.max(0, sumOfSquares / count - mean * mean)) : 0;
      metrics(step, {
        [`${tag}/mean`]: mean,
        [`${tag}/min`]: min,
        [`${tag}/max`]: max,
        [`${tag}/deviation`]: deviation,
      });
    },
    hyperParameters: (values) =>
      sender.addParameters(Object.entries(values).map(([key, value]) => parameter(key, value))),
    close: (outcome = 'finished') => sender.close(STATUS[outcome]),
  };
}

function parameter(key: string, value: HyperParameter): KeyValue {
  return { key: cleanKey(key), value: String(value).slice(0, MAX_VALUE_LENGTH) };
}

/** MLflow allows letters, digits, underscores, dashes, periods, spaces and slashes in names. */
function cleanKey(key: string): string {
  return key.replace(/[^\p{L}\p{N}_\-. /]/gu, '_').slice(0, 250);
}

class MlflowClient {
  private readonly base: string;
  private readonly headers: Record<string, string>;

  constructor({ trackingUri, token, username, password }: MlflowOptions) {
    this.base = `${trackingUri.replace(/\/+$/, '')}/api/2.0/mlflow`;
    this.headers = {};
    if (token) this.headers.authorization = `Bearer ${token}`;
    else if (username) this.headers.authorization = basicAuthorization(username, password ?? '');
  }

  async createRun(experiment: string, runName?: string): Promise<string> {
    const experimentId = await this.experimentId(experiment);
    const tags = runName ? [{ key: 'mlflow.runName', value: runName }] : [];
    const created = await this.post('runs/create', {
      experiment_id: experimentId,
      start_time: Date.now(),
      ...(runName && { run_name: runName }),
      tags,
    });
    const runId = (created as { run?: { info?: { run_id?: unknown } } }).run?.info?.run_id;
    if (typeof runId !== 'string')
      throw new AlbertineError('network', `${this.base}/runs/create returned no run id`, { value: created });
    return runId;
  }

  private async experimentId(name: string): Promise<string> {
    const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
    const found = await this.request(path).catch((error: unknown) => {
      if (error instanceof AlbertineError && error.code === 'not_found') return undefined;
      throw error;
    });
    const existing = (found as { experiment?: { experiment_id?: unknown } } | undefined)?.experiment?.experiment_id;
    if (typeof existing === 'string') return existing;
    const created = (await this.post('experiments/create', { name })) as { experiment_id?: unknown };
    if (typeof created.experiment_id !== 'string')
      throw new AlbertineError('network', `${this.base} did not create experiment ${name}`, { value: created });
    return created.experiment_id;
  }

  post(path: string, body: object): Promise<unknown> {
    return this.request(path, body);
  }

  /** Throws as {@link requestJson} does. */
  private request(path: string, body?: object): Promise<unknown> {
    return requestJson({
      server: 'MLflow',
      url: `${this.base}/${path}`,
      headers: this.headers,
      ...(body && { body }),
      hint: 'Is this an MLflow tracking server?',
    });
  }
}

/** Queues what is to be sent and delivers it one request at a time. */
class BatchSender {
  private metrics: Metric[] = [];
  private parameters: KeyValue[] = [];
  private readonly tags = new Map<string, KeyValue>();
  private lost = 0;
  private lastProblem: string | undefined;
  private sending: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private readonly client: MlflowClient;
  private readonly runId: string;
  private readonly options: MlflowOptions;

  constructor(client: MlflowClient, runId: string, options: MlflowOptions) {
    this.client = client;
    this.runId = runId;
    this.options = options;
  }

  addMetrics(metrics: Metric[]): void {
    this.requireOpen();
    this.metrics.push(...metrics);
    const excess = this.metrics.length - (this.options.maxBuffered ?? 100_000);
    if (excess > 0) {
      this.metrics.splice(0, excess);
      this.lost += excess;
    }
    this.schedule();
  }

  addParameters(parameters: KeyValue[]): void {
    this.requireOpen();
    this.parameters.push(...parameters);
    this.schedule();
  }

  addTag(tag: KeyValue): void {
    this.requireOpen();
    this.tags.set(tag.key, tag);
    this.schedule();
  }

  async close(status: string): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    await this.sending;
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS && this.hasWork(); attempt++) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
      await this.sendAll();
    }
    const undelivered = this.lost + this.metrics.length + this.parameters.length + this.tags.size;
    const update = await this.client
      .post('runs/update', { run_id: this.runId, status, end_time: Date.now() })
      .catch((error: unknown) => error);
    if (undelivered > 0)
      throw new AlbertineError('network', `${undelivered} values did not reach the MLflow server`, {
        value: undelivered,
        hint: this.lastProblem,
        cause: update,
      });
    if (update instanceof Error) throw update;
  }

  private requireOpen(): void {
    if (this.closed)
      throw new AlbertineError('disposed', `MLflow tracker of run ${this.runId} is closed`, { value: this.runId });
  }

  private hasWork(): boolean {
    return this.metrics.length + this.parameters.length + this.tags.size > 0;
  }

  private schedule(): void {
    if (this.timer !== undefined) return;
    const wait =
      this.metrics.length >= MAX_METRICS && this.lastProblem === undefined ? 0 : (this.options.flushIntervalMs ?? 5000);
    this.timer = setTimeout(() => {
      this.sending = this.sendAll().finally(() => {
        this.timer = undefined;
        if (this.hasWork() && !this.closed) this.schedule();
      });
    }, wait);
    // A forgotten tracker must not keep the process alive.
    (this.timer as { unref?: () => void }).unref?.();
  }

  /** Sends batches until nothing is left or the server fails; what was not delivered stays queued. */
  private async sendAll(): Promise<void> {
    while (this.hasWork()) {
      const metrics = this.metrics.splice(0, MAX_METRICS);
      const params = this.parameters.splice(0, MAX_PAIRS);
      const tags = [...this.tags.values()].slice(0, MAX_PAIRS);
      for (const { key } of tags) this.tags.delete(key);
      try {
        await this.client.post('runs/log-batch', { run_id: this.runId, metrics, params, tags });
        this.lastProblem = undefined;
      } catch (error) {
        this.lastProblem = error instanceof Error ? error.message : String(error);
        this.options.onWarning?.(this.lastProblem);
        if (error instanceof AlbertineError && error.code === 'network') {
          this.metrics.unshift(...metrics);
          this.parameters.unshift(...params);
          // A newer text with the same tag has replaced the one that was not delivered.
          for (const tag of tags) if (!this.tags.has(tag.key)) this.tags.set(tag.key, tag);
          return;
        }
        this.lost += metrics.length + params.length + tags.length;
      }
    }
  }
}
