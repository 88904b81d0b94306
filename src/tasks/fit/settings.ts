import type { Settings } from '../../core/settings.ts';
import { PROBLEM_TYPES } from '../../data/dataset.ts';
import { LABELLED_SETTINGS } from '../classify/settings.ts';
import { DATA_SETTINGS, FILE_SETTINGS } from '../shared-settings.ts';

/** What classifiers are learned on. */
export const FEATURES = ['embedding', 'words', 'both'] as const;
/** One of {@link FEATURES}. */
export type FeatureKind = (typeof FEATURES)[number];

/** The classifiers there are. */
export const CLASSIFIERS = ['logistic', 'svm', 'ridge', 'knn', 'centroid'] as const;
/** One of {@link CLASSIFIERS}. */
export type ClassifierKind = (typeof CLASSIFIERS)[number];

const { textField, pairField, labelField, labelSeparator } = LABELLED_SETTINGS;

/** How labelled texts, or pairs of texts, are read. */
export const FIT_DATA_SETTINGS = {
  textField,
  pairField,
  labelField,
  labelSeparator,
  ...FILE_SETTINGS,
} as const satisfies Settings;

/** What is learned, and how. */
export const FIT_SETTINGS = {
  problem: {
    kind: 'text',
    values: PROBLEM_TYPES,
    placeholder: 'type',
    help: 'singleLabel (one label a text), multiLabel (any number), regression (a number)',
    default: 'singleLabel',
  },
  features: {
    kind: 'text',
    values: FEATURES,
    placeholder: 'kind',
    help: 'embedding (vectors of the model, each number scaled to mean 0 and deviation 1), words (tf-idf of words and pairs of neighbours; of Chinese, characters and their pairs and triples), or both side by side',
    default: 'both',
  },
  classifier: {
    kind: 'text',
    values: CLASSIFIERS,
    placeholder: 'kind',
    help: 'logistic (regression), svm (linear), ridge, knn (nearest neighbours by cosine), centroid (nearest mean direction)',
    usual: 'svm; ridge for regression',
  },
  strengths: {
    kind: 'list',
    placeholder: 'numbers',
    help: 'C of logistic, svm and ridge (inverse strength of the penalty), or the neighbours of knn, from small to large: the best by cross-validation is taken; one alone is taken as it is, and held out rows serve the probabilities only (svm, ridge)',
    usual: 'a range for each classifier',
  },
  folds: {
    kind: 'number',
    integer: true,
    min: 2,
    max: 20,
    help: 'parts of the cross-validation; refused where there is none (one of --strengths with logistic, or a regression by ridge)',
    default: 5,
  },
  metric: {
    kind: 'text',
    help: 'figure by which the strength is chosen',
    usual: 'accuracy; balancedAccuracy with --balance-classes, microF1 (multiLabel), r2 (regression)',
  },
  balanceClasses: { kind: 'flag', help: 'weigh labels by the inverse of their frequency (logistic and svm)' },
  seed: { kind: 'number', integer: true, help: 'of the folds and of the order in which the svm sees rows', default: 1 },
} as const satisfies Settings;

/** What `albertine fit` takes, declared once. */
export const FIT_VERB_SETTINGS = {
  train: DATA_SETTINGS.train,
  evaluation: {
    ...DATA_SETTINGS.evaluation,
    help: 'held-out examples, of the same form, that the result is judged by. Default: none; cross-validation tells how good it is',
  },
  ...FIT_SETTINGS,
  ...FIT_DATA_SETTINGS,
} as const satisfies Settings;
