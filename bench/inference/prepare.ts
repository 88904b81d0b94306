/**
 * Makes the models that `bench.ts` measures, under `.runs/bench`: our checkpoint of a shape (fixed seed, untrained) and
 * the same weights for transformers.js (`onnx/model.onnx`, `onnx/model_quantized.onnx`, `tokenizer.json`). Run:
 * `npx tsx bench/inference/prepare.ts [base] [xxlarge] [soak] [--force]` (default: base and soak; xxlarge takes 4 GB of
 * disk and minutes). int8: `albertine convert .runs/bench/base/ours --to int8 --output .runs/bench/base/int8`; every
 * folder `int8*` there becomes a contender.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeConfig } from '../../src/checkpoint/config-json.ts';
import { initialiseWeights } from '../../src/checkpoint/initialise.ts';
import { saveCheckpoint } from '../../src/checkpoint/save-node.ts';
import type { OnnxModel } from '../../src/graph/onnx/model.ts';
import type { AlbertConfig } from '../../src/model/config.ts';
import { presetConfig } from '../../src/model/presets.ts';
import { parseSentencePieceModel } from '../../src/tokenizer/sentencepiece-model.ts';
import { trainVocabularyFromFiles } from '../../src/tokenizer/training/train-node.ts';
import { albertTokenizerJson } from '../../test/tokenizer/oracle/hf-json.ts';
import { DATA, ourFolder, peerFolder, SHAPES, WORK, type ShapeName } from './paths.ts';
import { peerModel } from './peer-model.ts';
import { sampleTexts } from './texts.ts';

const SEED = 1;
const SPECIAL_TOKENS = {
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '<pad>',
  unk_token: '<unk>',
  mask_token: '[MASK]',
  bos_token: '[CLS]',
  eos_token: '[SEP]',
};

/** The real vocabulary where a developer has it, else one trained on the sample texts. */
async function vocabulary(): Promise<Uint8Array> {
  const real = join(DATA, 'albert-en-spiece', 'spiece.model');
  if (existsSync(real)) return readFile(real);
  const folder = join(WORK, 'vocabulary');
  if (!existsSync(join(folder, 'spiece.model'))) {
    console.log(`no ${real}: training a vocabulary of 4,000 pieces instead; text will be cut into more tokens`);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'texts.txt'), sampleTexts(20_000).texts.join('\n'));
    await trainVocabularyFromFiles([join(folder, 'texts.txt')], { outputDirectory: folder, vocabSize: 4000 });
  }
  return readFile(join(folder, 'spiece.model'));
}

async function writeModel(path: string, model: OnnxModel): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'w');
  for (const chunk of model.chunks) await file.writeFile(chunk);
  await file.close();
  console.log(`  ${path}: ${(model.byteLength / 1e6).toFixed(1)} MB`);
}

function shapeConfig(shape: ShapeName): AlbertConfig {
  const config = presetConfig(shape === 'xxlarge' ? 'xxlarge-v2' : 'base-v2');
  return shape === 'soak' ? { ...config, numHiddenLayers: 1 } : config;
}

async function prepareShape(shape: ShapeName, spiece: Uint8Array): Promise<void> {
  console.log(shape);
  const config = shapeConfig(shape);
  const weights = initialiseWeights(config, SEED);
  const folder = peerFolder(shape);
  await writeModel(join(folder, 'onnx', 'model.onnx'), peerModel(config, weights, false));
  await writeModel(join(folder, 'onnx', 'model_quantized.onnx'), peerModel(config, weights, true));
  await writeFile(join(folder, 'config.json'), JSON.stringify(writeConfig(config)));
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(albertTokenizerJson(parseSentencePieceModel(spiece))));
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({
      tokenizer_class: 'AlbertTokenizer',
      model_max_length: config.maxPositionEmbeddings,
      ...SPECIAL_TOKENS,
    }),
  );
  await mkdir(dirname(ourFolder(shape)), { recursive: true });
  const saved = await saveCheckpoint(ourFolder(shape), {
    config,
    weights,
    tokenizerFiles: { 'spiece.model': spiece },
    extra: { albertine_untrained: true },
  });
  console.log(`  ${saved.folder}: ${(saved.weightBytes / 1e6).toFixed(1)} MB`);
}

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unknown = names.filter((name) => !SHAPES.includes(name as ShapeName));
if (unknown.length > 0) throw new Error(`unknown shape ${unknown.join(', ')}; choose from ${SHAPES.join(', ')}`);
const spiece = await vocabulary();
for (const shape of (names.length > 0 ? names : ['base', 'soak']) as ShapeName[]) {
  if (existsSync(join(ourFolder(shape), 'config.json')) && !process.argv.includes('--force'))
    console.log(`${shape} is there (--force makes it again)`);
  else await prepareShape(shape, spiece);
}
