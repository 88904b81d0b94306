import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Albert, evaluateEmbedding, openFolder, saveCheckpoint } from '../src/index.ts';
import { openCheckpoint, type CardDetails } from '../src/checkpoint/index.ts';
import { readSentenceSettings } from '../src/checkpoint/sentence-transformers.ts';
import { recipeCard } from './card.ts';
import { contentsOf, dataPath, type BuildContext } from './context.ts';
import { retrievalOf } from './measure.ts';
import { sentenceSteps } from './sentence-steps.ts';
import { TEXT_FILES } from './sentences-stage.ts';
import { hashOf, writeFileAtOnce, type FinishedStage, type Stage, type StageJob } from './stages.ts';

const FIGURES = 'figures.json';

/** Model folders by kind, with what they measured. */
export interface Figures {
  models: {
    kind: 'pretrained' | 'embedding';
    folder: string;
    weightBytes: number;
    fingerprint: string;
    results: Record<string, string | number>;
  }[];
}

/** Stores the models in 16 bits, measures them as stored, and writes their cards. */
export function releaseStage(context: BuildContext): Stage {
  const { recipe } = context;
  const { release } = recipe;
  const steps = sentenceSteps(recipe);
  const embedding = release.embedding === undefined ? undefined : steps.at(-1)?.name;
  const tests = release.similarity ?? [];
  return {
    name: 'release',
    needs: [
      'shards',
      'pretrain',
      ...(recipe.sentences ? ['sentences'] : []),
      ...(embedding === undefined ? [] : steps.map(({ name }) => name)),
    ],
    settings: async () => ({
      release,
      card: recipe.card,
      // The card tells of them, and their figures may change although the weights do not.
      pretrain: recipe.pretrain,
      ...(recipe.distill && { distill: recipe.distill }),
      contrastive: recipe.contrastive ?? [],
      sources: recipe.sources.map(({ name, language, origin, licence, attribution, shareAlike }) => ({
        name,
        language,
        origin,
        licence,
        attribution,
        shareAlike,
      })),
      data: await contentsOf(
        tests.map(({ file }) => dataPath(context, file)),
        tests.map(({ file }) => file),
      ),
    }),
    run: async (job) => {
      const figures: Figures = {
        models: [await releaseModel(context, job, { kind: 'pretrained', from: 'pretrain', name: release.pretrained })],
      };
      if (embedding !== undefined)
        figures.models.push(
          await releaseModel(context, job, { kind: 'embedding', from: embedding, name: release.embedding! }),
        );
      await writeFileAtOnce(join(job.folder, FIGURES), `${JSON.stringify(figures, null, 2)}\n`);
    },
    describe: async (folder) => {
      const figures = JSON.parse(await readFile(join(folder, FIGURES), 'utf8')) as Figures;
      return { fingerprint: hashOf(figures.models.map(({ fingerprint }) => fingerprint)), ...figures };
    },
  };
}

async function releaseModel(
  context: BuildContext,
  job: StageJob,
  { kind, from, name }: { kind: 'pretrained' | 'embedding'; from: string; name: string },
): Promise<Figures['models'][number]> {
  const { recipe, onNote } = context;
  const { dtype = 'f16' } = recipe.release;
  const target = join(job.folder, name);
  const files = await openFolder(job.input(from).folder);
  const checkpoint = await openCheckpoint(files);
  const { weights, heads } = await checkpoint.load();
  const tokenizerFiles = Object.fromEntries(
    await Promise.all(checkpoint.tokenizerFiles.map(async (file) => [file, await files.read(file)] as const)),
  );
  // A trained model does not carry the mark of random weights on.
  const extra = Object.fromEntries(
    Object.entries(checkpoint.details.extra).filter(([key]) => key !== 'albertine_untrained'),
  );
  const sentences = await readSentenceSettings(files);
  const { weightBytes, fingerprint } = await saveCheckpoint(target, {
    config: checkpoint.config,
    weights,
    heads,
    tokenizerFiles,
    dtype,
    extra,
    ...(sentences && { sentences }),
  });
  onNote(`release: ${target}: ${(weightBytes / 1e6).toFixed(1)} MB of weights; measuring`);
  const results = { ...(await measure(context, job, target)), ...pretrainingResults(job.input('pretrain'), kind) };
  const saved: Pick<CardDetails, 'config' | 'heads' | 'dtype' | 'fingerprint'> = {
    config: checkpoint.config,
    heads,
    dtype,
    fingerprint,
  };
  const shards = job.input('shards').result as unknown as { sources: Record<string, { tokens: number }> };
  const tokens = Object.fromEntries(Object.entries(shards.sources).map(([source, facts]) => [source, facts.tokens]));
  await writeFileAtOnce(
    join(target, 'README.md'),
    recipeCard(recipe, { kind, saved, training: trainingFacts(context, job, kind), results, tokens }),
  );
  return { kind, folder: name, weightBytes, fingerprint, results };
}

