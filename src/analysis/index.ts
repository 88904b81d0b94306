/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Measuring texts and models. ALBERTScore: texts beside references, by contextual token vectors. Keywords of documents.
 *
 * @packageDocumentation
 */
export { CHOICE_METHODS, type ChoiceMethod } from './keywords/choose.ts';
export { KeywordExtractor, type DocumentKeywords, type Keyword, type KeywordOptions } from './keywords/extractor.ts';
export { STOP_WORD_LANGUAGES, type StopWordLanguage } from './keywords/stop-words.ts';
export { KEYWORD_VECTORS, type KeywordVectors } from './keywords/vectors.ts';
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
