import { writeFile } from 'node:fs/promises';
import { countOf } from '../../core/count.ts';
import { rounded } from '../../core/decimal.ts';
import { AlbertineError, namingSource } from '../../core/errors.ts';
import type { OutputFile } from '../../core/output-node.ts';
import { pick } from '../../core/pick.ts';
import { ProgressMeter, type ProgressEvent, type ProgressListener } from '../../core/progress.ts';
import { toJson } from '../../data/json.ts';
import { openRecordWriter } from '../../data/writers-node.ts';
import type { WordCandidates } from '../../analysis/explain/candidates.ts';
import type { Counterfactual } from '../../analysis/explain/counterfactual.ts';
import { TextExplainer, type ExplainMethod, type Explanation } from '../../analysis/explain/explainer.ts';
import { summariseFaithfulness, type FaithfulnessOfText } from '../../analysis/explain/faithfulness.ts';
import type { Baseline } from '../../analysis/explain/integrated-gradients.ts';
import { explanationPage, type ShownExplanation } from '../../analysis/explain/page.ts';
import type { Unit } from '../../analysis/explain/units.ts';
import { TextClassifier } from '../../tasks/classify/classifier.ts';
import { FillMask } from '../../tasks/fill-mask/fill-mask.ts';
import { outputFile, requireOutputFormat } from '../flags/output-format.ts';
import { inputNotes, type ReadInput } from '../streams/embed-summary.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { openPairInput } from '../streams/pair-input.ts';
import { untilAborted } from '../streams/text-feed.ts';
import { chooseSource, openTextInput, type InputFlags } from '../streams/text-input.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, type ProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `albertine explain`, as commander gives them. */
export interface ExplainFlags extends InputFlags {
  pair?: string;
  pairField?: string;
  method?: ExplainMethod;
  class?: string;
  unit?: Unit;
  baseline?: Baseline;
  steps?: number;
  counterfactual?: boolean;
  to?: string;
  candidates?: 'neighbours' | 'fill-mask' | 'none';
  maxQueries?: number;
  faithfulness?: boolean;
  html?: string;
  output?: string;
  overwrite?: boolean;
  maxLength?: number;
  threads?: number;
  quiet?: boolean;
}

/** Texts that a page shows. */
const HTML_TEXTS = 200;

/** Runs `albertine explain`. */
export async function runExplain(
  io: CliIo,
  model: string,
  { texts, flags: given }: { texts: readonly string[]; flags: ExplainFlags },
): Promise<void> {
  const flags = outputFile(given);
  const { output, overwrite, html } = flags;
  if (output !== undefined) requireOutputFormat(output, ['jsonl']);
  const file = checkArguments(texts, flags);
  const claimed = output === undefined ? undefined : await claimOutput(output, { inputs: [file, model], overwrite });
  let page: OutputFile | undefined;
  try {
    page = html === undefined ? undefined : await claimOutput(html, { inputs: [file, model, output], overwrite });
    const input = openInput(texts, flags);
    const passes = new Passes();
    using explainer = TextExplainer.from(
      TextClassifier.from(await openModel(io, model, { ...flags, dequantize: true })),
      { ...pick(flags, ['maxLength', 'threads']), signal: io.signal, onPasses: (count) => passes.add(count) },
    );
    using filler = flags.candidates === 'fill-mask' ? FillMask.from(await openModel(io, undefined, flags)) : undefined;
    const run = new Run(io, { explainer, flags, candidates: filler && fromFillMask(filler), passes });
    const writer = claimed && (await openRecordWriter(output!, { output: claimed }));
    try {
      await run.explainAll(input, async (record) => {
        await (writer ? writer.write(record) : io.stdout.write(`${toJson(record)}\n`));
      });
      await writer?.close();
    } catch (error) {
      await writer?.abort();
      if (claimed && run.done > 0)
        io.stderr.write(`${claimed.partial} holds the first ${countOf(run.done, 'explanation')}\n`);
      throw error;
    }
    if (page) {
      await writeFile(page.partial, explanationPage(run.shown, { fingerprint: explainer.model.fingerprint }));
      await page.commit();
    }
    run.report(input);
  } finally {
    await claimed?.abandon({ keep: false });
    await page?.abandon({ keep: false });
  }
}

/** The file that is read, if one is; what is wrong with the flags is said before a model is loaded. */
function checkArguments(texts: readonly string[], flags: ExplainFlags): string | undefined {
  const { pair, pairField, counterfactual } = flags;
  if (pair !== undefined && pairField !== undefined)
    throw new UsageError('give either --pair or --pair-field, not both');
  for (const [name, value] of Object.entries({
    to: flags.to,
    candidates: flags.candidates,
    'max-queries': flags.maxQueries,
  }))
    if (value !== undefined && !counterfactual) throw new UsageError(`--${name} is for --counterfactual`);
  if (flags.method === 'attention-rollout' && flags.class !== undefined)
    throw new UsageError('--class does nothing with --method attention-rollout, which is of no label');
  const file = pairField === undefined ? chooseSource(texts, flags) : (flags.input ?? texts[0]);
  if (pair !== undefined && file !== undefined)
    throw new UsageError('--pair goes with texts given as arguments; for files name the field with --pair-field');
  return file;
}

