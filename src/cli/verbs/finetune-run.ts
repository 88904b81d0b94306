import type { RunEstimate } from '../../training/estimate-node.ts';
import type { SaveActivations } from '../../training/layerwise.ts';
import type { OptimizerOptions } from '../../training/trainer-options.ts';
import type { FineTuneRunOptions } from '../../training/run/options.ts';
import type { TaskManual } from '../../tasks/manual.ts';
import type { FinishedRun } from '../../tasks/verbs.ts';
import { pick } from '../../core/pick.ts';
import { RunFinished } from '../../training/run/run-folder-node.ts';
import type { ScheduleConstants } from '../../training/run/trainer-constants.ts';
import { unusedByOptimizer } from '../../training/optimizers/constants.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import { EXIT, UsageError } from '../terminal/errors.ts';
import { asFlags, flagOf } from '../flags/flag-names.ts';
import type { CliIo } from '../terminal/io.ts';
import { resolveModelFolder } from '../streams/models.ts';
import { optionsOfFlags } from '../flags/setting-flags.ts';
import { createProgressBar, formatBytes, formatDuration, formatRate, type ProgressBar } from '../terminal/progress-bar.ts';

/** The flags of `addTrainingOptions`, as commander gives them. */
export interface TrainingFlags extends OptimizerFlags, Pick<FineTuneRunOptions, 'output' | 'resume' | 'overwrite' | 'epochs' | 'maxSteps' | 'batchSize' | 'learningRate' | 'schedule' | 'warmupRatio'
  | 'warmupSteps' | 'finalLearningRate' | 'power' | 'restarts' | 'keepCheckpoints' | 'histogramEvery' | 'maxGradNorm' | 'dropout' | 'maxLength' | 'seed' | 'layerDecay' | 'freeze' | 'evaluateEvery' | 'patience' | 'checkpointEvery' | 'microBatchTokens' | 'device' | 'threads'> {
  model?: string;
  spikeFactor?: number;
  rollBackAfter?: number;
  saveActivations?: SaveActivations;
  shuffle: boolean;
  tensorboard: boolean;
  quiet?: boolean;
}

/** Runs `albertine finetune TASK`. */
export async function runFinetune(io: CliIo, { finetune: { settings, shown: shownMetrics }, load }: TaskManual, flags: TrainingFlags): Promise<void> {
  const bar = createProgressBar(io, flags);
  const started = performance.now();
  const { fineTune } = await load();
  const options = { ...await trainingOptions(io, flags, bar), ...optionsOfFlags(settings, flags as unknown as Record<string, unknown>) };
  const result = await fineTune(options).catch(unlessFinished(io)).finally(() => bar.finish());
  if (result === undefined) return await io.stdout.write(`${flags.output}\n`);
  if (result.outcome === 'interrupted') throw interrupted(result);
  printResult(io, result, { seconds: (performance.now() - started) / 1000, quiet: flags.quiet ?? false, shownMetrics });
  await io.stdout.write(`${flags.output}\n`);
}

/** Options that training has for any task, with the listeners that print what happens. */
async function trainingOptions(io: CliIo, flags: TrainingFlags, bar: ProgressBar): Promise<FineTuneRunOptions> {
  if (flags.epochs !== undefined && flags.maxSteps !== undefined) throw new UsageError('give either --epochs or --max-steps, not both');
  if (flags.resume && flags.overwrite) throw new UsageError('--resume continues a run, --overwrite throws it away: give one of them');
  const optimizer = optimizerOptions(flags, 'adamw');
  const guard = pick(flags, ['spikeFactor', 'rollBackAfter']);
  return {
    ...pick(flags, ['output', 'resume', 'overwrite', 'epochs', 'maxSteps', 'batchSize', 'learningRate', 'keepCheckpoints', 'histogramEvery', 'maxGradNorm', 'dropout', 'maxLength', 'seed', 'layerDecay',
      'freeze', 'evaluateEvery', 'patience', 'checkpointEvery', 'microBatchTokens', 'device', 'threads', 'saveActivations']),
    ...scheduleOptions(flags),
    output: flags.output,
    ...(flags.model !== undefined && { model: await resolveModelFolder(io, flags.model, flags) }),
    ...(Object.keys(optimizer).length > 0 && { optimizer }),
    ...(Object.keys(guard).length > 0 && { guard }),
    shuffle: flags.shuffle,
    tensorboard: flags.tensorboard,
    command: commandLine(),
    onProgress: bar.update,
    ...(!flags.quiet && { onEstimate: (estimate) => bar.note(describeEstimate(estimate)) }),
    onEvent: (kind, message) => {
      if (!flags.quiet || !PROGRESS_EVENTS.includes(kind)) bar.note(`${kind}: ${asFlags(message)}`);
    },
    signal: io.signal,
  };
}

