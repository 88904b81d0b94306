/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Metrics: numbers in, numbers out. Classification, regression, ranking, entities, relations, answers, texts beside
 * references, clusters, similarity of vectors.
 *
 * @packageDocumentation
 */
export {
  accuracy,
  balancedAccuracy,
  classificationReport,
  confusionMatrix,
  matthewsCorrelation,
  multiLabelReport,
  type AveragedScores,
  type ClassScores,
  type ClassificationOptions,
  type ClassificationReport,
  type MultiLabelReport,
} from './classification.ts';
export {
  calibrationBins,
  expectedCalibrationError,
  logLoss,
  topKAccuracy,
  type CalibrationBin,
  type ProbabilityRows,
} from './probabilities.ts';
export { clusteringReport, type ClusteringReport } from './clustering.ts';
export { kendallTau, pearson, ranks, spearman } from './correlation.ts';
export { meanAbsoluteError, meanSquaredError, r2, regressionReport, type RegressionReport } from './regression.ts';
export { cosine, dot, euclidean } from './similarity.ts';
export {
  meanAveragePrecision,
  meanReciprocalRank,
  ndcgAtK,
  precisionAtK,
  rankAnswer,
  rankingScores,
  recallAtK,
  type Gain,
  type RankedQuery,
  type RankingScores,
} from './retrieval.ts';
export {
  agreementChinese,
  agreementEnglish,
  answerReport,
  normalizeAnswer,
  type AnswerAgreement,
  type AnswerReport,
} from './answers.ts';
export {
  isReversed,
  noRelation,
  relationOf,
  relationReport,
  type RelationReport,
  type RelationScores,
} from './relations.ts';
export {
  detectScheme,
  entitiesOfTags,
  entityReport,
  TAG_SCHEMES,
  tagsOfEntities,
  type EntityReport,
  type EntityScores,
  type Span,
  type TagScheme,
} from './entities.ts';
export {
  bootstrapMean,
  normalMean,
  bootstrapStatistic,
  holmCorrection,
  pairedTest,
  type MeanInterval,
  type PairedTest,
  type ResamplingOptions,
} from './resampling.ts';
export { bleu, BLEU_TOKENIZERS, type BleuOptions, type BleuTokenizer } from './text/bleu.ts';
export { chrf, type ChrfOptions } from './text/chrf.ts';
export { corpusTest, type CorpusTest } from './text/corpus-test.ts';
export { addStatistics, StatisticRows, type TextMetric } from './text/metric.ts';
export { porterStem, type PorterRules } from './text/porter.ts';
export {
  rouge,
  rougeScore,
  ROUGE_TOKENS,
  ROUGE_VARIANTS,
  type RougeOptions,
  type RougeScore,
  type RougeVariant,
} from './text/rouge.ts';
