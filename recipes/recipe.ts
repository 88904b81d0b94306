import type { CharacterSet } from './characters.ts';
import { AlbertineError, type DistillOptions, type FineTuneEmbeddingOptions } from '../src/index.ts';
import type { PretrainConfig } from '../src/tasks/index.ts';
import type { UnigramFileOptions } from '../src/training/index.ts';
import { readJsonFile } from '../src/core/files-node.ts';

/** One source of the corpus: files of one origin, language and licence. */
export interface RecipeSource {
  /** Letters, digits and `-_./`, such as `en/wikipedia`. */
  name: string;
  /** BCP 47 tag: sentence boundaries, balance of the contrastive texts. */
  language: string;
  /** Below the corpus folder, in reading order. */
  files: string[];
  /** Passes over the source in an epoch of pretraining. Default 1. */
  weight?: number;
  /** How often its text counts for the vocabulary. Default: `weight`. */
  vocabularyWeight?: number;
  /** For the model card: where it is from, under which licence, and the attribution line that the licence asks for. */
  origin?: string;
  licence?: string;
  attribution?: string;
  /** The licence asks adaptations to be shared alike. Default false. */
  shareAlike?: boolean;
}

/**
 * Settings of the vocabulary; those of `trainVocabularyFromFiles`, named sets of characters, and whether traditional
 * characters are read as simplified ones.
 */
export type VocabularySection = Partial<Pick<UnigramFileOptions, (typeof VOCABULARY_KEYS)[number]>> & {
  characterSets?: CharacterSet[];
  simplify?: boolean;
};

/** Settings of the shards; those of `buildShards`. */
export interface ShardsSection {
  shardTokens?: number;
  blockTokens?: number;
  segments?: 'sentence' | 'paragraph';
}

/** What is drawn from a language for the contrastive steps. */
export interface LanguageSample {
  /** Single sentences; each comes once. */
  sentences: number;
  /** Neighbouring spans of a paragraph, at most one pair a paragraph. */
  pairs: number;
  /** Fewest and most UTF-16 units of a sentence, and of each side of a pair. */
  characters: [least: number, most: number];
}

/** Texts for the contrastive steps. */
export interface SentencesSection {
  /** Default 1. */
  seed?: number;
  languages: Record<string, LanguageSample>;
  /** Pairs per language that are drawn from the held-out files. Default 0. */
  heldOutPairs?: number;
}

/**
 * One contrastive step: options of `fineTuneEmbedding` besides model and output. Files are `sentences:NAME` (of the
 * sentences stage) or `data:FILE` (below `--data`).
 */
export interface ContrastiveStep extends Pick<FineTuneEmbeddingOptions, (typeof CONTRASTIVE_KEYS)[number]> {
  /** Letters, digits and `-`; unique. */
  name: string;
  objective: NonNullable<FineTuneEmbeddingOptions['objective']>;
}

/**
 * One distillation step: options of `distill` besides student and output. Files are `sentences:NAME` or `data:FILE`; a
 * teacher is `data:FOLDER`, the hub id of a model, or `albertine-nano-en-zh`.
 */
export interface DistillStep extends Pick<DistillOptions, (typeof DISTILL_KEYS)[number]> {
  /** Letters, digits and `-`; unique. */
  name: string;
}

/** A file of scored sentence pairs, for the figures of the card. */
export interface SimilarityTest {
  name: string;
  /** `data:FILE`. */
  file: string;
  /** Columns (or fields) of text, text and score. A file without header line has 0, 1, 2. */
  fields: [text: string, pair: string, score: string];
  header?: boolean;
}

/** What is written at the end. */
export interface ReleaseSection {
  /** Storage of the weights. Default `f16`. */
  dtype?: 'f32' | 'f16' | 'bf16';
  /** Folder names of the pretrained model (with its heads) and of the sentence-embedding model. */
  pretrained: string;
  embedding?: string;
  similarity?: SimilarityTest[];
}

/** A data set besides the corpus, for the table of the card. */
export type CardData = Pick<RecipeSource, 'name' | 'language' | 'origin' | 'licence' | 'attribution' | 'shareAlike'>;

/** The written part of the model cards; figures are added by the build. */
export interface CardSection {
  title: string;
  languages?: string[];
  /** SPDX identifier, in lower case as the Hub has it. */
  licence?: string;
  /** First paragraph of either card. */
  pretrained: string;
  embedding?: string;
  use?: string[];
  notFor?: string[];
  weaknesses?: string[];
  /** What the licences of the data ask of those who pass the model on. */
  licences?: string;
  data?: CardData[];
}