interface ExplainedRow {
  number: number;
  text: string;
  pair?: string;
}

function openInput(texts: readonly string[], flags: ExplainFlags): AsyncIterable<ExplainedRow> & ReadInput {
  const { pair, pairField } = flags;
  if (pairField !== undefined) return openPairInput(texts, { ...flags, pairField });
  const input = openTextInput(texts, flags);
  if (pair === undefined) return input;
  async function* withPair(): AsyncGenerator<ExplainedRow> {
    for await (const row of input) yield { ...row, pair: pair! };
  }
  return { ...input, [Symbol.asyncIterator]: withPair };
}

/** Guesses of a masked language model for the gap; pieces that are no words are left out. */
function fromFillMask(filler: FillMask): WordCandidates {
  const mask = filler.model.tokenizer.idToToken(filler.model.tokenizer.special.mask!)!;
  return async (word, { before, after, count }) => {
    const [{ masks }] = await filler.fill([before.replaceAll(mask, '') + mask + after.replaceAll(mask, '')], {
      topK: 4 * count,
    });
    return masks[0].guesses
      .map(({ text }) => text)
      .filter((text) => /^\p{L}+$/u.test(text) && text.toLowerCase() !== word.toLowerCase())
      .slice(0, count);
  };
}

/** Milliseconds after which a single text shows where it is. */
const LONG_MS = 1000;

/** What happens within a text that takes long: its windows as they are done, and passes through the network. */
class Passes {
  private passes = 0;
  private started = 0;
  private listener: ProgressListener | undefined;
  private shown: ProgressEvent | undefined;

  /** Begins a step of a text. */
  begin(stage: string, listener: ProgressListener): void {
    [this.passes, this.started, this.listener] = [0, performance.now(), listener];
    this.shown = { stage, done: 0, unit: 'windows', rate: 0 };
  }

  /** The windows that are done. */
  window(event: ProgressEvent): void {
    this.shown = { ...event, stage: this.shown!.stage };
    this.show();
  }

  add(count: number): void {
    this.passes += count;
    this.show();
  }

  private show(): void {
    if (!this.shown || performance.now() - this.started < LONG_MS) return;
    // Steps that are of the text as a whole count passes alone.
    const { total, ...rest } = this.shown;
    const passes = {
      unit: 'passes',
      done: this.passes,
      rate: (1000 * this.passes) / (performance.now() - this.started),
    };
    this.listener?.(total === undefined ? { ...rest, ...passes } : { ...this.shown, extra: { passes: this.passes } });
  }
}

/** Explains texts one after the other, and remembers what the summary and the page are of. */
class Run {
  readonly shown: ShownExplanation[] = [];
  private readonly io: CliIo;
  private readonly explainer: TextExplainer;
  private readonly flags: ExplainFlags;
  private readonly candidates: WordCandidates | undefined;
  private readonly passes: Passes;
  private readonly bar: ProgressBar;
  private readonly faithfulness: FaithfulnessOfText[] = [];
  private readonly counts = { texts: 0, windowed: 0, truncated: 0, incomplete: 0, worst: 0, mostSteps: 0, found: 0 };

  constructor(
    io: CliIo,
    parts: {
      explainer: TextExplainer;
      flags: ExplainFlags;
      candidates: WordCandidates | undefined;
      passes: Passes;
    },
  ) {
    this.passes = parts.passes;
    this.bar = createProgressBar(io, parts.flags);
    this.io = io;
    this.explainer = parts.explainer;
    this.flags = parts.flags;
    this.candidates = parts.candidates;
  }

  async explainAll(
    input: AsyncIterable<ExplainedRow> & ReadInput,
    write: (record: Record<string, unknown>) => Promise<void>,
  ): Promise<void> {
    const { bar } = this;
    const estimate = 'estimate' in input ? await (input.estimate as () => Promise<number | undefined>)() : undefined;
    const meter = new ProgressMeter(bar.update, {
      stage: 'explaining',
      unit: 'texts',
      ...(estimate !== undefined && { total: estimate }),
    });
    try {
      for await (const row of untilAborted(input, this.io.signal)) {
        this.io.signal.throwIfAborted();
        const record = await this.record(row).catch((error: unknown) => {
          const isOfRow = error instanceof AlbertineError && error.option === undefined && error.code !== 'interrupted';
          throw isOfRow && input.name !== 'arguments' ? namingSource(error, `${input.name}, row ${row.number}`) : error;
        });
        await write(record);
        meter.add(1);
      }
    } finally {
      bar.finish();
    }
  }

  /** Texts explained so far. */
  get done(): number {
    return this.counts.texts;
  }

