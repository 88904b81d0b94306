import { InvalidArgumentError, type Command } from 'commander';
import { EXTERNAL_DATA_MODES, ONNX_LAYOUTS, ONNX_OUTPUTS } from '../../checkpoint/onnx-names.ts';
import type { StorageDtype } from '../../checkpoint/safetensors.ts';
import { ACTIVATION_QUANTIZATIONS, RANGE_METHODS } from '../../model/quantize.ts';
import { POOLINGS } from '../../model/pooling.ts';
import { oneOf } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';
import { OVERWRITE } from '../streams/output-claim.ts';

/** The flags of `albertine convert`, as commander gives them. */
export interface ConvertFlags {
  to: string;
  output: string;
  dtype?: StorageDtype;
  overwrite?: boolean;
  quiet?: boolean;
}

/**
 * One target of `albertine convert`: reads `model` (folder or hub id; undefined is the built-in one) and writes
 * `flags.output`.
 */
export type Converter = (io: CliIo, model: string | undefined, flags: ConvertFlags) => Promise<void>;

interface Target {
  summary: string;
  load: () => Promise<Converter>;
}

/** Every target is one file, loaded when it is asked for. */
const TARGETS: Record<string, Target> = {
  safetensors: {
    summary:
      "Hugging Face's folder (config.json, model.safetensors, tokeniser, model card), which Python's transformers loads",
    load: async () => (await import('./convert-safetensors.ts')).convertToSafetensors,
  },
  int8: {
    summary:
      'the same folder with 8-bit weights: a quarter of the size, several times faster on processors with VNNI; prints how far every layer is from f32',
    load: async () => (await import('./convert-int8.ts')).convertToInt8,
  },
  onnx: {
    summary:
      'onnx/model.onnx in the layout of transformers.js (or the .onnx file named by --output), with standard operators and the shared weights stored once',
    load: async () => (await import('./convert-onnx.ts')).convertToOnnx,
  },
};

function bits(text: string): 7 | 8 {
  if (text !== '7' && text !== '8') throw new InvalidArgumentError('It must be 7 or 8.');
  return text === '7' ? 7 : 8;
}

/** `albertine convert`: a checkpoint in another format. */
export function registerConvert(program: Command, io: CliIo): void {
  const command = program
    .command('convert')
    .argument(
      '[model]',
      'folder of a checkpoint (safetensors, PyTorch or TensorFlow), or a hub id. Default: the built-in model',
    )
    .summary('write a checkpoint in another format')
    .description(
      'Reads any checkpoint of ALBERT, BERT or XLM-R and writes it in another format. What is left out or rounded is printed.',
    )
    .requiredOption(
      '--to <format>',
      `target: ${Object.keys(TARGETS).join(', ')}; see below`,
      oneOf(...Object.keys(TARGETS)),
    )
    .requiredOption('-o, --output <path>', 'folder to be made')
    .option(
      '--dtype <type>',
      'safetensors: stored numbers f32, f16 or bf16. Default: as in the source',
      oneOf('f32', 'f16', 'bf16'),
    )
    .option(
      '--activations <how>',
      'int8: mixed (calibrated where the range is steady, per row elsewhere), perRow, static (calibrated), dynamic (per batch: vectors then depend slightly on their batch mates). Default: mixed',
      oneOf(...ACTIVATION_QUANTIZATIONS),
    )
    .option(
      '--ranges <method>',
      'int8: calibrated ranges by minMax, percentile or meanSquareError. Default: minMax',
      oneOf(...RANGE_METHODS),
    )
    .option(
      '--bits <n>',
      'int8: 8, or 7 for processors without VNNI (chosen by itself when such a processor loads the model). Default: 8',
      bits,
    )
    .option(
      '--sample <file>',
      'int8: texts to calibrate with and to measure drift on. Default: sixty sentences in English and Chinese',
    )
    .option(
      '--task <output>',
      `onnx: what the file computes: ${ONNX_OUTPUTS.join(', ')}. Default: the checkpoint's head, else pooler, else hidden`,
      oneOf(...ONNX_OUTPUTS),
    )
    .option(
      '--layout <name>',
      'onnx: loop (one layer in a loop) or unrolled (a copy of the nodes per depth, weights still stored once). Default: unrolled',
      oneOf(...ONNX_LAYOUTS),
    )
    .option(
      '--pooling <how>',
      'onnx, task embeddings: mean, cls, max ... Default: what the model was trained with, else mean',
      oneOf(...POOLINGS),
    )
    .option('--normalize', 'onnx, task embeddings: scale to length 1')
    .option(
      '--external-data <mode>',
      'onnx: weights in a second file: auto (beyond 2 GiB), always, never. Default: auto',
      oneOf(...EXTERNAL_DATA_MODES),
    )
    .option('--overwrite', OVERWRITE)
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText(
      'after',
      `
Targets
${Object.entries(TARGETS)
  .map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`)
  .join('\n')}

Sources
  Recognised by the files present: model.safetensors (or its shards), pytorch_model.bin (or its shards), or Google's TensorFlow checkpoint
  (*.index and *.data-* with albert_config*.json). Optimizer state is left out.

Examples
  albertine convert ./albert_tiny_zh_google --to safetensors --output albert-tiny-zh
  albertine convert albert/albert-base-v2 --to safetensors --dtype f16 --output base-f16
  albertine convert albert/albert-base-v2 --to int8 --sample my-sentences.txt --output base-int8
  albertine convert albert/albert-base-v2 --to onnx --task embeddings --output base.onnx
`,
    )
    .action(async (model: string | undefined) => {
      const flags = command.opts<ConvertFlags>();
      const { claimConversion } = await import('./convert-claim.ts');
      const convert = await TARGETS[flags.to].load();
      await claimConversion(model, flags, () => convert(io, model, flags));
    });
}
