import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { ProgressMeter } from '../../core/progress.ts';
import {
  metadataPath,
  METADATA_ENDING,
  readEmbeddingMetadata,
  type EmbeddingMetadata,
} from '../../data/embeddings-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { embeddingFingerprint, planEmbedding, type EmbedOptions, type EmbedPlan } from '../../loaded/embed-plan.ts';
import { splitText } from '../../loaded/text-windows.ts';
import type { Pooling } from '../../model/pooling.ts';
import { embedRecords } from '../streams/embed-records.ts';
import { EmbedCounts, printSummary } from '../streams/embed-summary.ts';
import { openEmbedOutput, requireOutput } from '../streams/embed-output.ts';
import { UsageError } from '../terminal/errors.ts';
import type { Device } from '../../runtime/devices.ts';
import type { CliIo } from '../terminal/io.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { outputFile } from '../flags/output-format.ts';
import { createProgressBar } from '../terminal/progress-bar.ts';
import { TextFeed } from '../streams/text-feed.ts';
import { openTextInput, type InputFlags, type TextInput } from '../streams/text-input.ts';
import type { VectorType } from '../flags/vector-types.ts';

/** The flags of `albertine embed`, as commander gives them. */
export interface EmbedFlags extends InputFlags {
  model?: string;
  output?: string;
  pooling?: Pooling | 'tokens' | 'words';
  layers?: number[] | 'static';
  layerCombination?: 'mean' | 'concat';
  normalize?: boolean;
  prompt?: string;
  dimensions?: number;
  quantize?: VectorType;
  longText?: 'window' | 'truncate' | 'error';
  maxLength?: number;
  stride?: number;
  windowCombination?: 'mean' | 'concat';
  segments?: number;
  special: boolean;
  rowNumbers?: boolean;
  batchTokens?: number;
  lookAhead?: number;
  threads?: number;
  device?: Device;
  resume?: boolean;
  overwrite?: boolean;
  quiet?: boolean;
}

/** Everything that the parts of one run share. */
export interface EmbedRun {
  io: CliIo;
  model: Albert;
  flags: EmbedFlags;
  options: EmbedOptions;
  plan: EmbedPlan;
  feed: TextFeed;
  counts: EmbedCounts;
  fingerprint: string;
  /** Sidecar of the output being continued. */
  previous: EmbeddingMetadata | undefined;
  /** The claimed output file; undefined for standard output. */
  claimed: OutputFile | undefined;
  onProgress: EmbedOptions['onProgress'];
}

/** Runs `albertine embed`. */
export async function runEmbed(io: CliIo, texts: readonly string[], given: EmbedFlags): Promise<void> {
  const flags = outputFile(given);
  const unit = flags.pooling === 'tokens' || flags.pooling === 'words' ? flags.pooling : undefined;
  requireConsistent(flags, unit);
  const input = openTextInput(texts, flags);
  const { output, overwrite, resume = false } = flags;
  const claimed =
    output === undefined
      ? undefined
      : await claimOutput(output, {
          inputs: [input.name],
          overwrite,
          resume: isParquet(output) ? undefined : resume,
          companions: [METADATA_ENDING],
        });
  try {
    await embedInto(io, { flags, input, claimed });
  } finally {
    // Nothing where the writer has ended it.
    await claimed?.abandon({ keep: true });
  }
}

async function embedInto(
  io: CliIo,
  { flags, input, claimed }: { flags: EmbedFlags; input: TextInput; claimed: OutputFile | undefined },
): Promise<void> {
  const previous = await readPrevious(flags, input.name, claimed);
  using model = await openModel(io, flags.model, flags);
  const run = prepare(io, { model, flags, input, previous, claimed });
  const bar = createProgressBar(io, { quiet: flags.quiet ?? false });
  const started = performance.now();
  const progress = trackProgress(run, input, bar.update);
  const output = openEmbedOutput(run, {
    input: input.name,
    head: previous ? (previous['input'] as { head?: string } | undefined)?.head : await headOf(input.name),
    report: input.report,
  });
  try {
    for await (const record of embedRecords({ ...run, onProgress: progress.window }, output)) {
      await output.write(record);
      progress.written();
    }
    requireSameRows(run.feed, output.existing, input.name);
    await output.close();
  } catch (error) {
    bar.finish();
    const rows = await output.abort();
    if (rows !== undefined && rows > 0 && claimed)
      io.stderr.write(
        `${claimed.partial} holds the first ${countOf(rows, 'record')}${isParquet(flags.output) ? '' : '; --resume continues after them'}\n`,
      );
    throw run.feed.namingRow(error);
  }
  bar.finish();
  printSummary(io, {
    counts: run.counts,
    input,
    flags,
    existing: output.existing,
    seconds: (performance.now() - started) / 1000,
  });
}

