import { basename } from 'node:path';
import { parseDecimal } from '../../core/decimal.ts';
import { AlbertineError, describeValue, requireDistinct } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { joinReports, missingFieldReason, textFieldProblem, type RowSource } from '../../data/rows.ts';
import { StackedRows } from '../../data/vector-rows-node.ts';
import type { Albert } from '../../loaded/albert.ts';
import { accuracy } from '../../metrics/classification.ts';
import { spearman } from '../../metrics/correlation.ts';
import {
  LABEL_TEMPERATURE,
  labelDistillationFeeds,
  labelDistillationHead,
  softTargets,
  type LabelHeadOptions,
  type SoftTarget,
} from '../../training/distill/label-head.ts';
import type { ProblemType } from '../../training/heads.ts';
import { requireSameSoFar } from '../../training/run/run-folder-node.ts';
import { tell, type FineTuneRunOptions } from '../../training/run/options.ts';
import type { UnitBatch } from '../../training/units.ts';
import { TextClassifier } from '../classify/classifier.ts';
import {
  bestClass,
  classifyTask,
  type ClassifierFacts,
  type ClassifierInput,
  type ClassifyTypes,
  type LabelAnswer,
} from '../classify/task.ts';
import { classifyTuning } from '../classify/tuning-node.ts';
import { fineTune } from '../fine-tune-node.ts';
import type { Scores, Task } from '../task.ts';
import type { Labelled, Tuning, TuningOptions } from '../tuning.ts';
import { describeFigures } from './figures-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import { DISTILL_RUN_SETTINGS } from './settings.ts';
import type { Student } from './student-node.ts';
import { teach } from './teacher-cache-node.ts';
import { textsOf } from './texts-node.ts';

/** As a classifier's, but what is right is what a teacher says. */
interface DistillTypes extends Omit<ClassifyTypes, 'gold'> {
  gold: SoftTarget;
}

const MULTI_LABEL_THRESHOLD = 0.5;
/** Part of labels by people in the loss where there are any. */
const HARD_WEIGHT = 0.5;

type Read = Labelled<DistillTypes>;

/**
 * Distils the answers of a text classifier into a student; see `distill`. The texts with their answers are held in
 * memory.
 */
