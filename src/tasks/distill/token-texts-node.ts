import { join } from 'node:path';
import { describeValue } from '../../core/errors.ts';
import { option, prose, type Prose } from '../../core/prose.ts';
import { missingFieldReason } from '../../data/rows.ts';
import type { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { planEmbedding } from '../../loaded/embed-plan.ts';
import type { Encoding, Tokenizer } from '../../tokenizer/tokenizer.ts';
import { alignTokens, toUtf16Ranges } from '../../training/distill/alignment.ts';
import { TokenFile } from '../../training/distill/token-file-node.ts';
import type { TaughtTokens } from '../../training/distill/token-task.ts';
import type { DistillOptions } from './options.ts';
import { StoredSequences, type Beside } from './texts-node.ts';

type Range = [start: number, end: number];

/** What the student reads of a text, which is all that the teacher is asked about. */
export interface ReadPart {
  text: string;
  encoding: Encoding;
}

/** The part of a text that fits, up to the end of its last token. */
export function partOf(tokenizer: Tokenizer, text: string, maxLength: number): ReadPart {
  const encoding = tokenizer.encode(text, { maxLength });
  const end = encoding.offsets.reduce((last, [, end]) => Math.max(last, end), 0);
  return { text: encoding.truncatedTokens > 0 ? text.slice(0, end) : text, encoding };
}

/** As a teacher tokenises what `embedTokens` gives vectors of. */
export function teacherRanges(teacher: Albert): (text: string) => Range[] {
  const { maxLength } = planEmbedding(teacher, { longText: 'truncate' }).window;
  return (text) => teacher.tokenizer.encode(text, { maxLength }).offsets;
}

/**
 * Finds which of the teacher's tokens every token of the student overlaps, while texts are read: the teacher's tokens
 * are made by its tokeniser, or stand in a field of the rows.
 */
export class Alignments implements Beside {
  /** Two numbers a token; see {@link alignTokens}. */
  readonly file: TokenFile;
  /** Row of each text's first token among the teacher's states. */
  readonly starts: number[] = [];
  /** Tokens of the teacher, those of texts that are left out among them. */
  rows = 0;
  /** Numbers of the texts of which no token has a state. */
  readonly untaught = new Set<number>();
  private readonly student: { tokenizer: Tokenizer; maxLength: number };
  private readonly field: string | undefined;
  private readonly utf16: boolean;
  private readonly rangesOf: ((text: string) => Range[]) | undefined;

  constructor(
    folder: string,
    student: { tokenizer: Tokenizer; maxLength: number },
    {
      offsetsField = 'offsets',
      offsetUnit = 'codePoint',
      rangesOf,
    }: Pick<DistillOptions, 'offsetsField' | 'offsetUnit'> & { rangesOf?: (text: string) => Range[] },
  ) {
    this.file = new TokenFile(join(folder, 'alignment.bin'));
    this.student = student;
    this.field = rangesOf ? undefined : offsetsField;
    this.utf16 = offsetUnit === 'utf16';
    this.rangesOf = rangesOf;
  }

  get fields(): readonly string[] {
    return this.field === undefined ? [] : [this.field];
  }

  take(text: string, fields: Readonly<Record<string, unknown>>): string | Prose | (() => void) {
    const { tokenizer, maxLength } = this.student;
    const start = this.rows;
    let part: ReadPart | undefined;
    let ranges: readonly (readonly [number, number])[];
    if (this.field === undefined) {
      // The teacher is not asked about empty texts.
      if (text.trim() === '') return () => undefined;
      part = partOf(tokenizer, text, maxLength);
      ranges = this.rangesOf!(part.text);
    } else {
      const found = rangesIn(fields, this.field);
      if (typeof found === 'string') return found;
      const last = found.reduce((most, [, end]) => Math.max(most, end), 0);
      const length = this.utf16 ? text.length : lengthInCodePoints(text);
      if (last > length)
        return prose`field ${JSON.stringify(this.field)} goes to ${last}, and the text has ${length} ${this.utf16 ? 'UTF-16 units' : 'characters'}${!this.utf16 && last <= text.length ? prose`: ${option('offsetUnit', 'utf16')} is for offsets counted as JavaScript counts` : ''}`;
      ranges = this.utf16 ? found : toUtf16Ranges(text, found);
    }
    this.rows += ranges.length;
    return () => {
      const { offsets } = (part ?? partOf(tokenizer, text, maxLength)).encoding;
      const aligned = alignTokens(offsets, ranges);
      if (!aligned.some((value, i) => i % 2 === 1 && value > 0)) this.untaught.add(this.starts.length);
      this.file.add(aligned);
      this.starts.push(start);
    };
  }

  async close(): Promise<void> {
    // The file is read from now on; whoever holds the texts disposes it.
  }
}

function lengthInCodePoints(text: string): number {
  let length = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) length++;
  return length;
}

/** Ranges of a row's field. */
function rangesIn(fields: Readonly<Record<string, unknown>>, field: string): Range[] | string {
  const name = JSON.stringify(field);
  if (!Object.hasOwn(fields, field)) return missingFieldReason(field, fields);
  const value = fields[field];
  const isRange = (entry: unknown): entry is Range =>
    Array.isArray(entry) &&
    entry.length === 2 &&
    entry.every((bound) => Number.isInteger(bound) && bound >= -1) &&
    entry[0] <= entry[1];
  if (!Array.isArray(value) || value.length === 0)
    return `field ${name} must list where each of the teacher's tokens stands, as [[0, 3], [3, 7]], got ${describeValue(value)}`;
  const wrong = value.findIndex((entry) => !isRange(entry));
  return wrong < 0
    ? (value as Range[])
    : `field ${name} must list pairs of whole numbers, the smaller one first, and entry ${wrong + 1} is ${describeValue(value[wrong])}`;
}

/** Texts on disk as a student reads them, with the states of their teacher's tokens. */
export class StoredTokens extends StoredSequences implements TaughtTokens {
  private readonly alignments: Alignments;

  constructor(file: TokenFile, alignments: Alignments, rows: StackedRows) {
    super(file, rows);
    this.alignments = alignments;
  }

  states(text: number): { positions: Int32Array; states: Float32Array } {
    const aligned = this.alignments.file.sequence(text);
    const start = this.alignments.starts[text];
    const positions = Int32Array.from(
      Array.from({ length: aligned.length / 2 }, (_, token) => token).filter((token) => aligned[2 * token + 1] > 0),
    );
    const states = new Float32Array(positions.length * this.width);
    const state = new Float32Array(this.width);
    positions.forEach((token, i) => {
      const [first, count] = [aligned[2 * token], aligned[2 * token + 1]];
      const into = states.subarray(i * this.width, (i + 1) * this.width);
      for (let other = first; other < first + count; other++) {
        this.rows.read(start + other, state);
        for (let k = 0; k < into.length; k++) into[k] += state[k] / count;
      }
    });
    return { positions, states };
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.alignments.file[Symbol.dispose]();
  }
}
