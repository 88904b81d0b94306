import { join } from 'node:path';
import { initialValues } from '../../checkpoint/initialise.ts';
import { countOf } from '../../core/count.ts';
import { writeFileAtomic } from '../../core/files-node.ts';
import { writeNpy } from '../../data/npy-node.ts';
import type { AlbertConfig } from '../../model/config.ts';
import type { Weights } from '../../model/parameters.ts';
import { fitTargetMap, type TargetMap } from '../../training/distill/target-map.ts';
import type { Turned } from '../../training/distill/turn.ts';
import { projectionParameter } from '../../training/distill/vector-head.ts';
import { tell } from '../../training/run/options.ts';
import type { OpenedStudent } from './open-node.ts';
import type { DistillOptions } from './options.ts';

/** Vectors for each main direction below which those are partly chance. */
const FEW_VECTORS = 10;

/** Makes the map from a teacher's vectors to targets, and says what it keeps. */
export function fitTargets(
  options: DistillOptions,
  { sample, teacherWidth, hiddenSize }: { sample: Float32Array; teacherWidth: number; hiddenSize: number },
  { unit, remark, note }: { unit: string; remark?: (map: TargetMap) => string; note: OpenedStudent['note'] },
): TargetMap {
  const width = options.projection ? teacherWidth : hiddenSize;
  const map = fitTargetMap(sample, {
    teacherWidth,
    width,
    centre: options.centre ?? true,
    unit: options.loss !== 'mse',
  });
  note('data', `${describeTargets(map, { hiddenSize, unit })}${remark?.(map) ?? ''}`);
  if (map.sampled < FEW_VECTORS * width && map.directions)
    tell(
      options.onEvent,
      'warning',
      `the main directions are made of ${countOf(map.sampled, unit)} only: with fewer than ${FEW_VECTORS} for each of ${width} they are partly chance`,
    );
  return map;
}

/** Turns targets unless told otherwise, says how much nearer they lie, and keeps beside the model how they were made. */
export async function settleTargets(
  options: DistillOptions,
  map: TargetMap,
  { folder, note, turn }: { folder: string; note: OpenedStudent['note']; turn: () => Promise<Turned> },
): Promise<TargetMap> {
  let settled = map;
  if (!options.projection && (options.turn ?? true)) {
    const turned = await turn();
    note(
      'data',
      `targets turned to where the student's vectors lie: cosine ${turned.before.toFixed(4)} -> ${turned.after.toFixed(4)}`,
    );
    settled = turned.map;
  }
  await writeTargets(folder, settled);
  return settled;
}

function describeTargets(
  { teacherWidth, width, directions, keptVariance, sampled }: TargetMap,
  { hiddenSize, unit }: { hiddenSize: number; unit: string },
): string {
  const from = `${unit}s of ${teacherWidth} numbers`;
  if (directions)
    return `${from}, of which the student learns the ${width} main directions: ${(100 * keptVariance).toFixed(1)} % of the variance of ${countOf(sampled, unit)}`;
  if (width !== hiddenSize) return `${from}, learned from the student's ${hiddenSize} by a linear layer`;
  return width === teacherWidth
    ? `${from}, as many as the student has`
    : `${from}, in the first of the student's ${width}`;
}

/** For whoever wants to compare the teacher's other vectors with the student's. */
async function writeTargets(folder: string, { mean, directions, ...facts }: TargetMap): Promise<void> {
  await writeFileAtomic(
    join(folder, 'targets.json'),
    `${JSON.stringify({ ...facts, files: directions ? ['targets-mean.npy', 'targets-directions.npy'] : ['targets-mean.npy'] }, null, 2)}\n`,
  );
  await writeNpy(join(folder, 'targets-mean.npy'), mean, facts.teacherWidth);
  if (directions) await writeNpy(join(folder, 'targets-directions.npy'), directions, facts.teacherWidth);
}

/** The student's weights, with a new linear layer where there is one. */
export function withProjection(
  { projection = false, seed = 1 }: DistillOptions,
  { weights, config, targets }: { weights: Weights; config: AlbertConfig; targets: TargetMap },
): Weights {
  if (!projection) return weights;
  const spec = projectionParameter(config, targets.width);
  return new Map([
    ...weights,
    [spec.name, { shape: spec.shape, data: initialValues(spec, seed, 1 / Math.sqrt(config.hiddenSize)) }],
  ]);
}

/** Takes the linear layer out of trained weights, and keeps it in a file of its own. */
export async function withoutProjection(
  trained: Weights,
  { config, targets, folder }: { config: AlbertConfig; targets: TargetMap; folder: string },
): Promise<Weights> {
  const weights: Weights = new Map(trained);
  const { name } = projectionParameter(config, targets.width);
  const learned = weights.get(name);
  weights.delete(name);
  if (learned) await writeNpy(join(folder, 'projection.npy'), learned.data, learned.shape[1]);
  return weights;
}
