import { FillMask, type FillOptions } from '../../tasks/fill-mask/fill-mask.ts';
import { pick } from '../../core/pick.ts';
import { UsageError } from '../terminal/errors.ts';
import type { CliIo } from '../terminal/io.ts';
import { rounded } from '../../core/decimal.ts';
import { writeAnswers, type LineFlags } from '../streams/line-output.ts';
import { openModel } from '../streams/models.ts';

/** The flags of `albertine fill-mask`, as commander gives them. */
export interface FillMaskFlags extends LineFlags, Pick<FillOptions, 'topK' | 'batchTokens'> {
  model?: string;
  candidates?: string[];
  score?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine fill-mask`. */
export async function runFillMask(io: CliIo, texts: readonly string[], flags: FillMaskFlags): Promise<void> {
  if (flags.score && (flags.topK !== undefined || flags.candidates !== undefined))
    throw new UsageError('--score judges the text as it is: --top-k and --candidates are for masks');
  await writeAnswers(io, texts, {
    flags,
    model: flags.model,
    open: async () => {
      const model = FillMask.from(await openModel(io, flags.model, flags));
      return {
        answer: (text) => (flags.score ? scoreOf(model, text, flags) : masksOf(model, text, flags)),
        [Symbol.dispose]: () => model[Symbol.dispose](),
      };
    },
  });
}

async function scoreOf(model: FillMask, text: string, flags: FillMaskFlags): Promise<Record<string, unknown>> {
  const [{ pseudoLogLikelihood, pseudoPerplexity, tokens }] = await model.score([text], pick(flags, ['batchTokens']));
  return {
    pseudoLogLikelihood: rounded(pseudoLogLikelihood),
    pseudoPerplexity: Number.isFinite(pseudoPerplexity) ? rounded(pseudoPerplexity) : null,
    tokens: tokens.map((token) => ({ ...token, logProbability: rounded(token.logProbability) })),
  };
}

async function masksOf(model: FillMask, text: string, flags: FillMaskFlags): Promise<Record<string, unknown>> {
  const [{ text: filled, masks, tokenCount, truncatedTokens }] = await model.fill(
    [text],
    pick(flags, ['topK', 'candidates', 'batchTokens']),
  );
  return {
    text: filled,
    tokenCount,
    truncatedTokens,
    masks: masks.map((mask) => ({
      ...mask,
      guesses: mask.guesses.map(({ score, logProbability, ...guess }) => ({
        ...guess,
        score: rounded(score),
        ...(logProbability !== undefined && { logProbability: rounded(logProbability) }),
      })),
    })),
  };
}
