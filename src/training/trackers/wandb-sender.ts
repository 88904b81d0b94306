import { AlbertineError } from '../../core/errors.ts';
import { basicAuthorization, requestJson } from './server-request.ts';
import type { WandbRunFacts } from './wandb-records.ts';

/** Where a run is sent, and how. */
export interface WandbServer {
  /** W&B's key of the user. */
  apiKey: string;
  /** Address of the API. Default `https://api.wandb.ai`. */
  baseUrl?: string;
  /** How long values may wait before they are sent, in milliseconds. Default 5000. */
  flushIntervalMs?: number;
}

/** Lines that W&B keeps of a run: JSON of steps, and what was printed. */
export interface WandbLines {
  history: string[];
  output: string[];
}

export const WANDB_BASE_URL = 'https://api.wandb.ai';
/** Lines of a kind in one request. */
const MAX_LINES = 1000;
/** Without a sign of life for some minutes W&B calls a run crashed. */
const HEARTBEAT_MS = 30_000;
const CLOSE_ATTEMPTS = 4;
/** No attempt begins later than this. */
const CLOSE_MS = 30_000;
/** Lines that wait for a server; beyond them the run is recorded on disk alone. */
const MAX_WAITING = 100_000;

/* Requests as wandb-core of wandb 0.31 makes them. */
const RESUME_STATUS = `query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    bucket(name: $name, missingOk: true) { historyLineCount logLineCount }
  }
}`;
const UPSERT_BUCKET = `mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String, $config: JSONString) {
  upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, displayName: $displayName, config: $config}) {
    bucket { id name displayName project { name entity { name } } historyLineCount }
    inserted
  }
}`;

