import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AlbertineError, openFolder, pretrain } from '../src/index.ts';
import { openCheckpoint, weightsFingerprint } from '../src/checkpoint/index.ts';
import { readRun } from '../src/training/index.ts';
import type { BuildContext } from './context.ts';
import { SHARD_FOLDERS } from './corpus-stages.ts';
import { interruptedIn, type Stage, type StageResult } from './stages.ts';

/** Pretrains on the shards. Goes on from its last checkpoint with the same result as without the interruption. */
export function pretrainStage(context: BuildContext): Stage {
  const { recipe, threads, signal, onProgress, onNote } = context;
  return {
    name: 'pretrain',
    needs: ['vocabulary', 'shards'],
    settings: () => ({ pretrain: recipe.pretrain }),
    run: async ({ folder, input }) => {
      const shards = input('shards').folder;
      const { outcome, steps } = await pretrain({
        ...recipe.pretrain,
        tokenizer: input('vocabulary').folder,
        shards: [join(shards, SHARD_FOLDERS.train)],
        heldOut: [join(shards, SHARD_FOLDERS.heldOut)],
        output: folder,
        resume: existsSync(join(folder, 'run.json')),
        onEvent: (kind, message) => onNote(`pretrain: ${kind}: ${message}`),
        ...(threads !== undefined && { threads }),
        ...(signal && { signal }),
        ...(onProgress && { onProgress }),
      });
      if (outcome === 'interrupted') throw interruptedIn('pretrain', ` after step ${steps}`);
    },
    describe: describeRun,
  };
}

/** Figures of a finished training run, read from its folder. Throws `not_found` when the run did not end. */
export async function describeRun(folder: string): Promise<StageResult> {
  const { steps, evaluations, info } = await readRun(folder);
  if (info.outcome !== 'finished')
    throw new AlbertineError('not_found', `the run in ${folder} is not finished`, { value: info.outcome });
  const { weights } = await (await openCheckpoint(await openFolder(folder))).load();
  const sum = (name: string): number => steps.reduce((total, { values }) => total + (values[name] ?? 0), 0);
  return {
    fingerprint: await weightsFingerprint(weights),
    steps: steps.length,
    tokens: sum('tokens'),
    hours: sum('seconds') / 3600,
    lastLoss: steps.at(-1)?.values['loss'],
    evaluation: evaluations.at(-1)?.metrics ?? {},
    ...(info.bestCheckpoint && { best: info.bestCheckpoint }),
  };
}
