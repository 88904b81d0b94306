import type { Command } from 'commander';
import type { CliIo } from '../terminal/io.ts';

/** `albertine parity`: a Python program that compares a folder in Node and in Python. */
export function registerParity(program: Command, io: CliIo): void {
  program
    .command('parity')
    .argument('[folder]', 'folder that albertine wrote: safetensors or ONNX. Default: the built-in model')
    .argument(
      '[texts...]',
      'texts to compare. Default: a dozen in English and Chinese, with numbers, accents, an empty one and one longer than any model takes',
    )
    .summary('check that a folder gives the same in Python')
    .description(
      'Runs texts through a folder and prints a Python program that runs them through the same folder with transformers, sentence-transformers or onnxruntime, whichever it is for, and compares tokens, token types and outputs.',
    )
    .addHelpText(
      'after',
      `
Node needs no Python; the program needs what it compares with (pip install torch transformers sentence-transformers onnxruntime).
It exits with 1 where something differs. For a classifier of pairs every text is paired with the one after it.

Examples
  albertine parity sentiment | python3 -
  albertine parity my-onnx "a text" "another" > check.py
`,
    )
    .action(async (folder: string | undefined, texts: string[]) => {
      const { runParity } = await import('./parity-run.ts');
      await runParity(io, folder, texts);
    });
}