  /** One text's line of JSON. */
  private async record({ text, pair }: ExplainedRow): Promise<Record<string, unknown>> {
    const { explainer, flags } = this;
    const asked = pair === undefined ? text : { text, pair };
    const name = `text ${this.counts.texts + 1}`;
    const begin = (what: string): void => this.passes.begin(`${name}: ${what}`, this.bar.update);
    begin('explaining');
    const explanation = await explainer.explain(asked, {
      ...pick(flags, ['method', 'unit', 'baseline', 'steps']),
      ...(flags.class !== undefined && { label: flags.class }),
      onProgress: (event) => this.passes.window(event),
    });
    begin('searching an edit');
    const counterfactual = flags.counterfactual
      ? await explainer.counterfactual(asked, {
          ...pick(flags, ['to', 'maxQueries']),
          ...(this.candidates && { candidates: this.candidates }),
          ...(flags.candidates === 'none' && { candidatesPerWord: 0 }),
        })
      : undefined;
    begin('measuring faithfulness');
    const faithfulness = flags.faithfulness ? await explainer.faithfulness(asked, explanation) : undefined;
    const index = this.counts.texts;
    this.count(explanation, counterfactual, faithfulness);
    if (flags.html !== undefined && this.shown.length < HTML_TEXTS)
      this.shown.push({
        texts: { text, ...(pair !== undefined && { pair }) },
        explanation,
        counterfactual,
        faithfulness,
      });
    return {
      index,
      ...recordOf(explanation),
      ...(counterfactual && { counterfactual: roundedDeep(counterfactual) }),
      ...(faithfulness && { faithfulness: roundedDeep(faithfulness) }),
    };
  }

  private count(
    { completeness, counts: { windows, truncatedTokens } }: Explanation,
    counterfactual: Counterfactual | undefined,
    faithfulness: FaithfulnessOfText | undefined,
  ): void {
    const { counts } = this;
    counts.texts++;
    if (windows > 1) counts.windowed++;
    if (truncatedTokens > 0) counts.truncated++;
    if (completeness) {
      if (!completeness.complete) counts.incomplete++;
      counts.worst = Math.max(counts.worst, completeness.error);
      counts.mostSteps = Math.max(counts.mostSteps, completeness.steps);
    }
    if (counterfactual?.found) counts.found++;
    if (faithfulness) this.faithfulness.push(faithfulness);
  }

  /** What happened, on standard error. */
  report(input: ReadInput): void {
    const { counts, flags, explainer } = this;
    const notes = [
      ...(counts.incomplete > 0
        ? [
            `note: the attributions of ${countOf(counts.incomplete, 'text')} do not add up to the difference of the output within a thousandth (see "completeness")${flags.steps === undefined ? '' : '; more --steps help, or none, which takes as many as are needed'}`,
          ]
        : []),
      ...(counts.truncated > 0 ? [`note: ${countOf(counts.truncated, 'pair')} cut to the model's length`] : []),
      ...inputNotes(input),
    ];
    const lines = flags.quiet
      ? notes
      : [
          `${countOf(counts.texts, 'text')} explained${flags.output === undefined ? '' : ` -> ${flags.output}`}${counts.mostSteps > 0 ? `; up to ${countOf(counts.mostSteps, 'step')}, off by at most ${counts.worst.toExponential(1)}` : ''}`,
          ...(counts.windowed > 0 ? [`${countOf(counts.windowed, 'text')} read in several windows`] : []),
          ...(flags.counterfactual
            ? [`an edit that changes the answer was found for ${counts.found} of ${countOf(counts.texts, 'text')}`]
            : []),
          ...this.faithfulnessLines(),
          ...(flags.html === undefined
            ? []
            : [
                `${flags.html}: ${countOf(this.shown.length, 'text')}${counts.texts > this.shown.length ? ` of ${counts.texts}` : ''}`,
              ]),
          explainer.model.fingerprint,
          ...notes,
        ];
    if (lines.length > 0) this.io.stderr.write(`${lines.join('\n')}\n`);
  }

  private faithfulnessLines(): string[] {
    if (this.faithfulness.length === 0) return [];
    const summary = summariseFaithfulness(this.faithfulness);
    return (['deletion', 'insertion'] as const).map((name) => {
      const { mean, low, high } = summary[name];
      const { difference, pValue } = summary[`${name}Gain`];
      const random = summary[name === 'deletion' ? 'randomDeletion' : 'randomInsertion'].mean;
      return `${name.padEnd(10)}${mean.toFixed(4)} (95 %: ${low.toFixed(4)} to ${high.toFixed(4)}), random ranking ${random.toFixed(4)}: ${difference >= 0 ? '+' : ''}${difference.toFixed(4)}, p ${pValue.toFixed(4)}  (${name === 'deletion' ? 'lower' : 'higher'} is more faithful)`;
    });
  }
}

function recordOf({ counts, output, attributions, label, score, method, logit, ...rest }: Explanation): object {
  return roundedDeep({ label, score, class: output, method, logit, ...rest, attributions, ...counts }) as object;
}

/** Numbers as far as 32-bit sums are worth. */
function roundedDeep(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : rounded(value);
  if (Array.isArray(value)) return value.map(roundedDeep);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, roundedDeep(member)]));
}
