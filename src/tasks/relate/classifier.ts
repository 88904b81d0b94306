import type { FileSource } from '../../core/files.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TaskModel } from '../task-model.ts';
import { RELATE_OPTIONS, relateTask, type RelateTypes } from './task.ts';

/** A fine-tuned classifier of relations between two mentions of a text. */
export class RelationClassifier extends TaskModel<RelateTypes> {
  private constructor(model: Albert) {
    super(model, relateTask, RELATE_OPTIONS);
  }

  /**
   * Loads a classifier of relations by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as
   * of `open`.
   */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<RelationClassifier> {
    return new RelationClassifier(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder of `finetune relate`. Throws `weights_mismatch` where it has no classifier. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<RelationClassifier> {
    return new RelationClassifier(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the classifier disposes the model. */
  static from(model: Albert): RelationClassifier {
    return new RelationClassifier(model);
  }

  /** Relations by the order of the outputs. */
  get labels(): readonly string[] {
    return this.facts.labels;
  }

  /** The label that says that there is no relation. */
  get none(): string | undefined {
    return this.facts.none;
  }
}
