import type { JSX } from 'preact';

/** A stretch of a text that is marked. */
export interface Mark {
  start: number;
  end: number;
  /** Written small behind it. */
  label?: string;
  /** Number of the colour, 1 to 6. */
  colour: number;
  /** Of the colour, 0 to 1. Default 0.6. */
  strength?: number;
  /** Read out and shown when pointed at. */
  title?: string;
}

/** Colours beyond which they begin again. */
const COLOURS = 6;

/** The number of a colour for the index of a label. */
export const colourOf = (index: number): number => (index % COLOURS) + 1;

/** The share of a colour that ink is still easily read on. */
const MOST = 0.5;

/** A colour over the card's ground. */
export const tint = (colour: number, strength: number): string =>
  `color-mix(in srgb, var(--c${colour}) ${(100 * MOST * Math.min(1, Math.max(0, strength))).toFixed(1)}%, transparent)`;

/** A text with its marks, which do not overlap; of those that do the first counts. */
export function Marked({ text, marks }: { text: string; marks: readonly Mark[] }): JSX.Element {
  const parts: (string | JSX.Element)[] = [];
  let at = 0;
  for (const mark of [...marks].sort((a, b) => a.start - b.start)) {
    if (mark.start < at) continue;
    parts.push(text.slice(at, mark.start));
    parts.push(
      <mark
        key={mark.start}
        title={mark.title}
        style={{ backgroundColor: tint(mark.colour, mark.strength ?? 0.6), borderColor: `var(--c${mark.colour})` }}
        class={mark.label === undefined ? 'plain' : 'labelled'}
      >
        {text.slice(mark.start, mark.end)}
        {mark.label !== undefined && <small>{mark.label}</small>}
      </mark>,
    );
    at = mark.end;
  }
  parts.push(text.slice(at));
  return <p class="marked">{parts}</p>;
}
