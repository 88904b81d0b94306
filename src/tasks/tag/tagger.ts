import type { FileSource } from '../../core/files.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TaskModel } from '../task-model.ts';
import { TAG_OPTIONS, tagTask, type TagTypes } from './task.ts';

/** A fine-tuned `AlbertForTokenClassification` that finds entities: this package's or Hugging Face's. */
export class EntityTagger extends TaskModel<TagTypes> {
  private constructor(model: Albert) {
    super(model, tagTask, TAG_OPTIONS);
  }

  /** Loads a tagger by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as of `open`. */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<EntityTagger> {
    return new EntityTagger(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder with a token-classification head. Throws `weights_mismatch` when it has none. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<EntityTagger> {
    return new EntityTagger(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the tagger disposes the model. */
  static from(model: Albert): EntityTagger {
    return new EntityTagger(model);
  }

  /** Names of its outputs: `O`, `B-PER`, `I-PER` ... */
  get tags(): readonly string[] {
    return this.facts.tags;
  }
}
