/**
 * Columns a terminal gives a code point: 2 for East Asian wide and full-width forms and emoji, 0 for combining marks,
 * else 1.
 */
function codePointWidth(code: number, character: string): number {
  if (code < 0x300) return code < 0x20 || (code >= 0x7f && code < 0xa0) ? 0 : 1;
  if (/\p{Mark}|\p{Cf}/u.test(character)) return 0;
  return /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u.test(
    character,
  )
    ? 2
    : 1;
}

/** Columns that a text takes in a terminal (Unicode Standard Annex 11). */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += codePointWidth(character.codePointAt(0)!, character);
  return width;
}

/** The text cut with an ellipsis, or padded with spaces, to exactly `width` columns. */
export function fitWidth(text: string, width: number): string {
  const own = displayWidth(text);
  if (own <= width) return text + ' '.repeat(width - own);
  let kept = '';
  let used = 0;
  for (const character of text) {
    const next = codePointWidth(character.codePointAt(0)!, character);
    if (used + next > width - 1) break;
    kept += character;
    used += next;
  }
  return `${kept}…${' '.repeat(width - 1 - used)}`;
}

/** Rows as aligned columns with two spaces between; the columns named in `right` are aligned to the right. */
export function formatTable(
  rows: readonly (readonly string[])[],
  { indent = '', right = [] }: { indent?: string; right?: readonly number[] } = {},
): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, column) => {
        const padding = ' '.repeat(widths[column] - displayWidth(cell));
        return right.includes(column) ? padding + cell : cell + padding;
      });
      return `${indent}${cells.join('  ')}`.trimEnd();
    })
    .join('\n');
}
