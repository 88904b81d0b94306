/** Colour of those that have none of their own. */
export const NO_COLOUR = 0;
/** Colours that groups have; further groups share {@link NO_COLOUR}. */
const MOST = 6;
/** Different numbers from which a field is a scale, not names of groups. */
const SCALE = 12;

/** Texts of one colour. */
export interface Group {
  /** The value, or a range of numbers; undefined for all other values. */
  name: string | readonly [low: number, high: number] | undefined;
  /** 1 to 6, or {@link NO_COLOUR}. */
  colour: number;
  /** Of numbers: the place on the scale, 0 to 1. */
  place?: number;
  count: number;
}

/** Which colour every text has, and what each means. */
export interface Grouping {
  groups: Group[];
  /** Index into the groups, of every text. */
  of: number[];
}

/**
 * The colour of a group as CSS has it; `resolve` gives the value of a custom property: its name for an element's style,
 * the colour itself for a canvas.
 */
export function colourOfGroup({ colour, place }: Group, resolve = (name: string): string => `var(${name})`): string {
  if (place !== undefined)
    return `color-mix(in oklab, ${resolve('--c2')} ${Math.round(100 * place)}%, ${resolve('--c1')})`;
  return resolve(colour === NO_COLOUR ? '--soft' : `--c${colour}`);
}

/** Groups by the values of a field, the largest first; by fifths where the values are numbers. */
export function groupsOf(values: readonly (string | undefined)[]): Grouping {
  const known = values.filter((value) => value !== undefined && value !== '') as string[];
  const distinct = new Set(known);
  if (distinct.size > SCALE && known.every((value) => Number.isFinite(Number(value)))) return fifths(values, known);
  const counts = new Map<string, number>();
  for (const value of known) counts.set(value, (counts.get(value) ?? 0) + 1);
  const ranked = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const groups: Group[] = ranked.slice(0, MOST).map(([name, count], i) => ({ name, count, colour: i + 1 }));
  const index = new Map(groups.map(({ name }, i) => [name, i]));
  return withOthers(
    groups,
    values.map((value) => index.get(value ?? '')),
  );
}

function fifths(values: readonly (string | undefined)[], known: readonly string[]): Grouping {
  const sorted = known.map(Number).sort((a, b) => a - b);
  const bounds = [0, 1, 2, 3, 4, 5].map((fifth) => sorted[Math.round((fifth / 5) * (sorted.length - 1))]);
  const groups: Group[] = [0, 1, 2, 3, 4].map((i) => ({
    name: [bounds[i], bounds[i + 1]],
    count: 0,
    colour: 1,
    place: i / 4,
  }));
  const of = values.map((value) => {
    if (value === undefined || value === '') return undefined;
    const place = bounds.slice(1, 5).findIndex((bound) => Number(value) < bound);
    const group = place < 0 ? 4 : place;
    groups[group].count++;
    return group;
  });
  return withOthers(groups, of);
}

function withOthers(groups: Group[], of: readonly (number | undefined)[]): Grouping {
  const others = of.filter((group) => group === undefined).length;
  if (others === 0) return { groups, of: of as number[] };
  return {
    groups: [...groups, { name: undefined, count: others, colour: NO_COLOUR }],
    of: of.map((group) => group ?? groups.length),
  };
}
