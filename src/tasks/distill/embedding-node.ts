import { countOf } from '../../core/count.ts';
import { pick } from '../../core/pick.ts';
import type { Albert } from '../../loaded/albert.ts';
import { VECTOR_HEAD_DEFAULTS } from '../../training/distill/vector-head.ts';
import { vectorDistillationTask } from '../../training/distill/vector-task.ts';
import type { RunSettings } from '../../training/run/run-folder-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import { prepare, type BeforeTeaching } from './prepare-node.ts';
import { requireMetric, requireResumable, runDistillation, teacherName } from './run-node.ts';
import type { Student } from './student-node.ts';
import { withoutProjection, withProjection } from './targets-node.ts';

const METRICS = { cosine: 'higher', spearman: 'higher' } as const;

/** Distils sentence vectors into a student; see `distill`. */
export async function distillVectors(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<DistillResult> {
  requireMetric(options, METRICS);
  const task = 'embedding';
  const prepared = await prepare(options, student, {
    teacher,
    folder,
    check: (learner) =>
      requireResumable(options, { task, learner, own: knownSettings(options, learner), metrics: METRICS }),
  });
  using texts = prepared.texts;
  const { pooling, maxLength, targets, train, evaluation } = prepared;
  return await runDistillation(options, {
    task,
    learner: prepared,
    weights: withProjection(options, prepared),
    own: {
      ...knownSettings(options, prepared),
      teacherWidth: targets.teacherWidth,
      dataFingerprint: prepared.dataFingerprint,
    },
    metrics: METRICS,
    trainingTask: ({ batchSize }) =>
      vectorDistillationTask({
        ...pick(prepared, ['config', 'train', 'evaluation', 'targets', 'pooling']),
        texts,
        batchSize,
        seed: options.seed ?? 1,
        ...pick(options, ['loss', 'projection', 'similarityWeight', 'temperature', 'shuffle', 'groupByLength']),
      }),
    saved: async (weights) => ({
      weights: await withoutProjection(weights, { ...prepared, folder }),
      sentences: { pooling, maxLength },
      card: {
        name: 'Sentence embeddings, distilled',
        description: `A student (${prepared.model}) that learned with albertine the vectors of ${targets.teacherWidth} numbers of a teacher (${teacherName(options)}) for ${countOf(train.length, 'text')}: vectors of sentences, by ${pooling} pooling, to be compared by cosine. Figures: mean cosine to the teacher's vectors, and Spearman correlation with its similarities, on ${countOf(evaluation.length, 'text')} that were held out.`,
      },
    }),
  });
}

/** Those that the teacher has no part in. */
function knownSettings(
  options: DistillOptions,
  { pooling, unusedHeads, textsFingerprint }: BeforeTeaching,
): RunSettings {
  const { similarityWeight, temperature } = {
    ...VECTOR_HEAD_DEFAULTS,
    ...pick(options, ['similarityWeight', 'temperature']),
  };
  return {
    pooling,
    loss: options.loss ?? 'cosine',
    similarityWeight,
    temperature,
    centre: options.centre ?? true,
    projection: options.projection ?? false,
    turn: options.turn ?? true,
    groupByLength: options.groupByLength ?? false,
    heads: Object.fromEntries(unusedHeads.map((head) => [head, 'left out'])),
    textsFingerprint,
  };
}
