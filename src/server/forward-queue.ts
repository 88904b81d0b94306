import { requireNotInterrupted } from '../core/interrupt.ts';
import type { EncoderBatch } from '../model/batch.ts';
import type { Forward, ForwardRequest, ForwardResult } from '../model/encoder.ts';
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
  /** Passes made at the same time. Default 1: each uses all threads. */
  passes?: number;
  onPass?: (report: PassReport) => void;
}

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
 * tokens. Only rows of one padded length share a pass, so that every row gets the very bits that it would get alone.
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
      const tokens = batch.batchSize * batch.sequenceLength;
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

  /** The part whose turn it is, and those that fit beside it. */
  private take(): Part[] {
    if (this.waiting.length === 0) return [];
    this.waiting.sort((a, b) => a.finish - b.finish);
    const [first] = this.waiting;
    this.virtualTime = Math.max(this.virtualTime, first.finish - first.tokens);
    let tokens = 0;
    const taken = this.waiting.filter((part) => {
      if (part !== first && (part.key !== first.key || tokens + part.tokens > this.batchTokens)) return false;
      tokens += part.tokens;
      return true;
    });
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
      const { batchSize: rows, sequenceLength } = batch;
      this.onPass?.({
        ...{ model: lane.model, rows, parts: parts.length, tokens: rows * sequenceLength, padding },
        ...{ inferenceMs, queueMs },
      });
      splitResult(result, parts).forEach((own, i) => parts[i].resolve(own));
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
  return [model, batch.sequenceLength, asked, attentions ?? false, batch.attentionMask !== undefined].join(' ');
}

/** Batches of one padded length, one below the other. */
function joinBatches(batches: readonly EncoderBatch[]): EncoderBatch {
  if (batches.length === 1) return batches[0];
  const [{ sequenceLength }] = batches;
  const batchSize = batches.reduce((sum, batch) => sum + batch.batchSize, 0);
  const inputIds = new Int32Array(batchSize * sequenceLength);
  const tokenTypeIds = new Int32Array(inputIds.length);
  const attentionMask = new Uint8Array(inputIds.length);
  let start = 0;
  for (const batch of batches) {
    inputIds.set(batch.inputIds, start);
    if (batch.tokenTypeIds) tokenTypeIds.set(batch.tokenTypeIds, start);
    for (let i = 0; batch.attentionMask && i < batch.attentionMask.length; i++)
      attentionMask[start + i] = batch.attentionMask[i] ? 1 : 0;
    start += batch.batchSize * sequenceLength;
  }
  return {
    ...{ batchSize, sequenceLength, inputIds, tokenTypeIds },
    ...(batches[0].attentionMask && { attentionMask }),
  };
}

function paddingOf({ attentionMask }: EncoderBatch): number {
  let padding = 0;
  for (let i = 0; attentionMask && i < attentionMask.length; i++) if (!attentionMask[i]) padding++;
  return padding;
}

/** The rows of each part: views into the arrays of the pass. */
function splitResult(result: ForwardResult, parts: readonly Part[]): ForwardResult[] {
  if (parts.length === 1) return [result];
  const all = parts.reduce((sum, { batch }) => sum + batch.batchSize, 0);
  let first = 0;
  return parts.map(({ batch: { batchSize } }) => {
    const from = first;
    first += batchSize;
    const rows = (values: Float32Array): Float32Array => {
      const width = values.length / all;
      return values.subarray(from * width, (from + batchSize) * width);
    };
    return {
      lastHiddenState: rows(result.lastHiddenState),
      hiddenStates: new Map([...result.hiddenStates].map(([depth, values]) => [depth, rows(values)])),
      attentions: result.attentions.map(rows),
    };
  });
}