/** A model from text to release, as one JSON file. */
export interface Recipe {
  name: string;
  sources: RecipeSource[];
  heldOut: Pick<RecipeSource, 'name' | 'language' | 'files'>[];
  vocabulary: VocabularySection;
  shards?: ShardsSection;
  /** As `albertine pretrain --config` has it, less what the stages before it give: tokenizer, shards, heldOut. */
  pretrain: Omit<PretrainConfig, 'from' | 'tokenizer' | 'shards' | 'heldOut' | 'card'>;
  sentences?: SentencesSection;
  distill?: DistillStep[];
  contrastive?: ContrastiveStep[];
  release: ReleaseSection;
  card: CardSection;
}

const VOCABULARY_KEYS = [
  'vocabSize',
  'characterCoverage',
  'requiredCharacters',
  'maxPieceLength',
  'seedSize',
  'shrinkingFactor',
  'subIterations',
  'hardVocabLimit',
  'maxSegments',
  'byteFallback',
  'userDefinedSymbols',
  'splitDigits',
  'splitHan',
  'splitByNumber',
  'splitByUnicodeScript',
  'splitByWhitespace',
  'inputSentenceSize',
  'seed',
  'normalization',
] as const satisfies readonly (keyof UnigramFileOptions)[];

const PRETRAIN_KEYS = [
  'model',
  'wordEmbeddings',
  'weights',
  'heldOutExamples',
  'objective',
  'masking',
  'maxLength',
  'lengths',
  'steps',
  'batchSize',
  'microBatchTokens',
  'learningRate',
  'schedule',
  'warmupRatio',
  'optimizer',
  'maxGradNorm',
  'evaluateEvery',
  'checkpointEvery',
  'saveActivations',
  'seed',
] as const satisfies readonly (keyof Recipe['pretrain'])[];

/** Of every training step after pretraining. */
const RUN_KEYS = [
  'dropout',
  'maxLength',
  'batchSize',
  'epochs',
  'maxSteps',
  'learningRate',
  'schedule',
  'warmupRatio',
  'optimizer',
  'maxGradNorm',
  'layerDecay',
  'freeze',
  'shuffle',
  'evaluateEvery',
  'checkpointEvery',
  'patience',
  'metric',
  'saveActivations',
  'seed',
] as const satisfies readonly (keyof FineTuneEmbeddingOptions & keyof DistillOptions)[];

const CONTRASTIVE_KEYS = [
  'objective',
  'train',
  'evaluation',
  'textField',
  'pairField',
  'scoreField',
  'evaluationFields',
  'groupByLength',
  'format',
  'header',
  'delimiter',
  'encoding',
  'quotes',
  'onError',
  'pooling',
  'temperature',
  'symmetric',
  'loss',
  'maxScore',
  ...RUN_KEYS,
] as const satisfies readonly (keyof FineTuneEmbeddingOptions)[];

const DISTILL_KEYS = [
  'task',
  'input',
  'teacher',
  'teacherVectors',
  'textField',
  'vectorField',
  'offsetsField',
  'heldOut',
  'pooling',
  'loss',
  'centre',
  'turn',
  'projection',
  'similarityWeight',
  'temperature',
  'hardWeight',
  'groupByLength',
  'microBatchTokens',
  ...RUN_KEYS,
] as const satisfies readonly (keyof DistillOptions)[];

const SOURCE_FACTS = ['name', 'language', 'origin', 'licence', 'attribution', 'shareAlike'];

/**
 * Reads and checks a recipe. Throws `invalid_config` naming the first field that is unknown, missing or of the wrong
 * kind.
 */
export async function readRecipe(path: string): Promise<Recipe> {
  return checkRecipe(await readJsonFile(path));
}

/**
 * Refuses fields that no stage would read, and sections that are missing; the values are checked by the functions that
 * get them.
 */
