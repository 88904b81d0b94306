/* Names only: manuals are printed without loading what trains. */

/** Ways to adapt a model by few numbers. */
export const ADAPTER_METHODS = ['lora', 'adapter', 'prefix', 'bitfit', 'ia3'] as const;
export type AdapterMethodName = (typeof ADAPTER_METHODS)[number];

/** Behind which parts of a layer a bottleneck stands. */
export const ADAPTER_PLACEMENTS = ['houlsby', 'pfeiffer'] as const;
export type AdapterPlacement = (typeof ADAPTER_PLACEMENTS)[number];
