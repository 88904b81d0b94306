import { AlbertineError } from '../core/errors.ts';
import type { App } from './app-type.ts';

/** What is used of OpenTelemetry's packages, which are not dependencies: only who exports traces installs them. */
interface Span {
  setAttributes(attributes: Record<string, string | number>): void;
  setStatus(status: { code: number }): void;
  end(): void;
}
interface Modules {
  api: {
    ROOT_CONTEXT: unknown;
    SpanKind: { SERVER: number };
    SpanStatusCode: { ERROR: number };
    defaultTextMapGetter: unknown;
  };
  core: { W3CTraceContextPropagator: new () => { extract(context: unknown, from: unknown, getter: unknown): unknown } };
  exporter: { OTLPTraceExporter: new () => unknown };
  resources: { resourceFromAttributes(attributes: Record<string, string>): unknown };
  sdk: {
    BatchSpanProcessor: new (exporter: unknown) => unknown;
    BasicTracerProvider: new (options: object) => {
      getTracer(name: string): { startSpan(name: string, options: object, context: unknown): Span };
      shutdown(): Promise<void>;
    };
  };
}

/** The packages, by what they are used as. */
const PACKAGES: Readonly<Record<keyof Modules, string>> = {
  api: '@opentelemetry/api',
  core: '@opentelemetry/core',
  exporter: '@opentelemetry/exporter-trace-otlp-http',
  resources: '@opentelemetry/resources',
  sdk: '@opentelemetry/sdk-trace-base',
};

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] as const;

/**
 * Sends a span for every request to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, under the caller's trace
 * where the request says which (`traceparent`); without that variable nothing. Throws `runtime_unavailable` where
 * OpenTelemetry's packages are not installed.
 */
export async function traceRequests(app: App, version: string, env = process.env): Promise<void> {
  const asked = ENDPOINTS.find((name) => (env[name] ?? '') !== '');
  if (asked === undefined) return;
  const { api, core, exporter, resources, sdk } = await loadModules(asked);
  const provider = new sdk.BasicTracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': env['OTEL_SERVICE_NAME'] ?? 'albertine',
      'service.version': version,
    }),
    spanProcessors: [new sdk.BatchSpanProcessor(new exporter.OTLPTraceExporter())],
  });
  const tracer = provider.getTracer('albertine');
  const propagator = new core.W3CTraceContextPropagator();
  const spans = new WeakMap<object, Span>();
  app.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url ?? 'none';
    const parent = propagator.extract(api.ROOT_CONTEXT, request.headers, api.defaultTextMapGetter);
    const attributes = { 'http.request.method': request.method, 'http.route': route };
    spans.set(
      request,
      tracer.startSpan(`${request.method} ${route}`, { kind: api.SpanKind.SERVER, attributes }, parent),
    );
  });
  app.addHook('onResponse', async (request, { statusCode }) => {
    const span = spans.get(request);
    if (!span) return;
    const { modelName, times } = request;
    span.setAttributes({
      'http.response.status_code': statusCode,
      ...(modelName !== '' && { 'albertine.model': modelName }),
      ...(times && { 'albertine.queue_ms': times.queueMs, 'albertine.inference_ms': times.inferenceMs }),
    });
    if (statusCode >= 500) span.setStatus({ code: api.SpanStatusCode.ERROR });
    span.end();
  });
  app.addHook('onClose', () => provider.shutdown());
}

async function loadModules(variable: string): Promise<Modules> {
  try {
    const entries = Object.entries(PACKAGES).map(async ([name, from]) => [name, (await import(from)) as unknown]);
    return Object.fromEntries(await Promise.all(entries)) as Modules;
  } catch (cause) {
    throw new AlbertineError('runtime_unavailable', `${variable} asks for traces, and OpenTelemetry is not installed`, {
      value: variable,
      hint: `npm install ${Object.values(PACKAGES).join(' ')}`,
      cause,
    });
  }
}