/** A line of the log after its time. */
export const printedLine = (line: string, milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().slice(0, -1)} ${line}`;

/**
 * Sends a run to W&B in the background. Whatever fails is told to `onWarning` and never thrown: everything is in the
 * run's folder too.
 */
export class WandbSender {
  private readonly server: WandbServer;
  private readonly facts: WandbRunFacts;
  private readonly tell: { onWarning: (message: string) => void; onAddress: (url: string) => void };
  private readonly base: string;
  /** Lines of the whole run that the server may lack, and their places in its files. */
  private readonly waiting: WandbLines;
  private readonly offsets = { history: 0, output: 0 };
  private summary: string | undefined;
  private place: { entity: string; project: string } | undefined;
  private gaveUp = false;
  private closed = false;
  private lastProblem: string | undefined;
  private lastSent = 0;
  private sending: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `earlier` are the lines of the parts of a run that goes on. */
  constructor(
    server: WandbServer,
    facts: WandbRunFacts,
    { earlier, ...tell }: { earlier: WandbLines } & WandbSender['tell'],
  ) {
    this.server = server;
    this.facts = facts;
    this.waiting = earlier;
    this.tell = tell;
    this.base = (server.baseUrl ?? WANDB_BASE_URL).replace(/\/+$/, '');
    this.schedule(0);
  }

  history(json: string, summary: string): void {
    this.summary = summary;
    this.add('history', json);
  }

  /** A line that was printed, after its time. */
  output(line: string, milliseconds: number): void {
    this.add('output', printedLine(line, milliseconds));
  }

  /** Sends what is left and how the run ended; whether the server has everything. */
  async close(exitCode: number, summary: string): Promise<boolean> {
    this.summary = summary;
    this.closed = true;
    clearTimeout(this.timer);
    await this.sending;
    const until = Date.now() + CLOSE_MS;
    for (let attempt = 0; attempt < CLOSE_ATTEMPTS && !this.gaveUp && Date.now() < until; attempt++) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
      if (await this.attempt(() => this.sendAll({ complete: true, exitcode: exitCode }))) return true;
    }
    return false;
  }

  private add(kind: keyof WandbLines, line: string): void {
    if (this.gaveUp) return;
    this.waiting[kind].push(line);
    if (this.waiting.history.length + this.waiting.output.length > MAX_WAITING)
      this.giveUp(`the W&B server takes nothing for too long (${this.lastProblem ?? 'it is slow'})`);
  }

  private giveUp(problem: string): void {
    if (this.gaveUp) return;
    this.gaveUp = true;
    clearTimeout(this.timer);
    this.waiting.history = [];
    this.waiting.output = [];
    this.tell.onWarning(`${problem}; the run is recorded offline from here on`);
  }

  private schedule(wait: number): void {
    this.timer = setTimeout(() => {
      this.sending = this.attempt(() => this.sendAll()).then(() => {
        if (!this.gaveUp && !this.closed) this.schedule(this.server.flushIntervalMs ?? 5000);
      });
    }, wait);
    // A forgotten tracker must not keep the process alive.
    this.timer.unref();
  }

  /** Whether it worked; tells of the first of several equal problems, and gives up on those that repeating cannot cure. */
  private async attempt(send: () => Promise<void>): Promise<boolean> {
    try {
      await send();
      this.lastProblem = undefined;
      return true;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      if (!(error instanceof AlbertineError && error.code === 'network')) this.giveUp(problem);
      else if (problem !== this.lastProblem) this.tell.onWarning(`${problem}; it is tried again`);
      this.lastProblem = problem;
      return false;
    }
  }

  private async sendAll(end?: { complete: true; exitcode: number }): Promise<void> {
    this.place ??= await this.open();
    while (this.waiting.history.length + this.waiting.output.length > 0) await this.sendLines();
    if (end) {
      const files = this.summary === undefined ? {} : { 'wandb-summary.json': { offset: 0, content: [this.summary] } };
      await this.stream({ files, ...end });
    } else if (Date.now() - this.lastSent > HEARTBEAT_MS) await this.stream({});
  }

  private async sendLines(): Promise<void> {
    const { history, output } = this.waiting;
    const [rows, lines] = [history.slice(0, MAX_LINES), output.slice(0, MAX_LINES)];
    await this.stream({
      files: {
        ...(rows.length > 0 && { 'wandb-history.jsonl': { offset: this.offsets.history, content: rows } }),
        ...(lines.length > 0 && { 'output.log': { offset: this.offsets.output, content: lines } }),
        ...(this.summary !== undefined && { 'wandb-summary.json': { offset: 0, content: [this.summary] } }),
      },
    });
    this.waiting.history.splice(0, rows.length);
    this.waiting.output.splice(0, lines.length);
    this.offsets.history += rows.length;
    this.offsets.output += lines.length;
  }

  /** Creates the run, or finds the one that goes on and what the server has of it. */
  private async open(): Promise<{ entity: string; project: string }> {
    const { id, entity, project, name, config, resumed } = this.facts;
    const known = { entity: entity ?? null, project, name: id };
    const status = resumed ? await this.graphql('RunResumeStatus', RESUME_STATUS, known) : {};
    const there = (status.model as { bucket?: Record<string, number> | null } | null | undefined)?.bucket;
    const values = Object.entries(config).map(([key, json]) => `${JSON.stringify(key)}:{"value":${json}}`);
    const answer = await this.graphql('UpsertBucket', UPSERT_BUCKET, {
      ...known,
      displayName: name ?? null,
      config: `{${values.join(',')}}`,
    });
    const bucket = (
      answer.upsertBucket as { bucket?: { project?: { name?: string; entity?: { name?: string } } } } | null
    )?.bucket;
    const place = { entity: bucket?.project?.entity?.name ?? entity, project: bucket?.project?.name ?? project };
    if (place.entity === undefined)
      throw new AlbertineError('invalid_data', 'the W&B server did not say whose run it is', { value: answer });
    // Last of all: what fails before is tried again from the beginning.
    this.skip('history', there?.['historyLineCount'] ?? 0);
    this.skip('output', there?.['logLineCount'] ?? 0);
    const path = [place.entity, place.project, 'runs', id].map(encodeURIComponent).join('/');
    this.tell.onAddress(`${this.base.replace('://api.', '://')}/${path}`);
    return place as { entity: string; project: string };
  }

  /** Leaves out the first lines, which the server has. */
  private skip(kind: keyof WandbLines, count: number): void {
    this.waiting[kind].splice(0, count);
    this.offsets[kind] = count;
  }

  private async graphql(operationName: string, query: string, variables: object): Promise<Record<string, unknown>> {
    const answer = (await this.post('graphql', { query, variables, operationName })) as {
      data?: Record<string, unknown> | null;
      errors?: { message?: string }[];
    };
    if (answer.data && !answer.errors?.length) return answer.data;
    const said = answer.errors?.map(({ message }) => message).join('; ') ?? 'no data';
    throw new AlbertineError('invalid_data', `W&B server refused ${operationName}: ${said}`, { value: answer });
  }

  private async stream(body: object): Promise<void> {
    const { entity, project } = this.place!;
    const path = ['files', entity, project, this.facts.id, 'file_stream'].map(encodeURIComponent).join('/');
    await this.post(path, body);
    this.lastSent = Date.now();
  }

  private post(path: string, body: object): Promise<unknown> {
    return requestJson({
      server: 'W&B',
      url: `${this.base}/${path}`,
      headers: { authorization: basicAuthorization('api', this.server.apiKey) },
      body,
      hint: 'Is this the address of the API of a W&B server?',
    });
  }
}
