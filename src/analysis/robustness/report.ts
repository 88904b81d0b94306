import type { MeanInterval } from '../../metrics/resampling.ts';
import type { PerturbedLanguage } from '../../perturbation/perturbation.ts';
import type { RewrittenText } from '../../tasks/rewriting.ts';

/** A row whose answer was right, or better, before its text was changed. */
export interface RobustnessFailure {
  /** Place of the row in the data, from 0. */
  index: number;
  /** The texts as they were. */
  clean: string[];
  /** The texts after the perturbation, with what was done. */
  perturbed: RewrittenText[];
  /** What is right. */
  gold: string;
  /** What was answered before. */
  before: string;
  /** What is answered now. */
  after: string;
}

/** Rows that have something in common. */
export interface RobustnessGroup {
  /** `label negative`, `length up to 84`. */
  name: string;
  /** Rows in it. */
  rows: number;
  /** Mean over its rows of how right answers are (classification: accuracy; entities and answers: F1 of a row). */
  value: number;
  /** The same before the perturbation. */
  clean: number;
}

/** A perturbation at a severity. */
export interface RobustnessCondition {
  /** Name of the perturbation. */
  perturbation: string;
  /** How strong, from 0 to 1. */
  severity: number;
  /** Rows whose texts it changed; the others count with their answers to the clean text. */
  changed: number;
  /** Rows that it would have changed, and that were left as they were because what they say would have changed too. */
  rejected: number;
  /** Edits a changed row. */
  edits: number;
  /** The task's figure over all rows. */
  value: number;
  /** Less that of the clean rows, with a 95 % bootstrap interval. */
  difference: MeanInterval;
  /** Share of the changed rows whose answer stayed the same; NaN where none was changed. */
  consistency: number;
  /** Expected calibration error, where there are probabilities. */
  ece?: number;
  /** The group with the lowest figure; undefined where no group has ten rows. */
  worstGroup?: RobustnessGroup;
  /** Groups by label and by length. */
  groups: RobustnessGroup[];
  /** Changed rows whose answer got worse. */
  worse: number;
  /** Changed rows whose answer got better. */
  better: number;
  /** Some of those that got worse. */
  failures: RobustnessFailure[];
}

/** How a model stands perturbations. */
export interface RobustnessReport {
  /** Name of the task. */
  task: string;
  /** Name of the figure. */
  metric: string;
  /** Model and precision that answered. */
  fingerprint: string;
  /** What the data are in. */
  languages: PerturbedLanguage[];
  /** Rows asked, and those that the file has. */
  rows: number;
  /** Rows of the file. */
  available: number;
  /** Rows whose text was cut to what the model reads at once, as they are; perturbations that add text cut more. */
  truncated: number;
  /** What was drawn with it. */
  seed: number;
  /** Figures of the rows as they are. */
  clean: MeanInterval & { ece?: number };
  /** A perturbation and a severity each. */
  conditions: RobustnessCondition[];
}

/** The condition with the lowest figure. */
export function worstCondition({ conditions }: Pick<RobustnessReport, 'conditions'>): RobustnessCondition | undefined {
  return conditions.reduce<RobustnessCondition | undefined>(
    (worst, one) => (worst === undefined || one.value < worst.value ? one : worst),
    undefined,
  );
}
