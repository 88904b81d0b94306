import { pick } from '../../core/pick.ts';
import { ZeroShotClassifier, type ZeroShotOptions } from '../../tasks/zero-shot/zero-shot.ts';
import type { CliIo } from '../terminal/io.ts';
import { rounded } from '../../core/decimal.ts';
import { writeAnswers, type LineFlags } from '../streams/line-output.ts';
import { openModel } from '../streams/models.ts';

/** The flags of `albertine zero-shot`, as commander gives them. */
export interface ZeroShotFlags extends LineFlags, Pick<ZeroShotOptions, 'template' | 'multiLabel' | 'batchTokens'> {
  labels: string[];
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine zero-shot`. */
export async function runZeroShot(
  io: CliIo,
  model: string,
  { texts, flags }: { texts: readonly string[]; flags: ZeroShotFlags },
): Promise<void> {
  await writeAnswers(io, texts, {
    flags,
    model,
    open: async () => {
      const classifier = ZeroShotClassifier.from(await openModel(io, model, flags));
      return {
        async answer(text) {
          const [{ label, score, labels, truncatedTokens }] = await classifier.classify(
            [text],
            flags.labels,
            pick(flags, ['template', 'multiLabel', 'batchTokens']),
          );
          return {
            label,
            score: rounded(score),
            labels: labels.map((one) => ({ ...one, score: rounded(one.score) })),
            truncatedTokens,
          };
        },
        [Symbol.dispose]: () => classifier[Symbol.dispose](),
      };
    },
  });
}
