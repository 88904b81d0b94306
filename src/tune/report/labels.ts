import type { ReportLanguage } from '../../training/report/labels.ts';

const ENGLISH = {
  study: 'Study of settings',
  trial: 'trial',
  trials: 'Trials',
  best: 'Best',
  bestTrial: 'best: trial {number}',
  bestSoFar: 'best so far',
  complete: 'complete',
  pruned: 'ended early',
  failed: 'failed',
  running: 'running',
  time: 'Time in trials',
  history: 'History',
  historyCaption: 'Each point is a trial; one that was ended early stands at its last evaluation.',
  front: 'Compromises',
  frontCaption: 'Connected: trials that no other beats in every objective.',
  importance: 'What mattered',
  importanceCaption:
    'PED-ANOVA (Watanabe et al. 2023): how much the values of the best tenth of the complete trials differ from those of all, as shares of the sum. It speaks of this search: values that were not tried are not known.',
  importanceFew: 'Too few complete trials to say ({count}; it takes 50).',
  parallel: 'Settings side by side',
  parallelCaption:
    'Each line is a complete trial, the better the stronger; the best tenth is blue. A line that passes below an axis: that parameter was not searched in the trial.',
  slices: 'Slices',
  curves: 'Evaluations',
  curvesCaption: 'The first objective while trials ran; the best trial is blue.',
  evaluation: 'evaluation',
  seeds: 'With other seeds',
  seedsCaption: 'Mean and standard deviation over seeds that the search has not seen.',
  mean: 'mean',
  deviation: 'deviation',
  searched: 'search',
  state: 'state',
  seconds: 'seconds',
  reason: 'reason',
  settings: 'Settings of the study',
  started: 'started',
  noTrials: 'No trial has been completed.',
  logScale: 'logarithmic scale',
  outside: 'drawn at the edge because outside the range: {count}',
  shownOf: '{shown} of {total}',
};

type StudyLabel = keyof typeof ENGLISH;

const CHINESE: Record<StudyLabel, string> = {
  study: '超参数搜索',
  trial: '试验',
  trials: '试验',
  best: '最佳',
  bestTrial: '最佳：试验 {number}',
  bestSoFar: '目前最佳',
  complete: '完成',
  pruned: '提前结束',
  failed: '失败',
  running: '进行中',
  time: '试验用时',
  history: '历程',
  historyCaption: '每点为一次试验；提前结束者按其最后一次评估标出。',
  front: '折中方案',
  frontCaption: '连线：没有其他试验在所有目标上都胜过的试验。',
  importance: '参数重要性',
  importanceCaption:
    'PED-ANOVA（Watanabe 等，2023）：最好的十分之一试验的取值与全部试验取值的差异，按占比表示。只说明本次搜索：未试过的取值无从得知。',
  importanceFew: '完成的试验太少，无法判断（{count} 次；至少 50 次）。',
  parallel: '平行坐标',
  parallelCaption: '每条线为一次完成的试验，越好越明显；最好的十分之一为蓝色。从轴下方经过的线：该试验中未搜索此参数。',
  slices: '切片',
  curves: '评估',
  curvesCaption: '试验过程中的第一个目标；最佳试验为蓝色。',
  evaluation: '评估',
  seeds: '其他随机种子',
  seedsCaption: '在搜索未见过的种子上的均值与标准差。',
  mean: '均值',
  deviation: '标准差',
  searched: '搜索时',
  state: '状态',
  seconds: '秒',
  reason: '原因',
  settings: '搜索设置',
  started: '开始于',
  noTrials: '还没有完成的试验。',
  logScale: '对数刻度',
  outside: '超出范围而画在边缘：{count}',
  shownOf: '{total} 中的 {shown}',
};

/** Texts of a study's page in a language. */
export type StudyLabels = (name: StudyLabel, values?: Readonly<Record<string, string | number>>) => string;

/** Texts of a study's page; `{name}` in them are replaced by values. */
export function studyLabels(language: ReportLanguage): StudyLabels {
  const texts = language === 'zh' ? CHINESE : ENGLISH;
  return (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));
}
