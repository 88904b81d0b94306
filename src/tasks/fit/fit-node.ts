import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { countOf } from '../../core/count.ts';
import { AlbertineError, wrongOption } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import { USUAL_FILES } from '../../core/files-url.ts';
import { requireGiven } from '../../core/options.ts';
import { pick } from '../../core/pick.ts';
import { requireSettings } from '../../core/settings.ts';
import { readExamples, type ReadExampleOptions } from '../../data/dataset-node.ts';
import type { Example, ExampleSet } from '../../data/dataset.ts';
import { encodeSafetensors } from '../../checkpoint/safetensors.ts';
import { publishFolder } from '../../checkpoint/save-node.ts';
import type { Albert, LoadOptions } from '../../loaded/albert.ts';
import { loadModel, type NodeAlbert } from '../../loaded/load-node.ts';
import { DenseProductGraphs } from '../../runtime/dense-products.ts';
import { evaluateTask, type TaskEvaluation } from '../evaluate-node.ts';
import { labelled } from '../classify/tuning-node.ts';
import { FILE_OPTIONS } from '../shared-settings.ts';
import { cardOf } from './card.ts';
import { featureInput, FittedClassifier } from './classifier.ts';
import { fitFeatures, FIT_OPTIONS, type FitOptions } from './fit.ts';
import { FIT_VERB_SETTINGS, type FeatureKind } from './settings.ts';
import { FIT_FILES, FIT_VERSIONS, numbersOf, openFittedFiles, readStoredFit, type StoredFit } from './store.ts';
import { TextFeatures, type FeatureParts } from './text-features.ts';

/** Options of {@link fitExamples}. */
export interface FitExamplesOptions extends Omit<FitOptions, 'strengths'> {
  /** Default `both`. */
  features?: FeatureKind;
  /** As in {@link FitOptions}; texts are read as numbers. */
  strengths?: readonly (number | string)[];
  /** Default: those this process may use. */
  threads?: number;
}

/** Options of {@link fitClassifier}; fields and formats of the files are those of `readExamples`. */
export interface FitClassifierOptions extends FitExamplesOptions, Omit<ReadExampleOptions, 'labels' | 'maxLineBytes'> {
  /** Labelled examples. */
  train: string;
  /** Held-out examples that the classifier is judged by. Default: none, cross-validation says how good it is. */
  evaluation?: string;
  /** Folder to be made. */
  output: string;
  /** Folder or hub id of the model whose vectors are learned on, or one that is loaded. Default: the built-in one. */
  model?: string | NodeAlbert;
}

/** Result of {@link fitClassifier}. */
export interface FitResult {
  /** The folder. */
  output: string;
  /** What was learned, ready to be asked; dispose it. */
  classifier: FittedClassifier;
  /** Rows that were learned from. */
  trainRows: number;
  /** Figures on `evaluation`. */
  evaluation?: TaskEvaluation;
  /** Rows left out, and what else a reader should know. */
  notes: string[];
}

const SETTINGS = {
  ...FIT_VERB_SETTINGS,
  output: { kind: 'file', required: true, help: '' },
  threads: { kind: 'number', integer: true, min: 1, help: '' },
} as const;

/** What the main entry's function of this name loads; it says more. */
export async function fitClassifier(options: FitClassifierOptions): Promise<FitResult> {
  requireGiven('fitClassifier', options, ['train', 'output']);
  const { strengths, model: given, ...plain } = options;
  requireSettings('fitClassifier', { ...plain, ...(strengths && { strengths: strengths.map(String) }) }, SETTINGS, {
    onProgress: 'function',
    signal: 'object',
  });
  const { train: path, evaluation, output, features: kind = 'both', problem } = options;
  if (kind === 'words' && given !== undefined)
    throw wrongOption('model', 'left out: words need none', { value: String(given) });
  if (options.labelSeparator !== undefined && problem !== 'multiLabel')
    throw wrongOption('labelSeparator', 'left out: it is for multiLabel', { value: options.labelSeparator });
  await requireOwnFolder(output);
  const reading = pick(options, ['textField', 'pairField', 'labelField', 'labelSeparator', ...FILE_OPTIONS]);
  const set = await readExamples(path, { ...reading, ...(problem && { problem }) });
  const held =
    evaluation === undefined
      ? undefined
      : await readExamples(evaluation, {
          ...reading,
          problem: set.problem,
          ...(set.problem !== 'regression' && { labels: set.labels }),
        });
  const encoder = kind === 'words' ? undefined : await openEncoder(given, options);
  try {
    const { classifier, known } = await fitExamples(set, encoder, options);
    await save(output, classifier, { known, set });
    const judged = held && (await evaluateTask(classifier, labelled(held, classifier.facts), {}));
    return {
      output,
      classifier,
      trainRows: set.examples.length,
      ...(judged && { evaluation: judged }),
      notes: [...notesOf(set), ...(held ? overlapNotes(set, held) : [])],
    };
  } catch (error) {
    if (encoder !== given) encoder?.[Symbol.dispose]();
    throw error;
  }
}

