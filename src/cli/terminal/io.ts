import { AlbertineError } from '../../core/errors.ts';

/** Everything a command touches besides files, so that tests can run commands inside their own process. */
export interface CliIo {
  /** Results. Resolves when the text is taken; rejects with {@link OutputClosed} when the reader has gone. */
  stdout: { write(text: string): Promise<void>; columns: number };
  /** Progress, notes and errors. */
  stderr: { write(text: string): void; isTTY: boolean; columns: number };
  env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C, SIGTERM or SIGHUP. */
  signal: AbortSignal;
}

/** The reader of standard output has gone (`albertine ... | head`): end quietly. */
export class OutputClosed extends AlbertineError {
  constructor(cause: unknown) {
    super('interrupted', 'the reader of standard output has gone', { cause });
  }
}

const DEFAULT_COLUMNS = 80;

/** Launchers such as npx hand on a Ctrl-C that the terminal has sent us too: signals this close together are one. */
const SAME_SIGNAL_MS = 500;

/**
 * The real process. A first SIGINT, SIGTERM or SIGHUP (the terminal is gone) aborts `signal`; a second one ends the
 * process at once.
 */
export function processIo(): CliIo {
  const controller = new AbortController();
  let first = 0;
  const interrupt = (): void => {
    if (!controller.signal.aborted) {
      first = performance.now();
      controller.abort(new AlbertineError('interrupted', 'interrupted'));
    } else if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  printWarningsAsNotes();
  // Without a listener a closed pipe would be an uncaught exception; writes report it themselves.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return {
    stdout: {
      write: writeStdout,
      get columns() {
        return process.stdout.columns ?? DEFAULT_COLUMNS;
      },
    },
    stderr: {
      write: (text) => void process.stderr.write(text),
      isTTY: process.stderr.isTTY === true,
      get columns() {
        return process.stderr.columns ?? DEFAULT_COLUMNS;
      },
    },
    env: process.env,
    signal: controller.signal,
  };
}

/** Warnings of this package look like any other note of a command; Node prints the rest as it always does. */
function printWarningsAsNotes(): void {
  const listeners = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning: Error & { code?: string }) => {
    if (warning.code?.startsWith('ALBERTINE_')) process.stderr.write(`note: ${warning.message}\n`);
    else for (const listener of listeners) listener.call(process, warning);
  });
}

function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (!error) resolve();
      else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new OutputClosed(error) : error);
    });
  });
}
