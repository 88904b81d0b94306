import { PRUNERS, SAMPLERS } from '../study/names.ts';
import type { Settings } from '../core/settings.ts';

/* Settings of a study, each declared once: options, checks, flags and the manual follow. */

/** How settings are suggested. */
export const SAMPLER_SETTINGS = {
  sampler: {
    kind: 'text',
    values: SAMPLERS,
    placeholder: 'name',
    help: 'tpe (learns from the trials where good settings are), random or grid',
    default: 'tpe',
  },
  multivariate: {
    kind: 'flag',
    off: true,
    help: 'tpe: draw every parameter by itself. Default: those with the same condition together, which learns their combinations',
  },
  startupTrials: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'tpe: trials that are drawn at random first',
    default: 10,
  },
  gridPoints: {
    kind: 'number',
    integer: true,
    min: 2,
    help: 'grid: values of a range',
    default: 5,
  },
} as const satisfies Settings;

/** How trials are ended early. */
export const PRUNER_SETTINGS = {
  pruner: {
    kind: 'text',
    values: PRUNERS,
    placeholder: 'name',
    help: 'what ends trials early, after an evaluation: none, median, asha (successive halving without waiting) or hyperband',
    default: 'none',
  },
  minEvaluations: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'evaluations that every trial may have: median judges from then on, asha and hyperband for the first time then',
    default: 1,
  },
  reductionFactor: {
    kind: 'number',
    integer: true,
    min: 2,
    help: 'asha and hyperband: of so many trials one goes on, to so many times as many evaluations',
    default: 3,
  },
  pruneAfterTrials: {
    kind: 'number',
    integer: true,
    min: 0,
    help: 'median: complete trials before any is ended',
    default: 5,
  },
  maxEvaluations: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'hyperband: evaluations of a whole run',
    usual: 'those of the longest complete trial, before which nothing is ended',
  },
} as const satisfies Settings;

/** What a study has besides the settings of the runs. */
export const TUNE_SETTINGS = {
  trials: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'settings to try in all; --resume with more goes on',
    usual: '20; grid: all combinations',
  },
  objectives: {
    kind: 'list',
    flag: 'goal',
    placeholder: 'names',
    help: 'what to look for, separated by commas: metrics of the evaluations, loss, parameters (of the model), latency (milliseconds a held-out row), seconds; with :min or :max where the direction is another. Several: the best compromises',
    usual: 'the metric by which the task keeps its best weights',
  },
  parallel: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'trials at a time, as far as memory allows; each gets its share of the processor threads unless --threads says otherwise',
    default: 1,
  },
  ...SAMPLER_SETTINGS,
  ...PRUNER_SETTINGS,
  retrain: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'best settings that are trained again with other seeds in the end, to see what was luck',
    usual: 'none',
  },
  seeds: {
    kind: 'number',
    integer: true,
    min: 1,
    help: 'seeds of each of them',
    default: 3,
  },
} as const satisfies Settings;
