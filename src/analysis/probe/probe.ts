import { AlbertineError, requireDistinct, requireInteger, requireOneOf, wrongOption } from '../../core/errors.ts';
import { requireOptions, type OptionKinds } from '../../core/options.ts';
import { pick } from '../../core/pick.ts';
import { ProgressMeter, type ProgressListener } from '../../core/progress.ts';
import { embeddingFingerprint, planEmbedding, resolveLayers, type EmbeddingModel } from '../../loaded/embed-plan.ts';
import { POOLINGS, type Pooling } from '../../model/pooling.ts';
import { DenseProductGraphs } from '../../runtime/dense-products.ts';
import { probeBaselines, type ProbeBaselines } from './baselines.ts';
import { figureOf, type ProbeFigure } from './judge.ts';
import { probeLayer, type LayerProbe } from './layer-probe.ts';
import { layerVectors } from './layers.ts';
import { isBetter } from './linear.ts';
import type { ProbeKind } from './settings.ts';
import { countRows, PROBE_PARTS, requireProbeTask, type ProbePart, type ProbeTask } from './task.ts';
import { untrainedLike } from './untrained.ts';

/** Options of {@link probeModels}. */
export interface ProbeOptions {
  /** Depths that are probed, 0 the mapped embeddings, -1 the last. Default `all`. */
  layers?: readonly number[] | 'all';
  /** How token vectors become one of a text. Default: the model's; `cls` for `pooler`, which only the last layer has. */
  pooling?: Exclude<Pooling, 'pooler'>;
  /** Vector of a word, for `tags`: that of its first token, or the mean of all. Default `mean`. */
  wordPooling?: 'first' | 'mean';
  /** C of the probes, from small to large, on numbers of mean 0 and deviation `1 / sqrt(dimensions)`. */
  strengths?: readonly number[];
  /** Also probes with random labels: selectivity. Default false. */
  control?: boolean;
  /** Also takes the minimum description length of the labels (not of similarity). Default false. */
  mdl?: boolean;
  /** Also asks nearest neighbours. Default false. */
  knn?: boolean;
  /** Also probes an untrained network of each shape. Default true. */
  floor?: boolean;
  /** Of drawing, of the untrained network and of the intervals. Default 1. */
  seed?: number;
  /** Padded tokens per batch of embedding. Default 1024. */
  batchTokens?: number;
  /** Processor threads of the probes and of the untrained network. Default: those this process may use. */
  threads?: number;
  /** Told how far each network is. */
  onProgress?: ProgressListener;
  /** Stops with its reason. */
  signal?: AbortSignal;
}

const PROBE_OPTIONS: OptionKinds<ProbeOptions> = {
  layers: 'any',
  pooling: 'string',
  wordPooling: 'string',
  strengths: 'list',
  control: 'boolean',
  mdl: 'boolean',
  knn: 'boolean',
  floor: 'boolean',
  seed: 'number',
  batchTokens: 'number',
  threads: 'number',
  onProgress: 'function',
  signal: 'object',
};

/** A model to be probed, loaded when it is its turn and disposed afterwards. */
export interface ProbedModel {
  /** As it is shown. */
  name: string;
  /** Opens it; disposed when it was probed. */
  load: () => Promise<EmbeddingModel & Disposable>;
}

/** What probes of a task found in a network. */
export interface TaskProbe {
  /** Name of the task. */
  task: string;
  /** The layer that does best on the development part, of equal ones the one with the smaller loss. */
  best: number;
  /** From the lowest to the last. */
  layers: LayerProbe[];
}

/** What was found in a network. */
export interface NetworkProbe {
  /** What it is called. */
  name: string;
  /** Whether it is an untrained network, the floor. */
  untrained: boolean;
  /** Of weights, tokeniser, precision, layers, pooling and windows. */
  fingerprint: string;
  /** A row each. */
  tasks: TaskProbe[];
}

/** A task as it was probed. */
export interface ProbedTask extends ProbeBaselines {
  /** What it is called. */
  name: string;
  /** What its rows are. */
  kind: ProbeKind;
  /** What is measured. */
  figure: ProbeFigure;
  /** Where the rows are from. */
  source: string;
  /** Names of the labels; none of pairs. */
  labels: readonly string[];
  /** Texts, pairs or words of each part. */
  rows: Record<ProbePart, number>;
  /** What a reader should know. */
  notes: readonly string[];
}

/** Result of {@link probeModels}. */
export interface ProbeReport {
  /** What was drawn with it. */
  seed: number;
  /** Strengths that were tried. */
  strengths: readonly number[];
  /** A row each. */
  tasks: ProbedTask[];
  /** Each model, and after the first of a shape its untrained network. */
  networks: NetworkProbe[];
}

/** C of probes where none is given. */
export const PROBE_STRENGTHS: readonly number[] = [0.3, 3, 30, 300];

/**
 * What models know, and where: linear probes on the frozen vectors of every layer (Alain and Bengio 2016; Conneau et
 * al. 2018), beside words alone and an untrained network. Strength and best layer are chosen on the development part;
 * figures are of the test part, with 95 % bootstrap intervals. Throws `invalid_argument` for options and names that
 * cannot be, `invalid_data` for a task with too few rows.
 */
