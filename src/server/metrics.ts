import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { PassReport } from './forward-queue.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const TOKENS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192];

/** What a server counts, for Prometheus. No label has a text or a key in it. */
export class ServerMetrics {
  readonly registry = new Registry();
  private readonly requests = new Histogram({
    name: 'albertine_request_seconds',
    help: 'Time from the head of a request to the end of its response',
    labelNames: ['route', 'model', 'status'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly waits = new Histogram({
    name: 'albertine_queue_wait_seconds',
    help: 'Time that a batch of a request waited for its turn',
    labelNames: ['model'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly passes = new Histogram({
    name: 'albertine_inference_seconds',
    help: 'Time of a pass through the network',
    labelNames: ['model'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly batchTokens = new Histogram({
    name: 'albertine_batch_tokens',
    help: 'Padded tokens of a pass',
    labelNames: ['model'],
    buckets: TOKENS,
    registers: [this.registry],
  });
  private readonly batchParts = new Histogram({
    name: 'albertine_batch_requests',
    help: 'Batches of requests that shared a pass',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [this.registry],
  });
  private readonly tokens = new Counter({
    name: 'albertine_tokens_total',
    help: 'Tokens computed: of texts, and padding; padding / (text + padding) is the share that is wasted',
    labelNames: ['model', 'kind'],
    registers: [this.registry],
  });
  private readonly truncated = new Counter({
    name: 'albertine_truncated_tokens_total',
    help: 'Tokens of texts that were cut off because the request asked for it',
    labelNames: ['model'],
    registers: [this.registry],
  });
  private readonly refused = new Counter({
    name: 'albertine_refused_requests_total',
    help: 'Requests that were not taken, by reason',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  private readonly loads = new Counter({
    name: 'albertine_model_changes_total',
    help: 'Models that were loaded, reloaded and evicted',
    labelNames: ['model', 'what'],
    registers: [this.registry],
  });

  constructor(gauges: { pendingTokens: () => number; waitingTokens: () => number }) {
    collectDefaultMetrics({ register: this.registry });
    const watch = (name: string, help: string, read: () => number): void => {
      new Gauge({
        ...{ name, help, registers: [this.registry] },
        collect() {
          this.set(read());
        },
      });
    };
    watch('albertine_pending_tokens', 'Tokens of requests accepted and not yet answered', gauges.pendingTokens);
    watch('albertine_waiting_tokens', 'Padded tokens that wait for their turn', gauges.waitingTokens);
  }

  request(labels: { route: string; model: string; status: number }, milliseconds: number): void {
    this.requests.observe(labels, milliseconds / 1000);
  }

  pass({ model, parts, tokens, padding, inferenceMs, queueMs }: PassReport): void {
    for (const wait of queueMs) this.waits.observe({ model }, wait / 1000);
    this.passes.observe({ model }, inferenceMs / 1000);
    this.batchTokens.observe({ model }, tokens);
    this.batchParts.observe({ model }, parts);
    this.tokens.inc({ model, kind: 'text' }, tokens - padding);
    this.tokens.inc({ model, kind: 'padding' }, padding);
  }

  cut(model: string, tokens: number): void {
    if (tokens > 0) this.truncated.inc({ model }, tokens);
  }

  refuse(reason: string): void {
    this.refused.inc({ reason });
  }

  changed(model: string, what: string): void {
    this.loads.inc({ model, what });
  }
}
