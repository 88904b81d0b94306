import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { AlbertineError } from '../core/errors.ts';
import { nearestName } from '../core/nearest.ts';
import type { HubReference } from './hub-files.ts';
import { isLegacyName, legacyNames } from './hub-legacy-names.ts';

/** Folders that are told of where none has a similar name. */
const LISTED = 5;

/** What is said of a path without a folder, with the folder that was probably meant. */
export async function noFolder(given: string, path: string): Promise<AlbertineError> {
  const near = await nearFolder(path);
  return new AlbertineError('file_not_found', `no model folder at ${path}`, {
    value: given,
    ...(near && { hint: near }),
  });
}

/**
 * What is wrong with text that reads as a hub id and most likely is a misspelt folder, so that nothing is asked of the
 * network: a name without an owner, but for the few that were published so, and a name in a folder that is there.
 * `name@revision` always means the hub. Undefined where the hub has to be asked.
 */
export async function misspeltFolder(given: string, { id }: HubReference): Promise<AlbertineError | undefined> {
  if (given.includes('@')) return undefined;
  const owner = dirname(id);
  if (owner === '.') {
    if (isLegacyName(id)) return undefined;
    const legacy = nearestName(id, legacyNames());
    const near = await nearFolder(resolve(id), legacy && `Did you mean ${legacy}, of the hub?`);
    return new AlbertineError(
      'file_not_found',
      `no folder ${id} here, and it is no hub id, which has an owner: owner/name`,
      { value: given, ...(near && { hint: near }) },
    );
  }
  if (!(await stat(resolve(owner)).catch(() => undefined))?.isDirectory()) return undefined;
  const near = await nearFolder(resolve(id));
  return new AlbertineError('file_not_found', `the folder ${owner} has no folder ${basename(id)}`, {
    value: given,
    hint: `${near === undefined ? '' : `${near} `}For the hub's ${id} write ${id}@main`,
  });
}

/** The folder with a similar name, looked for where the path ends to be right; else `otherwise`, or the folders there are. */
export async function nearFolder(path: string, otherwise?: string): Promise<string | undefined> {
  let [parent, missing] = [dirname(path), basename(path)];
  const rest: string[] = [];
  while (!existsSync(parent) && dirname(parent) !== parent) {
    rest.unshift(missing);
    [parent, missing] = [dirname(parent), basename(parent)];
  }
  const entries = await readdir(parent, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  const nearest = nearestName(missing, names);
  if (nearest !== undefined) {
    const whole = join(parent, nearest, ...rest);
    return `Did you mean ${existsSync(whole) ? whole : join(parent, nearest)}?`;
  }
  if (otherwise !== undefined) return otherwise;
  if (rest.length > 0) return `${join(parent, missing)} is not there either.`;
  return names.length > 0 && names.length <= LISTED ? `${parent} has ${names.sort().join(', ')}.` : undefined;
}
