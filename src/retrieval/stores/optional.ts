import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { StoreName } from './store.ts';

/**
 * Loads what only one store needs, and only who uses it installs. Throws `runtime_unavailable` with what to `install` where
 * it cannot be loaded.
 */
export async function loadOptional<T>(store: StoreName, install: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new AlbertineError(
      'runtime_unavailable',
      prose`${option('store', store)} needs a package that cannot be loaded: ${install}`,
      { value: store, hint: `npm install ${install}`, cause },
    );
  }
}
