import { bucketWithin, planBatches } from '../../data/batches.ts';
import { padPieces } from '../../model/batch.ts';
import { AlbertEncoder } from '../../model/encoder.ts';
import { normalizeVector, poolRow } from '../../model/pooling.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import { mapVector, type TargetMap } from '../../training/distill/target-map.ts';
import { turnTargets, type Turned } from '../../training/distill/turn.ts';
import type { TaughtTexts } from '../../training/distill/vector-task.ts';
import type { BaseModel } from '../../training/run/base-model-node.ts';

/** Texts by which targets are turned. */
const TEXTS = 2000;
const BATCH_TOKENS = 2048;

/** Turns the targets towards what a trained student makes of some of the texts that it will learn from. */
export async function turnToStudent(
  map: TargetMap,
  { checkpointConfig: config, weights }: BaseModel,
  {
    texts,
    train,
    pooling,
    threads,
  }: { texts: TaughtTexts; train: Uint32Array; pooling: EmbeddingPooling; threads: number | undefined },
): Promise<Turned> {
  const rows = Math.min(TEXTS, train.length);
  const chosen = Array.from({ length: rows }, (_, row) => train[Math.floor((row * train.length) / rows)]);
  const width = config.hiddenSize;
  const [made, wanted] = [new Float32Array(rows * width), new Float32Array(rows * width)];
  const vector = new Float32Array(map.teacherWidth);
  chosen.forEach((text, row) => {
    texts.vector(text, vector);
    mapVector({ ...map, unit: true }, vector, wanted.subarray(row * width, (row + 1) * width));
  });
  using encoder = await AlbertEncoder.create(config, weights, { ...(threads !== undefined && { threads }) });
  const bucket = bucketWithin(config.maxPositionEmbeddings);
  for (const batch of planBatches(
    chosen.map((text) => texts.lengthOf(text)),
    { tokenBudget: BATCH_TOKENS, bucket },
  )) {
    const pieces = batch.map((row) => ({ ids: texts.tokens(chosen[row]) }));
    const sequenceLength = bucket(Math.max(...pieces.map(({ ids }) => ids.length)));
    const { lastHiddenState } = await encoder.forward(
      padPieces(pieces, { sequenceLength, padTokenId: config.padTokenId }),
    );
    batch.forEach((row, i) => {
      const into = made.subarray(row * width, (row + 1) * width);
      poolRow(
        pooling,
        lastHiddenState,
        { start: i * sequenceLength * width, length: pieces[i].ids.length, width },
        into,
      );
      normalizeVector(into);
    });
  }
  return turnTargets(map, made, wanted);
}