/** Metrics of the last evaluation on held-out text that a card shows, by language where there are several. */
const SHOWN: [metric: string, title: string, digits: number][] = [
  ['mlmLoss', 'masked tokens, held out: loss (nats)', 3],
  ['mlmPerplexity', 'masked tokens, held out: perplexity', 2],
  ['mlmAccuracy', 'masked tokens, held out: accuracy', 4],
  ['pairAccuracy', 'sentence order, held out: accuracy', 4],
];

/** The last evaluation of the pretraining run, with the weights before they were stored in 16 bits. */
function pretrainingResults({ result }: FinishedStage, kind: 'pretrained' | 'embedding'): Record<string, string> {
  const metrics = result['evaluation'] as Record<string, number>;
  const before = kind === 'embedding' ? 'Before sentence training: ' : '';
  return Object.fromEntries(
    SHOWN.flatMap(([metric, title, digits]) =>
      Object.entries(metrics)
        .filter(([name]) => name === metric || name.startsWith(`${metric}_`))
        .map(([name, value]) => [
          `${before}${title}${name === metric ? '' : `, ${name.slice(metric.length + 1)}`}`,
          value.toFixed(digits),
        ]),
    ),
  );
}

/** Figures of a released folder, as everyone who loads it gets them. */
async function measure(context: BuildContext, job: StageJob, folder: string): Promise<Record<string, string>> {
  const { recipe, threads } = context;
  using model = await Albert.load(folder, { ...(threads !== undefined && { threads }) });
  const results: Record<string, string> = {};
  for (const {
    name,
    file,
    fields: [textField, pairField, scoreField],
    header = true,
  } of recipe.release.similarity ?? []) {
    const { rows, spearman } = await evaluateEmbedding(model, dataPath(context, file), {
      textField,
      pairField,
      scoreField,
      header,
    });
    results[`${name}: Spearman of cosines (${rows} pairs)`] = spearman.toFixed(4);
  }
  if (recipe.sentences?.heldOutPairs) {
    const found = await retrievalOf(model, join(job.input('sentences').folder, `${TEXT_FILES[2]}.jsonl`));
    for (const [language, { pairs, accuracy }] of Object.entries(found))
      results[`Neighbouring text found among ${pairs}, held out, ${language}`] = accuracy.toFixed(4);
  }
  return results;
}

function trainingFacts(
  { recipe }: BuildContext,
  { input }: StageJob,
  kind: 'pretrained' | 'embedding',
): Record<string, string | number> {
  const { pretrain } = recipe;
  const { result } = input('pretrain');
  const facts: Record<string, string | number> = {
    'Pretraining steps': (result['steps'] as number).toLocaleString('en-US'),
    'Sequences per step': pretrain.batchSize ?? 256,
    'Tokens of a sequence': pretrain.lengths
      ? pretrain.lengths.map(([share, length]) => `${length} from ${Math.round(100 * share)} % of the steps`).join(', ')
      : (pretrain.maxLength ?? 128),
    Objectives: pretrain.objective === 'none' ? 'masked tokens' : `masked tokens and ${pretrain.objective ?? 'sop'}`,
    'Tokens seen': (result['tokens'] as number).toLocaleString('en-US'),
    'Hours of pretraining': (result['hours'] as number).toFixed(2),
    Seed: pretrain.seed ?? 1,
  };
  if (kind === 'pretrained') return facts;
  for (const { name, title, description } of sentenceSteps(recipe)) {
    const run = input(name).result;
    facts[`Then: ${title}`] =
      `${description}; ${String(run['steps'])} steps, ${(run['hours'] as number).toFixed(2)} hours`;
  }
  return facts;
}