/** The options that the flags of the schedule stand for. */
export function scheduleOptions(flags: ScheduleConstants): ScheduleConstants {
  if (flags.warmupSteps !== undefined && flags.warmupRatio !== undefined) throw new UsageError('give either --warmup-steps or --warmup-ratio, not both');
  return pick(flags, ['schedule', 'warmupRatio', 'warmupSteps', 'finalLearningRate', 'power', 'restarts']);
}

/** The flags that choose an optimiser and its constants. */
export interface OptimizerFlags extends Pick<OptimizerOptions, 'weightDecay' | 'beta1' | 'beta2' | 'momentum'> {
  optimizer?: OptimizerOptions['name'];
  adamEpsilon?: number;
}

/** The options that the flags stand for. One that the optimiser, `usual` where none is chosen, has no use for is refused. */
export function optimizerOptions(flags: OptimizerFlags, usual: NonNullable<OptimizerOptions['name']>): OptimizerOptions {
  const { optimizer: name, adamEpsilon } = flags;
  const given: OptimizerOptions = { ...pick(flags, ['weightDecay', 'beta1', 'beta2', 'momentum']), ...(adamEpsilon !== undefined && { epsilon: adamEpsilon }) };
  const unused = unusedByOptimizer(name ?? usual, given);
  if (unused) throw new UsageError(`${flagOf(unused === 'epsilon' ? 'adamEpsilon' : unused)} is not for ${name ?? usual}`);
  return { ...(name && { name }), ...given };
}

/** Events that tell how the run goes rather than that something is wrong. */
const PROGRESS_EVENTS = ['data', 'model', 'resumed'];

/** What the run will take, before its first step. */
export function describeEstimate({ steps, totalSeconds, tokensPerSecond, secondsPerStep, residentBytes, peakBytes }: RunEstimate): string {
  return `estimate: ${countOf(steps, 'step')}, about ${formatDuration(totalSeconds)} (${formatDuration(secondsPerStep)} a step, ${formatRate(tokensPerSecond)} tokens/s)`
    + `${peakBytes === undefined ? '' : `, memory ${formatBytes(residentBytes)} now, about ${formatBytes(peakBytes)} at its peak`}`;
}

/** The error that ends an interrupted run with exit code 130. */
export function interrupted({ output, steps }: { output: string; steps: number }): AlbertineError {
  return new AlbertineError('interrupted', `interrupted after step ${steps.toLocaleString('en-US')}; a checkpoint is in ${output}`, {
    value: EXIT.interrupted, hint: 'The same command with --resume continues with the same result',
  });
}

/** Tells, instead of failing, that the run of `--resume` has come to its end already: a script that tries again until it succeeds can end. */
export function unlessFinished(io: CliIo): (error: unknown) => undefined {
  return (error) => {
    if (!(error instanceof RunFinished)) throw error;
    io.stderr.write(`note: ${error.message}\n`);
    return undefined;
  };
}

function printResult(io: CliIo, result: FinishedRun, { seconds, quiet, shownMetrics }: { seconds: number; quiet: boolean; shownMetrics: readonly string[] }): void {
  const { output, outcome, steps, best, evaluation, skipped, rollBacks, lines: facts, next } = result;
  const shown = best?.evaluation ?? evaluation ?? {};
  const lines = [
    `${outcome === 'stoppedEarly' ? 'stopped early, no improvement' : 'finished'} after ${countOf(steps, 'step')} in ${formatDuration(seconds)}`,
    ...(best ? [`${best.step === 0 ? 'kept: the starting weights' : `best weights: step ${best.step.toLocaleString('en-US')}`}, ${best.metric} ${best.value.toFixed(4)}`] : []),
    ...(Object.keys(shown).length > 0 ? [`held-out examples: ${Object.entries(shown).filter(([name]) => name === best?.metric || name === 'loss' || shownMetrics.includes(name)).map(([name, value]) => `${name} ${value.toFixed(4)}`).join('  ')}`] : []),
    ...facts,
    `next: ${[`report ${output}`, ...next].map((command) => `albertine ${command}`).join('; ')}`,
  ];
  if (!quiet) io.stderr.write(`${lines.join('\n')}\n`);
  if (skipped > 0) io.stderr.write(`note: ${countOf(skipped, 'step')} not applied, ${countOf(rollBacks, 'roll-back')}; see ${output}/events.jsonl\n`);
}

/** The command as it was typed, for run.json; quoted where a shell needs it. */
function commandLine(): string {
  return ['albertine', ...process.argv.slice(2)].map((part) => (/^[\w@%+=:,./-]+$/.test(part) ? part : `'${part.replaceAll("'", "'\\''")}'`)).join(' ');
}
