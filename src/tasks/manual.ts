import type { Settings } from '../core/settings.ts';
import type { LoadOptions } from '../loaded/albert.ts';
import type { HeadName } from '../model/heads.ts';
import type { ServiceManual } from './service.ts';
import type { AskedModel, TaskVerbs } from './verbs.ts';

/** What differs between tasks in the manual of a training run. */
export interface TrainingManual {
  epochs: string;
  batchSize: string;
  /** The whole help of `--dropout`. */
  dropout: string;
  maxLength: string;
  evaluateEvery: string;
  /** Whether a step can be computed in parts. */
  microBatches: boolean;
}

/** A model that is asked, as the command line shows it. */
export interface AskedManual {
  /** Also in `config.json` of its models. */
  readonly name: string;
  /** Undefined for models without one. */
  readonly head: HeadName | undefined;
  /** How messages call a model of this task: `a classifier`. */
  readonly noun: string;
  /** What help says of `evaluate`, and its settings. */
  readonly evaluate: {
    settings: Settings;
    /** What `--json` has. */
    json: string;
    examples: readonly string[];
  };
  /** Whether rows can be rewritten: what `robustness` is for. Default false. */
  readonly rewritable?: boolean;
  /** Absent where `predict` has nothing to say. */
  readonly predict?: {
    settings: Settings;
    /** What a line of output is. */
    output: string;
    examples: readonly string[];
  };
}

/** Models that are no checkpoints: a folder with a file of their own. */
export interface FolderManual extends AskedManual {
  /** The file that tells such a folder. */
  readonly marker: string;
  /** Loads the code that opens one. */
  open(): Promise<(folder: string, options: LoadOptions) => Promise<AskedModel>>;
}

/**
 * A task as the command line shows it, and where its code is. These rows load no network: manuals are printed, and
 * flags read, without one. What a verb does is loaded when it is run.
 */
export interface TaskManual extends AskedManual {
  /** What help says of `finetune`, the settings it takes, and what is printed of a run. */
  readonly finetune: {
    summary: string;
    description: string;
    /** Its own settings; those of every run come after them. */
    settings: Settings;
    training: TrainingManual;
    /** What is said of the model and of the facts among the files of a run. */
    saved: string;
    facts: string;
    /** Of the figures of an evaluation, those printed at the end beside the loss; the report has all. */
    shown: readonly string[];
    /** Examples, and what else there is to say. */
    manual: string;
  };
  /** What a server takes; its verbs have `service` then. Absent where a model of the task answers nothing. */
  readonly service?: Pick<ServiceManual, 'input' | 'options'>;
  /** Loads the code of its verbs. */
  load(): Promise<TaskVerbs>;
}
