import type { FileSource } from '../../core/files.ts';
import { Albert, type LoadOptions } from '../../loaded/albert.ts';
import { loadNamed } from '../../loaded/loader.ts';
import { TaskModel } from '../task-model.ts';
import { RANK_OPTIONS, rankTask, type RankedCandidate, type RankOptions, type RankTypes } from './task.ts';

/**
 * A fine-tuned ranker of texts for a query (cross-encoder): this package's, or one of sentence-transformers with one
 * output.
 */
export class Reranker extends TaskModel<RankTypes> {
  private constructor(model: Albert) {
    super(model, rankTask, RANK_OPTIONS);
  }

  /** Loads a ranker by name: in Node a folder or a hub id, in a page the URL of its folder. Errors as of `open`. */
  static async load(model: string | URL, options: LoadOptions = {}): Promise<Reranker> {
    return new Reranker(await loadNamed(model, options));
  }

  /** Opens a checkpoint folder with a classifier of one output. Throws `weights_mismatch` where it has another. */
  static async open(files: FileSource, options: LoadOptions = {}): Promise<Reranker> {
    return new Reranker(await Albert.open(files, options));
  }

  /** Wraps a model that is already loaded; disposing the ranker disposes the model. */
  static from(model: Albert): Reranker {
    return new Reranker(model);
  }

  /** The candidates for one query, best first. Errors as of `predict`. */
  async rank(query: string, candidates: readonly string[], options: RankOptions = {}): Promise<RankedCandidate[]> {
    const [{ ranking }] = await this.predict([{ query, candidates }], options);
    return ranking;
  }
}
