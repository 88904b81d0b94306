import type { Block, FieldValue, ReadDocument } from './document.ts';
import { trimRange } from './plain.ts';

interface Line {
  start: number;
  /** Without the line end. */
  end: number;
  text: string;
}

const FENCE = /^ {0,3}(`{3,}(?!.*`)|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;

/**
 * The blocks of Markdown by its headings (`#` and underlined), empty lines and fences (CommonMark 0.31): text keeps its
 * marks, so that positions are those of the file. Simple `key: value` lines of front matter become fields.
 */
export function readMarkdown(text: string): ReadDocument {
  const lines = linesOf(text);
  const matter = frontMatter(lines);
  const blocks: Block[] = [];
  const path: { level: number; text: string }[] = [];
  let open: { start: number; end: number } | undefined;
  let fence: string | undefined;
  const close = (): void => {
    const range = open && trimRange(text, open.start, open.end);
    if (range) blocks.push({ start: range[0], end: range[1], headings: path.map((one) => one.text) });
    open = undefined;
  };
  const enter = (level: number, title: string): void => {
    while (path.length > 0 && path.at(-1)!.level >= level) path.pop();
    if (title !== '') path.push({ level, text: title });
  };
  for (const line of lines.slice(matter.lines)) {
    if (fence !== undefined) {
      open!.end = line.end;
      if (endsFence(line.text, fence)) {
        fence = undefined;
        close();
      }
      continue;
    }
    const [, marks, title = ''] = HEADING.exec(line.text) ?? [];
    const underline = UNDERLINE.exec(line.text)?.[1];
    if (marks !== undefined) {
      close();
      enter(marks.length, plainTitle(title));
    } else if (underline !== undefined && open && isOneLine(text, open)) {
      const heading = text.slice(open.start, open.end);
      open = undefined;
      enter(underline.startsWith('=') ? 1 : 2, plainTitle(heading));
    } else if (FENCE.test(line.text)) {
      close();
      fence = FENCE.exec(line.text)![1];
      open = { start: line.start, end: line.end };
    } else if (line.text.trim() === '') close();
    else open = { start: open?.start ?? line.start, end: line.end };
  }
  close();
  const title = stringOf(matter.fields['title']) ?? firstHeading(lines.slice(matter.lines), blocks);
  return { text, blocks, ...(title !== undefined && { title }), ...(matter.lines > 0 && { fields: matter.fields }) };
}

function linesOf(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length;) {
    const found = text.indexOf('\n', start);
    const stop = found < 0 ? text.length : found;
    const end = text[stop - 1] === '\r' ? stop - 1 : stop;
    const line = text.slice(start, end);
    lines.push({ start, end: Math.max(start, end), text: start === 0 ? line.replace(/^\ufeff/, '') : line });
    start = stop + 1;
  }
  return lines;
}

const endsFence = (line: string, fence: string): boolean => {
  const own = line.trim();
  return own.length >= fence.length && own.split('').every((character) => character === fence[0]);
};

const isOneLine = (text: string, { start, end }: { start: number; end: number }): boolean =>
  !text.slice(start, end).includes('\n');

/** A heading without its marks: `**bold**`, `` `code` ``, `[link](url)`. */
const plainTitle = (title: string): string =>
  title
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[*`]+/g, '')
    .trim();

function firstHeading(lines: readonly Line[], blocks: readonly Block[]): string | undefined {
  for (const { text } of lines) {
    const title = HEADING.exec(text)?.[2];
    if (title) return plainTitle(title);
  }
  return blocks.find(({ headings }) => headings.length > 0)?.headings[0];
}

const stringOf = (value: FieldValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

/** YAML between `---` lines at the very beginning: scalars only, others are left aside. */
function frontMatter(lines: readonly Line[]): { lines: number; fields: Record<string, FieldValue> } {
  const end = lines.findIndex(({ text }, i) => i > 0 && /^(---|\.\.\.)\s*$/.test(text));
  if (end < 0 || !/^---\s*$/.test(lines[0].text)) return { lines: 0, fields: {} };
  const fields: Record<string, FieldValue> = {};
  for (const { text } of lines.slice(1, end)) {
    const [, name, value] = /^([\w-]+):\s+(.+?)\s*$/.exec(text) ?? [];
    if (name !== undefined && !/^[[{|>&*]/.test(value)) fields[name] = scalar(value);
  }
  return { lines: end + 1, fields };
}

function scalar(text: string): FieldValue {
  const [, quoted] = /^(?:"(.*)"|'.*')$/.exec(text) ?? [];
  if (/^(["']).*\1$/.test(text)) return quoted ?? text.slice(1, -1);
  const bare = text.replace(/\s+#.*$/, '');
  if (/^(true|false)$/i.test(bare)) return bare.toLowerCase() === 'true';
  if (/^(null|~)$/i.test(bare)) return null;
  return /^-?\d+(\.\d+)?$/.test(bare) ? Number(bare) : bare;
}
