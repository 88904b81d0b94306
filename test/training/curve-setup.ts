import type { AlbertConfig } from '../../src/model/config.ts';
import { encoderParameters, type ParameterSpec } from '../../src/model/parameters.ts';
import { createArena, type Arena } from '../../src/training/arena.ts';
import type { HeadDefinition } from '../../src/training/head.ts';
import { classificationHead, pretrainingHead } from '../../src/training/heads.ts';
import { createAdamW } from '../../src/training/optimizers/adamw.ts';
import { createLamb } from '../../src/training/optimizers/lamb.ts';
import type { Optimizer } from '../../src/training/optimizers/optimizer.ts';
import type { loadTrainingCase } from '../oracle/goldens.ts';

/** A network with weights, head and optimiser of one of PyTorch's curves; without dropout. */
export function curveSetup({ config: stored, initial, curve }: ReturnType<typeof loadTrainingCase>): {
  config: AlbertConfig;
  head: HeadDefinition;
  arena: Arena;
  optimizer: Optimizer;
} {
  const config = { ...stored, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, classifierDropoutProb: 0 };
  const head =
    curve.task === 'classification'
      ? classificationHead(config, {
          numLabels: initial.get('classifier.weight')!.shape[0],
          problemType: 'singleLabel',
        })
      : pretrainingHead(config, { maskedLm: true, sentencePair: true });
  const specs = new Map<string, ParameterSpec>(
    [...encoderParameters(config), ...head.parameters].map((spec) => [spec.name, spec]),
  );
  const arena = createArena([...specs.values()], 4);
  arena.load(initial);
  const options = {
    beta1: curve.beta1,
    beta2: curve.beta2,
    epsilon: curve.epsilon,
    weightDecay: curve.weightDecay,
    biasCorrection: curve.biasCorrection,
  };
  return {
    config,
    head,
    arena,
    optimizer: curve.optimizer === 'adamw' ? createAdamW(arena, options) : createLamb(arena, options),
  };
}
