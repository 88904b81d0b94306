import type { Download } from './hub-node.ts';
import type { HubOptions } from './hub-settings-node.ts';

export type { Download, DownloadedFile } from './hub-node.ts';
export type { HubOptions } from './hub-settings-node.ts';

/*
 * The hub's functions for modules that are loaded at start: the code behind them, with HTTP, TLS and hashing, is loaded
 * on the first call, which models on disk never make.
 */

/**
 * The local folder that a path or hub id means, downloaded if need be; errors and rules are those of `resolveModel` in
 * `hub-node.ts`.
 */
export async function resolveModel(pathOrId: string, options: HubOptions = {}): Promise<string> {
  return (await import('./hub-node.ts')).resolveModel(pathOrId, options);
}

/**
 * Downloads what an ALBERT needs of a hub repository into the shared cache; errors and rules are those of
 * `downloadModel` in `hub-node.ts`.
 */
export async function downloadModel(id: string, options: HubOptions = {}): Promise<Download> {
  return (await import('./hub-node.ts')).downloadModel(id, options);
}
