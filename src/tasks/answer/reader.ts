import type { FileSource } from '../../core/files.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TaskModel } from '../task-model.ts';
import { ANSWER_OPTIONS, answerTask, type AnswerTypes } from './task.ts';

/**
 * A fine-tuned `AlbertForQuestionAnswering` that answers questions by stretches of a text: this package's or Hugging
 * Face's.
 */
export class AnswerReader extends TaskModel<AnswerTypes> {
  private constructor(model: Albert) {
    super(model, answerTask, ANSWER_OPTIONS);
  }

  /** Loads a reader by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as of `open`. */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<AnswerReader> {
    return new AnswerReader(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder with a question-answering head. Throws `weights_mismatch` when it has none. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<AnswerReader> {
    return new AnswerReader(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the reader disposes the model. */
  static from(model: Albert): AnswerReader {
    return new AnswerReader(model);
  }
}
