import { memoryFiles } from '../../src/core/files-memory.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { writeConfig } from '../../src/checkpoint/config-json.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { Albert } from '../../src/loaded/albert.ts';

/** The vocabulary of the small network. */
export const WORDS =
  '[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat on mat and ran fast slow red blue house tree sun moon ##s ##ing ##er . , ! caf ##e 猫 狗 好 不 天 地'.split(
    ' ',
  );

/** A small network with weights large enough that every token matters. */
export const SMALL_CONFIG: AlbertConfig = {
  ...DEFAULT_CONFIG,
  vocabSize: WORDS.length,
  embeddingSize: 16,
  hiddenSize: 32,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  intermediateSize: 64,
  maxPositionEmbeddings: 32,
  initializerRange: 0.2,
};

/** The files of a checkpoint with a classifier of three labels. */
export function smallModelFiles(config: AlbertConfig = SMALL_CONFIG): Record<string, Uint8Array | string> {
  const weights = initialiseWeights(config, 7, { heads: ['sequenceClassification'], numLabels: 3 });
  const chunks = [...encodeSafetensors(weights).chunks()];
  const json = writeConfig(config, { architectures: ['AlbertForSequenceClassification'], labels: ['x', 'y', 'z'] });
  return {
    'config.json': JSON.stringify(json),
    'model.safetensors': new Uint8Array(Buffer.concat(chunks)),
    'vocab.txt': `${WORDS.join('\n')}\n`,
  };
}

/** A checkpoint in memory, opened. */
export async function openSmallModel(config: AlbertConfig = SMALL_CONFIG): Promise<Albert> {
  return Albert.open(memoryFiles(smallModelFiles(config)));
}
