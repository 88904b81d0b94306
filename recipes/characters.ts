import { readFile } from 'node:fs/promises';

/** Named sets of characters that get a piece of their own however rare they are. */
const CHARACTER_SETS = {
  /** Printable ASCII without upper-case letters, which ALBERT's normalisation never leaves. */
  ascii: () => ranges([0x21, 0x7e]).filter((character) => character === character.toLowerCase()),
  /**
   * The 3,755 commonest Chinese characters as a standard chose them: rows 16 to 55 of GB 2312, which are lead bytes B0
   * to D7.
   */
  'gb2312-level-1': () => gb2312(0xb0, 0xd7),
  /** The 3,008 rarer ones: rows 56 to 87. */
  'gb2312-level-2': () => gb2312(0xd8, 0xf7),
  /**
   * Punctuation, currency, arrows, mathematics, shapes, Greek and Cyrillic: what stays itself under ALBERT's
   * decomposition.
   */
  symbols: () =>
    ranges(
      [0xa1, 0xbf],
      [0xd7, 0xd7],
      [0xf7, 0xf7],
      [0x2010, 0x2027],
      [0x2030, 0x203e],
      [0x20a0, 0x20bf],
      [0x2190, 0x2199],
      [0x21d0, 0x21d5],
      [0x2200, 0x222e],
      [0x2234, 0x2237],
      [0x2243, 0x226b],
      [0x2282, 0x2299],
      [0x25a0, 0x25cf],
      [0x2600, 0x2614],
      [0x2639, 0x266f],
      [0x2700, 0x2767],
      [0x3001, 0x3011],
      [0x3014, 0x301e],
      [0x3b1, 0x3c9],
      [0x430, 0x44f],
    ).filter((character) => /[\p{L}\p{P}\p{S}]/u.test(character) && character.normalize('NFKD') === character),
  /** Emoji that are one code point and shown as a picture by default. */
  emoji: () =>
    ranges([0x231a, 0x2bff], [0x1f300, 0x1faff]).filter(
      (character) => /^\p{Emoji_Presentation}$/u.test(character) && !/^\p{Emoji_Modifier}$/u.test(character),
    ),
} satisfies Record<string, () => string[]>;

export type CharacterSet = keyof typeof CHARACTER_SETS;

/** The characters of named sets, each once. */
export function charactersOf(sets: readonly CharacterSet[] = []): string {
  return [...new Set(sets.flatMap((name) => CHARACTER_SETS[name]()))].join('');
}

/** Traditional Chinese characters and the simplified one that each is read as. */
export async function traditionalCharacters(): Promise<Record<string, string>> {
  const text = await readFile(new URL('traditional-characters.txt', import.meta.url), 'utf8');
  const groups = text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(' '))
    .filter(Boolean);
  return Object.fromEntries(
    groups.flatMap((group) => {
      const [simplified, ...traditional] = [...group];
      return traditional.map((character) => [character, simplified]);
    }),
  );
}

function ranges(...bounds: [first: number, last: number][]): string[] {
  return bounds.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)),
  );
}

function gb2312(firstLead: number, lastLead: number): string[] {
  const decoder = new TextDecoder('gbk');
  const characters: string[] = [];
  for (let lead = firstLead; lead <= lastLead; lead++) {
    // Row 55, the last of level 1, ends at F9; what GBK has behind it are characters of its own.
    for (let trail = 0xa1; trail <= (lead === 0xd7 ? 0xf9 : 0xfe); trail++)
      characters.push(decoder.decode(Uint8Array.of(lead, trail)));
  }
  return characters;
}
