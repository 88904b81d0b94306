import { describe, expect, it } from 'vitest';
import { familyName } from '../../src/checkpoint/family-names.ts';
import { openCheckpoint } from '../../src/checkpoint/folder.ts';
import { openFolder } from '../../src/core/files-node.ts';
import { encoderParameters } from '../../src/model/parameters.ts';
import { float32, int64 } from '../../src/runtime/tensor.ts';
import { createArena, layerwiseScales } from '../../src/training/arena.ts';
import { classificationHead } from '../../src/training/heads.ts';
import { LayerwiseNetwork } from '../../src/training/layerwise.ts';
import { FAMILIES, loadFamily } from '../oracle/families.ts';
import { maxAbsDifference } from '../oracle/goldens.ts';

const NO_DROPOUT = { hiddenDropoutProb: 0, attentionProbsDropoutProb: 0, classifierDropoutProb: 0 };

describe.each(FAMILIES)('%s in training, against transformers (float64)', (family) => {
  it.each(['all', 'none', 1] as const)(
    'the loss and the gradient of every parameter, saving %s',
    async (saveActivations) => {
      const { folder, inputs, outputs } = loadFamily(family);
      const checkpoint = await openCheckpoint(await openFolder(folder));
      const { weights } = await checkpoint.load();
      const config = { ...checkpoint.config, ...NO_DROPOUT };
      const head = classificationHead(config, { numLabels: 3, problemType: 'singleLabel' });
      const specs = [...encoderParameters(config), ...head.parameters];
      const arena = createArena(specs, 2, {
        learningRateScales: layerwiseScales(config.numHiddenGroups, 0.5, { mapping: false }),
      });
      arena.load(weights);
      using network = new LayerwiseNetwork(config, arena, head, { threads: 1, saveActivations });
      const [rows, length] = [inputs.inputIds.length, inputs.inputIds[0].length];
      const results = await network.accumulate(
        {
          batchSize: rows,
          sequenceLength: length,
          inputIds: inputs.inputIds.flat(),
          attentionMask: inputs.attentionMask.flat(),
          tokenTypeIds: inputs.tokenTypeIds.flat(),
          headFeeds: {
            firstTokens: int64(
              [rows],
              Array.from({ length: rows }, (_, row) => row * length),
            ),
            labels: int64(
              [rows],
              Array.from({ length: rows }, (_, row) => row % 3),
            ),
            rowWeights: float32([rows], new Float32Array(rows).fill(1 / rows)),
          },
        },
        { step: 0, microBatch: 0 },
      );
      expect(Math.abs((results['loss'].data as Float32Array)[0] - outputs.get('loss')!.data[0])).toBeLessThan(1e-6);
      const names = arena.slots.map(
        ({ name }) => [name, `gradient(${familyName(name, config, ['sequenceClassification'])})`] as const,
      );
      // Whatever Python differentiates, and nothing else.
      expect(names.map(([, theirs]) => theirs).sort()).toEqual(
        [...outputs.keys()].filter((name) => name.startsWith('gradient(')).sort(),
      );
      for (const [ours, theirs] of names)
        expect(maxAbsDifference(arena.view(ours, 'gradients'), outputs.get(theirs)!.data), theirs).toBeLessThan(2e-6);
    },
  );
});
