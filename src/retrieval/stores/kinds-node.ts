import { AlbertineError, requireOneOf } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import { databaseUrl, withoutPassword } from './database-url.ts';
import { exactStore } from './exact-node.ts';
import {
  STORE_NAMES,
  VECTOR_FORMATS,
  type StoreName,
  type StoreSettings,
  type VectorFormat,
  type VectorStoreKind,
} from './store.ts';

/** Each loads what it needs when it is used. */
const KINDS: Record<StoreName, () => Promise<VectorStoreKind>> = {
  exact: () => Promise.resolve(exactStore),
  lancedb: async () => (await import('./lancedb-node.ts')).lanceStore,
  pgvector: async () => (await import('./pgvector-node.ts')).pgvectorStore,
};

/** The store of a name. */
export const storeKind = (name: StoreName): Promise<VectorStoreKind> =>
  KINDS[requireOneOf('store', name, STORE_NAMES)]();

/** What an index remembers of its store. Throws `invalid_argument` for options that do nothing, or are missing. */
export function storeSettings(options: {
  store?: StoreName;
  vectors?: VectorFormat;
  database?: string;
}): StoreSettings {
  const { store: name = 'exact', vectors, database } = options;
  requireOneOf('store', name, STORE_NAMES);
  if (vectors !== undefined) requireOneOf('vectors', vectors, VECTOR_FORMATS);
  if (vectors !== undefined && name !== 'exact') throw useless('vectors', { value: vectors, needs: 'exact' });
  if (database !== undefined && name !== 'pgvector') throw useless('database', { needs: 'pgvector' });
  return {
    name,
    ...(vectors !== undefined && vectors !== 'f32' && { vectors }),
    ...(name === 'pgvector' && { database: withoutPassword(databaseUrl({ database })) }),
  };
}

const useless = (name: string, { value, needs }: { value?: string; needs: StoreName }): AlbertineError =>
  new AlbertineError('invalid_argument', prose`${option(name)} does nothing without ${option('store', needs)}`, {
    value,
    option: name,
  });
