/** How settings to try are chosen. */
export const SAMPLERS = ['tpe', 'random', 'grid'] as const;
/** One of {@link SAMPLERS}. */
export type SamplerName = (typeof SAMPLERS)[number];

/** How trials that do badly are ended early. */
export const PRUNERS = ['none', 'median', 'asha', 'hyperband'] as const;
/** One of {@link PRUNERS}. */
export type PrunerName = (typeof PRUNERS)[number];
