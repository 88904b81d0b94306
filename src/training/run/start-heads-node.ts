import type { Checkpoint } from '../../checkpoint/folder.ts';
import { initialValues } from '../../checkpoint/initialise.ts';
import { countOf } from '../../core/count.ts';
import { AlbertineError } from '../../core/errors.ts';
import type { AlbertConfig } from '../../model/config.ts';
import { headOf, headParameters, optionalPart, type HeadName, type OptionalPart } from '../../model/heads.ts';
import { poolerParameters, type ParameterSpec, type Weight, type Weights } from '../../model/parameters.ts';

/**
 * What became of a part on top of the encoder: the checkpoint's own, new values, or there and neither used nor saved.
 */
export type HeadOrigin = 'kept' | 'fresh' | 'left out';

/**
 * What a run starts from on top of the encoder, by name (`pooler`, `sequenceClassification`, `maskedLm` ...), as
 * `run.json` has it.
 */
export type HeadOrigins = Readonly<Record<string, HeadOrigin>>;

/** Weights to start from, and what to say of their heads. */
export interface StartingHeads {
  weights: Weights;
  origins: HeadOrigins;
  /** Says where the head in use comes from. */
  line: string;
  /** Set where the checkpoint has a head for this very task that is not used. */
  loss?: string;
}

/**
 * A sentence about heads that a task has no use for and that its output will not have; undefined where there is none.
 */
export function describeLeftOut(heads: readonly HeadName[], task: string): string | undefined {
  if (heads.length === 0) return undefined;
  return `${heads.join(', ')} of the checkpoint ${heads.length === 1 ? 'has' : 'have'} no part in ${task}: not used and not saved`;
}

/** What a head answers, to find out whether a checkpoint's can be kept. */
export interface HeadAnswers {
  head: HeadName;
  /**
   * Names of the answers; a number; or answers that are the same for every data (where an answer begins, which choice
   * is right).
   */
  labels: readonly string[] | 'number' | 'fixed';
  /** How messages call the head (`classifier`), and what is learned (`classification`). */
  noun: string;
  activity: string;
  /** As messages name the problem, where a head of this kind has several. */
  problem?: string;
  /** Takes the head's optional weights too. Default false. */
  optional?: boolean;
}

/** What {@link startHead} is to make a head for. */
export interface HeadWanted extends HeadAnswers {
  model: string;
  /** With the dropout and initialisation of this run. */
  config: AlbertConfig;
  seed: number;
  /** Takes new values in any case. */
  freshHead: boolean;
}

/**
 * Adds a task's head to an encoder, and the pooler where it reads that. As in Hugging Face's `from_pretrained`, a
 * checkpoint's head is kept where it answers the same labels (its rows are put in the order of the data's labels), and
 * new for others.
 */
export async function startHead(
  checkpoint: Checkpoint,
  encoder: { weights: Weights; unusedHeads: readonly HeadName[] },
  wanted: HeadWanted,
): Promise<StartingHeads> {
  const { head, noun, activity } = wanted;
  const weights: Weights = new Map(encoder.weights);
  const has = encoder.unusedHeads.includes(head);
  const found = has && !wanted.freshHead ? await keptHead(checkpoint, wanted) : undefined;
  for (const [name, weight] of found?.rows ?? []) weights.set(name, weight);
  const readsPooled = headOf(head).reads === 'pooled';
  const pooler = readsPooled ? addMissing(weights, poolerParameters(wanted.config), wanted) : undefined;
  const numLabels = Array.isArray(wanted.labels) ? wanted.labels.length : 1;
  const origin = addMissing(weights, headParameters(wanted.config, head, numLabels), wanted);
  const part = wanted.optional ? headOf(head).optional : found?.leftOut;
  const partOrigin = part && (wanted.optional ? addMissing(weights, part.parameters(numLabels), wanted) : 'left out');
  const others = encoder.unusedHeads.filter((other) => other !== head);
  const origins: HeadOrigins = {
    ...(pooler && { pooler }),
    [head]: origin,
    ...(part && { [part.name]: partOrigin! }),
    ...Object.fromEntries(others.map((other) => [other, 'left out' as const])),
  };
  const answers =
    wanted.labels === 'fixed' ? undefined : wanted.labels === 'number' ? 'a number' : countOf(numLabels, 'label');
  const rest = [
    ...(pooler === 'fresh' ? ['the pooler starts fresh too'] : []),
    ...(part ? [describePart(part, partOrigin!)] : []),
    ...(others.length > 0 ? [describeLeftOut(others, activity)!] : []),
  ];
  const line = (first: string): string => [first, ...rest].join('; ');
  if (found?.rows)
    return {
      weights,
      origins,
      line: line(
        `the ${noun} of ${wanted.model} is kept${answers === undefined ? '' : `, for the same ${answers}`}${found.reordered ? ', re-ordered by name' : ''}`,
      ),
    };
  const reason = !has ? undefined : wanted.freshHead ? 'a fresh head was asked for' : found?.reason;
  return {
    weights,
    origins,
    line: line(`the ${noun} starts fresh${answers === undefined ? '' : `, for ${answers}`}`),
    ...(reason !== undefined && {
      loss: `the ${noun} of ${wanted.model} is not used, a fresh one takes its place: ${reason}`,
    }),
  };
}