export function checkRecipe(json: unknown): Recipe {
  requireFields(
    'the recipe',
    json,
    ['name', 'sources', 'heldOut', 'vocabulary', 'pretrain', 'release', 'card'],
    ['shards', 'sentences', 'distill', 'contrastive'],
  );
  const recipe = json as unknown as Recipe;
  if (!/^[\w.-]+$/.test(recipe.name)) throw invalid('name must have letters, digits and -_. only', recipe.name);
  requireList('sources', recipe.sources).forEach((source, i) =>
    requireFields(
      `sources[${i}]`,
      source,
      ['name', 'language', 'files'],
      ['weight', 'vocabularyWeight', ...SOURCE_FACTS],
    ),
  );
  requireList('heldOut', recipe.heldOut).forEach((source, i) =>
    requireFields(`heldOut[${i}]`, source, ['name', 'language', 'files']),
  );
  const names = [...recipe.sources, ...recipe.heldOut].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw invalid(`two sources are called ${twice}, among sources and heldOut`, twice);
  requireFields('vocabulary', recipe.vocabulary, [], [...VOCABULARY_KEYS, 'characterSets', 'simplify']);
  requireFields('shards', recipe.shards ?? {}, [], ['shardTokens', 'blockTokens', 'segments']);
  requireFields('pretrain', recipe.pretrain, ['steps'], PRETRAIN_KEYS);
  if (recipe.sentences) checkSentences(recipe.sentences);
  checkSteps(recipe);
  requireFields('release', recipe.release, ['pretrained'], ['dtype', 'embedding', 'similarity']);
  (recipe.release.similarity ?? []).forEach((test, i) =>
    requireFields(`release.similarity[${i}]`, test, ['name', 'file', 'fields'], ['header']),
  );
  if (recipe.release.embedding !== undefined && [...(recipe.distill ?? []), ...(recipe.contrastive ?? [])].length === 0)
    throw invalid('release.embedding needs a distill or contrastive step', recipe.release.embedding);
  requireFields(
    'card',
    recipe.card,
    ['title', 'pretrained'],
    ['languages', 'licence', 'embedding', 'use', 'notFor', 'weaknesses', 'licences', 'data'],
  );
  (recipe.card.data ?? []).forEach((entry, i) =>
    requireFields(`card.data[${i}]`, entry, ['name', 'language'], SOURCE_FACTS),
  );
  return recipe;
}

function checkSentences(section: SentencesSection): void {
  requireFields('sentences', section, ['languages'], ['seed', 'heldOutPairs']);
  for (const [language, sample] of Object.entries(section.languages))
    requireFields(`sentences.languages.${language}`, sample, ['sentences', 'pairs', 'characters']);
}

function checkSteps({ distill = [], contrastive = [], sentences }: Recipe): void {
  const check = (
    section: string,
    steps: readonly { name: string }[],
    fields: { required: readonly string[]; optional: readonly string[]; files: readonly string[] },
  ): void => {
    const names = new Set<string>();
    requireList(section, steps).forEach((step, i) => {
      requireFields(`${section}[${i}]`, step, ['name', ...fields.required], fields.optional);
      if (!/^[\w-]+$/.test(step.name) || names.has(step.name))
        throw invalid(`${section}[${i}].name must have letters, digits and - only, and be unique`, step.name);
      names.add(step.name);
      const texts = fields.files.flatMap((key) => (step as unknown as Record<string, string[] | undefined>)[key] ?? []);
      const unknown = texts.find((file) => !/^(sentences|data):./.test(file));
      if (unknown !== undefined)
        throw invalid(`${section}[${i}] reads files named sentences:NAME or data:FILE`, unknown);
      if (!sentences && texts.some((file) => file.startsWith('sentences:')))
        throw invalid(`${section}[${i}] reads sentences, and the recipe has no sentences section`, step.name);
    });
  };
  check('contrastive', contrastive, {
    required: ['objective', 'train'],
    optional: CONTRASTIVE_KEYS,
    files: ['train', 'evaluation'],
  });
  check('distill', distill, { required: ['input'], optional: DISTILL_KEYS, files: ['input', 'teacherVectors'] });
}

function requireList<T>(name: string, value: readonly T[]): readonly T[] {
  if (!Array.isArray(value)) throw invalid(`${name} must be a list`, value);
  return value;
}

function requireFields(
  name: string,
  value: unknown,
  required: readonly string[],
  optional: readonly string[] = [],
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalid(`${name} must be an object`, value);
  const missing = required.filter((key) => !(key in value));
  if (missing.length > 0) throw invalid(`${name} lacks ${missing.join(', ')}`, missing);
  const known = [...new Set([...required, ...optional])];
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  if (unknown.length > 0)
    throw new AlbertineError('invalid_config', `${name} has unknown fields: ${unknown.join(', ')}`, {
      value: unknown,
      hint: `There are ${known.join(', ')}`,
    });
}

function invalid(message: string, value: unknown): AlbertineError {
  return new AlbertineError('invalid_config', message, { value });
}
