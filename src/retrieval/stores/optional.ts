import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { StoreName } from './store.ts';

/** Loads packages that only one store needs, and only who uses it installs. Throws `runtime_unavailable` where they are not there. */
export async function loadOptional<T>(
  store: StoreName,
  packages: readonly string[],
  load: (packages: readonly string[]) => Promise<T>,
): Promise<T> {
  try {
    return await load(packages);
  } catch (cause) {
    throw new AlbertineError(
      'runtime_unavailable',
      prose`${option('store', store)} needs ${packages.join(' and ')}, which cannot be loaded`,
      { value: store, hint: `npm install ${packages.join(' ')}`, cause },
    );
  }
}
