/**
 * Parts.
 *
 * @packageDocumentation
 */
export const COLOURS = ['red', 'green'] as const;

/** One of {@link COLOURS}. */
export type Colour = (typeof COLOURS)[number];
