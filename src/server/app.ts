import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import fastify, { LogController, type FastifyRequest, type FastifyServerOptions } from 'fastify';
import { AlbertineError } from '../core/errors.ts';
import type { App } from './app-type.ts';
import type { ServerParts } from './asking.ts';
import { readBodies } from './bodies.ts';
import type { ApiKeys } from './keys.ts';
import { useErrorForm, type ErrorForm } from './error-forms.ts';
import { decorateRequests } from './request-fields.ts';
import { servePlayground } from './playground.ts';
import { attentionRoutes } from './routes/attention.ts';
import { huggingFaceRoutes } from './routes/hugging-face.ts';
import { kserveRoutes } from './routes/kserve.ts';
import { openAiRoutes } from './routes/openai.ts';
import { ownRoutes } from './routes/own.ts';
import { runRoutes } from './routes/runs.ts';
import { searchRoutes } from './routes/search.ts';
import { stateRoutes } from './routes/state.ts';
import { teiRoutes } from './routes/tei.ts';
import { answerUnknownRoutes } from './unknown-routes.ts';
import { compileLate, whatIsWrong, type BrokenRule } from './validation.ts';

/** Milliseconds in which a request has to arrive. */
const RECEIVE_MS = 30_000;

/** What an application is made of besides its parts. */
export interface AppOptions {
  keys?: ApiKeys | undefined;
  https?: { cert: Buffer; key: Buffer } | undefined;
  logger: FastifyServerOptions['logger'];
  /** Folder of the built playground, where it is served. */
  playground?: string | undefined;
}

const errorForm: ErrorForm = ({ code, message }) => ({ body: { error: { code, message } } });

/** Routes, keys, limits and logs of a server that does not listen yet. */
export function createApp(parts: ServerParts, { keys, https, logger, playground }: AppOptions): App {
  const { settings, metrics } = parts;
  const app = fastify({
    logger: logger ?? false,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: Math.round(settings.maxBody * 2 ** 20),
    trustProxy: settings.trustProxy ?? false,
    // A head or a body that comes too slowly is given up.
    requestTimeout: RECEIVE_MS,
    connectionTimeout: RECEIVE_MS + settings.deadline * 1000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    schemaErrorFormatter: (errors, place) => new Error(whatIsWrong(errors as readonly BrokenRule[], place)),
    ajv: {
      customOptions: { coerceTypes: false, removeAdditional: false, allowUnionTypes: true, verbose: true },
      onCreate: compileLate,
    },
    ...(https && { https }),
  }) as unknown as App; // HTTPS or not, it is the same to routes.
  decorateRequests(app);
  letConnectionsEnd(app);
  watchRequests(app, parts);
  requireKeys(app, keys);
  useErrorForm(app, errorForm, parts);
  readBodies(app);
  answerUnknownRoutes(app);
  if (settings.corsOrigin)
    void app.register(cors, { origin: settings.corsOrigin.includes('*') ? true : [...settings.corsOrigin] });
  void app.register(rateLimit, {
    global: true,
    max: (request) => request.apiKey?.requestsPerMinute ?? settings.requestsPerMinute ?? Number.MAX_SAFE_INTEGER,
    timeWindow: 60_000,
    keyGenerator: (request) => request.clientName,
    allowList: isPublic,
    hook: 'preHandler',
    addHeadersOnExceeding: { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false },
    errorResponseBuilder: (_request, { after, max }) => {
      metrics.refuse('rate_limited');
      return Object.assign(new Error(`more than ${max} requests a minute; try again in ${after}`), { statusCode: 429 });
    },
  });
  void app.register(swagger, { openapi: openApiHead(parts, keys !== undefined) });
  void app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true });
  for (const routes of [
    ...[stateRoutes, openAiRoutes, teiRoutes, kserveRoutes, huggingFaceRoutes],
    ...[ownRoutes, searchRoutes, attentionRoutes, runRoutes],
  ])
    void app.register(async (scope) => routes(scope as App, parts));
  if (playground !== undefined) servePlayground(app, playground);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return app;
}

/**
 * Answered to everybody: probes, scrapers and a browser that opens a page have no keys, and the description of the routes
 * is the same for every server.
 */
const PUBLIC =
  /^\/(|health|ping|metrics|v2\/health\/(live|ready)|playground|playground\/\*?|docs|docs\/.*|openapi\.json)$/;
const isPublic = ({ method, routeOptions: { url } }: FastifyRequest): boolean =>
  url === undefined || ((method === 'GET' || method === 'HEAD') && PUBLIC.test(url));

function requireKeys(app: App, keys: ApiKeys | undefined): void {
  // After CORS has answered what a browser asks before it asks: that has no key.
  app.addHook('preParsing', async (request) => {
    request.clientName = request.ip;
    if (!keys) return;
    const [, key] = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    const found = key === undefined ? undefined : keys.find(key);
    if (found) {
      request.apiKey = found;
      request.clientName = `key ${found.name}`;
    } else if (!isPublic(request))
      throw new AlbertineError(
        'unauthorized',
        key === undefined ? 'an API key is needed' : 'the API key is not known',
        {
          hint: 'Authorization: Bearer KEY',
        },
      );
  });
}

/** While it closes, connections end with the response that they carry: kept alive they would hold it up. */
function letConnectionsEnd(app: App): void {
  let closing = false;
  app.addHook('preClose', async () => void (closing = true));
  app.addHook('onSend', async (_request, reply) => {
    if (closing) void reply.header('connection', 'close');
  });
}

/** One line of the log and one measurement for every request; texts only if asked. */
function watchRequests(app: App, { metrics, settings }: ServerParts): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const { statusCode: status, elapsedTime: milliseconds } = reply;
    metrics.request({ route, model: request.modelName, status }, milliseconds);
    if (isPublic(request) && status < 400) return;
    const { method, url, clientName: client, modelName: model, times, body } = request;
    const short = (value: number): number => Math.round(value * 10) / 10;
    const line = {
      ...{ method, path: url.split('?')[0], status, ms: short(milliseconds), client },
      ...(model !== '' && { model }),
      ...(times && { queueMs: short(times.queueMs), inferenceMs: short(times.inferenceMs) }),
      ...(settings.logTexts && { body }),
    };
    request.log[status >= 500 ? 'error' : status >= 400 ? 'warn' : 'info'](line, 'request');
  });
}

function openApiHead({ version }: ServerParts, hasKeys: boolean) {
  return {
    openapi: '3.1.0' as const,
    info: {
      title: 'albertine',
      description: 'Embeddings and answers of compact language models.',
      version,
    },
    ...(hasKeys && {
      components: { securitySchemes: { key: { type: 'http' as const, scheme: 'bearer' } } },
      security: [{ key: [] }],
    }),
  };
}