/** Refuses a folder that holds something else: two kinds of model in one would be mixed up. */
async function requireOwnFolder(output: string): Promise<void> {
  const names: string[] = await readdir(output).catch(() => []);
  if (names.length === 0 || names.includes(FIT_FILES.facts)) return;
  throw new AlbertineError('invalid_argument', `${output} holds other files (${names.slice(0, 3).join(', ')})`, {
    value: output,
    hint: 'Choose another folder',
  });
}

async function openEncoder(
  model: string | NodeAlbert | undefined,
  { threads, onProgress, signal }: FitClassifierOptions,
): Promise<NodeAlbert> {
  if (typeof model === 'object') return model;
  return loadModel(model, {
    ...(threads !== undefined && { threads }),
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
  });
}

/**
 * The same of rows in memory, not saved. `known` are their features. `encoder` is undefined where `features` are words
 * alone; disposing the classifier disposes it.
 */
export async function fitExamples(
  {
    examples,
    problem,
    labels,
  }: Pick<ExampleSet, 'problem' | 'labels'> & {
    examples: readonly Pick<Example, 'text' | 'pair' | 'target'>[];
  },
  encoder: Albert | undefined,
  options: FitExamplesOptions = {},
): Promise<{ classifier: FittedClassifier; known: FeatureParts }> {
  const { input } = await featureInput(examples, encoder, pick(options, ['onProgress', 'signal']));
  const features = TextFeatures.learn(options.features ?? 'both', input);
  using products = await DenseProductGraphs.create(pick(options, ['threads']));
  const known = features.of(input, products);
  const weights = await fitFeatures(
    {
      matrix: known.matrix,
      texts: examples.map(textsKey),
      problem,
      labels,
      targets: examples.map(({ target }) => target),
    },
    products,
    {
      ...pick(options, Object.keys(FIT_OPTIONS) as (keyof FitOptions)[]),
      ...(options.strengths && { strengths: requireNumbers(options.strengths) }),
    } as FitOptions,
  );
  return {
    classifier: new FittedClassifier({ features, weights, facts: { problem, labels }, ...(encoder && { encoder }) }),
    known,
  };
}

function requireNumbers(strengths: readonly (number | string)[]): number[] {
  const wrong = strengths.find((strength) => strength === '' || !Number.isFinite(Number(strength)));
  if (wrong !== undefined) throw wrongOption('strengths', 'numbers above 0', { value: wrong });
  return strengths.map(Number);
}

