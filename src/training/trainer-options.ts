import type { ProgressListener } from '../core/progress.ts';
import type { Prose } from '../core/prose.ts';
import type { Weights } from '../model/parameters.ts';
import type { AdversarialOptions } from './adversarial.ts';
import type { ArenaOptions } from './arena.ts';
import type { RunEstimate } from './estimate-node.ts';
import type { GuardOptions } from './guards.ts';
import type { HeadDefinition, HeadResults } from './head.ts';
import type { BatchShape, LayerwiseNetwork, LayerwiseOptions, TrainingBatch } from './layerwise.ts';
import type { Schedule } from './schedules.ts';
import type { Tracker } from './trackers/tracker.ts';

/** The micro-batches of one optimiser step; their losses add up to the mean over the step. */
export interface StepData {
  /** At least one. */
  microBatches: TrainingBatch[];
  /** Real tokens, padding not counted. */
  tokens: number;
}

/** What is trained: a head with its data. Implementations must give the same data for the same position. */
export interface TrainingTask {
  /** The end of the network, with its loss. */
  readonly head: HeadDefinition;
  /**
   * Data of optimiser step `step` (0-based); asked for in order, beginning where {@link TrainingTask.restore} left off.
   */
  stepData(step: number): Promise<StepData> | StepData;
  /**
   * Data like that of step `step`, for measuring before the run; needed where only the next step's data can be had.
   * Default: `stepData`.
   */
  probeData?(step: number): Promise<StepData> | StepData;
  /**
   * Position of the data after the step last asked for, for the checkpoint; JSON-serialisable. Not needed where
   * `stepData` follows from the step alone.
   */
  state?(): unknown;
  /** Goes to a position that {@link TrainingTask.state} returned. */
  restore?(state: unknown): void;
  /** Further numbers to log, from the head's results of a step's micro-batches. */
  summarize?(results: readonly HeadResults[]): Record<string, number>;
  /** Held-out metrics by name. */
  evaluate?(network: LayerwiseNetwork): Promise<Record<string, number>>;
  /** Real tokens of one evaluation, for the estimate. */
  readonly evaluationTokens?: number;
  /**
   * Shapes of micro-batches to come, among them the largest: for the check and the estimate of memory before the first
   * step. Default: those of the probed steps.
   */
  batchShapes?(): readonly BatchShape[];
}

/** Optimiser choice and constants. */
export interface OptimizerOptions {
  /** Default `adamw`. */
  name?: 'adamw' | 'lamb' | 'sgd';
  /** Default 0.01 (SGD 0). */
  weightDecay?: number;
  /** Default 0.9; not for SGD. */
  beta1?: number;
  /** Default 0.999; not for SGD. */
  beta2?: number;
  /** Default 1e-8 for AdamW, 1e-6 for LAMB; not for SGD. */
  epsilon?: number;
  /** SGD only. Default 0.9. */
  momentum?: number;
}

/** The metric by which the best weights are kept. */
export interface BestMetric {
  /** As the evaluation names it. */
  metric: string;
  /** Whether more is better. */
  higherIsBetter: boolean;
}

/** Options of {@link Trainer}. */
export interface TrainerOptions extends LayerwiseOptions {
  /** Folder of the run: checkpoints go to `<output>/checkpoints`. */
  output: string;
  /** Learning rate and number of steps. */
  schedule: Schedule;
  /** Default AdamW. */
  optimizer?: OptimizerOptions;
  /** Global gradient norm above which gradients are scaled down; 0 switches clipping off. Default 1. */
  maxGradNorm?: number;
  /** Evaluates every so many steps; the end always counts. Default: only at the end. */
  evaluateEvery?: number;
  /** Metric by which the best weights are kept, and whether more is better. Default: the last weights are kept. */
  best?: BestMetric;
  /**
   * Also evaluates the starting weights, which are kept where nothing beats them. For what can be judged untrained: not
   * for a fresh head. Default false.
   */
  evaluateStart?: boolean;
  /** Stops after this many evaluations without improvement. Default: never. Needs `best`. */
  patience?: number;
  /** Saves a resumable checkpoint every so many steps. Default: a tenth of the run, at most 500. */
  checkpointEvery?: number;
  /** Checkpoints to keep. Default 2. */
  keepCheckpoints?: number;
  /**
   * Hands the distribution of every trained parameter (`weights/<name>`, after the update) and of its gradient
   * (`gradients/<name>`, before clipping; on the processor only) to the tracker every so many steps. Default: never.
   */
  histogramEvery?: number;
  /** Trains on texts whose embeddings are moved to where the loss is higher. Default: on the texts as they are. */
  adversarial?: AdversarialOptions;
  /** Frozen parameters, exceptions from decay, learning-rate factors. */
  parameters?: ArenaOptions;
  /** When a step is not applied, and when the run goes back to a checkpoint. */
  guard?: GuardOptions;
  /** Receives metrics and parameters. Default: none. */
  tracker?: Tracker;
  /** Told about steps that are done. */
  onProgress?: ProgressListener;
  /** Told before the first step; throw to refuse. */
  onEstimate?: (estimate: RunEstimate) => void;
  /** Told of warnings and skipped steps as they happen; `prose` is the message with the options it names marked. */
  onEvent?: (kind: string, message: string, step: number, prose: Prose) => void;
  /** Asks to stop after the current step, with a checkpoint. */
  signal?: AbortSignal;
}

/** How a run ended. */
export interface TrainingOutcome {
  /** `stoppedEarly`: by `patience`. */
  outcome: 'finished' | 'interrupted' | 'stoppedEarly';
  /** Steps finished in all, earlier parts of a resumed run included. */
  steps: number;
  /** Steps that the guard did not apply. */
  skipped: number;
  /** How often the run went back to a checkpoint. */
  rollBacks: number;
  /** Metrics of the last evaluation. */
  evaluation?: Record<string, number>;
  /** The best evaluation; `gain` is by how much it was better than the best one before it. */
  best?: { step: number; metric: string; value: number; gain?: number; evaluation: Record<string, number> };
  /** Weights to keep: the best ones if a metric was given, else the last. */
  weights: Weights;
  /** What the run was estimated to cost before its first step. */
  estimate?: RunEstimate;
}
