import type { FileSource } from '../../core/files.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TaskModel } from '../task-model.ts';
import { CHOOSE_OPTIONS, chooseTask, type ChooseTypes } from './task.ts';

/** A fine-tuned `AlbertForMultipleChoice`: this package's or Hugging Face's. */
export class ChoiceModel extends TaskModel<ChooseTypes> {
  private constructor(model: Albert) {
    super(model, chooseTask, CHOOSE_OPTIONS);
  }

  /**
   * Loads a model of multiple choice by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as
   * of `open`.
   */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<ChoiceModel> {
    return new ChoiceModel(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder with a multiple-choice head. Throws `weights_mismatch` when it has none. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<ChoiceModel> {
    return new ChoiceModel(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing this one disposes the model. */
  static from(model: Albert): ChoiceModel {
    return new ChoiceModel(model);
  }
}
