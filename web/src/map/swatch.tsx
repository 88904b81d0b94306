import type { JSX } from 'preact';
import { colourOfGroup, type Group } from './groups.ts';
import { clipOfShape } from './shapes.ts';

/** Colour and shape of a group, small, before its name. */
export function Swatch({ group }: { group: Group }): JSX.Element {
  return <i class="swatch" style={{ backgroundColor: colourOfGroup(group), ...clipOfShape(group) }} />;
}
