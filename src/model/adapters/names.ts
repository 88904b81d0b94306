/* Names only: manuals are printed without loading what trains. */

/** Ways to adapt a model by few numbers. */
export const ADAPTER_METHODS = ['lora', 'adapter', 'prefix', 'bitfit', 'ia3'] as const;
/** One of {@link ADAPTER_METHODS}. */
export type AdapterMethodName = (typeof ADAPTER_METHODS)[number];

/** Behind which parts of a layer a bottleneck stands. */
export const ADAPTER_PLACEMENTS = ['houlsby', 'pfeiffer'] as const;
/** One of {@link ADAPTER_PLACEMENTS}. */
export type AdapterPlacement = (typeof ADAPTER_PLACEMENTS)[number];
