import type { Prose } from '../core/prose.ts';
import type { MeasuredName } from './objectives.ts';

/** A run of fine-tuning that a study wants. */
export interface TrialJob {
  /** Name of the task. */
  task: string;
  /** Options of its fine-tuning, `output` among them. */
  options: Record<string, unknown> & { output: string };
  /** What is measured of the model afterwards. */
  measure: readonly MeasuredName[];
}

/** An evaluation of a run. */
export interface RunEvaluation {
  /** Updates done before it. */
  step: number;
  /** By name. */
  metrics: Readonly<Record<string, number>>;
}

/** What is heard of a run while it goes on. */
export interface TrialListener {
  /** All evaluations so far, and the steps that were planned, where that is known. */
  onEvaluations(evaluations: readonly RunEvaluation[], totalSteps: number | undefined): void;
  /** The metric by which the run keeps its best weights. */
  onMetric(metric: string): void;
  /** Memory of the process: now, and at its peak. */
  onEstimate(bytes: { residentBytes: number; peakBytes: number }): void;
  /** Notes and warnings. */
  onEvent(kind: string, message: Prose): void;
  /** Share of the run that is done. */
  onProgress(share: number): void;
}

/** How a run ended. `stopped`: it was asked to, and can be resumed. */
export type TrialEnd =
  | {
      outcome: 'finished';
      /** Of the best evaluation. */
      metrics: Readonly<Record<string, number>>;
      measured: Readonly<Partial<Record<MeasuredName, number>>>;
    }
  | { outcome: 'stopped' }
  | { outcome: 'failed'; code?: string; message: string };

/** A run that goes on. */
export interface RunningTrial {
  /** Asks it to save a checkpoint and end. */
  stop(): void;
  /** Never rejects. */
  readonly ended: Promise<TrialEnd>;
}

/** Starts a run: new where its folder has none, else from its last checkpoint. */
export type TrialRunner = (job: TrialJob, listener: TrialListener) => RunningTrial;

/** What a trial's process says. */
export type TrialMessage =
  | { kind: 'evaluated' }
  | { kind: 'estimate'; residentBytes: number; peakBytes: number }
  | { kind: 'event'; event: string; parts: Prose['parts'] }
  | { kind: 'progress'; share: number }
  | { kind: 'ended'; outcome: 'finished' | 'stopped'; measured: Partial<Record<MeasuredName, number>> }
  | { kind: 'failed'; code?: string; message: string };
