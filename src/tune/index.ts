/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Hyper-parameter search for every task that can be fine-tuned: samplers and pruners, a study that survives being killed,
 * and its page.
 *
 * ```ts
 * import { parseSpace, tune } from 'albertine/tune';
 *
 * const { best } = await tune({
 *   task: 'classify',
 *   run: { train: 'train.csv', evaluation: 'dev.csv' },
 *   space: parseSpace({ 'learning-rate': 'log:1e-5:1e-3', 'batch-size': [8, 16, 32] }),
 *   output: 'study',
 *   trials: 30,
 *   pruner: 'median',
 * });
 * ```
 *
 * @packageDocumentation
 */
export { tune, type TuneOptions, type TuneResult } from './tune-node.ts';
export type { BestLink } from './best-node.ts';
export { MEASURED, type MeasuredName, type Objective } from './objectives.ts';
export type { RunOptions } from './searched.ts';
export { readStudy } from './study-file-node.ts';
export {
  seedFigures,
  type Retraining,
  type SeedFigures,
  type StudyHeader,
  type StudyPlan,
  type StudyRecord,
  type TrialRecord,
} from './study-record.ts';
export { renderStudy, type StudyPageOptions } from './report/page.ts';
export type { RunEvaluation, RunningTrial, TrialEnd, TrialJob, TrialListener, TrialRunner } from './trial-job.ts';
export {
  parseRange,
  parseSpace,
  type ChoiceParameter,
  type Condition,
  type NumberParameter,
  type Parameter,
  type ParameterValue,
  type Space,
  type TrialValues,
} from '../study/space.ts';
export { PRUNERS, SAMPLERS, type PrunerName, type SamplerName } from '../study/names.ts';
export { createSampler, type Sampler, type SamplerOptions, type StudyHistory } from '../study/sampler.ts';
export { createPruner, type Pruner, type PrunerOptions } from '../study/pruners.ts';
export { parameterImportance } from '../study/importance.ts';
export { paretoFront } from '../study/pareto.ts';
export type { Direction, Trial, TrialEvaluation } from '../study/trial.ts';
