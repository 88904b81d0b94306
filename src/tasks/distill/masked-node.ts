import { createHash } from 'node:crypto';
import { AlbertineError } from '../../core/errors.ts';
import { pick } from '../../core/pick.ts';
import { option, prose } from '../../core/prose.ts';
import type { Albert } from '../../loaded/albert.ts';
import type { EncoderBatch } from '../../model/batch.ts';
import { headParameters } from '../../model/heads.ts';
import type { Weights } from '../../model/parameters.ts';
import { countOf } from '../../core/count.ts';
import { LABEL_TEMPERATURE } from '../../training/distill/label-head.ts';
import { maskedDistillationTask, type AskTeacher } from '../../training/distill/masked-task.ts';
import { Masker } from '../../training/pretraining/masking.ts';
import type { BaseModel } from '../../training/run/base-model-node.ts';
import { addMissing } from '../../training/run/start-heads-node.ts';
import { openLearner, splitTexts } from './open-node.ts';
import type { DistillOptions, DistillResult } from './options.ts';
import { requireMetric, runDistillation, teacherName } from './run-node.ts';
import type { Student } from './student-node.ts';
import { readTexts } from './texts-node.ts';

const METRICS = { divergence: 'lower', agreement: 'higher', mlmLoss: 'lower', mlmAccuracy: 'higher' } as const;
const HEAD = 'maskedLm';

/** Distils a teacher's guesses at masked words into a student; see `distill`. */
export async function distillMasked(
  options: DistillOptions,
  student: Student,
  { teacher, folder }: { teacher: Albert | undefined; folder: string },
): Promise<DistillResult> {
  requireMetric(options, METRICS);
  if (!teacher)
    throw new AlbertineError('invalid_argument', prose`masked words are guessed by a ${option('teacher')}`, {
      hint: 'It is asked at every step, because other words are masked each time',
      option: 'teacher',
    });
  const { base, notes, note } = await openLearner(options, student, { activity: 'masked words', kept: [HEAD] });
  requireSameWords(teacher, base);
  const weights = await withHead(base, options, note);
  const read = await readTexts(options, { ...base, folder });
  using texts = read.file;
  const { train, evaluation } = splitTexts(read, options, note);
  const taught = {
    length: texts.length,
    lengthOf: (text: number) => texts.lengthOf(text),
    tokens: (text: number) => texts.sequence(text),
  };
  const { temperature = LABEL_TEMPERATURE, hardWeight = 0, seed = 1 } = options;
  return await runDistillation(options, {
    task: 'masked',
    learner: { ...base, notes, train, evaluation },
    weights,
    own: {
      temperature,
      hardWeight,
      heads: Object.fromEntries(base.unusedHeads.filter((head) => head !== HEAD).map((head) => [head, 'left out'])),
      teacherFingerprint: teacher.fingerprint,
      dataFingerprint: fingerprintOf(taught),
    },
    metrics: METRICS,
    trainingTask: ({ batchSize }) =>
      maskedDistillationTask({
        config: base.config,
        texts: taught,
        train,
        evaluation,
        masker: new Masker(base.tokenizer),
        ask: asker(teacher),
        batchSize,
        temperature,
        hardWeight,
        seed,
        ...pick(options, ['shuffle', 'microBatchTokens']),
      }),
    saved: (trained) =>
      Promise.resolve({
        weights: new Map(trained),
        card: {
          name: 'Masked words, distilled',
          description: `A student (${base.model}) that learned with albertine how a teacher (${teacherName(options)}) guesses masked words in ${countOf(train.length, 'text')}, at temperature ${temperature}${hardWeight > 0 ? `, and the words that were there for ${hardWeight} of the loss` : ''}. Figures: divergence from the teacher's guesses and agreement with its best one, loss and accuracy on the words that were there, on ${countOf(evaluation.length, 'text')} that were held out.`,
        },
      }),
  });
}

/** Its guesses are about pieces of its own vocabulary. */
function requireSameWords(teacher: Albert, { tokenizer, model, config }: BaseModel): void {
  const location = teacher.checkpoint.location;
  if (!teacher.loaded.heads.includes(HEAD))
    throw new AlbertineError('weights_mismatch', `the teacher ${location} has no head for masked words`, {
      value: teacher.loaded.heads,
      hint: 'Use a pretrained checkpoint; fine-tuned ones and sentence-embedding models have lost it',
    });
  if (teacher.tokenizer.fingerprint !== tokenizer.fingerprint || teacher.config.vocabSize !== config.vocabSize)
    throw new AlbertineError(
      'weights_mismatch',
      `${model} has another vocabulary than the teacher ${location}, whose guesses are about its own pieces`,
      {
        value: teacher.tokenizer.fingerprint,
        hint: prose`Between vocabularies hand on states (${option('task', 'tokens')}), or give a new network the teacher's vocabulary (${option('tokenizer')})`,
      },
    );
}

/** The encoder's weights with the head that guesses, new where the student has none. */
async function withHead(
  { checkpoint, weights: encoder, unusedHeads, config }: BaseModel,
  { seed = 1 }: DistillOptions,
  note: (kind: string, ...messages: string[]) => void,
): Promise<Weights> {
  const weights: Weights = new Map(encoder);
  const specs = headParameters(config, HEAD);
  if (unusedHeads.includes(HEAD)) {
    const loaded = await checkpoint.load({ heads: [HEAD] });
    for (const { name } of specs) weights.set(name, loaded.weights.get(name)!);
  }
  const origin = addMissing(weights, specs, { config, seed });
  note('model', `the head for masked words ${origin === 'fresh' ? 'starts fresh' : "is the student's own"}`);
  return weights;
}

/** The teacher's logits at the masked positions. */
function asker({ encoder, config: { hiddenSize: width } }: Albert): AskTeacher {
  return async (batch: EncoderBatch, positions) => {
    const { lastHiddenState } = await encoder.forward(batch);
    const states = new Float32Array(positions.length * width);
    positions.forEach((row, i) => states.set(lastHiddenState.subarray(row * width, (row + 1) * width), i * width));
    return await encoder.logits(HEAD, states);
  };
}

function fingerprintOf(texts: { length: number; tokens: (text: number) => Int32Array }): string {
  const hash = createHash('sha256');
  for (let text = 0; text < texts.length; text++) hash.update(texts.tokens(text));
  return hash.digest('hex').slice(0, 16);
}
