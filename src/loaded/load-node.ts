import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openModelFolder } from '../checkpoint/adapter-folder-node.ts';
import { resolveModel, type HubOptions } from '../checkpoint/hub-lazy-node.ts';
import { AlbertineError, describeValue } from '../core/errors.ts';
import type { FileSource } from '../core/files.ts';
import { optionsOf, requireOptions, type OptionKinds } from '../core/options.ts';
import { Albert, type LoadOptions } from './albert.ts';
import { setLoader } from './loader.ts';
import { LOAD_OPTIONS } from './option-kinds.ts';
import { HUB_OPTIONS } from '../checkpoint/hub-settings-node.ts';

/**
 * Name of the English and Chinese model that ships inside the package: sentence embeddings, both pretraining heads, and
 * the start of fine-tuning.
 */
export const BUILT_IN_MODEL = 'albertine-nano-en-zh';
/** Models that shipped once, and what replaced them. */
const REPLACED: ReadonlyMap<string, string> = new Map([['albertine-nano-en-zh-pretrained', BUILT_IN_MODEL]]);

/** Options of {@link loadModel}. */
export interface NodeLoadOptions extends LoadOptions, HubOptions {}

const NODE_LOAD_OPTIONS: OptionKinds<NodeLoadOptions> = { ...LOAD_OPTIONS, ...HUB_OPTIONS };

/**
 * Folder of the built-in model inside the installed package. Throws `file_not_found` where a bundler has left the
 * models behind.
 */
export function builtInModelFolder(): string {
  const name = BUILT_IN_MODEL;
  const places = [besideThisFile(), installedPackage()].flatMap((folder) =>
    folder === undefined ? [] : [join(folder, 'models', name)],
  );
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  throw new AlbertineError(
    'file_not_found',
    `the model ${name} is not where the package should be: looked for ${places.join(' and ')}`,
    {
      value: places,
      hint: "A bundler that takes this code into its own files leaves the models behind: let it load albertine from node_modules (Next.js: serverExternalPackages: ['albertine'])",
    },
  );
}

/** The package's folder as seen from here; bundlers move this file, and some give it no `file:` URL. */
function besideThisFile(): string | undefined {
  // Not `new URL('../..', import.meta.url)`, which bundlers take for an asset.
  const here = import.meta.url;
  return here.startsWith('file:') ? join(dirname(fileURLToPath(here)), '..', '..') : undefined;
}

/** The package's folder as the program's working directory sees it. */
function installedPackage(): string | undefined {
  try {
    return dirname(createRequire(join(process.cwd(), 'package.json')).resolve('albertine/package.json'));
  } catch {
    return undefined;
  }
}

/**
 * The folder of the name that ships inside the package; undefined for any other. Throws `not_found` for one that
 * shipped once, unless a folder here is called so.
 */
export function shippedModelFolder(name: string): string | undefined {
  if (name === BUILT_IN_MODEL) return builtInModelFolder();
  const successor = REPLACED.get(name);
  if (successor === undefined || existsSync(name)) return undefined;
  throw new AlbertineError('not_found', `the package has no model ${name} any more`, {
    value: name,
    hint: `${successor} replaced it: it embeds, has both pretraining heads, and is the default start of fine-tuning`,
  });
}

/**
 * Loads a model: no argument (or `albertine-nano-en-zh`) is the built-in one, a path is a folder on disk, and anything
 * else that looks like `owner/name` is a Hugging Face hub id, downloaded into the shared cache unless it is there
 * already. Loading a path or the built-in model never opens a socket.
 */
export async function loadModel(pathOrId?: string, options: NodeLoadOptions = {}): Promise<NodeAlbert> {
  requireOptions('Albert.load', options, NODE_LOAD_OPTIONS);
  if (pathOrId !== undefined && typeof pathOrId !== 'string')
    throw new AlbertineError(
      'invalid_argument',
      `Albert.load takes a path or a hub id, got ${describeValue(pathOrId)}`,
      { value: pathOrId },
    );
  return NodeAlbert.open(await openModel(pathOrId, options), optionsOf<LoadOptions>(options, LOAD_OPTIONS));
}

/** The files of a model, or of an adapter with its base; see {@link loadModel}. */
export async function openModel(pathOrId?: string, options: HubOptions = {}): Promise<FileSource> {
  return openModelFolder(await modelFolder(pathOrId, options), (base) => modelFolder(base, options));
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

// Classes of tasks that are loaded by name open it as Node does.
setLoader((model, options) => loadModel(model, options));
