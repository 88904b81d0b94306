/**
 * What int8 costs: sentence vectors of a model in f32 and converted to int8, on the STS-B test sentences, English and
 * Chinese.
 *
 *     npx tsx bench/pretraining/drift.ts [--model FOLDER ...] [--activations mixed|static|perRow] [--bits 8|7] [--json] [--limit ROWS] [--threads N]
 *
 * Without `--model` the built-in model is taken. The model is converted as `albertine convert --to int8` does it
 * (calibrated on its built-in sentences, not on these), saved, and loaded from there. Mean and smallest cosine between
 * the two vectors of a sentence, and Spearman's correlation with human scores in f32 and in int8. Data:
 * `../shared/data/stsb` or `$ALBERTINE_DATA/stsb`, which the repository does not hold.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Albert, cosine, quantizeModel, saveInt8Checkpoint, type EmbeddingMatrix } from '../../src/index.ts';
import { spearman } from '../../src/metrics/index.ts';
import type { QuantizeOptions } from '../../src/tasks/index.ts';
import { requireOneOf } from '../../src/core/errors.ts';
import { ACTIVATION_QUANTIZATIONS } from '../../src/model/quantize.ts';
import { markdown, openModels, print, runBench, wholeNumber } from './command.ts';
import { LANGUAGES, readSimilarities, spread, type Language, type ScoredPair } from './data.ts';

interface Result {
  model: string;
  language: Language;
  sentences: number;
  meanCosine: number;
  minCosine: number;
  spearmanF32: number;
  spearmanInt8: number;
  /** Precision that ran, from the fingerprint. */
  precision: string;
}

/** The model as int8, saved and loaded as a user's would be. */
async function convert(
  model: Albert,
  { threads, ...options }: QuantizeOptions & { threads?: number | undefined },
): Promise<Albert> {
  const { tensors, settings, notes } = await quantizeModel(model, options);
  for (const note of notes) console.error(note);
  const folder = await mkdtemp(join(tmpdir(), 'albertine-drift-'));
  const { pooling } = model;
  try {
    await saveInt8Checkpoint(folder, {
      config: model.config,
      tensors,
      settings,
      heads: model.loaded.heads,
      tokenizerFiles: model.tokenizer.files(),
      ...(pooling && pooling !== 'pooler' && { sentences: { pooling } }),
    });
    return await Albert.load(folder, { ...(threads !== undefined && { threads }) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function correlation(vectors: EmbeddingMatrix, pairs: readonly ScoredPair[]): number {
  return spearman(
    pairs.map((_, i) => cosine(vectors.row(i), vectors.row(pairs.length + i))),
    pairs.map(({ score }) => score),
  );
}

await runBench(async () => {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', multiple: true, default: [] },
      activations: { type: 'string', default: 'mixed' },
      bits: { type: 'string', default: '8' },
      json: { type: 'boolean', default: false },
      limit: { type: 'string' },
      threads: { type: 'string' },
    },
  });
  const [limit, threads] = [wholeNumber('--limit', values.limit), wholeNumber('--threads', values.threads)];
  const activations = requireOneOf('--activations', values.activations, ACTIVATION_QUANTIZATIONS);
  const bits = requireOneOf('--bits', values.bits, ['7', '8']) === '7' ? 7 : 8;
  const splits = await Promise.all(
    LANGUAGES.map(async (language) => ({ language, pairs: spread(await readSimilarities(language, 'test'), limit) })),
  );
  const results: Result[] = [];
  for (const { name, model } of await openModels(values.model, threads)) {
    using exact = model;
    using int8 = await convert(exact, { activations, bits, threads });
    for (const { language, pairs } of splits) {
      const sentences = [...pairs.map(({ first }) => first), ...pairs.map(({ second }) => second)];
      const [expected, actual] = [await exact.embed(sentences), await int8.embed(sentences)];
      const cosines = sentences.map((_, i) => cosine(expected.row(i), actual.row(i)));
      results.push({
        model: name,
        language,
        sentences: sentences.length,
        meanCosine: cosines.reduce((sum, value) => sum + value, 0) / cosines.length,
        minCosine: Math.min(...cosines),
        spearmanF32: correlation(expected, pairs),
        spearmanInt8: correlation(actual, pairs),
        precision: /dtype=([^;~]+)/.exec(int8.fingerprint)?.[1] ?? int8.fingerprint,
      });
    }
  }
  const rows = results.map((result) => [
    result.model,
    result.precision,
    result.language,
    String(result.sentences),
    ...[result.meanCosine, result.minCosine].map((value) => value.toFixed(5)),
    ...[result.spearmanF32, result.spearmanInt8].map((value) => value.toFixed(4)),
  ]);
  print(results, {
    json: values.json,
    tables: [
      markdown(
        [
          'model',
          'precision',
          'language',
          'sentences',
          'mean cosine',
          'smallest cosine',
          'Spearman f32',
          'Spearman int8',
        ],
        rows,
      ),
    ],
  });
});
