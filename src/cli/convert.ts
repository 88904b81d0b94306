import type { Command } from 'commander';
import type { StorageDtype } from '../checkpoint/safetensors.ts';
import { oneOf } from './arguments.ts';
import type { CliIo } from './io.ts';

/** The flags of `albertine convert`, as commander gives them. */
export interface ConvertFlags {
  to: string;
  output: string;
  dtype?: StorageDtype;
  force?: boolean;
  quiet?: boolean;
}

/** One target of `albertine convert`: reads `model` (folder or hub id; undefined is the built-in one) and writes `flags.output`. */
export type Converter = (io: CliIo, model: string | undefined, flags: ConvertFlags) => Promise<void>;

interface Target {
  summary: string;
  load: () => Promise<Converter>;
}

/** Every target is one file, loaded when it is asked for. */
const TARGETS: Record<string, Target> = {
  safetensors: {
    summary: 'Hugging Face\'s folder (config.json, model.safetensors, tokeniser, model card), which Python\'s transformers loads',
    load: async () => (await import('./convert-safetensors.ts')).convertToSafetensors,
  },
};

/** `albertine convert`: a checkpoint in another format. */
export function registerConvert(program: Command, io: CliIo): void {
  const command = program.command('convert').argument('[model]', 'folder of a checkpoint (safetensors, PyTorch or TensorFlow), or a hub id. Default: the built-in model')
    .summary('write a checkpoint in another format')
    .description('Reads any ALBERT checkpoint and writes it in another format. What is left out or rounded is printed.')
    .requiredOption('--to <format>', `target: ${Object.keys(TARGETS).join(', ')}; see below`, oneOf(...Object.keys(TARGETS)))
    .requiredOption('-o, --output <path>', 'folder to be made')
    .option('--dtype <type>', 'stored numbers: f32, f16 or bf16. Default: as in the source', oneOf('f32', 'f16', 'bf16'))
    .option('--force', 'replace what is there already')
    .option('-q, --quiet', 'no progress; notes and errors are still printed')
    .addHelpText('after', `
Targets
${Object.entries(TARGETS).map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`).join('\n')}

Sources
  Recognised by the files present: model.safetensors (or its shards), pytorch_model.bin (or its shards), or Google's TensorFlow checkpoint
  (*.index and *.data-* with albert_config*.json). Optimizer state is left out.

Examples
  albertine convert ./albert_tiny_zh_google --to safetensors --output albert-tiny-zh
  albertine convert albert/albert-base-v2 --to safetensors --dtype f16 --output base-f16
`)
    .action(async (model: string | undefined) => {
      const flags = command.opts<ConvertFlags>();
      const convert = await TARGETS[flags.to].load();
      await convert(io, model, flags);
    });
}
