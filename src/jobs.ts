/*
 * Long jobs of the main entry: their code (training, evaluation: half of the package) is loaded by the first call, so
 * that programs that only use a model start in half the time.
 */
/** A function that is loaded when it is first called. */
const later =
  <Given extends unknown[], Result>(
    load: () => Promise<(...given: Given) => Promise<Result>>,
  ): ((...given: Given) => Promise<Result>) =>
  async (...given) =>
    await (
      await load()
    )(...given);

/**
 * Scores candidates in files by references in files, which may be larger than memory: ALBERTScore, and metrics of words
 * beside it. Throws `invalid_data` for files of different lengths or rows that cannot be used, `invalid_argument` for
 * options that do not go together, `interrupted`.
 */
export const scoreFiles = later(async () => (await import('./analysis/score/score-node.ts')).scoreFiles);

/**
 * Fine-tunes a checkpoint into a text (or text pair) classifier and saves it where `evaluate`, `predict` and Python's
 * `transformers` can load it. Interrupting saves; `resume` continues with the same result as an uninterrupted run.
 * Throws `invalid_data` for rows that cannot be used, `out_of_memory`, `training_diverged`.
 */
export const fineTuneClassifier = later(
  async () => (await import('./tasks/classify/tuning-node.ts')).fineTuneClassifier,
);

/**
 * Evaluates a classifier on a file of labelled examples. Its labels are the only ones allowed: another one is a bad
 * row, named with its line. Long texts are cut by default, as in training. Throws `invalid_argument` when `pairField`
 * is missing for a model fine-tuned on pairs of texts, or given for one of single texts.
 */
export const evaluateClassifier = later(
  async () => (await import('./tasks/classify/evaluate-node.ts')).evaluateClassifier,
);

/**
 * Trains a checkpoint to give sentences vectors whose cosine tells how similar they are: on texts alone, on pairs, or
 * on scored pairs. Stages are runs one after another, each with the `output` of the last as its `model`. The output is
 * a checkpoint that `embed`, Python's `transformers` and its sentence-transformers load; its pooling is stored.
 * Interrupting saves; `resume` continues with the same result as an uninterrupted run. A step is computed at once, so
 * `batchSize` and `maxLength` decide the memory. Throws `invalid_data` for rows that cannot be used, `invalid_argument`
 * for options that do not fit the objective, `out_of_memory` with advice, `training_diverged`.
 */
export const fineTuneEmbedding = later(
  async () => (await import('./tasks/embedding/fine-tune-node.ts')).fineTuneEmbedding,
);

/**
 * Embeds both texts of scored pairs, as `embed` does with the same options, and correlates the cosines with the scores.
 * Works for any model; one that was trained for it has its own pooling. Throws `invalid_data` for rows that cannot be
 * used.
 */
export const evaluateEmbedding = later(
  async () => (await import('./tasks/embedding/evaluate-node.ts')).evaluateEmbedding,
);

/**
 * Fine-tunes a checkpoint into a tagger of entities and saves it where `evaluate`, `predict` and Python's
 * `transformers` load it. Errors and resuming are those of `fineTuneClassifier`.
 */
export const fineTuneTagger = later(async () => (await import('./tasks/tag/tuning-node.ts')).fineTuneTagger);

/**
 * Fine-tunes a checkpoint into a reader that answers questions by stretches of a text. Errors and resuming are those of
 * `fineTuneClassifier`.
 */
export const fineTuneReader = later(async () => (await import('./tasks/answer/tuning-node.ts')).fineTuneReader);

/**
 * Fine-tunes a checkpoint into a classifier of relations between two mentions. Errors and resuming are those of
 * `fineTuneClassifier`.
 */
export const fineTuneRelations = later(async () => (await import('./tasks/relate/tuning-node.ts')).fineTuneRelations);

/** Fine-tunes a checkpoint to choose among answers. Errors and resuming are those of `fineTuneClassifier`. */
export const fineTuneChoice = later(async () => (await import('./tasks/choose/tuning-node.ts')).fineTuneChoice);

/**
 * Fine-tunes a checkpoint into a ranker of candidates for a query. Errors and resuming are those of
 * `fineTuneClassifier`.
 */
export const fineTuneRanker = later(async () => (await import('./tasks/rank/tuning-node.ts')).fineTuneRanker);

/**
 * Teaches an ALBERT what another model says of texts (distillation; Hinton et al. 2015, Reimers and Gurevych 2020):
 * sentence vectors or token states of any encoder, guesses at masked words, or the answers of a text classifier. The student is a checkpoint or a new network;
 * the output is a model folder as `fineTuneEmbedding` or `fineTuneClassifier` write it. Interrupting saves; `resume`
 * continues with the same result as an uninterrupted run. Vectors and tokens are read from disk when a step needs them,
 * so that millions of texts take little memory. Throws `invalid_data` for rows that cannot be used, vectors that are
 * not finite, or another number of vectors than of texts; `invalid_argument` for options that do not go together;
 * `interrupted` before the first step; `out_of_memory`, `training_diverged`.
 */
export const distill = later(async () => (await import('./tasks/distill/distill-node.ts')).distill);

/**
 * Pretrains an ALBERT on token shards with masked tokens and sentence order, from random weights or from a checkpoint.
 * The output folder holds a checkpoint that `transformers` loads as `AlbertForPreTraining`, also when interrupted.
 */
export const pretrain = later(async () => (await import('./tasks/pretrain/pretrain-node.ts')).pretrain);

/**
 * Learns a classic classifier of texts, or of pairs of texts (`pairField`), in seconds: logistic regression, a linear SVM, ridge regression, nearest
 * neighbours or centroids, on vectors of a model, on tf-idf of words, or on both. Saves it with its encoder in a folder
 * that `evaluate` and `predict` open. Throws `invalid_data` for rows that cannot be used, `invalid_argument` for what a
 * classifier cannot do and for an output folder that holds something else.
 */
export const fitClassifier = later(async () => (await import('./tasks/fit/fit-node.ts')).fitClassifier);

/** Opens a folder that {@link fitClassifier} wrote. Errors as of `openFittedFiles`. */
export const loadFittedClassifier = later(async () => (await import('./tasks/fit/fit-node.ts')).loadFittedClassifier);

/**
 * Quantises a model that runs in f32, and measures how far the result is from it, layer by layer, on texts that took no
 * part in calibration. The drift is that of the stored model as it runs on this machine. Throws `invalid_argument` for
 * a model that is int8 already or for a sample too small.
 */
export const quantizeModel = later(async () => (await import('./loaded/quantize-model.ts')).quantizeModel);

/**
 * Writes `exportOnnx`'s result to `path` (and external weights to `<path>_data`, the name transformers.js
 * expects). Files are written and flushed under other names first, so that a reader never sees half a model.
 */
export const saveOnnx = later(async () => (await import('./checkpoint/onnx-export-node.ts')).saveOnnx);
