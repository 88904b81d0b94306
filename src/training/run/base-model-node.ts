import { requireInteger, wrongOption } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { weightsFingerprint } from '../../checkpoint/fingerprint.ts';
import { openCheckpoint, type Checkpoint } from '../../checkpoint/folder.ts';
import { readStoredSentences, type StoredSentences } from '../../checkpoint/sentence-transformers.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { HeadName } from '../../model/heads.ts';
import type { Weights } from '../../model/parameters.ts';
import type { Pooling } from '../../model/pooling.ts';
import { loadTokenizer } from '../../tokenizer/load.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import { tell, type FineTuneRunOptions } from './options.ts';
import { openModel } from '../../loaded/load-node.ts';

/** The model that fine-tuning starts from. */
export interface BaseModel {
  /** As it was asked for. */
  model: string;
  checkpoint: Checkpoint;
  /** Heads of the checkpoint, whose weights are not among `weights`. */
  unusedHeads: readonly HeadName[];
  /** With the dropout of this run. */
  config: AlbertConfig;
  /** With the dropout of the checkpoint, which is what is saved. */
  checkpointConfig: AlbertConfig;
  weights: Weights;
  tokenizer: Tokenizer;
  maxLength: number;
  untrained: boolean;
  fingerprint: string;
  /** Set for a sentence-embedding model. */
  storedPooling?: Pooling;
  /** How its folder says that vectors are made, for the model that is made of it. */
  storedSentences: Pick<StoredSentences, 'normalize' | 'prompts'>;
  notes: string[];
}

/**
 * Opens the checkpoint to start from. Throws as `openCheckpoint` does, and `invalid_argument` for a length it cannot
 * take.
 */
export async function openBaseModel(
  options: FineTuneRunOptions,
  defaults: { model: string; maxLength: number },
): Promise<BaseModel> {
  const model = options.model ?? defaults.model;
  const files = await openModel(model);
  const checkpoint = await openCheckpoint(files);
  const [{ weights, unusedHeads }, tokenizer, stored] = await Promise.all([
    checkpoint.load({ heads: [] }),
    loadTokenizer(files),
    files.list().then((names) => readStoredSentences(files, names)),
  ]);
  const { dropout } = options;
  if (dropout !== undefined && !(dropout >= 0 && dropout < 1))
    throw wrongOption('dropout', 'in [0, 1)', { value: dropout });
  const config =
    dropout === undefined
      ? checkpoint.config
      : {
          ...checkpoint.config,
          hiddenDropoutProb: dropout,
          attentionProbsDropoutProb: dropout,
          classifierDropoutProb: dropout,
        };
  const positions = config.maxPositionEmbeddings;
  const untrained = checkpoint.details.extra['albertine_untrained'] === true;
  const notes = [...(untrained ? ['training starts from UNTRAINED weights'] : []), ...checkpoint.notes];
  tell(options.onEvent, 'note', ...notes);
  return {
    model,
    checkpoint,
    unusedHeads,
    config,
    checkpointConfig: checkpoint.config,
    weights,
    tokenizer,
    untrained,
    notes,
    ...(stored.pooling && { storedPooling: stored.pooling }),
    storedSentences: pick(stored, ['normalize', 'prompts']),
    maxLength: requireInteger('maxLength', options.maxLength ?? Math.min(defaults.maxLength, positions), {
      min: 3,
      max: positions,
    }),
    fingerprint: await weightsFingerprint(weights),
  };
}
