import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildShards, trainVocabularyFromFiles, type CorpusSource, type ShardManifest } from '../src/training/index.ts';
import { loadTokenizer } from '../src/tokenizer/index.ts';
import { openFolder } from '../src/index.ts';
import { contentsOf, corpusPaths, type BuildContext } from './context.ts';
import { charactersOf, traditionalCharacters } from './characters.ts';
import type { RecipeSource } from './recipe.ts';
import { hashOf, type Stage } from './stages.ts';

/** Trains the vocabulary from the sources, by their `vocabularyWeight`. Resumable between pruning rounds. */
export function vocabularyStage(context: BuildContext): Stage {
  const { recipe, signal, onProgress } = context;
  const inputs = (): { path: string; weight: number }[] =>
    recipe.sources.flatMap((source) =>
      corpusPaths(context, source).map((path) => ({ path, weight: vocabularyWeight(source) })),
    );
  return {
    name: 'vocabulary',
    needs: [],
    settings: async () => ({
      vocabulary: recipe.vocabulary,
      weights: Object.fromEntries(recipe.sources.map((source) => [source.name, vocabularyWeight(source)])),
      files: Object.assign(
        {},
        ...(await Promise.all(recipe.sources.map((source) => contentsOf(corpusPaths(context, source), source.files)))),
      ) as Record<string, string>,
    }),
    run: async ({ folder, resume }) => {
      const {
        characterSets,
        requiredCharacters = '',
        simplify = false,
        normalization,
        ...settings
      } = recipe.vocabulary;
      const rewrite = simplify
        ? { ...(await traditionalCharacters()), ...normalization?.rewrite }
        : normalization?.rewrite;
      await trainVocabularyFromFiles(inputs(), {
        ...settings,
        normalization: { ...normalization, ...(rewrite && { rewrite }) },
        requiredCharacters: requiredCharacters + charactersOf(characterSets),
        outputDirectory: folder,
        resume,
        ...(onProgress && { onProgress }),
        ...(signal && { signal }),
      });
    },
    describe: async (folder) => {
      const tokenizer = await loadTokenizer(await openFolder(folder));
      return { fingerprint: tokenizer.fingerprint, pieces: tokenizer.vocabSize };
    },
  };
}

const vocabularyWeight = ({ weight = 1, vocabularyWeight: own = weight }: RecipeSource): number => own;

/** Names of the two folders of shards. */
export const SHARD_FOLDERS = { train: 'train', heldOut: 'heldout' } as const;

/**
 * Tokenises sources and held-out files into shards. Finished shards that still fit are kept whatever stopped or changed
 * the build.
 */
export function shardsStage(context: BuildContext): Stage {
  const { recipe, threads, signal, onProgress } = context;
  const { segments = 'sentence', ...sizes } = recipe.shards ?? {};
  const parts = (): [string, CorpusSource[]][] => [
    [SHARD_FOLDERS.heldOut, recipe.heldOut.map((source) => corpusSource(context, source))],
    [SHARD_FOLDERS.train, recipe.sources.map((source) => corpusSource(context, source))],
  ];
  return {
    name: 'shards',
    needs: ['vocabulary'],
    inPlace: true,
    settings: async () => ({
      shards: recipe.shards ?? {},
      sources: await settingsOf(context, recipe.sources),
      heldOut: await settingsOf(context, recipe.heldOut),
    }),
    run: async ({ folder, input }) => {
      for (const [name, sources] of parts()) {
        const { skipped } = await buildShards(sources, input('vocabulary').folder, {
          ...sizes,
          segments,
          output: join(folder, name),
          ...(threads !== undefined && { workers: threads }),
          ...(onProgress && { onProgress }),
          ...(signal && { signal }),
        });
        for (const [source, { skippedRows }] of Object.entries(skipped))
          context.onNote(`shards: ${skippedRows} rows of ${source} were skipped`);
      }
    },
    describe: async (folder) => {
      const [train, heldOut] = await Promise.all([
        readManifest(join(folder, SHARD_FOLDERS.train)),
        readManifest(join(folder, SHARD_FOLDERS.heldOut)),
      ]);
      return {
        fingerprint: hashOf([contentOf(train), contentOf(heldOut)]),
        documents: train.documents,
        tokens: train.tokens,
        tokensPerEpoch: Math.round(train.sources.reduce((sum, { tokens, weight }) => sum + tokens * weight, 0)),
        sources: Object.fromEntries(
          train.sources.map(({ name, documents, tokens, weight }) => [name, { documents, tokens, weight }]),
        ),
        heldOutTokens: Object.fromEntries(heldOut.sources.map(({ name, tokens }) => [name, tokens])),
      };
    },
  };
}

/** Everything of sources that decides what is made of them, by name. */
export async function settingsOf(
  context: BuildContext,
  sources: readonly Pick<RecipeSource, 'name' | 'language' | 'files' | 'weight'>[],
): Promise<Record<string, unknown>> {
  return Object.fromEntries(
    await Promise.all(
      sources.map(
        async (source) =>
          [
            source.name,
            {
              language: source.language,
              weight: source.weight,
              files: await contentsOf(corpusPaths(context, source), source.files),
            },
          ] as const,
      ),
    ),
  );
}

function corpusSource(
  context: BuildContext,
  source: Pick<RecipeSource, 'name' | 'language' | 'files' | 'weight'>,
): CorpusSource {
  const { name, language, weight = 1 } = source;
  return { name, weight, locale: language, paths: corpusPaths(context, source) };
}

async function readManifest(folder: string): Promise<ShardManifest> {
  return JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as ShardManifest;
}

function contentOf({ tokenizer, sources }: ShardManifest): unknown {
  return [
    tokenizer.fingerprint,
    sources.map(({ name, weight, shards }) => [name, weight, shards.map(({ sha256 }) => sha256)]),
  ];
}
