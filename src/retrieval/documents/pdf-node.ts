import { AlbertineError } from '../../core/errors.ts';
import type { Block, ReadDocument } from './document.ts';

/** What is used of a run of text, as pdf.js gives it. */
interface TextItem {
  str: string;
  hasEOL: boolean;
  height: number;
  transform: number[];
}

/** Vertical distance of two lines, in heights of the text, from which they are of two paragraphs. */
const PARAGRAPH_GAP = 1.7;

/**
 * The text of a PDF page by page, lines joined to paragraphs. Positions count in that text, as a PDF has none of its
 * own. Pages that are pictures have no text. Throws `invalid_file` for what is no PDF or is encrypted.
 */
export async function readPdf(bytes: Uint8Array, name: string): Promise<ReadDocument> {
  const { getDocumentProxy } = await import('unpdf');
  try {
    // Copied, because the parser takes the memory away; and no Buffer, which it refuses.
    const pdf = await getDocumentProxy(Uint8Array.from(bytes), { verbosity: 0 });
    const pages: string[][] = [];
    for (let number = 1; number <= pdf.numPages; number++) {
      const { items } = await (await pdf.getPage(number)).getTextContent();
      pages.push(paragraphsOf((items as (TextItem | object)[]).filter((item) => 'str' in item)));
    }
    const { info } = (await pdf.getMetadata()) as { info?: { Title?: string } };
    await pdf.destroy();
    return documentOf(pages, info?.Title?.trim());
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${name} cannot be read as PDF: ${(cause as Error).message}`, {
      value: name,
      cause,
    });
  }
}

function documentOf(pages: readonly (readonly string[])[], title: string | undefined): ReadDocument {
  let text = '';
  const blocks: Block[] = [];
  for (const [i, page] of pages.entries())
    for (const paragraph of page) {
      blocks.push({ start: text.length, end: text.length + paragraph.length, headings: [], page: i + 1 });
      text += `${paragraph}\n\n`;
    }
  return { text, blocks, ...(title && { title }) };
}

function paragraphsOf(items: readonly TextItem[]): string[] {
  const paragraphs: string[][] = [[]];
  let line = '';
  let [lastY, height] = [NaN, 0];
  const endLine = (): void => {
    if (line.trim() !== '') paragraphs.at(-1)!.push(line.trim());
    line = '';
  };
  for (const { str, hasEOL, transform, height: own } of items) {
    const y = transform[5];
    if (str.trim() !== '') {
      if (Math.abs(lastY - y) > PARAGRAPH_GAP * Math.max(own, height, 1)) {
        endLine();
        paragraphs.push([]);
      }
      [lastY, height] = [y, own];
    }
    line += str;
    if (hasEOL) endLine();
  }
  endLine();
  return paragraphs.filter((lines) => lines.length > 0).map(joinLines);
}

/** A word that is divided between two lines becomes one again; Chinese lines have no space between them. */
function joinLines(lines: readonly string[]): string {
  return lines.reduce((text, line) => {
    if (/\p{Ll}-$/u.test(text) && /^\p{Ll}/u.test(line)) return text.slice(0, -1) + line;
    const isChinese =
      /[\p{Script=Han}\u3000-\u303f\uff00-\uffef]$/u.test(text) &&
      /^[\p{Script=Han}\u3000-\u303f\uff00-\uffef]/u.test(line);
    return text + (isChinese ? '' : ' ') + line;
  });
}
