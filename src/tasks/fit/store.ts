import { AlbertineError } from '../../core/errors.ts';
import type { FileSource } from '../../core/files.ts';
import { DenseFeatures, JoinedFeatures, SparseFeatures } from '../../classical/features.ts';
import type { Sigmoid } from '../../classical/platt.ts';
import type { StoredWordFeatures } from '../../classical/word-features.ts';
import { openSafetensors } from '../../checkpoint/safetensors.ts';
import type { ProblemType } from '../../data/dataset.ts';
import type { Albert } from '../../loaded/albert.ts';
import { FittedClassifier } from './classifier.ts';
import type { CrossValidation } from './fit.ts';
import type { Learned } from './kinds.ts';
import type { ClassifierKind } from './settings.ts';
import { TextFeatures, type FeatureParts } from './text-features.ts';

/** What the folder of a fitted classifier has. */
export const FIT_FILES = { facts: 'fit.json', numbers: 'fit.safetensors', encoder: 'encoder' } as const;
/** What is written for single texts and for pairs: readers that know no pairs refuse the second. */
export const FIT_VERSIONS = { single: 1, pairs: 2 } as const;

/** `fit.json`. */
export interface StoredFit {
  albertineFit: number;
  problem: ProblemType;
  labels: string[];
  classifier: ClassifierKind;
  /** C, or the number of neighbours. */
  strength: number;
  /** Fingerprint of the encoder whose vectors it was learned on; null for words alone. */
  encoder: string | null;
  words: StoredWordFeatures | null;
  /** Whether it was learned on pairs of texts. Absent: it was not. */
  pairs?: boolean;
  sigmoids?: Sigmoid[];
  crossValidation?: CrossValidation;
  rows: number;
}

/** A tensor for a safetensors file. */
type Numbers = [string, { shape: number[]; data: Float32Array }];

/** The numbers of a classifier by name. `known`: the features of the rows, where it remembers them. */
export function numbersOf({ features, weights }: FittedClassifier, known: FeatureParts): Numbers[] {
  const { scale } = features;
  const list = (name: string, values: ArrayLike<number>, shape = [values.length]): Numbers => [
    name,
    { shape, data: Float32Array.from(values) },
  ];
  return [
    ...(scale ? [list('vectors.means', scale.means), list('vectors.deviations', scale.deviations)] : []),
    ...('linear' in weights.learned
      ? [
          list('linear.weights', weights.learned.linear.weights, [
            features.columns,
            weights.learned.linear.bias.length,
          ]),
          list('linear.bias', weights.learned.linear.bias),
        ]
      : [
          ...(known.vectors
            ? [list('neighbours.vectors', known.vectors.values, [known.vectors.rows, known.vectors.columns])]
            : []),
          ...(known.words ? sparseNumbers(known.words, list) : []),
          list('neighbours.targets', weights.learned.neighbours.targets.values, [
            known.matrix.rows,
            weights.learned.neighbours.targets.outputs,
          ]),
        ]),
  ];
}

function sparseNumbers(words: SparseFeatures, list: (name: string, values: ArrayLike<number>) => Numbers): Numbers[] {
  return [
    list(
      'neighbours.lengths',
      words.entries.map(({ indices }) => indices.length),
    ),
    list(
      'neighbours.columns',
      words.entries.flatMap(({ indices }) => [...indices]),
    ),
    list(
      'neighbours.words',
      words.entries.flatMap(({ values }) => [...values]),
    ),
  ];
}

/** What is known of a folder before its encoder is loaded. Throws `invalid_file` for what is no `fit.json` of ours. */
export async function readStoredFit(files: FileSource): Promise<StoredFit> {
  const text = new TextDecoder().decode(await files.read(FIT_FILES.facts));
  let stored: Partial<StoredFit>;
  try {
    stored = JSON.parse(text) as Partial<StoredFit>;
  } catch (cause) {
    throw new AlbertineError('invalid_file', `${files.location}: ${FIT_FILES.facts} is not JSON`, { cause });
  }
  const version = stored.pairs ? FIT_VERSIONS.pairs : FIT_VERSIONS.single;
  if (stored.albertineFit !== version)
    throw new AlbertineError(
      'invalid_file',
      `${files.location}: ${FIT_FILES.facts} is of version ${String(stored.albertineFit)}, and ${version} is read here`,
      { value: stored.albertineFit, hint: 'Make it again with albertine fit, or use the version that made it' },
    );
  return stored as StoredFit;
}

/**
 * Opens a fitted classifier with the encoder in its folder, if it needs one. Throws `weights_mismatch` where the encoder
 * is not the one that it was learned on.
 */
export async function openFittedFiles(files: FileSource, encoder?: Albert): Promise<FittedClassifier> {
  const stored = await readStoredFit(files);
  if (stored.encoder !== null && encoder?.fingerprint !== stored.encoder)
    throw new AlbertineError('weights_mismatch', `${files.location}: the encoder is not the one it was learned on`, {
      value: encoder?.fingerprint,
      hint: `It was learned on ${stored.encoder}`,
    });
  const file = await openSafetensors(files, FIT_FILES.numbers);
  const tensors = await file.read([...file.tensors.keys()]);
  const numbers = (name: string): Float64Array => {
    const found = tensors.get(name);
    if (!found)
      throw new AlbertineError('weights_mismatch', `${files.location}: ${FIT_FILES.numbers} has no ${name}`, {
        value: name,
      });
    return Float64Array.from(found.data);
  };
  const features = new TextFeatures({
    ...(stored.encoder !== null && {
      scale: { means: numbers('vectors.means'), deviations: numbers('vectors.deviations') },
    }),
    ...(stored.words && { words: stored.words }),
    pairs: stored.pairs === true,
  });
  const { classifier, strength, sigmoids, crossValidation, problem, labels } = stored;
  return new FittedClassifier({
    features,
    facts: { problem, labels },
    weights: {
      classifier,
      strength,
      learned: learnedOf(stored, features, numbers),
      ...(sigmoids && { sigmoids }),
      ...(crossValidation && { crossValidation }),
    },
    ...(encoder && { encoder }),
  });
}

function learnedOf(
  { classifier, strength, rows }: StoredFit,
  features: TextFeatures,
  numbers: (name: string) => Float64Array,
): Learned {
  if (classifier !== 'knn') return { linear: { weights: numbers('linear.weights'), bias: numbers('linear.bias') } };
  const parts = [
    ...(features.scale ? [new DenseFeatures(numbers('neighbours.vectors'), features.dimensions)] : []),
    ...(features.words ? [sparseOf(features.wordColumns, numbers)] : []),
  ];
  const values = numbers('neighbours.targets');
  return {
    neighbours: {
      features: parts.length === 1 ? parts[0] : new JoinedFeatures(parts),
      targets: { values, outputs: values.length / rows },
    },
    k: strength,
  };
}

function sparseOf(columns: number, numbers: (name: string) => Float64Array): SparseFeatures {
  const [lengths, indices, values] = ['lengths', 'columns', 'words'].map((name) => numbers(`neighbours.${name}`));
  let next = 0;
  return new SparseFeatures(
    Array.from(lengths, (length) => {
      const [start, end] = [next, (next += length)];
      return { indices: Int32Array.from(indices.subarray(start, end)), values: values.slice(start, end) };
    }),
    columns,
  );
}
