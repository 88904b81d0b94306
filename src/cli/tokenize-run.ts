import { countOf } from '../core/count.ts';
import { toJson } from '../data/json.ts';
import { openRows } from '../data/read-node.ts';
import type { ReadReport } from '../data/rows.ts';
import { openRecordWriter, type RecordWriter } from '../data/writers-node.ts';
import { ProgressMeter } from '../core/progress.ts';
import type { Encoding, Tokenizer } from '../tokenizer/tokenizer.ts';
import { skippedRows } from './embed-summary.ts';
import { UsageError } from './errors.ts';
import type { CliIo } from './io.ts';
import { openTokenizer } from './models.ts';
import { requireOutputFormat } from './output-format.ts';
import { createProgressBar } from './progress-bar.ts';
import { openTextInput, type InputFlags } from './text-input.ts';

/** The flags of `albertine tokenize`, as commander gives them. */
export interface TokenizeFlags extends InputFlags {
  model?: string;
  output?: string;
  special: boolean;
  maxLength?: number;
  pairField?: string;
  quiet?: boolean;
}

/** Runs `albertine tokenize`. */
export async function runTokenize(io: CliIo, texts: readonly string[], flags: TokenizeFlags): Promise<void> {
  const { output, pairField } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const source = pairField === undefined ? openTextInput(texts, flags) : openPairs(texts, { ...flags, pairField });
  const tokenizer = await openTokenizer(io, flags.model);
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  const meter = new ProgressMeter(bar.update, { stage: 'tokenizing', unit: 'texts' });
  const writer: RecordWriter | undefined = output === undefined ? undefined : await openRecordWriter(output);
  let cutTexts = 0;
  try {
    for await (const { text, pair } of source as AsyncIterable<{ text: string; pair?: string }>) {
      io.signal.throwIfAborted();
      const record = toRecord(encode(tokenizer, flags, { text, pair }), pair !== undefined);
      if (record.truncatedTokens > 0) cutTexts++;
      await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      meter.add(1);
    }
    await writer?.close();
  } catch (error) {
    await writer?.abort();
    throw error;
  } finally {
    bar.finish();
  }
  const lines = skippedRows(source.report);
  if (cutTexts > 0) lines.unshift(`note: ${countOf(cutTexts, 'text')} cut to ${countOf(flags.maxLength ?? 0, 'token')}`);
  if (output !== undefined && !flags.quiet) lines.unshift(`${countOf(source.report.rows, 'text')} -> ${output}`);
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}

interface TokenRecord extends Record<string, unknown> {
  truncatedTokens: number;
}

function encode(tokenizer: Tokenizer, { special, maxLength }: TokenizeFlags, { text, pair }: { text: string; pair: string | undefined }): Encoding {
  return tokenizer.encode(text, { addSpecialTokens: special, ...(maxLength !== undefined && { maxLength }), ...(pair !== undefined && { pair }) });
}

function toRecord({ ids, tokens, offsets, typeIds, truncatedTokens }: Encoding, isPair: boolean): TokenRecord {
  return { ids, tokens, offsets, ...(isPair && { typeIds }), truncatedTokens };
}

/** Rows with two texts. */
function openPairs(texts: readonly string[], flags: TokenizeFlags & { pairField: string }): AsyncIterable<{ text: string; pair: string }> & { report: ReadReport } {
  const { input = texts.length === 1 ? texts[0] : undefined, field = 'text', pairField, format, encoding, delimiter, header, onError } = flags;
  if (input === undefined || (texts.length > 0 && flags.input !== undefined)) throw new UsageError('--pair-field needs one file, or - for standard input');
  const rows = openRows(input, {
    fields: [field, pairField],
    ...(format && { format }), ...(encoding && { encoding }), ...(delimiter !== undefined && { delimiter }), ...(header === false && { header }), ...(onError && { onError }),
  });
  async function* iterate(): AsyncGenerator<{ text: string; pair: string }> {
    for await (const row of rows) {
      const { [field]: text, [pairField]: pair } = row.fields;
      if (typeof text === 'string' && typeof pair === 'string') yield { text, pair };
      else rows.reject(row, `fields ${JSON.stringify(field)} and ${JSON.stringify(pairField)} must be strings`);
    }
  }
  return { report: rows.report, [Symbol.asyncIterator]: iterate };
}
