import { bucketWithin, planBatches } from '../../data/batches.ts';
import { padPieces } from '../../model/batch.ts';
import { AlbertEncoder } from '../../model/encoder.ts';
import { normalizeVector, poolRow } from '../../model/pooling.ts';
import type { EmbeddingPooling } from '../../training/contrastive-head.ts';
import { mapVector, type TargetMap } from '../../training/distill/target-map.ts';
import type { TaughtTokens } from '../../training/distill/token-task.ts';
import { turnTargets, type Turned } from '../../training/distill/turn.ts';
import type { TaughtTexts } from '../../training/distill/vector-task.ts';
import type { BaseModel } from '../../training/run/base-model-node.ts';

/** Texts by which targets of vectors are turned, and tokens by which those of states are. */
const [TEXTS, TOKENS] = [2000, 6000];
const BATCH_TOKENS = 2048;

/** Turns the targets towards what a trained student makes of some of the texts that it will learn from. */
export async function turnToStudent(
  map: TargetMap,
  base: BaseModel,
  {
    texts,
    train,
    pooling,
    threads,
  }: { texts: TaughtTexts; train: Uint32Array; pooling: EmbeddingPooling; threads: number | undefined },
): Promise<Turned> {
  const chosen = spread(train, TEXTS);
  const { hiddenSize: width } = base.checkpointConfig;
  const [made, wanted] = [new Float32Array(chosen.length * width), new Float32Array(chosen.length * width)];
  const vector = new Float32Array(map.teacherWidth);
  const rowOf = (row: number): [number, number] => [row * width, (row + 1) * width];
  chosen.forEach((text, row) => {
    texts.vector(text, vector);
    mapVector({ ...map, unit: true }, vector, wanted.subarray(...rowOf(row)));
  });
  await encodeEach(base, { texts, chosen, threads }, (row, states) => {
    const into = made.subarray(...rowOf(row));
    poolRow(pooling, states, { start: 0, length: states.length / width, width }, into);
    normalizeVector(into);
  });
  return turnTargets(map, made, wanted);
}

/** The same for the states of tokens. */
export async function turnTokensToStudent(
  map: TargetMap,
  base: BaseModel,
  { texts, train, threads }: { texts: TaughtTokens; train: Uint32Array; threads: number | undefined },
): Promise<Turned> {
  const { hiddenSize: width } = base.checkpointConfig;
  const [made, wanted]: [Float32Array[], Float32Array[]] = [[], []];
  let tokens = 0;
  const chosen = spread(train, TEXTS).filter((text) => {
    if (tokens >= TOKENS) return false;
    tokens += texts.lengthOf(text);
    return true;
  });
  await encodeEach(base, { texts, chosen, threads }, (row, own) => {
    const { positions, states } = texts.states(chosen[row]);
    positions.forEach((position, i) => {
      const target = new Float32Array(width);
      mapVector({ ...map, unit: true }, states.subarray(i * map.teacherWidth, (i + 1) * map.teacherWidth), target);
      wanted.push(target);
      made.push(normalizeVector(own.slice(position * width, (position + 1) * width)));
    });
  });
  return turnTargets(map, stacked(made, width), stacked(wanted, width));
}

/** Some of the texts, evenly. */
function spread(train: Uint32Array, most: number): number[] {
  const count = Math.min(most, train.length);
  return Array.from({ length: count }, (_, i) => train[Math.floor((i * train.length) / count)]);
}

function stacked(rows: readonly Float32Array[], width: number): Float32Array {
  const all = new Float32Array(rows.length * width);
  rows.forEach((row, i) => all.set(row, i * width));
  return all;
}

/** What the student makes of each text: the states of its tokens, `[tokens, hidden]`. */
async function encodeEach(
  { checkpointConfig: config, weights }: BaseModel,
  {
    texts,
    chosen,
    threads,
  }: { texts: Pick<TaughtTexts, 'lengthOf' | 'tokens'>; chosen: readonly number[]; threads: number | undefined },
  take: (row: number, states: Float32Array) => void,
): Promise<void> {
  using encoder = await AlbertEncoder.create(config, weights, { ...(threads !== undefined && { threads }) });
  for (const batch of planBatches(
    chosen.map((text) => texts.lengthOf(text)),
    { tokenBudget: BATCH_TOKENS, bucket: bucketWithin(config.maxPositionEmbeddings) },
  )) {
    const pieces = batch.map((row) => ({ ids: texts.tokens(chosen[row]) }));
    const padded = padPieces(pieces, config);
    const { lastHiddenState } = await encoder.forward(padded);
    batch.forEach((row, i) => {
      const start = i * padded.sequenceLength * config.hiddenSize;
      take(row, lastHiddenState.subarray(start, start + pieces[i].ids.length * config.hiddenSize));
    });
  }
}