export async function probeModels(
  models: readonly ProbedModel[],
  tasks: readonly ProbeTask[],
  options: ProbeOptions = {},
): Promise<ProbeReport> {
  requireProbeOptions(models, tasks, options);
  const { seed = 1, strengths = PROBE_STRENGTHS, signal, threads, floor = true } = options;
  const how = { strengths, seed, ...(signal && { signal }) };
  const probed: ProbedTask[] = [];
  using products = await DenseProductGraphs.create(threads === undefined ? {} : { threads });
  const meter = new ProgressMeter(options.onProgress, { stage: 'words alone', unit: 'tasks', total: tasks.length });
  for (const task of tasks) {
    signal?.throwIfAborted();
    probed.push({ ...describe(task), ...(await probeBaselines(task, { ...how, products })) });
    meter.add(1);
  }
  meter.finish();
  const networks: NetworkProbe[] = [];
  const shapes = new Set<string>();
  for (const { name, load } of models) {
    using model = await load();
    networks.push(await probeNetwork(model, tasks, { ...options, products, name }));
    const shape = JSON.stringify([model.config, model.tokenizer.fingerprint, model.maxLength]);
    if (!floor || shapes.has(shape)) continue;
    shapes.add(shape);
    using untrained = await untrainedLike(model, { seed, ...(threads !== undefined && { threads }) });
    networks.push(
      await probeNetwork(untrained, tasks, {
        ...options,
        products,
        pooling: poolingOf(model, options),
        name: `untrained ${name}`,
        untrained: true,
      }),
    );
  }
  return { seed, strengths, tasks: probed, networks };
}

const describe = (task: ProbeTask): Omit<ProbedTask, keyof ProbeBaselines> => ({
  ...pick(task, ['name', 'kind', 'source', 'labels', 'notes']),
  figure: figureOf(task),
  rows: Object.fromEntries(PROBE_PARTS.map((part) => [part, countRows(task.parts[part])])) as ProbedTask['rows'],
});

const poolingOf = ({ pooling: own = 'mean' }: EmbeddingModel, { pooling }: ProbeOptions): Exclude<Pooling, 'pooler'> =>
  pooling ?? (own === 'pooler' ? 'cls' : own);

interface NetworkHow {
  name: string;
  products: DenseProductGraphs;
  untrained?: boolean;
}

/** Probes every layer of one network. */
async function probeNetwork(
  model: EmbeddingModel,
  tasks: readonly ProbeTask[],
  { name, products, untrained = false, ...options }: ProbeOptions & NetworkHow,
): Promise<NetworkProbe> {
  const { numHiddenLayers: depth } = model.config;
  const { layers: asked = 'all', seed = 1, strengths = PROBE_STRENGTHS, signal } = options;
  const layers =
    asked === 'all'
      ? Array.from({ length: depth + 1 }, (_, layer) => layer)
      : [...new Set(resolveLayers(asked, depth))].sort((a, b) => a - b);
  const pooling = poolingOf(model, options);
  const plan = planEmbedding(model, { layers, pooling, normalize: false });
  const rowsOf = (task: ProbeTask): number => PROBE_PARTS.reduce((sum, part) => sum + countRows(task.parts[part]), 0);
  const meter = new ProgressMeter(options.onProgress, {
    stage: `probing ${name}`,
    unit: 'rows',
    total: tasks.reduce((sum, task) => sum + rowsOf(task), 0),
  });
  const found: TaskProbe[] = [];
  for (const task of tasks) {
    const rows = PROBE_PARTS.flatMap((part) => task.parts[part]);
    const probes: LayerProbe[] = [];
    const vectors = layerVectors(
      model,
      { kind: task.kind, rows },
      {
        layers,
        pooling,
        wordPooling: options.wordPooling ?? 'mean',
        ...pick(options, ['batchTokens', 'signal']),
        onRows: (done) => meter.add(done, { task: task.name }),
      },
    );
    for await (const layer of vectors) {
      signal?.throwIfAborted();
      const more = pick(options, ['control', 'mdl', 'knn', 'signal']);
      probes.push(await probeLayer(task, layer, { products, strengths, seed, ...more }));
      meter.add(0, { task: task.name }); // Vectors take most of the time: probes only show where it is.
    }
    const best = probes.reduce((one, other) => (isBetter(other, one) ? other : one));
    found.push({ task: task.name, best: best.layer, layers: probes });
  }
  meter.finish();
  return {
    name,
    untrained,
    fingerprint: `${embeddingFingerprint(model, plan).replace(':mean;', ';')};words=${options.wordPooling ?? 'mean'}`,
    tasks: found,
  };
}

function requireProbeOptions(models: readonly ProbedModel[], tasks: readonly ProbeTask[], options: ProbeOptions): void {
  requireOptions('probeModels', options, PROBE_OPTIONS);
  const { pooling, wordPooling, strengths, seed, layers } = options;
  if (pooling !== undefined)
    requireOneOf(
      'pooling',
      pooling,
      POOLINGS.filter((one) => one !== 'pooler'),
    );
  if (wordPooling !== undefined) requireOneOf('wordPooling', wordPooling, ['first', 'mean']);
  if (layers !== undefined && layers !== 'all' && !Array.isArray(layers))
    throw wrongOption('layers', "'all' or a list of depths", { value: layers });
  if (strengths && (strengths.length === 0 || strengths.some((c, i) => !(c > 0) || c <= (strengths[i - 1] ?? 0))))
    throw wrongOption('strengths', 'numbers above 0, from small to large', { value: strengths });
  if (seed !== undefined) requireInteger('seed', seed, {});
  for (const [what, list] of Object.entries({ model: models, task: tasks }))
    if (list.length === 0) throw new AlbertineError('invalid_argument', `there is no ${what} to be probed`);
  requireDistinct(
    'tasks',
    tasks.map(({ name }) => name),
  );
  for (const task of tasks) requireProbeTask(task);
}
