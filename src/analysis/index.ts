/// <reference lib="es2022" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Measuring texts and models. ALBERTScore: texts beside references, by contextual token vectors. Probes: what the vectors
 * of each layer know.
 *
 * @packageDocumentation
 */
export type { ProbeBaselines } from './probe/baselines.ts';
export { builtInTasks } from './probe/built-in.ts';
export { PROBE_FIGURES, type Interval, type ProbeFigure } from './probe/judge.ts';
export { PROBE_KINDS, type ProbeKind } from './probe/kinds.ts';
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
