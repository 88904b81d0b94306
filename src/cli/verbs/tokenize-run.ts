import { countOf } from '../../core/count.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter, type RecordWriter } from '../../data/writers-node.ts';
import { ProgressMeter } from '../../core/progress.ts';
import { countUnknown, type Encoding, type Tokenizer } from '../../tokenizer/tokenizer.ts';
import { inputNotes, unknownNotes } from '../streams/embed-summary.ts';
import type { CliIo } from '../terminal/io.ts';
import { openTokenizer } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { outputFile, requireOutputFormat } from '../flags/output-format.ts';
import { openPairInput } from '../streams/pair-input.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { openTextInput, type InputFlags } from '../streams/text-input.ts';

/** The flags of `albertine tokenize`, as commander gives them. */
export interface TokenizeFlags extends InputFlags {
  model?: string;
  output?: string;
  overwrite?: boolean;
  special: boolean;
  maxLength?: number;
  pairField?: string;
  quiet?: boolean;
}

/** Runs `albertine tokenize`. */
export async function runTokenize(io: CliIo, texts: readonly string[], given: TokenizeFlags): Promise<void> {
  const flags = outputFile(given);
  const { output, pairField, overwrite } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const source = pairField === undefined ? openTextInput(texts, flags) : openPairInput(texts, { ...flags, pairField });
  const claimed =
    output === undefined ? undefined : await claimOutput(output, { inputs: [source.name, flags.model], overwrite });
  const tokenizer = await openTokenizer(io, flags.model).catch(async (error: unknown) => {
    await claimed?.abandon({ keep: false });
    throw error;
  });
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  const meter = new ProgressMeter(bar.update, { stage: 'tokenizing', unit: 'texts' });
  const writer: RecordWriter | undefined =
    output === undefined ? undefined : await openRecordWriter(output, { ...(claimed && { output: claimed }) });
  let cutTexts = 0;
  const counts = { tokens: 0, unknownTokens: 0 };
  try {
    for await (const { text, pair } of source as AsyncIterable<{ text: string; pair?: string }>) {
      io.signal.throwIfAborted();
      const encoding = encode(tokenizer, flags, { text, pair });
      const unknownTokens = countUnknown(tokenizer, encoding.ids);
      const record = toRecord(encoding, { isPair: pair !== undefined, unknownTokens });
      counts.unknownTokens += unknownTokens;
      counts.tokens += encoding.offsets.filter(([start]) => start >= 0).length;
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
  const lines = [...unknownNotes(counts), ...inputNotes(source)];
  if (cutTexts > 0)
    lines.unshift(`note: ${countOf(cutTexts, 'text')} cut to ${countOf(flags.maxLength ?? 0, 'token')}`);
  if (output !== undefined && !flags.quiet) lines.unshift(`${countOf(source.report.rows, 'text')} -> ${output}`);
  if (lines.length > 0) io.stderr.write(`${lines.join('\n')}\n`);
}

interface TokenRecord extends Record<string, unknown> {
  truncatedTokens: number;
}

function encode(
  tokenizer: Tokenizer,
  { special, maxLength }: TokenizeFlags,
  { text, pair }: { text: string; pair: string | undefined },
): Encoding {
  return tokenizer.encode(text, {
    addSpecialTokens: special,
    ...(maxLength !== undefined && { maxLength }),
    ...(pair !== undefined && { pair }),
  });
}

function toRecord(
  { ids, tokens, offsets, typeIds, truncatedTokens }: Encoding,
  { isPair, unknownTokens }: { isPair: boolean; unknownTokens: number },
): TokenRecord {
  return {
    ids,
    tokens,
    offsets,
    ...(isPair && { typeIds }),
    truncatedTokens,
    ...(unknownTokens > 0 && { unknownTokens }),
  };
}