/** Writes the folder: it appears at once and complete. */
async function save(
  output: string,
  classifier: FittedClassifier,
  { known, set }: { known: FeatureParts; set: ExampleSet },
): Promise<void> {
  const { weights, features, facts, encoder } = classifier;
  const stored: StoredFit = {
    albertineFit: features.pairs ? FIT_VERSIONS.pairs : FIT_VERSIONS.single,
    problem: facts.problem,
    labels: [...facts.labels],
    classifier: weights.classifier,
    strength: weights.strength,
    encoder: encoder?.fingerprint ?? null,
    words: features.words?.toJSON() ?? null,
    ...(features.pairs && { pairs: true }),
    ...(weights.sigmoids && { sigmoids: weights.sigmoids }),
    ...(weights.crossValidation && { crossValidation: weights.crossValidation }),
    rows: set.examples.length,
  };
  const from = encoder && encoderFolder(encoder);
  const old = await filesBelow(join(resolve(output), FIT_FILES.encoder));
  const fill = async (staging: string): Promise<void> => {
    if (from !== undefined) await copyEncoder(from, join(staging, FIT_FILES.encoder));
    const numbers = encodeSafetensors(numbersOf(classifier, known), { metadata: { format: 'albertine-fit' } });
    await writeFile(join(staging, FIT_FILES.numbers), Buffer.concat([...numbers.chunks()]));
    await writeFile(join(staging, 'README.md'), cardOf(stored));
    await writeFile(join(staging, FIT_FILES.facts), `${JSON.stringify(stored)}\n`);
  };
  // Files of another encoder that was there would be taken for this one's.
  await publishFolder(
    resolve(output),
    fill,
    old.map((name) => `${FIT_FILES.encoder}/${name}`),
  );
  if (from === undefined) await rm(join(resolve(output), FIT_FILES.encoder), { recursive: true, force: true });
}

/** Names of the files below a folder; none where it is not there. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Where an encoder's files are. Throws `invalid_argument` where they are no folder in Hugging Face's layout. */
function encoderFolder({ checkpoint: { location } }: NodeAlbert): string {
  if (existsSync(join(location, 'config.json'))) return location;
  throw new AlbertineError('invalid_argument', `${location} is no folder in Hugging Face's layout`, {
    value: location,
    hint: 'Convert it first: albertine convert MODEL --to safetensors --output FOLDER',
  });
}

/** What a checkpoint consists of, without the rest of a folder such as that of a training run. */
async function copyEncoder(from: string, to: string): Promise<void> {
  const index = join(from, 'model.safetensors.index.json');
  const shards = existsSync(index)
    ? Object.values((JSON.parse(await readFile(index, 'utf8')) as { weight_map: Record<string, string> }).weight_map)
    : [];
  const names = [...USUAL_FILES, ...new Set(shards), 'README.md', '1_Pooling', 'config_sentence_transformers.json'];
  for (const name of names) {
    if (!existsSync(join(from, name))) continue;
    await mkdir(dirname(join(to, name)), { recursive: true });
    // A file of the hub's cache is a link into it.
    await cp(join(from, name), join(to, name), { recursive: true, dereference: true });
  }
}

function notesOf({ report, emptyTexts }: ExampleSet): string[] {
  return [
    ...(report.skipped > 0 ? [`${countOf(report.skipped, 'bad row')} left out`] : []),
    ...(emptyTexts > 0 ? [countOf(emptyTexts, 'empty text')] : []),
  ];
}

/** Held-out rows that were learned say nothing of new ones. */
function overlapNotes(set: ExampleSet, held: ExampleSet): string[] {
  const known = new Set(set.examples.map(textsKey));
  const seen = held.examples.filter((example) => known.has(textsKey(example))).length;
  const what = held.examples[0].pair === undefined ? 'text' : 'pair';
  return seen === 0
    ? []
    : [
        `${countOf(seen, what)} of the ${held.examples.length} held out ${seen === 1 ? 'is' : 'are'} in --train too: the figures are too good`,
      ];
}

/** The same for equal texts, and for equal pairs. */
const textsKey = ({ text, pair }: Pick<Example, 'text' | 'pair'>): string =>
  pair === undefined ? text : JSON.stringify([text, pair]);

/** Whether a folder holds a fitted classifier. */
export const isFittedFolder = (folder: string): boolean => existsSync(join(folder, FIT_FILES.facts));

/** What the main entry's function of this name loads; it says more. */
export async function loadFittedClassifier(folder: string, options: LoadOptions = {}): Promise<FittedClassifier> {
  const files = await openFolder(folder);
  const { encoder: needed } = await readStoredFit(files);
  if (needed === null) return openFittedFiles(files);
  const encoder = await loadModel(resolve(folder, FIT_FILES.encoder), options);
  return await openFittedFiles(files, encoder).catch((error: unknown) => {
    encoder[Symbol.dispose]();
    throw error;
  });
}
