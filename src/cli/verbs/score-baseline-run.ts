import { pick } from '../../core/pick.ts';
import { createRandom, sampleStream } from '../../core/random.ts';
import { scoreBaseline } from '../../analysis/score/baseline.ts';
import { writeBaseline } from '../../analysis/score/baseline-node.ts';
import { IdfWeights } from '../../analysis/score/idf.ts';
import { AlbertScorer } from '../../analysis/score/scorer.ts';
import { openModel } from '../streams/models.ts';
import { claimOutput } from '../streams/output-claim.ts';
import { openTextInput, type InputFlags } from '../streams/text-input.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';

/** The flags of `albertine score baseline`, as commander gives them. */
export interface BaselineFlags extends InputFlags {
  output: string;
  overwrite?: boolean;
  model?: string;
  pairs?: number;
  seed?: number;
  layer?: number;
  idf?: boolean;
  maxLength?: number;
  threads?: number;
  quiet?: boolean;
}

/** Texts that pairs are drawn from. */
const MOST_TEXTS = 20_000;

/** Runs `albertine score baseline`. */
export async function runScoreBaseline(io: CliIo, flags: BaselineFlags): Promise<void> {
  const { output, overwrite, input, seed = 1 } = flags;
  if (input === undefined) throw new UsageError('--input names the texts that pairs are drawn from');
  const claimed = await claimOutput(output, { inputs: [input, flags.model], overwrite });
  try {
    using model = await openModel(io, flags.model, flags);
    const idf = flags.idf ? new IdfWeights(model.tokenizer) : undefined;
    const all = (async function* (): AsyncGenerator<string> {
      for await (const { text } of openTextInput([], flags)) {
        idf?.add(text);
        yield text;
      }
    })();
    const texts = await sampleStream(all, MOST_TEXTS, createRandom(seed));
    const scorer = AlbertScorer.from(model, { ...pick(flags, ['layer', 'maxLength']), ...(idf && { idf }) });
    const baseline = await scoreBaseline(scorer, texts, pick(flags, ['pairs', 'seed']));
    await writeBaseline(output, baseline);
    if (!flags.quiet)
      io.stderr.write(
        `unrelated texts (${baseline.pairs.toLocaleString('en-US')} pairs): precision ${baseline.precision.toFixed(4)}, recall ${baseline.recall.toFixed(4)}, F1 ${baseline.f1.toFixed(4)}\n`,
      );
    await io.stdout.write(`${output}\n`);
  } finally {
    await claimed.abandon({ keep: false });
  }
}
