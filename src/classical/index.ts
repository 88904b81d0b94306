/**
 * Classic learning on features: tf-idf of words, linear models, nearest neighbours. Numbers in, numbers out; the minima
 * are scikit-learn's.
 *
 * ```ts
 * import { classTargets, decidedClasses, decisionValues, DenseFeatures, trainLogistic } from 'albertine/classical';
 *
 * const { data, dimensions } = await model.embed(texts);
 * const features = new DenseFeatures(Float64Array.from(data), dimensions);
 * const learned = await trainLogistic(features, classTargets(classes, 2), { c: 1 });
 * decidedClasses(await decisionValues(features, learned), 1); // a class for each text
 * ```
 *
 * @packageDocumentation
 */
export { Bm25 } from './bm25.ts';
export { trainCentroids } from './centroid.ts';
export { ClassTfIdf, type ClassTerm } from './class-tf-idf.ts';
export {
  DenseFeatures,
  JoinedFeatures,
  normalised,
  PLAIN_PRODUCTS,
  SparseFeatures,
  type DenseProducts,
  type FeatureMatrix,
  type MaybePromise,
  type ProductSizes,
  type SparseRow,
} from './features.ts';
export { classTargets, decidedClasses, decisionValues, type LinearModel, type Targets } from './linear.ts';
export { trainLinearSvm, type LinearSvmOptions } from './linear-svm.ts';
export { trainLogistic, type LogisticOptions } from './logistic.ts';
export { neighbourTargets } from './neighbours.ts';
export { fitSigmoid, sigmoidProbability, type Sigmoid } from './platt.ts';
export { trainRidge, type RidgeOptions } from './ridge.ts';
export { spanOf, spanWhereSmaller, type Span } from './span.ts';
export { characterBigrams, mixedTerms, termsOf, words, type TermOptions, type Terms } from './terms.ts';
export { sparseCosine, TfIdf } from './tf-idf.ts';
export { WordFeatures, type StoredWordFeatures, type WordFeatureOptions } from './word-features.ts';
export type { Random } from '../core/random.ts';
