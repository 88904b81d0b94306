import type { EmbeddingObjective, EmbeddingPooling, ScoredLoss } from '../../training/contrastive-head.ts';
import type { TrainingOutcome } from '../../training/trainer-options.ts';
import type { FineTuneRunOptions } from '../../training/run/options.ts';
import type { PromptOptions } from './prompts.ts';
import type { SentenceFields } from './sentences-node.ts';

/** Options of `fineTuneEmbedding`. */
export interface FineTuneEmbeddingOptions
  extends Omit<FineTuneRunOptions, 'microBatchTokens'>, SentenceFields, PromptOptions {
  /** Files of texts, pairs or scored pairs, read as one: .txt (texts), .csv, .tsv, .jsonl or .parquet. */
  train: readonly string[];
  /**
   * Files of scored pairs. Without them `scored` holds out a tenth of its rows, and the others keep the last weights.
   */
  evaluation?: readonly string[];
  /** Where the evaluation files differ from the training files. */
  evaluationFields?: SentenceFields;
  /**
   * `simcse`: texts alone, each against itself under another dropout; `pairs`: two texts that belong together;
   * `scored`: pairs with a similarity. Default: by the fields given, `scored` with a `scoreField`, `pairs` with a
   * `pairField`, else `simcse`; always `simcse` for .txt files.
   */
  objective?: EmbeddingObjective;
  /**
   * Stored with the model, and what `embed` uses by default. Default: the starting model's if it is `cls`, else `mean`.
   */
  pooling?: EmbeddingPooling;
  /** `simcse` and `pairs`: divides cosines. Default 0.05. */
  temperature?: number;
  /** `pairs`: looks for the pair of each text and for the text of each pair. Default true. */
  symmetric?: boolean;
  /** `scored`. Default `cosent`: only the order of scores counts. `cosine` fits cosines to `score / maxScore`. */
  loss?: ScoredLoss;
  /** Score of texts that mean the same, for the loss `cosine`. Default: the highest training score. */
  maxScore?: number;
  /** Hidden and attention dropout. Default 0.1 for `simcse`, else the checkpoint's. */
  dropout?: number;
  /** Default 1; 4 for `scored`. Ignored with `maxSteps`. */
  epochs?: number;
  /** Rows per step, all computed at once; see `EmbeddingTaskOptions`. Default 64; 32 for `scored`. */
  batchSize?: number;
  /**
   * Puts rows of similar length into the same step: less padding, so faster; texts are then told from others of their
   * length. Default false.
   */
  groupByLength?: boolean;
  /** Tokens per text, special tokens included. Default: the model's positions, at most 128. */
  maxLength?: number;
  /** Default: every epoch, at most 250 steps. */
  evaluateEvery?: number;
  /**
   * Leaves out rows that stood before with the same score (a pair is the same either way round), and training rows that
   * are held out. Default false: they are counted and told.
   */
  dropDuplicates?: boolean;
  /** Metric for keeping the best weights. Default `spearman`. */
  metric?: 'spearman' | 'pearson';
}

/** Result of `fineTuneEmbedding`. */
export interface FineTuneEmbeddingResult extends Omit<TrainingOutcome, 'weights'> {
  /** Folder of the run, with the best model. */
  output: string;
  /** What was learnt from: `simcse`, `pairs` or `scored`. */
  objective: EmbeddingObjective;
  /** Stored with the model. */
  pooling: EmbeddingPooling;
  /** Rows trained on. */
  trainRows: number;
  /** 0: nothing was held out, and the last weights are kept. */
  evaluationRows: number;
}
