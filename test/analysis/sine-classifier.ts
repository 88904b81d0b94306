import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { loadModel } from '../../src/loaded/load-node.ts';
import type { AlbertConfig } from '../../src/model/config.ts';
import type { Weights } from '../../src/model/parameters.ts';
import { TINY_CONFIG, VOCABULARY } from '../training/small-run.ts';

interface Base {
  config: AlbertConfig;
  weights: Weights;
  tokenizerFiles: Record<string, Uint8Array | string>;
}

/**
 * Saves the built-in encoder, or a tiny one, with a classifier whose weights are a formula, which
 * test/oracle/make_explain_golden.py repeats: what it answers means nothing, and is the same everywhere.
 */
export async function writeSineClassifier(
  folder: string,
  {
    base = 'tiny',
    labels = ['a', 'b', 'c'],
    problemType,
    pairs,
  }: { base?: 'tiny' | 'built-in'; labels?: string[]; problemType?: string; pairs?: boolean } = {},
): Promise<string> {
  const { config, weights, tokenizerFiles } = base === 'tiny' ? tiny() : await builtIn();
  const outputs = labels.length;
  weights.set('classifier.weight', {
    shape: [outputs, config.hiddenSize],
    data: Float32Array.from({ length: outputs * config.hiddenSize }, (_, at) => {
      const [i, j] = [Math.floor(at / config.hiddenSize), at % config.hiddenSize];
      return 0.3 * Math.sin(1 + 7 * i + 0.37 * j);
    }),
  });
  weights.set('classifier.bias', { shape: [outputs], data: Float32Array.from([0.1, -0.2, 0.3].slice(0, outputs)) });
  await saveCheckpoint(folder, {
    config,
    weights,
    tokenizerFiles,
    ...(problemType !== 'regression' && { labels }),
    ...(problemType !== undefined && { problemType }),
    ...(pairs !== undefined && { extra: { albertine_pairs: pairs } }),
  });
  return folder;
}

function tiny(): Base {
  const config = { ...TINY_CONFIG, initializerRange: 0.3 };
  return {
    config,
    weights: new Map(initialiseWeights(config, 3)),
    tokenizerFiles: { 'vocab.txt': `${VOCABULARY.join('\n')}\n` },
  };
}

async function builtIn(): Promise<Base> {
  using model = await loadModel('albertine-nano-en-zh', { threads: 1 });
  const weights: Weights = new Map(
    [...model.weights]
      .filter(([name]) => name.startsWith('albert.'))
      .map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
  );
  return { config: model.config, weights, tokenizerFiles: model.tokenizer.files() };
}