export async function distillLabels(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<DistillResult> {
  await requireSameSoFar(options, pick(options, ['teacher']));
  if (teacher && !teacher.loaded.heads.includes('sequenceClassification'))
    throw new AlbertineError('weights_mismatch', prose`${option('teacher', options.teacher!)} has no classifier head`, {
      value: options.teacher,
      option: 'teacher',
      hint: 'Fine-tune one with: albertine finetune classify',
    });
  const data = await read(options, { teacher: teacher && TextClassifier.from(teacher), folder });
  const { problem, labels } = data.facts;
  const head: LabelHeadOptions = {
    problem,
    numLabels: problem === 'regression' ? 1 : labels.length,
    temperature: options.temperature ?? LABEL_TEMPERATURE,
    hardWeight: options.hardWeight ?? (options.labelField === undefined ? 0 : HARD_WEIGHT),
  };
  const run = pick(options, Object.keys(DISTILL_RUN_SETTINGS) as (keyof DistillOptions)[]) as FineTuneRunOptions;
  const listeners = pick(options, ['trackers', 'command', 'onProgress', 'onEstimate', 'onEvent', 'signal']);
  const result = await fineTune(tuning(options, student, { data, head }), {
    ...run,
    ...listeners,
    ...pick(options, ['metric']),
    model: student.folder,
    train: options.input[0],
  } as TuningOptions);
  const end = result.best?.evaluation ?? result.evaluation;
  tell(
    options.onEvent,
    'data',
    ...describeFigures({ ...(end && { end }) }, { names: Object.keys(METRICS), rows: result.evaluationRows }),
  );
  return {
    ...pick(result, [
      'outcome',
      'steps',
      'skipped',
      'rollBacks',
      'output',
      'trainRows',
      'evaluationRows',
      'warnings',
      'evaluation',
      'best',
      'estimate',
    ]),
    task: 'classify',
    ...(end && { end }),
  };
}

const METRICS = {
  agreement: 'higher',
  divergence: 'lower',
  accuracy: 'higher',
  mse: 'lower',
  spearman: 'higher',
} as const;

function tuning(
  options: DistillOptions,
  student: Student,
  { data, head }: { data: Read; head: LabelHeadOptions },
): Tuning<DistillTypes, TuningOptions> {
  const { problem } = head;
  const teacher =
    options.teacher ??
    `${options.logitsField ?? 'logits'} of ${options.input.map((path) => basename(path)).join(', ')}`;
  const { answers, texts, asking, defaults, stored } = classifyTuning;
  return {
    task: distillTask,
    subject: 'distill',
    modelName: student.name,
    answers,
    texts,
    asking: () => asking({} as never),
    defaults,
    declared: {
      train: { kind: 'file', help: 'texts' },
      evaluation: { kind: 'file', help: 'texts' },
      metric: { kind: 'text', help: 'figure' },
      dropDuplicates: { kind: 'flag', help: '' },
      freshHead: { kind: 'flag', help: '' },
    },
    // Read before: what the teacher says may take long.
    read: async () => data,
    contradict: () => false,
    head: (config) => labelDistillationHead(config, head),
    units: ({ pieces }, gold) => [{ pieces, target: gold, weight: 1 }],
    feeds: (batch) => labelDistillationFeeds(batch as UnitBatch<SoftTarget>, head),
    defaultMetric: () => (problem === 'regression' ? 'mse' : 'divergence'),
    settings: (_, facts) => ({
      objective: 'classify',
      teacher,
      problem,
      labels: facts.labels,
      temperature: head.temperature,
      hardWeight: head.hardWeight,
      ...pick(options, ['wordEmbeddings']),
    }),
    stored: (facts) => stored(facts, { ...pick(options, ['pairField']) } as never),
    card: {
      ...classifyTuning.card,
      name: 'Text classifier, distilled',
      description: (rows) =>
        `A student (${student.name}) that learned with albertine the answers of a teacher (${teacher}) to ${rows} at temperature ${head.temperature}${head.hardWeight! > 0 ? `, and labels by people for ${head.hardWeight} of the loss` : ''}. Figures: agreement with the teacher and divergence from it, on texts that were held out.`,
    },
  };
}

/** The classifier's task, scored by how near its answers are to the teacher's. */
const distillTask: Task<DistillTypes> = {
  ...(classifyTask as unknown as Task<DistillTypes>),
  metrics: METRICS,
  score: scoreAnswers,
};

function scoreAnswers(
  gold: readonly SoftTarget[],
  outputs: readonly LabelAnswer[],
  { problem, labels }: ClassifierFacts,
): Scores {
  if (problem === 'regression') {
    const [right, given] = [gold.map(({ logits: [value] }) => value), outputs.map(({ score }) => score)];
    return {
      metrics: {
        mse: right.reduce((sum, value, i) => sum + (value - given[i]) ** 2, 0) / right.length,
        spearman: spearman(given, right),
      },
    };
  }
  const index = new Map(labels.map((label, i) => [label, i]));
  let [agreed, divergence] = [0, 0];
  outputs.forEach((output, row) => {
    const given = new Float64Array(labels.length);
    for (const { label, score } of output.labels) given[index.get(label)!] = score;
    const right = softTargets(gold[row].logits, { problem, temperature: 1 });
    divergence += divergenceOf(right, given, problem);
    agreed +=
      problem === 'singleLabel'
        ? Number(index.get(output.label) === bestClass(Float32Array.from(right)))
        : right.reduce(
            (sum, p, i) => sum + Number(p >= MULTI_LABEL_THRESHOLD === given[i] >= MULTI_LABEL_THRESHOLD),
            0,
          ) / labels.length;
  });
  const people = outputs
    .map((output, row) => ({ given: index.get(output.label)!, gold: gold[row].gold }))
    .filter((row) => typeof row.gold === 'number');
  return {
    metrics: {
      agreement: agreed / gold.length,
      divergence: divergence / gold.length,
      ...(problem === 'singleLabel' &&
        people.length > 0 && {
          accuracy: accuracy(
            people.map((row) => row.gold as number),
            people.map(({ given }) => given),
          ),
        }),
    },
  };
}

/** Kullback-Leibler divergence; for several labels the mean of theirs. */
function divergenceOf(right: Float64Array, given: Float64Array, problem: ProblemType): number {
  const part = (p: number, q: number): number => (p > 0 ? p * Math.log(p / Math.max(q, Number.EPSILON)) : 0);
  const sum = right.reduce(
    (total, p, i) => total + part(p, given[i]) + (problem === 'multiLabel' ? part(1 - p, 1 - given[i]) : 0),
    0,
  );
  return problem === 'multiLabel' ? sum / right.length : sum;
}

/** Texts with what the teacher says of them, from a model or from a field. */
async function read(
  options: DistillOptions,
  { teacher, folder }: { teacher: TextClassifier | undefined; folder: string },
): Promise<Read> {
  const { pairField, labelField, logitsField = 'logits' } = options;
  if (teacher) teacher.requireInputs(pairField !== undefined);
  const fields = [...(pairField === undefined ? [] : [pairField]), ...(teacher ? [] : [logitsField])];
  const found: { input: ClassifierInput; logits: number[]; label: unknown; reject: (reason: string) => void }[] = [];
  const sources = new Set<RowSource>();
  let width = teacher && outputsOf(teacher.facts);
  for await (const { text, fields: row, reject, source } of textsOf(
    options,
    fields,
    labelField === undefined ? [] : [labelField],
  )) {
    sources.add(source);
    const logits = teacher ? [] : logitsIn(row, logitsField, width);
    const problem =
      typeof logits === 'string' ? logits : pairField === undefined ? undefined : textFieldProblem(pairField, row);
    if (problem !== undefined || typeof logits === 'string') {
      reject(problem ?? '');
      continue;
    }
    if (!teacher) width ??= logits.length;
    found.push({
      input: pairField === undefined ? { text } : { text, pair: row[pairField] as string },
      logits,
      label: labelField === undefined ? undefined : row[labelField],
      reject,
    });
  }
  if (found.length === 0)
    throw new AlbertineError('invalid_data', `${options.input.join(', ')}: there is no usable text`, {
      value: options.input,
    });
  const facts = teacher ? { ...teacher.facts, temperature: 1 } : factsOf(options, width!);
  if (teacher) await askTeacher(teacher, found, options, folder);
  const rows = found.flatMap(({ input, logits, label, reject }) => {
    const gold = goldOf(label, facts);
    if (typeof gold === 'string') reject(gold);
    return typeof gold === 'string'
      ? []
      : [{ input, gold: { logits, ...(gold !== undefined && { gold: gold.value }) } }];
  });
  const report = joinReports([...sources].map((source) => source.report));
  const labelled = rows.filter(({ gold }) => 'gold' in gold).length;
  return {
    rows,
    facts: { ...facts, pairs: pairField !== undefined },
    report,
    remarks: labelField === undefined ? [] : [`${labelled.toLocaleString('en-US')} with a label by people`],
  };
}

const outputsOf = ({ problem, labels }: ClassifierFacts): number => (problem === 'regression' ? 1 : labels.length);

async function askTeacher(
  teacher: TextClassifier,
  rows: { input: ClassifierInput; logits: number[] }[],
  options: DistillOptions,
  folder: string,
): Promise<void> {
  const width = outputsOf(teacher.facts);
  const inputs = (async function* (): AsyncGenerator<ClassifierInput> {
    for (const { input } of rows) yield input;
  })();
  const { paths, computed } = await teach(
    inputs,
    {
      fingerprint: `${teacher.model.fingerprint};logits`,
      width,
      key: (input) => (typeof input === 'string' ? input : `${input.text}\u0000${input.pair ?? ''}`),
      answer: async (slice) => (await teacher.logits(slice)).logits,
    },
    { folder: options.teacherCache ?? folder, total: rows.length, ...pick(options, ['onProgress', 'signal']) },
  );
  // It has said what it had to say: a student needs the memory.
  teacher[Symbol.dispose]();
  tell(
    options.onEvent,
    'data',
    `the teacher's answers: ${computed.toLocaleString('en-US')} computed, ${(rows.length - computed).toLocaleString('en-US')} already there`,
  );
  using answers = await StackedRows.open(paths);
  const values = new Float32Array(width);
  rows.forEach((row, i) => {
    answers.read(i, values);
    row.logits = Array.from(values);
  });
}

function logitsIn(row: Record<string, unknown>, field: string, width: number | undefined): number[] | string {
  if (!Object.hasOwn(row, field)) return missingFieldReason(field, row);
  const value = typeof row[field] === 'number' ? [row[field]] : row[field];
  if (
    !Array.isArray(value) ||
    value.length === 0 ||
    !value.every((entry) => typeof entry === 'number' && Number.isFinite(entry))
  )
    return `field ${JSON.stringify(field)} must be a list of numbers, one a label, got ${describeValue(value)}`;
  return width === undefined || value.length === width
    ? (value as number[])
    : `field ${JSON.stringify(field)} has ${value.length} numbers, that of the first row ${width}`;
}

function factsOf({ labels, problem = undefined }: DistillOptions, width: number): ClassifierFacts {
  const kind = problem ?? (width === 1 ? 'regression' : 'singleLabel');
  if (labels) requireDistinct('labels', labels);
  if (kind === 'regression' && width !== 1)
    throw new AlbertineError('invalid_data', `a number is one number, and the teacher gives ${width}`, {
      value: width,
    });
  if (kind !== 'regression' && labels && labels.length !== width) {
    throw new AlbertineError(
      'invalid_argument',
      prose`${option('labels')} names ${labels.length}, and the teacher gives ${width} logits`,
      { value: labels, option: 'labels' },
    );
  }
  if (kind === 'singleLabel' && width < 2)
    throw new AlbertineError('invalid_data', 'one logit tells nothing apart', {
      value: width,
      hint: prose`For a number or one yes or no set ${option('problem')}`,
    });
  return {
    labels: kind === 'regression' ? [] : (labels ?? Array.from({ length: width }, (_, i) => `LABEL_${i}`)),
    problem: kind,
    temperature: 1,
    pairs: undefined,
  };
}

/** What people say of a row; undefined where they say nothing, a sentence where it cannot be understood. */
function goldOf(
  label: unknown,
  { problem, labels }: ClassifierFacts,
): { value: number | number[] } | string | undefined {
  if (label === undefined || label === null || label === '') return undefined;
  if (problem === 'regression') {
    const value = typeof label === 'number' ? label : typeof label === 'string' ? parseDecimal(label) : NaN;
    return Number.isFinite(value) ? { value } : `the label must be a number, got ${describeValue(label)}`;
  }
  const names =
    problem === 'multiLabel'
      ? (Array.isArray(label) ? label : String(label as string).split(',')).map((name) => String(name).trim())
      : [String(label as string)];
  const indices = names.map((name) => labels.indexOf(name));
  const unknown = indices.indexOf(-1);
  if (unknown >= 0)
    return `the label ${JSON.stringify(names[unknown])} is none of the teacher's: ${labels
      .slice(0, 5)
      .map((name) => JSON.stringify(name))
      .join(', ')}${labels.length > 5 ? ' ...' : ''}`;
  return { value: problem === 'multiLabel' ? indices.sort((a, b) => a - b) : indices[0] };
}
