/** A string that is found in the text before tokenising and has an id of its own. */
export interface AddedToken {
  /** The string. */
  content: string;
  /** Its id. */
  id: number;
  /** Left out by `decode` and marked in `specialTokensMask`. Default false. */
  special?: boolean;
  /** Swallows white space before or after it. Default false. */
  lstrip?: boolean;
  /** Swallows white space after it. Default false. */
  rstrip?: boolean;
  /** Only matches between characters that are not letters, digits or underscores. Default false. */
  singleWord?: boolean;
  /** Matches regardless of case in tokenisers that lower-case. Default false. */
  normalized?: boolean;
}

/** A stretch of text between added tokens, or one of them. */
export interface TextPart {
  start: number;
  end: number;
  /** The added token that stands here; undefined for text. */
  token?: AddedToken;
}

/** Finds added tokens, the longest first where several match. */
export class AddedTokenMatcher {
  private readonly pattern: RegExp | undefined;
  private readonly byContent = new Map<string, AddedToken>();
  private readonly byLowerCase = new Map<string, AddedToken>();

  constructor(tokens: readonly AddedToken[], lowerCase: boolean) {
    const sorted = [...tokens]
      .filter(({ content }) => content !== '')
      .sort((a, b) => b.content.length - a.content.length);
    const sources = sorted.map((token) => {
      const insensitive = lowerCase && token.normalized === true;
      (insensitive ? this.byLowerCase : this.byContent).set(
        insensitive ? token.content.toLowerCase() : token.content,
        token,
      );
      const body = insensitive ? anyCase(token.content) : escape(token.content);
      return token.singleWord ? `(?<![\\p{L}\\p{N}_])${body}(?![\\p{L}\\p{N}_])` : body;
    });
    if (sources.length > 0) this.pattern = new RegExp(sources.join('|'), 'gu');
  }

  /** Whether the text has any added token. */
  test(text: string): boolean {
    if (!this.pattern) return false;
    this.pattern.lastIndex = 0;
    return this.pattern.test(text);
  }

  /** Cuts the text at its added tokens. Stripped white space is in no part. */
  split(text: string): TextPart[] {
    const parts: TextPart[] = [];
    let position = 0;
    if (this.pattern) this.pattern.lastIndex = 0;
    for (const match of this.pattern ? text.matchAll(this.pattern) : []) {
      const token = this.byContent.get(match[0]) ?? this.byLowerCase.get(match[0].toLowerCase())!;
      const { index } = match;
      let before = index;
      if (token.lstrip) while (before > position && /\s/.test(text[before - 1])) before--;
      if (before > position) parts.push({ start: position, end: before });
      position = index + match[0].length;
      parts.push({ start: index, end: position, token });
      if (token.rstrip) while (position < text.length && /\s/.test(text[position])) position++;
    }
    if (position < text.length) parts.push({ start: position, end: text.length });
    return parts;
  }
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

function anyCase(text: string): string {
  return [...text]
    .map((character) => {
      const variants = new Set(
        [character, character.toLowerCase(), character.toUpperCase()].filter((variant) => [...variant].length === 1),
      );
      return variants.size > 1 ? `(?:${[...variants].map(escape).join('|')})` : escape(character);
    })
    .join('');
}