const describePart = ({ name }: OptionalPart, origin: HeadOrigin): string =>
  `its ${name} ${origin === 'kept' ? 'is kept' : origin === 'fresh' ? 'starts fresh' : 'is not asked for: not used and not saved'}`;

interface Kept {
  rows: [string, Weight][];
  reordered: boolean;
  /** Set where the checkpoint has the head's optional weights and they were not asked for. */
  leftOut?: OptionalPart;
}

type Found = (Kept & { reason?: undefined }) | ({ [Key in keyof Kept]?: undefined } & { reason: string });

/** The rows of a checkpoint's head for the labels wanted, or why there are none. */
async function keptHead(
  checkpoint: Checkpoint,
  { head, labels: wanted, problem, optional = false }: HeadWanted,
): Promise<Found> {
  const loaded = await checkpoint.load({ heads: [head] }).catch((error: unknown) => {
    if (error instanceof AlbertineError && error.code === 'weights_mismatch') return error;
    throw error;
  });
  if (loaded instanceof AlbertineError)
    return { reason: `it is incomplete (${(loaded.value as string[]).join('; ')})` };
  const parts = headParameters(checkpoint.config, head).map(({ name }): [string, Weight] => [
    name,
    loaded.weights.get(name)!,
  ]);
  if (wanted === 'fixed') return { reordered: false, rows: parts };
  const outputs = parts[0][1].shape[0];
  const { problemType, labels } = checkpoint.details;
  const isRegression = problemType === 'regression' || (problemType === undefined && outputs === 1);
  if ((wanted === 'number') !== isRegression)
    return {
      reason: `it answers ${isRegression ? 'a number' : countOf(outputs, 'label')}${problem === undefined ? '' : `, and this problem is ${problem}`}`,
    };
  if (isRegression && outputs !== 1) return { reason: `it answers ${outputs} numbers` };
  const order =
    wanted === 'number'
      ? [0]
      : orderOfLabels(labels ?? Array.from({ length: outputs }, (_, index) => `LABEL_${index}`), wanted, outputs);
  if (typeof order === 'string') return { reason: order };
  const part = optionalPart(head, (name) => loaded.weights.has(name));
  const more =
    optional && part
      ? part
          .parameters(outputs)
          .map(({ name }): [string, Weight] => [name, takeOutputs(loaded.weights.get(name)!, order)])
      : [];
  return {
    reordered: order.some((row, index) => row !== index),
    rows: [...parts.map(([name, weight]): [string, Weight] => [name, takeRows(weight, order)]), ...more],
    ...(!optional && part && { leftOut: part }),
  };
}

/**
 * For every wanted label the row that answers it, or how the two sets differ. Names that nobody gave (`LABEL_3`) stand
 * for the numbers of classes.
 */
function orderOfLabels(stored: readonly string[], wanted: readonly string[], outputs: number): number[] | string {
  const unnamed = stored.every((name, index) => name === `LABEL_${index}`);
  const rows = new Map<string, number>(stored.slice(0, outputs).map((name, index) => [name, index]));
  if (unnamed && wanted.every((name) => /^\d+$/.test(name)))
    for (const index of stored.keys()) rows.set(String(index), index);
  const missing = wanted.filter((name) => !rows.has(name));
  if (missing.length === 0 && wanted.length === outputs) return wanted.map((name) => rows.get(name)!);
  const extra = stored.filter((name) => !wanted.includes(name));
  const listed = (names: readonly string[]): string =>
    `${names
      .slice(0, 3)
      .map((name) => JSON.stringify(name))
      .join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  return `its labels are others (${[missing.length > 0 && `it lacks ${listed(missing)}`, extra.length > 0 && `the data lack ${listed(extra)}`].filter(Boolean).join('; ')})`;
}

function takeRows({ shape, data }: Weight, order: readonly number[]): Weight {
  const width = data.length / shape[0];
  const taken = new Float32Array(order.length * width);
  order.forEach((row, index) => taken.set(data.subarray(row * width, (row + 1) * width), index * width));
  return { shape: [order.length, ...shape.slice(1)], data: taken };
}

/** As {@link takeRows}, of a weight whose axes are outputs all. */
function takeOutputs(weight: Weight, order: readonly number[]): Weight {
  const { shape, data } = takeRows(weight, order);
  const width = shape.length > 1 ? order.length : 0;
  return width === 0
    ? { shape, data }
    : { shape, data: data.map((_, index) => data[index - (index % width) + order[index % width]]) };
}

/** Adds new values for what is not there; says whether that was anything. */
export function addMissing(
  weights: Weights,
  specs: readonly ParameterSpec[],
  { config, seed }: { config: AlbertConfig; seed: number },
): 'kept' | 'fresh' {
  const missing = specs.filter(({ name }) => !weights.has(name));
  for (const spec of missing)
    weights.set(spec.name, { shape: spec.shape, data: initialValues(spec, seed, config.initializerRange) });
  return missing.length > 0 ? 'fresh' : 'kept';
}
