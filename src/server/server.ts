import { readFile, stat } from 'node:fs/promises';
import { AlbertineError } from '../core/errors.ts';
import { requireSettings } from '../core/settings.ts';
import { packageVersion } from '../core/version-node.ts';
import { BUILT_IN_MODEL, type NodeLoadOptions } from '../loaded/load-node.ts';
import { probeDevice } from '../runtime/compile.ts';
import { SessionThread } from '../runtime/session-thread-node.ts';
import { Admission } from './admission.ts';
import type { App } from './app-type.ts';
import { createApp, type AppOptions } from './app.ts';
import type { ServerParts } from './asking.ts';
import { ForwardQueue } from './forward-queue.ts';
import { ApiKeys } from './keys.ts';
import { ServerMetrics } from './metrics.ts';
import { SharedBases } from '../loaded/shared-bases-node.ts';
import { ModelPool } from './model-pool.ts';
import { playgroundFolder } from './playground.ts';
import { ServedIndexes } from './served-indexes.ts';
import { ServedModel, servedFolder } from './served-model.ts';
import { filled, SERVER_SETTINGS, type ServerSettings } from './settings.ts';
import { traceRequests } from './tracing-node.ts';

/** Options of {@link startServer}. */
export interface ServerOptions extends ServerSettings {
  /** Folders or hub ids by the names that clients use. Default: the built-in model. */
  models?: Readonly<Record<string, string>>;
  /** Folders of indexes by the names that clients use; the models that they were made with must be among the models. */
  indexes?: Readonly<Record<string, string>>;
  /** How models are opened. */
  load?: Pick<NodeLoadOptions, 'device' | 'cpuFallback' | 'dequantize' | 'onProgress' | 'signal'>;
  /** Folder of the page that `playground` serves. Default: that of the package. */
  playgroundFolder?: string;
  /** Where lines of the log go. Default: standard error. */
  logStream?: { write(line: string): void };
}

/** A server that listens. */
export interface AlbertineServer extends AsyncDisposable {
  /** Where. */
  readonly url: string;
  /** The names of its models. */
  readonly models: readonly string[];
  /** The application, for routes of your own before it listens and for requests without a network. */
  readonly app: App;
  /** Takes no more requests, answers those it has, frees the models. */
  close(): Promise<void>;
}

/**
 * Serves models over HTTP: the embeddings of OpenAI's API, text-embeddings-inference, KServe V2, Hugging Face's inference
 * API, and our own; see docs/serving.md. Throws `invalid_argument` for settings that are out of range, `file_system`
 * where the port is taken, and what opening the first model throws.
 */
export async function startServer(options: ServerOptions = {}): Promise<AlbertineServer> {
  const { models, indexes: folders = {}, load = {}, logStream = process.stderr, ...rest } = options;
  const { playgroundFolder: page, ...given } = rest;
  requireSettings('startServer', given, SERVER_SETTINGS);
  const settings = filled(given);
  // Also where models are opened late.
  await probeDevice(load.device ?? 'cpu');
  const { threads, batchTokens, batchWait: waitMs, queueTokens, requestTokens } = settings;
  const opening: NodeLoadOptions = { ...load, ...(threads !== undefined && { threads }) };
  const named = Object.entries(models ?? { [BUILT_IN_MODEL]: BUILT_IN_MODEL });
  const pooled = await Promise.all(
    named.map(async ([name, path]) => ({ name, folder: await servedFolder(path, opening) })),
  );
  if (settings.runs !== undefined) await requireFolder(settings.runs);
  const playground = settings.playground ? playgroundFolder(page) : undefined;
  const applied = await appOptions(settings, logStream);
  // On this thread a pass would keep everything else waiting: probes, admission, clients that hang up.
  const sessions = await SessionThread.open();
  const admission = new Admission({ queueTokens, requestTokens });
  const queue: ForwardQueue = new ForwardQueue({
    // While one computes on its thread, the next is prepared here.
    ...{ batchTokens, waitMs, passes: 2 },
    onPass(report) {
      admission.learn(report);
      metrics.pass(report);
    },
  });
  const metrics = new ServerMetrics({
    pendingTokens: () => admission.pending,
    waitingTokens: () => queue.waitingTokens,
  });
  const opened = { ...opening, sessions };
  const bases = new SharedBases(opened, settings.dtype);
  const pool = new ModelPool(pooled, {
    open: (model) => ServedModel.open(model, { queue, load: opened, dtype: settings.dtype, bases }),
    ...(settings.modelMemory !== undefined && { maxBytes: settings.modelMemory * 1e6 }),
    onChange({ model, what, bytes }) {
      metrics.changed(model, what);
      app.log.info({ model, bytes }, what);
    },
    onFailedReload: (model, error) => app.log.error({ model, err: error }, 'not reloaded'),
  });
  const indexes = new ServedIndexes();
  const parts: ServerParts = {
    ...{ settings, pool, indexes, queue, admission, metrics },
    computes: () => !sessions.hasEnded,
    version: packageVersion(),
  };
  const app = createApp(parts, { ...applied, playground });
  try {
    await traceRequests(app, parts.version);
    await Promise.all([app.ready(), settings.lazy ? undefined : openAtStart(pool, settings)]);
    await indexes.open(folders, pool);
    const url = await listen(app, settings);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => (closing ??= end());
    return { url, models: pool.names, app, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await end();
    throw error;
  }

  async function end(): Promise<void> {
    await app.close();
    await pool[Symbol.asyncDispose]();
    await sessions[Symbol.asyncDispose]();
  }
}

async function requireFolder(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isDirectory())
    throw new AlbertineError('file_not_found', `--runs: no folder at ${path}`, { value: path, option: 'runs' });
}

/** Every model, so that a damaged one is known before anybody asks; where memory is limited the first. */
async function openAtStart(pool: ModelPool, { modelMemory }: { modelMemory?: number }): Promise<void> {
  for (const name of modelMemory === undefined ? pool.names : pool.names.slice(0, 1))
    await pool.use(name, async () => undefined);
}

async function listen(app: App, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'it is taken' : code === 'EACCES' ? 'not allowed' : (error as Error).message;
    throw new AlbertineError('file_system', `cannot listen on ${host}:${port}: ${why}`, {
      value: port,
      hint: 'Choose another with --port, or 0 for any that is free',
      cause: error,
    });
  }
}

async function appOptions(
  { keys, tlsCert, tlsKey, log }: ReturnType<typeof filled>,
  stream: NonNullable<ServerOptions['logStream']>,
): Promise<AppOptions> {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new AlbertineError('invalid_argument', '--tls-cert and --tls-key belong together', {
      value: tlsCert ?? tlsKey,
      option: tlsCert === undefined ? 'tlsKey' : 'tlsCert',
    });
  return {
    logger:
      log === 'silent'
        ? false
        : { level: log, stream, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    ...(keys !== undefined && { keys: await ApiKeys.read(keys) }),
    ...(tlsCert !== undefined &&
      tlsKey !== undefined && { https: { cert: await readFile(tlsCert), key: await readFile(tlsKey) } }),
  };
}
