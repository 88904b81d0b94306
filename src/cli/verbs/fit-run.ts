import { countOf } from '../../core/count.ts';
import { fitClassifier, type FitClassifierOptions, type FitResult } from '../../tasks/fit/fit-node.ts';
import { FIT_VERB_SETTINGS } from '../../tasks/fit/settings.ts';
import { toJson } from '../../data/json.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { requireNewFolder, withClaimedFolder } from '../streams/output-claim.ts';
import type { CliIo } from '../terminal/io.ts';
import { createProgressBar, formatDuration } from '../terminal/progress-bar.ts';

/** The flags of `albertine fit` that are no settings, as commander gives them. */
export interface FitFlags {
  output: string;
  model?: string;
  overwrite?: boolean;
  json?: boolean;
  threads?: number;
  quiet?: boolean;
}

/** Runs `albertine fit`. */
export async function runFit(io: CliIo, flags: FitFlags): Promise<void> {
  const { output, overwrite, model, threads, quiet = false } = flags;
  const options = optionsOfFlags(FIT_VERB_SETTINGS, flags as unknown as Record<string, unknown>);
  requireNewFolder(output, { overwrite, file: 'fit.json', what: 'a fitted classifier' });
  const { train, evaluation } = options as { train: string; evaluation?: string };
  const bar = createProgressBar(io, { quiet });
  const started = performance.now();
  const result = await withClaimedFolder(output, [train, evaluation, model], () =>
    fitClassifier({
      ...(options as unknown as FitClassifierOptions),
      output,
      ...(model !== undefined && { model }),
      ...(threads !== undefined && { threads }),
      onProgress: bar.update,
      signal: io.signal,
    }),
  ).finally(() => bar.finish());
  using classifier = result.classifier;
  for (const note of [...(classifier.encoder?.notes ?? []), ...result.notes]) io.stderr.write(`note: ${note}\n`);
  if (flags.json) return await io.stdout.write(`${toJson(plain(result))}\n`);
  if (!quiet) io.stderr.write(`${lines(result, (performance.now() - started) / 1000).join('\n')}\n`);
  await io.stdout.write(`${output}\n`);
}

/** Figures that say most, of an evaluation. */
const SHOWN = ['accuracy', 'macroF1', 'balancedAccuracy', 'microF1', 'logLoss', 'r2', 'pearson', 'spearman', 'rmse'];

function lines({ output, classifier, trainRows, evaluation }: FitResult, seconds: number): string[] {
  const { classifier: kind, strength, crossValidation } = classifier.weights;
  const features = [
    ...(classifier.features.scale ? [`${classifier.features.dimensions} numbers of the vectors`] : []),
    ...(classifier.features.words ? [countOf(classifier.features.words.columns, 'term')] : []),
  ];
  return [
    `${countOf(trainRows, 'row')}, ${features.join(' and ')}: ${kind}, ${kind === 'knn' ? `${strength} neighbours` : `C ${strength}`}  (${formatDuration(seconds)})`,
    ...(crossValidation
      ? [
          `  ${crossValidation.metric} ${crossValidation.score.toFixed(4)} by cross-validation${crossValidation.majority !== undefined && crossValidation.metric === 'accuracy' ? `, the most frequent label alone ${crossValidation.majority.toFixed(4)}` : ''} (${crossValidation.tried.map((one) => `${one.strength}: ${one.score.toFixed(4)}`).join(', ')})`,
        ]
      : []),
    ...(evaluation
      ? [
          `  on ${countOf(evaluation.count, 'held-out row')}: ${Object.entries(evaluation.metrics)
            .filter(([name, value]) => SHOWN.includes(name) && Number.isFinite(value))
            .map(([name, value]) => `${name} ${value.toFixed(4)}`)
            .join('  ')}`,
        ]
      : []),
    classifier.features.pairs
      ? `next: albertine evaluate ${output} --data FILE --pair-field NAME; albertine predict ${output} "a text" --pair "another"`
      : `next: albertine evaluate ${output} --data FILE; albertine predict ${output} "a text"`,
  ];
}

function plain({ output, classifier, trainRows, evaluation, notes }: FitResult): Record<string, unknown> {
  const { classifier: kind, strength, crossValidation } = classifier.weights;
  return {
    output,
    classifier: kind,
    strength,
    trainRows,
    labels: classifier.labels,
    ...(crossValidation && { crossValidation }),
    ...(evaluation && { evaluation: { ...evaluation.metrics, count: evaluation.count } }),
    encoder: classifier.encoder?.fingerprint ?? null,
    notes,
  };
}
