import { Parser } from 'htmlparser2';
import type { Block, ReadDocument } from './document.ts';

/** What a reader does not see, or sees on every page. */
const UNREAD = new Set(['script', 'style', 'noscript', 'template', 'svg', 'math', 'nav', 'iframe', 'object', 'select']);
/** Elements that stand in a line of text; all others end a paragraph. */
const INLINE = new Set(
  'a abbr b bdi bdo big cite code data del dfn em font i img ins kbd label mark q rp rt ruby s samp small span strike strong sub sup time tt u var wbr input button'.split(
    ' ',
  ),
);
const HEADING = /^h([1-6])$/;
/** Elements without an end. */
const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));

/** Text of HTML as its paragraphs with the headings above them; positions lead back into the file. */
export function readHtml(source: string): ReadDocument {
  const reader = new HtmlReader();
  const parser = new Parser(
    {
      onopentag: (name, attributes) => reader.open(name, attributes),
      ontext: (text) => reader.add(text, parser.startIndex, parser.endIndex + 1),
      onclosetag: (name) => reader.close(name),
    },
    { decodeEntities: true },
  );
  parser.end(source);
  return reader.document();
}

/** Where a run of characters stands in the file. */
interface Anchor {
  text: number;
  source: number;
  sourceEnd: number;
  /** Written as it reads; an entity is one place, whatever it stands for. */
  isLiteral: boolean;
}

class HtmlReader {
  private text = '';
  private readonly anchors: Anchor[] = [];
  private readonly blocks: Block[] = [];
  private readonly path: { level: number; text: string }[] = [];
  private blockStart = 0;
  private space = false;
  private heading: number | undefined;
  private title = '';
  private language: string | undefined;
  private inTitle = false;
  private inPre = 0;
  private readonly unread: string[] = [];

  open(name: string, { lang }: Record<string, string>): void {
    if (name === 'html' && lang) this.language = lang;
    if (this.unread.length > 0 || UNREAD.has(name)) {
      if (!VOID.has(name)) this.unread.push(name);
      return;
    }
    if (name === 'title') this.inTitle = true;
    else if (name === 'br') this.lineBreak();
    else if (!INLINE.has(name)) this.endBlock();
    if (name === 'td' || name === 'th') this.space = true;
    if (name === 'pre') this.inPre++;
    const level = HEADING.exec(name)?.[1];
    if (level !== undefined) this.heading = Number(level);
  }

  close(name: string): void {
    if (this.unread.length > 0) {
      if (this.unread.at(-1) === name) this.unread.pop();
      return;
    }
    if (name === 'title') this.inTitle = false;
    else if (HEADING.test(name)) this.endHeading();
    else if (!INLINE.has(name) && !VOID.has(name)) this.endBlock();
    if (name === 'pre') this.inPre = Math.max(0, this.inPre - 1);
  }

  add(text: string, source: number, sourceEnd: number): void {
    if (this.unread.length > 0) return;
    if (this.inTitle) {
      this.title += text;
      return;
    }
    const isLiteral = sourceEnd - source === text.length;
    let from = source;
    for (const [run] of text.matchAll(/\s+|\S+/g)) {
      const to = isLiteral ? from + run.length : sourceEnd;
      if (/\s/.test(run)) this.addSpace(run);
      else this.addWord(run, { source: from, sourceEnd: to, isLiteral });
      if (isLiteral) from = to;
    }
  }

  document(): ReadDocument {
    this.endBlock();
    const title =
      this.title.replace(/\s+/g, ' ').trim() || this.blocks.find((one) => one.headings.length > 0)?.headings[0];
    return {
      text: this.text,
      blocks: this.blocks,
      ...(title !== undefined && { title }),
      ...(this.language !== undefined && { fields: { lang: this.language } }),
      place: (start, end) => [this.place(start, 'start'), this.place(end - 1, 'end')],
    };
  }

  private addSpace(run: string): void {
    if (this.inPre > 0 && run.includes('\n')) this.lineBreak();
    else this.space = true;
  }

  private addWord(word: string, anchor: Omit<Anchor, 'text'>): void {
    if (this.space && this.text.length > this.blockStart && !this.text.endsWith('\n')) this.text += ' ';
    this.space = false;
    this.anchors.push({ text: this.text.length, ...anchor });
    this.text += word;
  }

  private lineBreak(): void {
    if (this.text.length > this.blockStart && !this.text.endsWith('\n')) this.text += '\n';
  }

  private endBlock(): void {
    this.space = false;
    const content = this.text.slice(this.blockStart).trimEnd();
    if (content !== '' && this.heading === undefined) {
      const end = this.blockStart + content.length;
      this.blocks.push({ start: this.blockStart, end, headings: this.path.map(({ text }) => text) });
      this.text = `${this.text.slice(0, end)}\n\n`;
      this.blockStart = this.text.length;
    }
  }

  private endHeading(): void {
    const content = this.text.slice(this.blockStart).trim();
    const level = this.heading ?? 1;
    while (this.path.length > 0 && this.path.at(-1)!.level >= level) this.path.pop();
    if (content !== '') this.path.push({ level, text: content });
    this.heading = undefined;
    this.space = false;
    if (content !== '') this.text = `${this.text.trimEnd()}\n\n`;
    this.blockStart = this.text.length;
  }

  private place(position: number, side: 'start' | 'end'): number {
    let [low, high] = [0, this.anchors.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.anchors[middle].text <= position) low = middle;
      else high = middle - 1;
    }
    const { text, source, sourceEnd, isLiteral } = this.anchors[low];
    if (!isLiteral) return side === 'start' ? source : sourceEnd;
    return Math.min(source + position - text + (side === 'end' ? 1 : 0), sourceEnd);
  }
}
