/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Measuring texts and models. ALBERTScore: texts beside references, by contextual token vectors. Keywords of documents.
 * Robustness: models with their texts perturbed, and under attack. Explanations: why a classifier answers as it does, and
 * how faithful that is. Bias: scores and errors of groups, associations of vectors. Probes: what the vectors of every
 * layer know. Clusters and near duplicates of texts, by their vectors.
 *
 * @packageDocumentation
 */
export { CHOICE_METHODS, type ChoiceMethod } from './keywords/choose.ts';
export { KeywordExtractor, type DocumentKeywords, type Keyword, type KeywordOptions } from './keywords/extractor.ts';
export { STOP_WORD_LANGUAGES, type StopWordLanguage } from './keywords/stop-words.ts';
export { KEYWORD_VECTORS, type KeywordVectors } from './keywords/vectors.ts';
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
export { detectCommunities, type CommunityOptions } from './cluster/communities.ts';
export {
  communityLabels,
  describeClusters,
  OUTLIER,
  type ClusterDescription,
  type ClusteredRows,
  type DescribeOptions,
} from './cluster/describe.ts';
export { keepDistinct, type DistinctRows } from './cluster/distinct.ts';
export {
  mineDuplicates,
  similarGroups,
  type MineOptions,
  type SimilarRowsOptions,
  type SimilarPair,
} from './cluster/duplicates.ts';
export { sphericalKMeans, type KMeansOptions, type KMeansResult } from './cluster/k-means.ts';
export type { ComparisonOptions } from './cluster/similarity-blocks.ts';
export type { VectorRows } from './cluster/vectors.ts';
export { nearestWords, type WordCandidates } from './explain/candidates.ts';
export { explainedClassifier, type ExplainedClassifierOptions } from './explain/classifier.ts';
export type {
  Counterfactual,
  CounterfactualEdit,
  CounterfactualOptions,
  LabelScore,
} from './explain/counterfactual.ts';
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
export type { ProbeBaselines } from './probe/baselines.ts';
export { builtInTasks } from './probe/built-in.ts';
export { PROBE_FIGURES, type Interval, type ProbeFigure } from './probe/judge.ts';
export { PROBE_KINDS, type ProbeKind } from './probe/settings.ts';
export type { ControlProbe, LayerProbe } from './probe/layer-probe.ts';
export type { DescriptionLength } from './probe/mdl.ts';
export { probePage } from './probe/page.ts';
export {
  probeModels,
  type NetworkProbe,
  type ProbedModel,
  type ProbedTask,
  type ProbeOptions,
  type ProbeReport,
  type TaskProbe,
} from './probe/probe.ts';
export { readProbeTask, readStructureTasks, type ProbeFileOptions, type ProbeFiles } from './probe/read-node.ts';
export {
  STRUCTURE_PROBES,
  structureTasks,
  type StructureOptions,
  type StructureProbe,
  type StructureTasks,
} from './probe/structure.ts';
export { probeTable } from './probe/table.ts';
export { PROBE_PARTS, type ProbePart, type ProbeRow, type ProbeTask } from './probe/task.ts';
export { untrainedLike, type FloorModel } from './probe/untrained.ts';
export { rescaled, scoreBaseline, type BaselineOptions, type ScoreBaseline } from './score/baseline.ts';
export { readBaseline, writeBaseline } from './score/baseline-node.ts';
export { heatMapPage, type ShownPair } from './score/heat-map.ts';
export { IdfWeights } from './score/idf.ts';
export { usualLayer } from './score/layer.ts';
export { greedyMatch, similarityMatrix, type PairScore, type TokenVectors, type TokenWeight } from './score/match.ts';
export type { PairFiles } from './score/pairs-node.ts';
export { SCORE_BLOCK } from './score/groups.ts';
export { prepareScores, type PreparedScores } from './score/prepare-node.ts';
export { scoreFiles, type FilesScore, type ScoredBefore, type ScoreFilesOptions } from './score/score-node.ts';
export { SCORE_METRICS, type ScoreMetric, type ScoreRecord, type WordOptions } from './score/score-run.ts';
export {
  AlbertScorer,
  type AlbertScores,
  type PairRemarks,
  type PairScoreOptions,
  type ScorerOptions,
  type TextPairs,
  type TokenAlignment,
} from './score/scorer.ts';
export type { MetricSummary, ScoreSummary } from './score/summary.ts';
export {
  applyEdits,
  mapSpan,
  perturbation,
  type Edit,
  type Perturbation,
  type PerturbationRow,
  type PerturbedLanguage,
  type PerturbedText,
  type PerturbOptions,
  type ProposedEdit,
  type TextRange,
} from '../perturbation/perturbation.ts';
export { languagesOf, PERTURBATIONS, perturbationsNamed } from '../perturbation/registry.ts';
export {
  ATTACK_SEARCHES,
  attackRows,
  type AttackOptions,
  type AttackReport,
  type AttackSearch,
} from './robustness/attack.ts';
export { findNear, meaningCheck } from './robustness/meaning.ts';
export {
  measureRobustness,
  type MeaningCheck,
  type RobustnessOptions,
  type RobustnessRecord,
} from './robustness/measure.ts';
export { modelPerturbations, type FindWords } from './robustness/model-perturbations.ts';
export { robustnessPage } from './robustness/page.ts';
export {
  worstCondition,
  type RobustnessCondition,
  type RobustnessFailure,
  type RobustnessGroup,
  type RobustnessReport,
} from './robustness/report.ts';
export { openRobustnessData } from './robustness/open-node.ts';
export { WordVectors, type NearOptions, type NearWord, type WordVectorOptions } from './robustness/word-vectors.ts';
export type { RewritableData, RewritableText, Rewriting, RewrittenText } from '../tasks/rewriting.ts';
