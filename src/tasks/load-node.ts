import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveModel, type HubOptions } from '../checkpoint/hub-lazy-node.ts';
import { openFolder } from '../core/files-node.ts';
import { Albert, type LoadOptions } from './albert.ts';

/** Name of the model that ships inside the package. */
export const BUILT_IN_MODEL = 'albertine-nano-en-zh';

/** Options of {@link loadModel}. */
export interface NodeLoadOptions extends LoadOptions, HubOptions {}

/** Folder of the built-in model inside the installed package. */
export function builtInModelFolder(): string {
  return fileURLToPath(new URL(`../../models/${BUILT_IN_MODEL}`, import.meta.url));
}

/**
 * Loads a model: no argument (or `albertine-nano-en-zh`) is the built-in one, a path is a folder on disk, and anything else
 * that looks like `owner/name` is a Hugging Face hub id, downloaded into the shared cache unless it is there already.
 * Loading a path or the built-in model never opens a socket.
 */
export async function loadModel(pathOrId?: string, options: NodeLoadOptions = {}): Promise<NodeAlbert> {
  return NodeAlbert.open(await openFolder(await modelFolder(pathOrId, options)), options);
}

/** The local folder that a model argument means; see {@link loadModel}. */
export async function modelFolder(pathOrId?: string, options: HubOptions = {}): Promise<string> {
  if (pathOrId === undefined || pathOrId === BUILT_IN_MODEL) return builtInModelFolder();
  const info = pathOrId === '' ? undefined : await stat(resolve(pathOrId)).catch(() => undefined);
  if (info?.isDirectory()) return resolve(pathOrId);
  // Anything but a folder that is there needs the hub's rules; folders need not wait for its code.
  return resolveModel(pathOrId, options);
}

/** {@link Albert} as Node's entry exports it: models can be named by path or hub id. */
export class NodeAlbert extends Albert {
  /** The same as {@link loadModel}. */
  static load(pathOrId?: string, options: NodeLoadOptions = {}): Promise<NodeAlbert> {
    return loadModel(pathOrId, options);
  }
}
