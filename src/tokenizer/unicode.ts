/**
 * White space as Python's `str.split()` sees it, which the original ALBERT and BERT code rely on (all below U+10000).
 */
export function isPythonWhitespace(codePoint: number): boolean {
  if (codePoint <= 0x20)
    return codePoint === 0x20 || (codePoint >= 0x09 && codePoint <= 0x0d) || (codePoint >= 0x1c && codePoint <= 0x1f);
  if (codePoint < 0x1680) return codePoint === 0x85 || codePoint === 0xa0;
  return (
    codePoint === 0x1680 ||
    (codePoint >= 0x2000 && codePoint <= 0x200a) ||
    codePoint === 0x2028 ||
    codePoint === 0x2029 ||
    codePoint === 0x202f ||
    codePoint === 0x205f ||
    codePoint === 0x3000
  );
}

/** Chinese characters as BERT defines them: the CJK Unified Ideographs and compatibility blocks; no kana, no Hangul. */
export function isChineseCharacter(codePoint: number): boolean {
  if (codePoint < 0x3400) return false;
  return (
    (codePoint >= 0x4e00 && codePoint <= 0x9fff) ||
    codePoint <= 0x4dbf ||
    (codePoint >= 0xf900 && codePoint <= 0xfaff) ||
    (codePoint >= 0x20000 && codePoint <= 0x2a6df) ||
    (codePoint >= 0x2a700 && codePoint <= 0x2b73f) ||
    (codePoint >= 0x2b740 && codePoint <= 0x2b81f) ||
    (codePoint >= 0x2b820 && codePoint <= 0x2ceaf) ||
    (codePoint >= 0x2f800 && codePoint <= 0x2fa1f)
  );
}

/** BERT's punctuation: every ASCII symbol, and Unicode category P. */
export function isBertPunctuation(codePoint: number): boolean {
  if (codePoint < 0x80) {
    return (
      (codePoint >= 33 && codePoint <= 47) ||
      (codePoint >= 58 && codePoint <= 64) ||
      (codePoint >= 91 && codePoint <= 96) ||
      (codePoint >= 123 && codePoint <= 126)
    );
  }
  return /\p{P}/u.test(String.fromCodePoint(codePoint));
}

/**
 * Whether a character is a combining mark that normalisation may reorder (canonical combining class above 0).
 * This is Python's `unicodedata.combining(c) != 0`, narrower than category M: it leaves Indic vowel signs and
 * variation selectors alone. JavaScript does not expose the class, but NFD reveals it by reordering.
 */
export function isCombining(character: string): boolean {
  if (!/^\p{M}$/u.test(character)) return false;
  const lowestClass = '\u0334'; // class 1
  const highestClass = '\u0345'; // class 240
  const before = character + lowestClass;
  const after = highestClass + character;
  return before.normalize('NFD') !== before || after.normalize('NFD') !== after;
}

/** The code point at `index`; a lone surrogate becomes U+FFFD, as UTF-8 encoders write it. */
export function codePointAt(units: Uint16Array | string, index: number, end: number): number {
  const first = typeof units === 'string' ? units.charCodeAt(index) : units[index];
  if ((first & 0xf800) !== 0xd800) return first;
  if (first < 0xdc00 && index + 1 < end) {
    const second = typeof units === 'string' ? units.charCodeAt(index + 1) : units[index + 1];
    if ((second & 0xfc00) === 0xdc00) return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
  }
  return 0xfffd;
}
