import { bucketWithin, planBatches } from '../data/batches.ts';
import { padPieces } from '../model/batch.ts';
import { headOf, type HeadName } from '../model/heads.ts';
import { HostTensor } from '../runtime/tensor.ts';
import { splitLogits, type Piece } from '../training/units.ts';
import type { TaskNetwork } from './task.ts';

/** Padded tokens of a batch unless told otherwise. */
const DEFAULT_BATCH_TOKENS = 1024;

/**
 * A head's logits of tokenised texts, in their order: for each piece one row where the head reads the pooled output,
 * else a row a token. Pieces are computed in batches of similar length; what comes out does not depend on the others of
 * a batch.
 */
export async function pieceLogits(
  { config, encoder }: TaskNetwork,
  pieces: readonly Piece[],
  { head, batchTokens = DEFAULT_BATCH_TOKENS }: { head: HeadName; batchTokens?: number | undefined },
): Promise<Float32Array[]> {
  const all = new Array<Float32Array>(pieces.length);
  const { reads } = headOf(head);
  for (const rows of planBatches(
    pieces.map(({ ids }) => ids.length),
    { tokenBudget: batchTokens, bucket: bucketWithin(config.maxPositionEmbeddings) },
  )) {
    const chosen = rows.map((row) => pieces[row]);
    const batch = padPieces(chosen, config);
    const { lastHiddenState } = await encoder.forward(batch);
    const values = await encoder.logits(
      head,
      reads === 'pooled' ? await encoder.pool(lastHiddenState, rows.length) : lastHiddenState,
    ); // [pieces, outputs] or [pieces*sequence, outputs]
    const count = reads === 'pooled' ? rows.length : rows.length * batch.sequenceLength;
    splitLogits(new HostTensor('float32', [count, values.length / count], values), chosen, batch).forEach(
      (logits, i) => (all[rows[i]] = logits),
    );
  }
  return all;
}
