import { memoryFiles } from '../../src/core/files-memory.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { encodeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { writeConfig } from '../../src/checkpoint/config-json.ts';
import { DEFAULT_CONFIG, type AlbertConfig } from '../../src/model/config.ts';
import { Albert } from '../../src/tasks/albert.ts';

const WORDS = '[PAD] [UNK] [CLS] [SEP] [MASK] a the cat dog sat on mat and ran fast slow red blue house tree sun moon ##s ##ing ##er . , ! caf ##e 猫 狗 好 不 天 地'.split(' ');

/** A small network with weights large enough that every token matters. */
export const SMALL_CONFIG: AlbertConfig = {
  ...DEFAULT_CONFIG, vocabSize: WORDS.length, embeddingSize: 16, hiddenSize: 32, numHiddenLayers: 3, numAttentionHeads: 4, intermediateSize: 64, maxPositionEmbeddings: 32, initializerRange: 0.2,
};

/** A checkpoint in memory, opened. */
export async function openSmallModel(config: AlbertConfig = SMALL_CONFIG): Promise<Albert> {
  const weights = initialiseWeights(config, 7, { heads: ['sequenceClassification'], numLabels: 3 });
  const chunks = [...encodeSafetensors(weights).chunks()];
  const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.byteLength, 0));
  chunks.reduce((at, chunk) => { bytes.set(chunk, at); return at + chunk.byteLength; }, 0);
  const json = writeConfig(config, { architectures: ['AlbertForSequenceClassification'], labels: ['x', 'y', 'z'] });
  return Albert.open(memoryFiles({ 'config.json': JSON.stringify(json), 'model.safetensors': bytes, 'vocab.txt': `${WORDS.join('\n')}\n` }));
}
