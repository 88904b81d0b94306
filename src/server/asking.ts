import type { FastifyReply, FastifyRequest } from 'fastify';
import { AlbertineError } from '../core/errors.ts';
import type { TextCounts } from '../tasks/task.ts';
import type { Admission } from './admission.ts';
import type { ForwardQueue } from './forward-queue.ts';
import type { ServerMetrics } from './metrics.ts';
import type { ModelPool } from './model-pool.ts';
import { inRequest } from './request-context.ts';
import './request-fields.ts';
import type { ServedIndexes } from './served-indexes.ts';
import type { ServedModel } from './served-model.ts';
import type { FilledSettings } from './settings.ts';

/** What every route has at hand. */
export interface ServerParts {
  settings: FilledSettings;
  pool: ModelPool;
  indexes: ServedIndexes;
  queue: ForwardQueue;
  admission: Admission;
  metrics: ServerMetrics;
  version: string;
  /** Whether networks can be computed: false when the thread that does has ended, which only a new process mends. */
  computes: () => boolean;
}

/** What is asked of which model. */
export interface Ask {
  request: FastifyRequest;
  reply: FastifyReply;
  /** Default: the first one. */
  model: string | undefined;
  /** Every text that the network will read, as its tokens are what the request costs. */
  texts: Iterable<string>;
  /** Tokens that it will read besides. */
  tokens?: number;
}

/**
 * Does the work of a request: with its model kept open, admitted by its tokens, in the turns of its client, and given up
 * when the client hangs up or the deadline passes.
 */
export async function ask<T>(
  { pool, admission, settings }: ServerParts,
  { request, reply, model: name, texts, tokens = 0 }: Ask,
  work: (model: ServedModel) => Promise<T>,
): Promise<T> {
  request.modelName = pool.find(name).name;
  return await pool.use(name, async (model) => {
    const admitted = admission.admit(tokens + (await model.countTokens(texts)));
    using hangUp = giveUpWith(reply, settings.deadline);
    const context = { client: request.clientName, signal: hangUp.signal, queueMs: 0, inferenceMs: 0 };
    try {
      return await inRequest(context, () => work(model));
    } finally {
      admitted[Symbol.dispose]();
      request.times = context;
    }
  });
}

/** Aborted when the connection is closed before the response is complete, or after so many seconds. */
function giveUpWith(reply: FastifyReply, seconds: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  const closed = (): void => {
    if (!reply.raw.writableFinished)
      controller.abort(new AlbertineError('interrupted', 'the client has closed the connection'));
  };
  reply.raw.once('close', closed);
  const timer = setTimeout(
    () =>
      controller.abort(
        new AlbertineError('timed_out', `the request was not answered in ${seconds} s`, {
          value: seconds,
          hint: 'Send fewer texts at a time, or ask when less is waiting',
        }),
      ),
    seconds * 1000,
  );
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      reply.raw.off('close', closed);
    },
  };
}

/** What happened to long texts, as every response of ours tells it. */
export interface LongTexts {
  /** Tokens cut off, of all texts. */
  truncated_tokens: number;
  /** Texts that were read in several windows. */
  windowed_texts: number;
}

/** Tells in headers, and for a field of the response, what happened to long texts. */
export function tellLongTexts(
  { metrics }: ServerParts,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  texts: readonly Pick<TextCounts, 'truncatedTokens' | 'windows'>[],
): LongTexts {
  const told = { truncated_tokens: 0, windowed_texts: 0 };
  for (const { truncatedTokens, windows } of texts) {
    told.truncated_tokens += truncatedTokens;
    if (windows > 1) told.windowed_texts++;
  }
  metrics.cut(request.modelName, told.truncated_tokens);
  void reply.header('x-truncated-tokens', told.truncated_tokens).header('x-windowed-texts', told.windowed_texts);
  return told;
}

/** Characters of texts that are tokenised in one go: others get a turn in between. */
const SLICE_CHARACTERS = 65536;

/** Does the work a slice of the inputs after the other, so that one large request does not hold up the others. */
export async function inSlices<I, O>(
  inputs: readonly I[],
  work: (slice: readonly I[]) => Promise<readonly O[]>,
): Promise<O[]> {
  const results: O[] = [];
  for (let start = 0; start < inputs.length;) {
    let end = start;
    for (let characters = 0; end < inputs.length && (end === start || characters < SLICE_CHARACTERS); end++)
      for (const text of textsIn(inputs[end])) characters += text.length;
    results.push(...(await work(inputs.slice(start, end))));
    start = end;
    if (start < inputs.length) await new Promise((resolve) => setImmediate(resolve));
  }
  return results;
}

/** Every text in a value of JSON: what a task will read of its inputs. */
export function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) yield* textsIn(inner);
}
