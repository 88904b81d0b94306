import type { ReadExampleOptions } from '../../data/dataset-node.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import type { TuningOptions } from '../tuning.ts';

/** Options of `fineTuneClassifier`; fields and formats of the files are those of `readExamples`. */
export interface FineTuneOptions extends TuningOptions, Omit<ReadExampleOptions, 'labels' | 'maxLineBytes'> {
  /** Share of the target spread over all classes; single-label only. Default 0. */
  labelSmoothing?: number;
  /** Weighs classes by the inverse of their frequency; single-label only. Default false. */
  balanceClasses?: boolean;
  /** Metric for keeping the best weights. Default `accuracy` (`macroF1` multi-label, `spearman` regression). */
  metric?: string;
  /**
   * Also classifies the held-out rows by their words alone (tf-idf and logistic regression, seconds), so that one sees
   * what the network adds: `baseline` of the result and of `run.json`. One label a row only; left out, and said, where
   * it would take minutes. Default true.
   */
  wordsBaseline?: boolean;
  /** Fits a softmax temperature on the held-out examples afterwards; single-label only. Default false. */
  calibrate?: boolean;
}

/** Figures of a simple method on the same held-out rows. */
export interface Baseline {
  /** What the method is. */
  name: string;
  /** Its figures, from 0 to 1. */
  metrics: { accuracy: number; macroF1: number };
}

/** Result of `fineTuneClassifier`. */
export interface FineTuneResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the best model. */
  output: string;
  /** Rows trained on and held out. */
  trainRows: number;
  /** Rows held out. */
  evaluationRows: number;
  /** Classes in the order of the logits. */
  labels: string[];
  /** What words alone give on the held-out rows. */
  baseline?: Baseline;
  /** Of `calibrate`. Absent where the held-out examples do not determine it; `warnings` says so. */
  temperature?: number;
  /**
   * What `onEvent` was told as `warning` about the data, the length of the run and the model that was saved; `notes` of
   * `run.json` have them too.
   */
  warnings: string[];
}
