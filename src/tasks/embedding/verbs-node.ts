import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { option, prose } from '../../core/prose.ts';
import type { FinishedRun, TaskVerbs } from '../verbs.ts';
import { evaluateEmbedding, type EvaluateEmbeddingOptions } from './evaluate-node.ts';
import { fineTuneEmbedding } from './fine-tune-node.ts';
import type { FineTuneEmbeddingOptions } from './options.ts';

/** The verbs of sentence embeddings: `embed` is the one that asks them. */
export const embeddingVerbs: TaskVerbs = {
  async fineTune({ evaluationFields: names, ...options }): Promise<FinishedRun> {
    const evaluationFields = fieldsOf(names as readonly string[] | undefined);
    const result = await fineTuneEmbedding({
      ...options,
      ...(evaluationFields && { evaluationFields }),
    } as unknown as FineTuneEmbeddingOptions);
    return {
      ...result,
      lines: [`${result.objective}, ${result.pooling} pooling: stored, and what albertine embed uses by default`],
      next: [
        `evaluate ${result.output} --data SCORED-PAIRS --score-field NAME`,
        `embed --model ${result.output} "a text"`,
      ],
    };
  },
  async evaluate(model, path, options) {
    const { spearman, pearson, rows, pooling, truncatedTexts, truncatedTokens, skippedRows } = await evaluateEmbedding(
      model,
      path,
      options as EvaluateEmbeddingOptions,
    );
    return {
      metrics: { spearman, pearson },
      details: { rows, pooling },
      heading: `${countOf(rows, 'pair')}, ${pooling} pooling`,
      count: rows,
      truncatedTexts,
      truncatedTokens,
      tokens: 0,
      unknownTokens: 0,
      skippedRows,
      remarks: [],
    };
  },
};

/** Names of text, pair and score as fields. */
function fieldsOf(names: readonly string[] | undefined): FineTuneEmbeddingOptions['evaluationFields'] {
  if (names === undefined) return undefined;
  if (names.length !== 3)
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('evaluationFields')} takes three names (text, pair, score), got ${names.join(',')}`,
      { value: names, option: 'evaluationFields' },
    );
  const [textField, pairField, scoreField] = names;
  return { textField, pairField, scoreField };
}
