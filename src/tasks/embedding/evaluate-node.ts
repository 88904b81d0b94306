import { AlbertineError } from '../../core/errors.ts';
import { requireOptions } from '../../core/options.ts';
import { kindsOf } from '../../core/settings.ts';
import { pearson, spearman } from '../../metrics/correlation.ts';
import { cosine } from '../../metrics/similarity.ts';
import type { Pooling } from '../../model/pooling.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { EmbedOptions } from '../../loaded/embed-plan.ts';
import { EVALUATE_SETTINGS, FILE_SETTINGS } from '../shared-settings.ts';
import { SENTENCE_SETTINGS } from './settings.ts';
import { pick } from '../../core/pick.ts';
import { promptPair, type PromptOptions } from './prompts.ts';
import { openSentences, type SentenceFields } from './sentences-node.ts';

/** Options of {@link evaluateEmbedding}: fields and format of the file, and how texts become vectors. */
export interface EvaluateEmbeddingOptions
  extends
    SentenceFields,
    PromptOptions,
    Pick<EmbedOptions, 'pooling' | 'longText' | 'maxLength' | 'batchTokens' | 'signal'> {}

/** How well cosines of vectors agree with scores. */
export interface EmbeddingEvaluation {
  /** Rank correlation of cosines and scores, NaN where undefined: what results on STS are reported as. */
  spearman: number;
  /** Linear correlation. */
  pearson: number;
  /** Pairs. */
  rows: number;
  /** How token vectors became one. */
  pooling: Pooling;
  /** Texts that were cut (only with `longText: 'truncate'`), and tokens lost by that. */
  truncatedTexts: number;
  /** Tokens that were cut off. */
  truncatedTokens: number;
  /** Rows left out because they were bad (only with `onError: 'skip'`). */
  skippedRows: number;
}

/** What the main entry's function of this name loads; it says more. */
export async function evaluateEmbedding(
  model: Albert,
  path: string,
  options: EvaluateEmbeddingOptions = {},
): Promise<EmbeddingEvaluation> {
  requireOptions<EvaluateEmbeddingOptions>('evaluateEmbedding', options, {
    ...kindsOf({ ...SENTENCE_SETTINGS, ...FILE_SETTINGS, ...EVALUATE_SETTINGS }),
    pooling: 'string',
    signal: 'object',
  });
  const rows = openSentences(path, options, 'scored');
  const texts: string[] = [];
  const scores: number[] = [];
  const prompts = promptPair(model.prompts, options);
  for await (const row of rows) {
    texts.push(...row.texts.map((text, index) => prompts[index] + text));
    scores.push(row.score!);
  }
  if (scores.length === 0) throw new AlbertineError('invalid_data', `${path} has no usable pair`, { value: path });
  const matrix = await model.embed(texts, {
    ...pick(options, ['pooling', 'longText', 'maxLength', 'batchTokens', 'signal']),
    prompt: '',
  });
  const cosines = scores.map((_, row) => cosine(matrix.row(2 * row), matrix.row(2 * row + 1)));
  return {
    spearman: spearman(cosines, scores),
    pearson: pearson(cosines, scores),
    rows: scores.length,
    pooling: matrix.pooling,
    truncatedTexts: matrix.texts.filter(({ truncatedTokens }) => truncatedTokens > 0).length,
    truncatedTokens: matrix.texts.reduce((sum, { truncatedTokens }) => sum + truncatedTokens, 0),
    skippedRows: rows.report.skipped,
  };
}
