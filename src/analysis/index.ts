/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Measuring texts and models. ALBERTScore: texts beside references, by contextual token vectors. Explanations: why a
 * classifier answers as it does, and how faithful that is. Bias: scores and errors of groups, associations of vectors.
 *
 * @packageDocumentation
 */
export {
  measureAssociations,
  type Association,
  type AssociationOptions,
  type AssociationReport,
} from './bias/associations.ts';
export { readGroups, readTemplates, readWeatTests } from './bias/files-node.ts';
export { GROUPS, SEAT_SENTENCES, TEMPLATES, WEAT_TESTS, type ListLanguage } from './bias/lists.ts';
export {
  measureBias,
  type AttributeFigures,
  type BiasOptions,
  type BiasReport,
  type GroupFigures,
  type GroupGap,
} from './bias/measure.ts';
export { associationPage, biasPage } from './bias/page.ts';
export { fillTemplates, type FilledTemplate, type Template, type TermAttribute } from './bias/templates.ts';
export { weat, type WeatOptions, type WeatResult, type WeatTest, type WeatVectors, type WordSet } from './bias/weat.ts';
export { nearestWords, type WordCandidates } from './explain/candidates.ts';
export { explainedClassifier, type ExplainedClassifierOptions } from './explain/classifier.ts';
export type { Counterfactual, CounterfactualOptions, Edit, LabelScore } from './explain/counterfactual.ts';
export {
  EXPLAIN_METHODS,
  TextExplainer,
  type ExplainMethod,
  type ExplainOptions,
  type Explanation,
} from './explain/explainer.ts';
export {
  summariseFaithfulness,
  type FaithfulnessOfText,
  type FaithfulnessOptions,
  type FaithfulnessSummary,
} from './explain/faithfulness.ts';
export { BASELINES, type Baseline, type Completeness } from './explain/integrated-gradients.ts';
export type {
  ExplainedAnswer,
  ExplainedInput,
  ExplainedModel,
  ExplainedPiece,
  ExplainedText,
  GradientPoint,
  GradientValue,
  PlacedToken,
  Side,
} from './explain/model.ts';
export { explanationPage, type ShownExplanation } from './explain/page.ts';
export { UNITS, type Attribution, type Unit } from './explain/units.ts';
export { rescaled, scoreBaseline, type BaselineOptions, type ScoreBaseline } from './score/baseline.ts';
export { readBaseline, writeBaseline } from './score/baseline-node.ts';
export { heatMapPage, type ShownPair } from './score/heat-map.ts';
export { IdfWeights } from './score/idf.ts';
export { usualLayer } from './score/layer.ts';
export { greedyMatch, similarityMatrix, type PairScore, type TokenVectors, type TokenWeight } from './score/match.ts';
export type { PairFiles } from './score/pairs-node.ts';
export {
  scoreFiles,
  SCORE_METRICS,
  type FilesScore,
  type ScoreFilesOptions,
  type ScoreMetric,
  type ScoreRecord,
} from './score/score-node.ts';
export {
  AlbertScorer,
  type AlbertScores,
  type PairScoreOptions,
  type ScorerOptions,
  type TextPairs,
  type TokenAlignment,
} from './score/scorer.ts';
export type { MetricSummary, ScoreSummary } from './score/summary.ts';
