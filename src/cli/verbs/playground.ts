import type { Command } from 'commander';
import { SERVER_SETTINGS } from '../../server/settings.ts';
import type { OptionsOf, Settings } from '../../core/settings.ts';
import { addSettings } from '../flags/setting-flags.ts';
import type { CliIo } from '../terminal/io.ts';
import { addServeOptions } from './serve.ts';

/** What this command has where nothing else is said: a page of one's own, and only what goes wrong on the terminal. */
const PLAYGROUND_USUAL = { port: 8090, log: 'warn' } as const satisfies OptionsOf<typeof SERVER_SETTINGS>;

/** `albertine playground`: a page in the browser to try models in. */
export function registerPlayground(program: Command, io: CliIo): void {
  const command = addServeOptions(
    program
      .command('playground')
      .summary('try models on a page in your browser')
      .description(
        'Serves a page on this machine to try models in: maps of your texts, similarity word by word, search, labels with reasons, entities, answers, masked words, attention, and the curves of training runs. English and Chinese. Without --model the built-in one. Nothing leaves your machine.',
      ),
  ).option('--open', 'open the page in the browser');
  addSettings(command, settingsOfPlayground())
    .addHelpText('after', MANUAL)
    .action(async () => {
      const { runPlayground } = await import('./playground-run.ts');
      await runPlayground(io, command.opts(), PLAYGROUND_USUAL);
    });
}

/** Those of a server, with this command's defaults; the page itself is always served. */
function settingsOfPlayground(): Settings {
  const { playground, port, log, ...rest } = SERVER_SETTINGS;
  void playground;
  return {
    port: { ...port, default: PLAYGROUND_USUAL.port },
    log: { ...log, default: PLAYGROUND_USUAL.log },
    ...rest,
  };
}

const MANUAL = `
The page asks only the server that it comes from (it has a Content-Security-Policy of default-src 'self'), so it works without a network. It shows
what the models that are served can do; a panel that needs another model says how to serve one. It is "albertine serve --playground" with another
port and log: every setting and route of "albertine serve" is there, and what the page shows can be asked with curl.

The server listens on this machine only. Before you give --host 0.0.0.0, give --keys too: the page then asks for a key.

Examples
  albertine playground
  albertine playground --open
  albertine playground --model albertine-nano-en-zh --model sentiment=runs/sst --model names=runs/ner
  albertine playground --runs runs
`;
