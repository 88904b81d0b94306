import { weightsFingerprint } from '../../checkpoint/fingerprint.ts';
import { openCheckpoint } from '../../checkpoint/folder.ts';
import { initialiseWeights } from '../../checkpoint/initialise.ts';
import { AlbertineError } from '../../core/errors.ts';
import { openFolder } from '../../core/files-node.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import { modelFolder } from '../../loaded/load-node.ts';
import { modelTypeOf, type AlbertConfig } from '../../model/config.ts';
import { headParameters, type HeadName } from '../../model/heads.ts';
import { poolerParameters, type ParameterSpec, type Weights } from '../../model/parameters.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { openSources } from '../../training/pretraining/corpus.ts';
import { PRETRAIN_CONFIG_SETTINGS } from '../../training/pretraining/settings.ts';
import { openShardFolder } from '../../training/pretraining/shard-folder-node.ts';
import { applyWeights } from '../../training/pretraining/stream.ts';
import { countWords } from '../../training/pretraining/word-counts.ts';
import { applyWordCounts } from '../../training/pretraining/word-vectors.ts';
import { newNetworkConfig } from '../../training/run/new-network.ts';
import { tell } from '../../training/run/options.ts';
import { type RunSettings } from '../../training/run/run-folder-node.ts';
import { addMissing, describeLeftOut } from '../../training/run/start-heads-node.ts';
import type { Filled } from './options.ts';

/** What a run begins with. */
export interface Start {
  config: AlbertConfig;
  weights: Weights;
  /** Of the weights that the run began with. */
  fingerprint: string;
  tokenizer: Tokenizer;
}

/** Heads that are pretrained. */
export const HEADS: HeadName[] = ['maskedLm', 'sentenceOrder'];

/** `before` are the settings of a run whose checkpoint is going to replace all weights: nothing is counted for it. */
export async function openStart(options: Filled, before: RunSettings | undefined): Promise<Start> {
  const { from, tokenizer: tokenizerFolder, wordEmbeddings = 'random' } = options;
  if (from !== undefined) {
    if (wordEmbeddings !== 'random')
      throw new AlbertineError(
        'invalid_argument',
        prose`${option('wordEmbeddings')} is for a new network, not with ${option('from')}`,
        { value: wordEmbeddings, option: 'wordEmbeddings' },
      );
    const unused = (['model', 'tokenizer'] as const).find((name) => options[name] !== undefined);
    if (unused)
      throw new AlbertineError(
        'invalid_argument',
        prose`${option(unused)} is for a new network, not with ${option('from')}: a checkpoint brings its own`,
        { value: options[unused], option: unused },
      );
    const files = await openFolder(await modelFolder(from));
    const checkpoint = await openCheckpoint(files);
    requireObjective(checkpoint.config, options);
    const [loaded, tokenizer] = await Promise.all([checkpoint.load({ heads: HEADS }), loadTokenizer(files)]);
    const weights: Weights = new Map(loaded.weights);
    tell(
      options.onEvent,
      'model',
      ...startPretrainingHeads(checkpoint.config, { weights, seed: options.seed, unused: loaded.unusedHeads }),
    );
    return { config: checkpoint.config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
  }
  if (tokenizerFolder === undefined)
    throw new AlbertineError('invalid_argument', 'a new network needs a tokenizer', {
      hint: prose`Give ${option('tokenizer')}, or ${option('from')} for a checkpoint that has one`,
    });
  const tokenizer = await loadTokenizer(await openFolder(await modelFolder(tokenizerFolder)));
  const config = newNetworkConfig(options.model ?? PRETRAIN_CONFIG_SETTINGS.model.default, {
    tokenizer,
    preset: PRETRAIN_CONFIG_SETTINGS.model.default,
  });
  const weights = initialiseWeights(config, options.seed, { heads: HEADS });
  const fingerprint = before?.['modelFingerprint'];
  // Shape, seed and counted sources are settings themselves, so that other ones are refused all the same.
  if (wordEmbeddings === 'cooccurrence' && typeof fingerprint === 'string')
    return { config, tokenizer, weights, fingerprint };
  if (wordEmbeddings === 'cooccurrence') await startFromCounts(options, { config, tokenizer, weights });
  return { config, tokenizer, weights, fingerprint: await weightsFingerprint(weights) };
}

/**
 * Only ALBERT's folders have a place for the head that tells the order of sentences: said before the run, not when it
 * saves.
 */
function requireObjective(config: AlbertConfig, { objective }: Filled): void {
  const type = modelTypeOf(config);
  if (type === 'albert' || objective === 'none') return;
  throw new AlbertineError(
    'unsupported',
    prose`${option('objective', objective)} needs an ALBERT, this checkpoint is of ${type}`,
    { value: type, option: 'objective', hint: prose`Train its masked words alone: ${option('objective', 'none')}` },
  );
}

async function startFromCounts(
  options: Filled,
  { config, tokenizer, weights }: Omit<Start, 'fingerprint'>,
): Promise<void> {
  const opened = await openSources(await Promise.all(options.shards.map(openShardFolder)), tokenizer);
  const sources = applyWeights(opened, pick(options, ['weights'])).map((source) => ({
    ...source,
    weight: source.passes,
  }));
  const counts = await countWords(sources, { vocabSize: config.vocabSize, seed: options.seed });
  applyWordCounts(weights, counts, { deviation: config.initializerRange, seed: options.seed });
  tell(
    options.onEvent,
    'words',
    `embeddings from neighbours in ${Math.round(counts.tokens).toLocaleString('en-US')} tokens`,
  );
}

/** Adds the pooler and heads that a checkpoint lacks, and says so; says of others that they take no part. */
function startPretrainingHeads(
  config: AlbertConfig,
  { weights, seed, unused }: { weights: Weights; seed: number; unused: readonly HeadName[] },
): string[] {
  const parts: [string, ParameterSpec[]][] = [
    ['pooler', poolerParameters(config)],
    ...HEADS.map((head): [string, ParameterSpec[]] => [head, headParameters(config, head)]),
  ];
  const fresh = parts
    .filter(([, specs]) => addMissing(weights, specs, { config, seed }) === 'fresh')
    .map(([name]) => name);
  const leftOut = describeLeftOut(unused, 'pretraining');
  return [
    ...(fresh.length > 0 ? [`starting fresh, for the checkpoint lacks them: ${fresh.join(', ')}`] : []),
    ...(leftOut === undefined ? [] : [leftOut]),
  ];
}
