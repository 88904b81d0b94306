import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveModel, type HubOptions } from '../checkpoint/hub-lazy-node.ts';
import { openFolder } from '../core/files-node.ts';
import { Albert, type LoadOptions } from './albert.ts';

/** Name of the model of English and Chinese sentence embeddings that ships inside the package. */
export const BUILT_IN_MODEL = 'albertine-nano-en-zh';
/** Name of the model that it was made from, with both pretraining heads: the start of fine-tuning and of further pretraining. */
export const PRETRAINED_MODEL = 'albertine-nano-en-zh-pretrained';
const SHIPPED: readonly string[] = [BUILT_IN_MODEL, PRETRAINED_MODEL];

/** Options of {@link loadModel}. */
export interface NodeLoadOptions extends LoadOptions, HubOptions {}

/** Folder of a model inside the installed package; by default the built-in one. */
export function builtInModelFolder(name: typeof BUILT_IN_MODEL | typeof PRETRAINED_MODEL = BUILT_IN_MODEL): string {
  return fileURLToPath(new URL(`../../models/${name}`, import.meta.url));
}

/** The folder of a name that ships inside the package; undefined for any other. */
export function shippedModelFolder(name: string): string | undefined {
  return SHIPPED.includes(name) ? builtInModelFolder(name as typeof BUILT_IN_MODEL) : undefined;
}

/**
 * Loads a model: no argument (or `albertine-nano-en-zh`) is the built-in one, `albertine-nano-en-zh-pretrained` the one that it
 * was made from, a path is a folder on disk, and anything else that looks like `owner/name` is a Hugging Face hub id, downloaded into the shared cache unless it is there already.
 * Loading a path or the built-in model never opens a socket.
 */
export async function loadModel(pathOrId?: string, options: NodeLoadOptions = {}): Promise<NodeAlbert> {
  return NodeAlbert.open(await openFolder(await modelFolder(pathOrId, options)), options);
}

/** The local folder that a model argument means; see {@link loadModel}. */
export async function modelFolder(pathOrId: string = BUILT_IN_MODEL, options: HubOptions = {}): Promise<string> {
  const shipped = shippedModelFolder(pathOrId);
  if (shipped !== undefined) return shipped;
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
