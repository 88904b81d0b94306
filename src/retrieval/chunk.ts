import { SentenceSplitter } from '../training/pretraining/sentences.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Block, FieldValue, ReadDocument } from './documents/document.ts';
import { trimRange } from './documents/plain.ts';

/** A piece of a document, as it is found. */
export interface Chunk {
  /** Path as the source was given. */
  file: string;
  /** UTF-16 range: of the file; of the row's text, for files of rows; of the text that is read out of a PDF. */
  start: number;
  /** The position after its last character. */
  end: number;
  /** As it stands in the file. */
  text: string;
  /** Of the model, special ones and the context not counted. */
  tokens: number;
  /** Of the document, where it has one. */
  title?: string;
  /** Headings above it, outermost first. */
  headings?: readonly string[];
  /** Of a PDF, from 1. */
  page?: number;
  /** Of a file of rows: its record, from 1, a header counted. */
  row?: number;
  /** Of the row or the front matter. */
  fields?: Readonly<Record<string, FieldValue>>;
}

/** How documents are cut. */
export interface ChunkOptions {
  /** Most tokens of a chunk, its title and headings among them. */
  maxTokens: number;
  /** Most tokens that a chunk repeats of the one before, in whole sentences. */
  overlap: number;
}

/** Tokens that are left for text, however long the headings are. */
const LEAST_ROOM = 16;

interface Unit {
  start: number;
  end: number;
  tokens: number;
  block: Block;
}

/** What stands before the text of a chunk where it is embedded and indexed: title and headings. */
export function contextOf({ title, headings = [] }: Pick<Chunk, 'title' | 'headings'>): string {
  return [...new Set([...(title === undefined ? [] : [title]), ...headings])].join(' > ');
}

/** The text of a chunk below its context: what is embedded, and searched for words. */
export function indexedText(chunk: Pick<Chunk, 'title' | 'headings' | 'text'>): string {
  const context = contextOf(chunk);
  return context === '' ? chunk.text : `${context}\n${chunk.text}`;
}

/**
 * Cuts documents into chunks: paragraphs that are neighbours below the same heading together, as many as fit; a
 * paragraph that is too long by its sentences, English and Chinese; a sentence that is too long by tokens.
 */
export class Chunker {
  private readonly tokenizer: Pick<Tokenizer, 'encode' | 'encodeIds'>;
  private readonly options: ChunkOptions;
  private readonly sentences = new SentenceSplitter();

  constructor(tokenizer: Pick<Tokenizer, 'encode' | 'encodeIds'>, options: ChunkOptions) {
    this.tokenizer = tokenizer;
    this.options = options;
  }

  /** Chunks in the order of the text. */
  cut(file: string, document: ReadDocument): Chunk[] {
    const { title, row, fields, text } = document;
    const common = {
      ...(title !== undefined && { title }),
      ...(row !== undefined && { row }),
      ...(fields && Object.keys(fields).length > 0 && { fields }),
    };
    return this.groups(document).map((units) => {
      const [first, last] = [units[0], units.at(-1)!];
      const { headings, page } = first.block;
      const [start, end] = document.place?.(first.start, last.end) ?? [first.start, last.end];
      const own = text.slice(first.start, last.end);
      return {
        ...{ file, start, end, text: own, tokens: this.count(own) },
        ...common,
        ...(headings.length > 0 && { headings }),
        ...(page !== undefined && { page }),
      };
    });
  }

  private count(text: string): number {
    return this.tokenizer.encodeIds(text).length;
  }

  private groups({ text, title, blocks }: ReadDocument): Unit[][] {
    const groups: Unit[][] = [];
    let open: Unit[] = [];
    let [tokens, room] = [0, 0];
    let before: Block | undefined;
    for (const block of blocks) {
      if (!before || !sameSection(before, block)) {
        if (open.length > 0) groups.push(open);
        open = [];
        tokens = 0;
        const context = contextOf({ ...(title !== undefined && { title }), headings: block.headings });
        room = Math.max(LEAST_ROOM, this.options.maxTokens - (context === '' ? 0 : this.count(context)));
      }
      before = block;
      for (const unit of this.units(text, block, room)) {
        if (open.length > 0 && tokens + unit.tokens > room) {
          groups.push(open);
          open = this.repeated(open, room - unit.tokens);
          tokens = open.reduce((sum, one) => sum + one.tokens, 0);
        }
        open.push(unit);
        tokens += unit.tokens;
      }
    }
    if (open.length > 0) groups.push(open);
    return groups;
  }

  /** The last units of a chunk that the next one begins with. */
  private repeated(units: readonly Unit[], room: number): Unit[] {
    const most = Math.min(room, this.options.overlap);
    let [from, tokens] = [units.length, 0];
    while (from > 1 && tokens + units[from - 1].tokens <= most) tokens += units[--from].tokens;
    return units.slice(from);
  }

  private units(text: string, block: Block, room: number): Unit[] {
    const { start, end } = block;
    const tokens = this.count(text.slice(start, end));
    if (tokens <= room && this.options.overlap === 0) return [{ start, end, tokens, block }];
    const units: Unit[] = [];
    let from = start;
    for (const stop of this.sentences.ends(text.slice(start, end))) {
      const range = trimRange(text, from, start + stop);
      from = start + stop;
      if (range) units.push(...this.sentenceUnits(text, { start: range[0], end: range[1] }, { block, room }));
    }
    return units;
  }

  private sentenceUnits(
    text: string,
    { start, end }: { start: number; end: number },
    { block, room }: { block: Block; room: number },
  ): Unit[] {
    const sentence = text.slice(start, end);
    const tokens = this.count(sentence);
    if (tokens <= room) return [{ start, end, tokens, block }];
    const { offsets } = this.tokenizer.encode(sentence, { addSpecialTokens: false });
    const units: Unit[] = [];
    for (let first = 0; first < offsets.length; first += room) {
      const last = Math.min(offsets.length, first + room) - 1;
      const from = units.at(-1)?.end ?? start;
      const range = trimRange(text, from, last === offsets.length - 1 ? end : start + offsets[last][1]);
      if (range) units.push({ start: range[0], end: range[1], tokens: last - first + 1, block });
    }
    return units;
  }
}

const sameSection = (a: Block, b: Block): boolean =>
  a.page === b.page && a.headings.length === b.headings.length && a.headings.every((text, i) => text === b.headings[i]);
