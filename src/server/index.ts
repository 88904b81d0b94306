/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Models over HTTP: a server for clients of OpenAI, text-embeddings-inference, KServe and Hugging Face, as `albertine
 * serve` starts it.
 *
 * @packageDocumentation
 */
export { SessionThread } from '../runtime/session-thread-node.ts';
export { createApiKey, type ApiKey } from './keys.ts';
export { startServer, type AlbertineServer, type ServerOptions } from './server.ts';
export type { ServerSettings } from './settings.ts';