function isParquet(path: string | undefined): boolean {
  return path?.toLowerCase().endsWith('.parquet') ?? false;
}

function requireConsistent(flags: EmbedFlags, unit: 'tokens' | 'words' | undefined): void {
  requireOutput(flags.output, unit);
  if (flags.resume && flags.output === undefined) throw new UsageError('--resume needs --output');
  if (flags.resume && isParquet(flags.output))
    throw new UsageError(
      '--resume is not possible with .parquet, whose index is written at the end: write .npy or .jsonl',
    );
  if (flags.segments !== undefined && flags.windowCombination !== 'concat')
    throw new UsageError('--segments needs --window-combination concat');
  if (flags.rowNumbers && flags.output?.toLowerCase().endsWith('.npy'))
    throw new UsageError('--row-numbers is not possible in .npy: the rows of the file are the texts in order');
  if (unit === undefined) {
    if (!flags.special) throw new UsageError('--no-special needs --pooling tokens');
    return;
  }
  for (const flag of ['dimensions', 'windowCombination', 'segments', 'prompt'] as const) {
    if (flags[flag] !== undefined)
      throw new UsageError(
        `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} does not apply to --pooling ${unit}`,
      );
  }
  if (flags.quantize !== undefined && flags.quantize !== 'none')
    throw new UsageError(`--quantize does not apply to --pooling ${unit}`);
}

/**
 * The sidecar of the output to be continued. The fingerprint is checked later, when the model is known; the input is
 * checked here.
 */
async function readPrevious(
  { resume, output, textField }: EmbedFlags,
  input: string,
  claimed: OutputFile | undefined,
): Promise<EmbeddingMetadata | undefined> {
  if (!resume || !claimed || !(await claimed.resume())) return undefined;
  const previous = await readEmbeddingMetadata(claimed.partial);
  const origin = previous?.['input'] as { name?: string; field?: string | null; head?: string } | undefined;
  if (origin && (origin.name !== input || (origin.field ?? undefined) !== textField)) {
    const describe = (name: string | undefined, column: string | null | undefined): string =>
      `${name}${column == null ? '' : `, field ${column}`}`;
    throw new AlbertineError(
      'invalid_argument',
      `cannot continue ${output}: it was made from ${describe(origin.name, origin.field)}, this run reads ${describe(input, textField)}`,
      {
        value: input,
        hint: `Start again without --resume, or correct "input" in ${metadataPath(claimed.origin)} if the file has only moved`,
      },
    );
  }
  const head = await headOf(input);
  if (origin?.head !== undefined && head !== undefined && head !== origin.head) {
    throw new AlbertineError('invalid_argument', `cannot continue ${output}: ${input} has changed since it was begun`, {
      value: input,
      hint: 'Start again with --overwrite',
    });
  }
  return previous;
}

/** Bytes of an input by which a changed one is noticed. */
const HEAD_BYTES = 64 * 1024;

/** Hash of an input's beginning; undefined for standard input and arguments. */
async function headOf(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex').slice(0, 16);
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}

/** An input with fewer rows than there are results already is another one. */
function requireSameRows(feed: TextFeed, existing: number, input: string): void {
  if (feed.skipped >= existing) return;
  throw new AlbertineError(
    'invalid_argument',
    `${input} has ${countOf(feed.skipped, 'text')}, and the output holds ${countOf(existing, 'record')} already: it was made from another input`,
    { value: input, hint: 'Start again with --overwrite' },
  );
}

