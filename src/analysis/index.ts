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
