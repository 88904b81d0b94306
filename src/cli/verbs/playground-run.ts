import { spawn } from 'node:child_process';
import { PLAYGROUND_PATH } from '../../server/playground.ts';
import type { ServerSettings } from '../../server/settings.ts';
import type { CliIo } from '../terminal/io.ts';
import { runServe, type ServeFlags } from './serve-run.ts';

/** Runs `albertine playground` until it is interrupted. */
export async function runPlayground(
  io: CliIo,
  { open = false, ...flags }: ServeFlags & { open?: boolean },
  usual: ServerSettings,
): Promise<void> {
  await runServe(io, flags, {
    usual,
    fixed: { playground: true },
    async onListening({ models, url }) {
      const page = `${url}${PLAYGROUND_PATH}`;
      await io.stdout.write(`${page}\n`);
      io.stderr.write(`note: ${models.join(', ')}; Ctrl-C ends it\n`);
      if (open && !(await opened(page)))
        io.stderr.write('note: no browser could be opened; open the address yourself\n');
    },
  });
}

/** Hands an address to the desktop. False where there is none. */
async function opened(address: string): Promise<boolean> {
  const [command, ...before] =
    process.platform === 'darwin'
      ? ['open']
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler']
        : ['xdg-open'];
  return await new Promise((resolve) => {
    const child = spawn(command, [...before, address], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