function prepare(
  io: CliIo,
  parts: {
    model: Albert;
    flags: EmbedFlags;
    input: TextInput;
    previous: EmbeddingMetadata | undefined;
    claimed: OutputFile | undefined;
  },
): EmbedRun {
  const { model, flags, input, previous, claimed } = parts;
  const {
    pooling,
    layers,
    layerCombination,
    normalize,
    prompt,
    dimensions,
    longText,
    maxLength,
    stride,
    windowCombination,
    segments,
    batchTokens,
  } = flags;
  const unit = pooling === 'tokens' || pooling === 'words' ? pooling : undefined;
  const options: EmbedOptions = {
    ...(unit === undefined && pooling !== undefined && { pooling: pooling as Pooling }),
    ...Object.fromEntries(
      Object.entries({
        layers,
        layerCombination,
        normalize,
        prompt,
        dimensions,
        longText,
        maxLength,
        stride,
        windowCombination,
        segments,
        batchTokens,
      }).filter(([, value]) => value !== undefined),
    ),
    signal: io.signal,
  };
  // A model's own scaling and prompt are for vectors of texts.
  const plan = planEmbedding(unit === undefined ? model : pick(model, ['config', 'pooling', 'maxLength']), options);
  // A text that is too long is an error of its row, and is best found before its neighbours are computed.
  const check =
    plan.window.longText === 'error' || plan.segments > 0
      ? (text: string): void => requireFits(model, plan, text)
      : undefined;
  return {
    io,
    model,
    flags,
    options,
    plan,
    previous,
    claimed,
    feed: new TextFeed(input, { signal: io.signal, check }),
    counts: new EmbedCounts(),
    fingerprint: fingerprintOf(embeddingFingerprint(model, plan), flags),
    onProgress: undefined,
  };
}

function requireFits(model: Albert, plan: EmbedPlan, text: string): void {
  const { windows } = splitText(model.tokenizer, plan.prompt + text, plan.window);
  if (plan.segments > 0 && windows.length > plan.segments) {
    throw new AlbertineError(
      'text_too_long',
      `the text has ${windows.length} windows, --segments allows ${plan.segments}`,
      { value: windows.length },
    );
  }
}

/** The fingerprint of the vectors as they are stored. */
function fingerprintOf(fingerprint: string, { pooling, quantize = 'none', special }: EmbedFlags): string {
  if (pooling === 'tokens')
    return fingerprint.replace(/;pooling=[^;]*/, `;pooling=tokens${special ? '' : ':no-special'}`);
  if (pooling === 'words') return fingerprint.replace(/;pooling=[^;]*/, ';pooling=words');
  return quantize === 'none' ? fingerprint : `${fingerprint};vectors=${quantize}`;
}

/** Progress in texts: those written, and the share of the look-ahead window that is being computed. */
function trackProgress(
  run: EmbedRun,
  input: TextInput,
  listener: NonNullable<EmbedOptions['onProgress']>,
): { window: EmbedOptions['onProgress']; written: () => void } {
  const { flags, feed } = run;
  let total: number | undefined;
  if (!flags.quiet)
    void input.estimate().then(
      (rows) => (total = rows),
      () => undefined,
    );
  let written = 0;
  let shown = 0;
  let toSkip: number | undefined;
  const meter = new ProgressMeter(
    (event) => {
      const done = (toSkip ?? 0) + event.done;
      const left = total === undefined ? undefined : Math.max(0, total - input.report.skipped - done);
      listener({
        ...event,
        done,
        ...(left !== undefined && { total: done + left }),
        ...(left !== undefined && event.rate > 0 && { secondsLeft: left / event.rate }),
      });
    },
    { stage: 'embedding', unit: 'texts' },
  );
  const show = (done: number): void => {
    toSkip ??= feed.skipped;
    meter.add(Math.max(0, done - shown));
    shown = Math.max(shown, done);
  };
  return {
    window: ({ done, total: windows = 1 }) =>
      show(
        written + Math.floor((done / Math.max(1, windows)) * Math.min(flags.lookAhead ?? 1024, feed.taken - written)),
      ),
    written: () => show(++written),
  };
}
