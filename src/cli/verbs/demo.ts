import type { Command } from 'commander';
import { addModelOption, integer } from '../flags/arguments.ts';
import type { CliIo } from '../terminal/io.ts';

/** `albertine demo`: a small search, to see that everything works. */
export function registerDemo(program: Command, io: CliIo): void {
  const command = program
    .command('demo')
    .summary('embed and search a small bilingual collection')
    .description(
      'Embeds 24 short documents, half English and half Chinese, and answers a few searches over them. Needs no network.',
    );
  addModelOption(command)
    .option('--threads <n>', 'processor threads. Default: those this process may use', integer({ min: 1 }))
    .option('--top <n>', 'documents shown for each search. Default: 3', integer({ min: 1 }))
    .action(async () => {
      const { runDemo } = await import('./demo-run.ts');
      await runDemo(io, command.opts());
    });
}
