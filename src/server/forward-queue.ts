import { requireNotInterrupted } from '../core/interrupt.ts';
import type { EncoderBatch } from '../model/batch.ts';
import type { Forward, ForwardRequest, ForwardResult } from '../model/encoder.ts';
import { joinBatches, paddingOf, sizeOf, splitResult, tokensOf, type BatchSize } from './joined-batch.ts';
import { currentRequest, type RequestContext } from './request-context.ts';

/** A pass that was made, for measuring. */
export interface PassReport {
  model: string;
  /** Rows of the batch, of how many requests. */
  rows: number;
  parts: number;
  /** Tokens, padding included. */
  tokens: number;
  /** Of these, padding. */
  padding: number;
  /** Milliseconds of the pass. */
  inferenceMs: number;
  /** Milliseconds that its parts waited. */
  queueMs: readonly number[];
}

/** Options of {@link ForwardQueue}. */
export interface ForwardQueueOptions {
  /** Padded tokens of one pass. Default 1024. A larger batch of one request goes by itself. */
  batchTokens?: number;
  /** Milliseconds that an idle network waits for more to come. Default 0. */
  waitMs?: number;
  /** Passes made or prepared at the same time. Default 1. */
  passes?: number;
  onPass?: (report: PassReport) => void;
}

/**
 * What a pass costs whatever is in it, in tokens: measured with the built-in model, f32 and int8, on two threads. So
 * much padding one more text may add.
 */
const PASS_TOKENS = 8;

interface Part {
  batch: EncoderBatch;
  request: ForwardRequest;
  /** Parts of equal keys may share a pass. */
  key: string;
  /** Tokens, padding included. */
  tokens: number;
  /** Virtual time at which it would be done if every client had its fair share: least first. */
  finish: number;
  since: number;
  context: RequestContext | undefined;
  lane: Lane;
  forward: Forward;
  /** Called when its request is given up while it waits. */
  onAbort: () => void;
  resolve: (result: ForwardResult) => void;
  reject: (error: unknown) => void;
}

/** A model whose passes go through the queue. */
export interface Lane {
  readonly model: string;
  /** Whether a row gets the same bits whatever is beside it; if not, its batches have their turns but stay as they are. */
  joins: boolean;
  /** The option of the same name of the model. */
  wrapForward(forward: Forward): Forward;
}

/**
 * One queue for the passes of all models and requests: what is waiting is joined to passes of up to `batchTokens` padded
 * tokens, as long as the padding costs less than passes of their own. Every row gets the very bits that it would get
 * alone: whatever is beside it and after it, no sum of its own has another order (tested).
 * Clients have their turns by start-time fair queueing (Goyal, Vin & Cheng 1996) in tokens: one with thousands of rows
 * does not keep another with one waiting. A row whose request was given up is taken out before it costs anything.
 */
export class ForwardQueue {
  private readonly waiting: Part[] = [];
  private readonly finishOfClient = new Map<string, number>();
  private readonly batchTokens: number;
  private readonly waitMs: number;
  private readonly passes: number;
  private readonly onPass: ForwardQueueOptions['onPass'];
  private virtualTime = 0;
  private running = 0;
  /** A start has been set for later. */
  private set = false;

  constructor({ batchTokens = 1024, waitMs = 0, passes = 1, onPass }: ForwardQueueOptions = {}) {
    this.batchTokens = batchTokens;
    this.waitMs = waitMs;
    this.passes = passes;
    this.onPass = onPass;
  }

  /** Padded tokens that wait for their turn. */
  get waitingTokens(): number {
    return this.waiting.reduce((sum, { tokens }) => sum + tokens, 0);
  }

  /** A way through the queue for a model. */
  lane(model: string): Lane {
    const lane: Lane = {
      model,
      joins: true,
      wrapForward: (forward) => (batch, request) => this.enqueue({ lane, forward }, batch, request),
    };
    return lane;
  }

