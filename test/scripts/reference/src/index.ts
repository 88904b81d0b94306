/**
 * A sample.
 *
 * @packageDocumentation
 */
import type { Colour } from './parts.ts';

/** How {@link paint} paints. */
export interface PaintOptions {
  /** Default `red`; `a|b` is none. */
  colour?: Colour;
  coats?: number;
}

/** Paints. See {@link nowhere}. */
export function paint(walls: readonly string[], { colour = 'red' }: PaintOptions = {}): Colour | undefined {
  return walls.length > 0 ? colour : undefined;
}

/** A brush. */
export class Brush {
  private readonly hairs = 1;

  static make(): Brush {
    return new Brush();
  }

  /** How many hairs it has. */
  count(): number {
    return this.hairs;
  }
}
