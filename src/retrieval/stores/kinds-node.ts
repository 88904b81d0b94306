import { exactStore } from './exact-node.ts';
import type { StoreName, VectorStoreKind } from './store.ts';

/** Each loads what it needs when it is used. */
const KINDS: Record<StoreName, () => Promise<VectorStoreKind>> = {
  exact: () => Promise.resolve(exactStore),
};

/** The store of a name. */
export const storeKind = (name: StoreName): Promise<VectorStoreKind> => KINDS[name]();