  private async enqueue(
    via: Pick<Part, 'lane' | 'forward'>,
    batch: EncoderBatch,
    request: ForwardRequest,
  ): Promise<ForwardResult> {
    const context = currentRequest();
    requireNotInterrupted(context?.signal);
    return await new Promise((resolve, reject) => {
      const tokens = tokensOf(batch);
      const client = context?.client ?? '';
      const finish = Math.max(this.virtualTime, this.finishOfClient.get(client) ?? 0) + tokens;
      this.finishOfClient.set(client, finish);
      const key = keyOf(via.lane, batch, request);
      const since = performance.now();
      const onAbort = (): void => this.giveUp(part);
      const part: Part = { batch, request, key, tokens, finish, since, context, ...via, onAbort, resolve, reject };
      this.waiting.push(part);
      context?.signal.addEventListener('abort', onAbort, { once: true });
      this.wake();
    });
  }

  private giveUp(part: Part): void {
    const place = this.waiting.indexOf(part);
    if (place < 0) return;
    this.waiting.splice(place, 1);
    try {
      requireNotInterrupted(part.context?.signal);
    } catch (error) {
      part.reject(error);
    }
  }

  /** Sets a start where there is something to do: at once if nothing more is waited for. */
  private wake(): void {
    if (this.running >= this.passes || this.waiting.length === 0 || this.set) return;
    const start = (): void => {
      this.set = false;
      this.start();
    };
    this.set = true;
    const left = this.waitMs - (performance.now() - this.waiting[0].since);
    if (left > 0 && this.waitingTokens < this.batchTokens) setTimeout(start, left);
    // After what this turn of the event loop still brings.
    else setImmediate(start);
  }

  private start(): void {
    const parts = this.take();
    if (parts.length === 0) return;
    this.running++;
    void this.pass(parts).finally(() => {
      this.running--;
      this.wake();
    });
    this.wake();
  }

  /** The part whose turn it is, and those that fit beside it, nearest in length first. */
  private take(): Part[] {
    if (this.waiting.length === 0) return [];
    this.waiting.sort((a, b) => a.finish - b.finish);
    const [first] = this.waiting;
    this.virtualTime = Math.max(this.virtualTime, first.finish - first.tokens);
    const { sequenceLength } = first.batch;
    const distance = ({ batch }: Part): number => Math.abs(batch.sequenceLength - sequenceLength);
    const others = this.waiting.filter((part) => part !== first && part.key === first.key);
    const taken = [first];
    let size: BatchSize = first.batch;
    for (const part of others.sort((a, b) => distance(a) - distance(b) || a.finish - b.finish)) {
      const together = sizeOf([size, part.batch]);
      if (tokensOf(together) > this.batchTokens) continue;
      // Together they are to cost less than a pass for each.
      if (tokensOf(together) - tokensOf(size) - part.tokens > PASS_TOKENS) continue;
      taken.push(part);
      size = together;
    }
    const chosen = new Set(taken);
    for (const { context, onAbort } of taken) context?.signal.removeEventListener('abort', onAbort);
    const rest = this.waiting.filter((part) => !chosen.has(part));
    this.waiting.splice(0, this.waiting.length, ...rest);
    if (rest.length === 0) this.finishOfClient.clear();
    return taken;
  }

  private async pass(parts: readonly Part[]): Promise<void> {
    const [{ lane, forward, request }] = parts;
    const start = performance.now();
    try {
      const batch = joinBatches(parts.map((part) => part.batch));
      const result = await forward(batch, request);
      const inferenceMs = performance.now() - start;
      const queueMs = parts.map(({ since }) => start - since);
      parts.forEach(({ context }, i) => {
        if (!context) return;
        context.queueMs = Math.max(context.queueMs, queueMs[i]);
        context.inferenceMs += inferenceMs;
      });
      const padding = paddingOf(batch);
      const { batchSize: rows } = batch;
      this.onPass?.({
        ...{ model: lane.model, rows, parts: parts.length, tokens: tokensOf(batch), padding },
        ...{ inferenceMs, queueMs },
      });
      const batches = parts.map((part) => part.batch);
      splitResult(result, batches).forEach((own, i) => parts[i].resolve(own));
    } catch (error) {
      for (const part of parts) part.reject(error);
    }
  }
}

let lonely = 0;

/** Equal where two batches may be one; a key of its own for what is never joined. */
function keyOf({ model, joins }: Lane, batch: EncoderBatch, { layers, attentions, onSites }: ForwardRequest): string {
  if (!joins || onSites || batch.positionIds || batch.causalFrom) return `alone ${lonely++}`;
  const asked = layers === undefined || layers === 'all' ? layers : layers.join('+');
  return [model, asked, ...(attentions ? [batch.sequenceLength] : [])].join(' ');
}
